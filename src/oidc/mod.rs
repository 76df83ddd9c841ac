//! THE PORTER: OpenID Connect. An identity provider says who somebody is; whether they may come in is not its
//! to say.
//!
//! - `id_token`: what a token has to say, and who must have signed it (pure)
//! - `ring_keys`: signatures, checked by `ring`
//! - `exchange`: a code for a token, by the `oauth2` crate over our own client
//!
//! Code flow with PKCE, `state` and `nonce`. No redirect is followed, and no answer is longer than
//! [`drawbridge_sdk::http::MAX_ANSWER_BYTES`].

mod exchange;
mod id_token;
mod ring_keys;

use std::{path::PathBuf, time::Duration};

use drawbridge_sdk::{
    BuildContext, CallError,
    http::{ClientAuth, Endpoint, EndpointOptions, Method},
    secret::Secret,
};
use jiff::Timestamp;
use jsonwebtoken::jwk::Jwk;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::{sync::Mutex, time::Instant};
use url::{Host, Url};

use self::id_token::{Expected, Verified};
use crate::{
    bearer,
    config::{Oidc, Settings},
};

/// Total time one request to a provider may take: somebody waits before a screen.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// How long what a provider says about itself is used.
const KNOWN_FOR: Duration = Duration::from_secs(3_600);

/// How soon after a failure it is asked again, and how often for a key that is not known: whoever is not
/// signed in can have it asked.
const ASKED_EVERY: Duration = Duration::from_secs(5);

/// Where a provider sends people back to.
pub const BACK: &str = "/sign-in/back";

/// Somebody a provider vouches for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Which provider.
    pub issuer: String,
    /// What it calls them for good.
    pub subject: String,
    /// Their address in small letters, if it counts. No more is folded: by it somebody is let in, and who writes
    /// `straße.example` may be somebody else than `strasse.example`.
    pub email: Option<String>,
    /// When they last proved who they are, if the provider says so.
    pub proved: Option<Timestamp>,
}

/// What a browser sets out with.
#[derive(Debug, Clone)]
pub struct SetOut {
    /// Where to.
    pub url: String,
    /// Comes back in the address.
    pub state: String,
    /// Comes back in the token.
    pub nonce: String,
    /// Shows that whoever brings the code is who set out.
    pub verifier: String,
}

/// Why nobody was vouched for. What is said never names a secret or repeats what came back.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OidcError {
    /// The provider did not answer, or not as a provider does.
    #[error("{0}")]
    Provider(String),
    /// What came back is not for here.
    #[error("{0}")]
    NotTaken(String),
}

/// What a provider says about itself.
#[derive(Debug, Deserialize)]
struct Discovered {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
}

/// The same, checked.
#[derive(Debug, Clone)]
struct Known {
    authorize: Url,
    token: Endpoint,
    keys_at: Endpoint,
    keys: Vec<Jwk>,
    read: Instant,
    keys_asked: Option<Instant>,
}

/// What was learned of a provider, or why nothing was.
#[derive(Debug, Default)]
struct Learned {
    known: Option<Known>,
    failed: Option<(Instant, OidcError)>,
}

/// One identity provider, as the settings have it.
#[derive(Debug)]
pub struct Provider {
    settings: Oidc,
    client_secret: Option<Secret>,
    base_dir: PathBuf,
    back: String,
    discovery: Endpoint,
    learned: Mutex<Learned>,
}

impl Provider {
    /// A provider that sends people back to this console. Nothing is connected.
    ///
    /// # Errors
    /// With the sentence to show: which address or secret cannot be used.
    pub fn new(oidc: &Oidc, settings: &Settings) -> Result<Self, String> {
        ring_keys::install();
        let console = settings
            .console
            .url
            .as_ref()
            .ok_or("[console] `url` is missing")?;
        let secret = oidc.client_secret.as_ref();
        let client_secret = secret.map(|secret| secret.bind(&settings.base_dir));
        let client_secret = client_secret
            .transpose()
            .map_err(|error| format!("`client_secret`: {error}"))?;
        let at = format!(
            "{}/.well-known/openid-configuration",
            oidc.issuer.trim_end_matches('/')
        );
        let discovery = endpoint(oidc, &settings.base_dir, &at)
            .map_err(|problem| format!("`issuer`: {problem}"))?;
        Ok(Self {
            settings: oidc.clone(),
            client_secret,
            base_dir: settings.base_dir.clone(),
            back: format!("{console}{BACK}"),
            discovery,
            learned: Mutex::default(),
        })
    }

    /// What people call it.
    pub fn title(&self) -> &str {
        &self.settings.title
    }

    /// What it calls itself.
    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// Where to send a browser, and what it must bring back. `within` has the person prove who they are unless they
    /// did so within that time, as far as the provider does what it is asked: whether it did is in the token.
    ///
    /// # Errors
    /// When the provider cannot be asked where that is.
    pub async fn set_out(&self, within: Option<Duration>) -> Result<SetOut, OidcError> {
        let known = self.known().await?;
        let nonce = bearer::random_hex().map_err(|_| {
            OidcError::Provider("this machine has no randomness to give".to_owned())
        })?;
        exchange::set_out(self, &known, nonce, within)
    }

