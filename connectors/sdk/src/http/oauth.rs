//! Tokens that are fetched: OAuth 2.0 client credentials, password, and JWT bearer.

use std::{fmt, sync::Arc, time::Duration};

use oauth2::{TokenResponse, basic::BasicTokenResponse};
use reqwest::Client;
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};
use url::Url;

use super::{auth::Credential, endpoint::Deadline, jwt::JwtKey, token_server::TokenServer};
use crate::{
    failure::{CallError, FailureClass, Finality},
    receipt::Receipt,
    secret::Secret,
};

/// A token is not used in the last part of its life: it must still be valid when it arrives.
const SPARE: Duration = Duration::from_secs(60);

/// How long a token is kept whose end the server does not say.
const UNSTATED_LIFETIME: Duration = Duration::from_secs(300);

/// Where tokens come from, and the one in use. Clones share it.
#[derive(Clone)]
pub struct OAuth {
    token_url: String,
    grant: Arc<Grant>,
    scopes: Vec<String>,
    server: Option<Arc<TokenServer>>,
    cached: Arc<Mutex<Option<Cached>>>,
}

/// What the bridge shows to get a token.
#[derive(Debug, Clone)]
pub enum Grant {
    /// RFC 6749 section 4.4.
    ClientCredentials {
        /// The client's id.
        client_id: Credential,
        /// The client's secret.
        client_secret: Secret,
        /// Where the two go.
        client_auth: ClientAuth,
    },
    /// RFC 6749 section 4.3, for vendors that still ask for it.
    Password {
        /// The client's id.
        client_id: Credential,
        /// The client's secret.
        client_secret: Secret,
        /// Where the two go.
        client_auth: ClientAuth,
        /// The service account.
        user: Credential,
        /// Its password.
        password: Secret,
    },
    /// RFC 7523 section 2.1: a statement signed with the bridge's key.
    JwtBearer(JwtKey),
}

/// Where a client's id and secret go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// Into the `Authorization` header, which every server must know.
    #[default]
    Header,
    /// Into the body, which some insist on.
    Body,
}

struct Cached {
    token: SecretString,
    usable_until: Instant,
}

impl OAuth {
    /// Tokens from this address.
    pub fn new(token_url: impl Into<String>, grant: Grant, scopes: Vec<String>) -> Self {
        Self {
            token_url: token_url.into(),
            grant: Arc::new(grant),
            scopes,
            server: None,
            cached: Arc::default(),
        }
    }

    pub(super) fn token_url(&self) -> &str {
        &self.token_url
    }

    /// Gives it the client to fetch with, once the address is checked.
    pub(super) fn connect(&mut self, url: Url, client: Client) {
        self.server = Some(Arc::new(TokenServer { url, client }));
    }

    /// The token in use, or a new one. The lock is held while it is fetched, so that calls at the
    /// same time fetch one.
    pub(super) async fn token(
        &self,
        deadline: Deadline,
        receipts: &mut Vec<Receipt>,
    ) -> Result<SecretString, CallError> {
        let waited = timeout(deadline.remaining(), self.cached.lock()).await;
        let mut cached = waited.map_err(|_| {
            not_sent(
                FailureClass::Retryable,
                "no token came in time for this call: it is tried again",
            )
        })?;
        if let Some(own) = cached
            .as_ref()
            .filter(|own| Instant::now() < own.usable_until)
        {
            return Ok(own.token.clone());
        }
        let fetched = self.fetch(deadline, receipts).await?;
        let lifetime = fetched.expires_in().unwrap_or(UNSTATED_LIFETIME);
        let token = SecretString::from(fetched.access_token().secret().clone());
        // A token that lives shorter than the spare time is used for one request.
        let usable_until = Instant::now() + lifetime.saturating_sub(SPARE);
        *cached = Some(Cached {
            token: token.clone(),
            usable_until,
        });
        Ok(token)
    }

    /// Drops the token in use if it is among those that were refused; another call may have fetched
    /// a new one meanwhile.
    pub(super) async fn forget(&self, refused: &[String]) {
        let mut cached = self.cached.lock().await;
        if cached.as_ref().is_some_and(|own| {
            refused
                .iter()
                .any(|token| token == own.token.expose_secret())
        }) {
            *cached = None;
        }
    }

    async fn fetch(
        &self,
        deadline: Deadline,
        receipts: &mut Vec<Receipt>,
    ) -> Result<BasicTokenResponse, CallError> {
        match &self.server {
            Some(server) => {
                server
                    .fetch(&self.grant, &self.scopes, deadline, receipts)
                    .await
            }
            None => Err(not_sent(
                FailureClass::Refused,
                "tokens are fetched for an endpoint only: report this as a fault of the connector",
            )),
        }
    }
}

impl fmt::Debug for OAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth")
            .field("token_url", &self.token_url)
            .field("grant", &self.grant)
            .finish_non_exhaustive()
    }
}

fn not_sent(class: FailureClass, message: &str) -> CallError {
    CallError::new(class, Finality::NotSent, message)
}
