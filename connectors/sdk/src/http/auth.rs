//! How the bridge says who it is.

use std::fmt;

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};

use super::{endpoint::Deadline, oauth::OAuth};
use crate::{
    failure::{CallError, FailureClass, Finality},
    receipt::Receipt,
    secret::Secret,
};

/// One way of saying who is asking. Secrets are read again for each request.
#[derive(Debug, Clone)]
pub enum Auth {
    /// `Authorization: Bearer`.
    Bearer(Secret),
    /// `Authorization: Basic`.
    Basic {
        /// The user.
        user: Credential,
        /// The password.
        password: Secret,
    },
    /// A header of the vendor's own.
    Header {
        /// The header's name.
        name: String,
        /// What stands before the value, for example `SSWS `.
        prefix: String,
        /// The value.
        value: Secret,
    },
    /// `Authorization: Bearer` with a token that is fetched first.
    OAuth(OAuth),
}

/// A part of a credential that some keep secret and some write in the settings.
#[derive(Debug, Clone)]
pub enum Credential {
    /// Written in the settings.
    Plain(String),
    /// Kept as a secret.
    Secret(Secret),
}

impl Credential {
    pub(super) fn read(&self) -> Result<SecretString, CallError> {
        match self {
            Self::Plain(text) => Ok(SecretString::from(text.clone())),
            Self::Secret(secret) => Ok(secret.read()?),
        }
    }
}

impl From<&str> for Credential {
    fn from(text: &str) -> Self {
        Self::Plain(text.to_owned())
    }
}

impl From<String> for Credential {
    fn from(text: String) -> Self {
        Self::Plain(text)
    }
}

impl From<Secret> for Credential {
    fn from(secret: Secret) -> Self {
        Self::Secret(secret)
    }
}

/// The headers that say who is asking. Compared to see whether asking again can make a difference.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Presented {
    headers: Vec<(HeaderName, HeaderValue)>,
    secrets: Vec<String>,
}

impl Presented {
    /// Reads every secret and fetches a token where one is needed.
    pub(super) async fn of(
        auth: &[Auth],
        deadline: Deadline,
        receipts: &mut Vec<Receipt>,
    ) -> Result<Self, CallError> {
        let mut presented = Self::default();
        for each in auth {
            presented.add(each, deadline, receipts).await?;
        }
        Ok(presented)
    }

    pub(super) fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> + '_ {
        self.headers.iter().cloned()
    }

    /// Says that the system refused this: a token among it is not used again.
    pub(super) async fn refused(&self, auth: &[Auth]) {
        for each in auth {
            if let Auth::OAuth(oauth) = each {
                oauth.forget(&self.secrets).await;
            }
        }
    }

    /// The text without anything that was presented, should a system echo it.
    pub(super) fn strip(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| {
            text.replace(secret, "[redacted]")
        })
    }

    async fn add(
        &mut self,
        auth: &Auth,
        deadline: Deadline,
        receipts: &mut Vec<Receipt>,
    ) -> Result<(), CallError> {
        match auth {
            Auth::Bearer(secret) => self.push(AUTHORIZATION, "Bearer ", &secret.read()?),
            Auth::Basic { user, password } => {
                let password = password.read()?;
                let pair = format!(
                    "{}:{}",
                    user.read()?.expose_secret(),
                    password.expose_secret()
                );
                self.secrets.push(password.expose_secret().to_owned());
                self.push(
                    AUTHORIZATION,
                    "Basic ",
                    &SecretString::from(BASE64_STANDARD.encode(pair)),
                )
            }
            Auth::Header {
                name,
                prefix,
                value,
            } => self.push(header_name(name)?, prefix, &value.read()?),
            Auth::OAuth(oauth) => {
                let token = oauth.token(deadline, receipts).await?;
                self.push(AUTHORIZATION, "Bearer ", &token)
            }
        }
    }

    fn push(
        &mut self,
        name: HeaderName,
        prefix: &str,
        value: &SecretString,
    ) -> Result<(), CallError> {
        let value = value.expose_secret();
        let mut header = header_value(&format!("{prefix}{value}")).map_err(|_| {
            CallError::new(
                FailureClass::Credential,
                Finality::NotSent,
                "the stored credential holds characters that no header can: store it anew, without line breaks",
            )
        })?;
        header.set_sensitive(true);
        self.headers.push((name, header));
        self.secrets.push(value.to_owned());
        Ok(())
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented").finish_non_exhaustive()
    }
}

/// A header's name.
///
/// # Errors
/// When no header can be called so.
pub(super) fn header_name(name: &str) -> Result<HeaderName, CallError> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| {
        never_sent("a header's name in the settings is not one: use letters, digits and `-`")
    })
}

/// A header's value, without control characters, so that it cannot become two headers.
///
/// # Errors
/// When there is a control character in it.
pub(super) fn header_value(value: &str) -> Result<HeaderValue, CallError> {
    let wrong = || never_sent("a header's value holds a control character: take it out");
    if value.chars().any(char::is_control) {
        return Err(wrong());
    }
    HeaderValue::from_str(value).map_err(|_| wrong())
}

fn never_sent(message: &str) -> CallError {
    CallError::new(FailureClass::Refused, Finality::NotSent, message)
}