    /// Whom the provider vouches for, by the code it gave the browser.
    ///
    /// # Errors
    /// When the provider does not answer, or what it says is not for this sign-in.
    pub async fn vouch(
        &self,
        code: &str,
        (nonce, verifier): (&str, &str),
        now: Timestamp,
    ) -> Result<Identity, OidcError> {
        let known = self.known().await?;
        let token = exchange::token(self, &known, code, verifier).await?;
        let keys = if id_token::knows_key(&token, &known.keys) {
            known.keys
        } else {
            self.newer_keys().await?
        };
        let expected = Expected {
            issuer: self.issuer(),
            client_id: &self.settings.client_id,
            nonce,
            now,
        };
        let claims = id_token::check(&token, &keys, &expected)
            .map_err(|why| OidcError::NotTaken(why.to_owned()))?;
        let counts = match claims.email_is_verified() {
            Verified::Yes => true,
            Verified::Unsaid => self.settings.trust_email,
            Verified::No => false,
        };
        Ok(Identity {
            issuer: self.settings.issuer.clone(),
            proved: claims.proved(),
            email: claims
                .email
                .as_ref()
                .filter(|email| counts && !email.contains('\0'))
                .map(|email| email.trim().to_ascii_lowercase()),
            subject: claims.sub,
        })
    }

    /// What the provider says about itself, asked at most once an hour, and by one at a time.
    async fn known(&self) -> Result<Known, OidcError> {
        let mut learned = self.learned.lock().await;
        if let Some(known) = &learned.known
            && known.read.elapsed() < KNOWN_FOR
        {
            return Ok(known.clone());
        }
        if let Some((at, error)) = &learned.failed
            && at.elapsed() < ASKED_EVERY
        {
            return Err(error.clone());
        }
        match self.discover().await {
            Ok(known) => {
                learned.known = Some(known.clone());
                learned.failed = None;
                Ok(known)
            }
            Err(error) => {
                learned.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    async fn discover(&self) -> Result<Known, OidcError> {
        let at = format!(
            "{}/.well-known/openid-configuration",
            self.issuer().trim_end_matches('/')
        );
        let said: Discovered = read(&self.discovery, "find the provider").await?;
        if said.issuer != self.issuer() {
            return Err(OidcError::Provider(format!(
                "the provider at `{at}` calls itself otherwise: write its `issuer` into the settings to the letter"
            )));
        }
        let endpoint = |name: &str, url: &str| {
            endpoint(&self.settings, &self.base_dir, url).map_err(|problem| {
                OidcError::Provider(format!("the provider's `{name}` cannot be used: {problem}"))
            })
        };
        let keys_at = endpoint("jwks_uri", &said.jwks_uri)?;
        Ok(Known {
            authorize: self.page(&said.authorization_endpoint)?,
            token: endpoint("token_endpoint", &said.token_endpoint)?,
            keys: read_keys(&keys_at).await?,
            keys_at,
            read: Instant::now(),
            keys_asked: None,
        })
    }

    /// The page people are sent to: asked by their browser, not from here.
    fn page(&self, written: &str) -> Result<Url, OidcError> {
        let url = Url::parse(written).ok().filter(|url| {
            let is_here = match url.host() {
                Some(Host::Domain(name)) => name == "localhost",
                Some(Host::Ipv4(address)) => address.is_loopback(),
                Some(Host::Ipv6(address)) => address.is_loopback(),
                None => false,
            };
            url.scheme() == "https"
                || (url.scheme() == "http" && is_here && self.settings.allow_plain_http)
        });
        url.ok_or_else(|| {
            OidcError::Provider(
                "the provider's `authorization_endpoint` is no https address: nobody is sent there"
                    .to_owned(),
            )
        })
    }

    /// The keys as they are now: the provider may have changed them.
    async fn newer_keys(&self) -> Result<Vec<Jwk>, OidcError> {
        let mut learned = self.learned.lock().await;
        let Some(known) = &mut learned.known else {
            return Ok(Vec::new());
        };
        let asked = known.keys_asked;
        if asked.is_none_or(|asked| asked.elapsed() >= ASKED_EVERY) {
            known.keys_asked = Some(Instant::now());
            known.keys = read_keys(&known.keys_at).await?;
        }
        Ok(known.keys.clone())
    }
}

fn endpoint(oidc: &Oidc, base_dir: &std::path::Path, url: &str) -> Result<Endpoint, String> {
    let options = EndpointOptions {
        allow_plain_http: oidc.allow_plain_http,
        allow_networks: oidc.allow_networks.clone(),
        ca_file: oidc.ca_file.clone(),
        ..EndpointOptions::default()
    };
    let context = BuildContext {
        system: "oidc".to_owned(),
        base_dir: base_dir.to_owned(),
        call_timeout: CALL_TIMEOUT,
    };
    Endpoint::new(url, options, &context).map_err(|error| error.to_string())
}

async fn read<T: serde::de::DeserializeOwned>(
    endpoint: &Endpoint,
    step: &str,
) -> Result<T, OidcError> {
    let asked = endpoint.read(step, Method::GET, "").send_ok().await;
    asked
        .and_then(|answer| answer.json())
        .map_err(|error| unanswered(&error))
}

async fn read_keys(endpoint: &Endpoint) -> Result<Vec<Jwk>, OidcError> {
    let set: Value = read(endpoint, "read the provider's keys").await?;
    Ok(id_token::keys(&set))
}

fn unanswered(error: &CallError) -> OidcError {
    OidcError::Provider(format!("the identity provider did not help: {error}"))
}
