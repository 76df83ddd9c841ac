//! How a vendor wants to be told who is asking.

use serde::Deserialize;

use super::error::{Key, VendorFileError};

/// `[[auth]]` as it is written, and as it is used: it needs no further reading but a check of names.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "snake_case")]
pub enum Auth {
    /// `Authorization: Bearer` with `credentials.token`.
    Bearer,
    /// `Authorization: Basic` with `credentials.user` and `credentials.password`.
    Basic,
    /// A header of the vendor's own.
    Header {
        /// The header's name.
        name: String,
        /// Which of the `credentials` it holds.
        credential: String,
        /// What stands before it, for example `SSWS `.
        #[serde(default)]
        prefix: String,
    },
    /// OAuth 2.0 client credentials with `credentials.client_id` and `credentials.client_secret`.
    Oauth2ClientCredentials {
        /// Where tokens are had, unless the settings say otherwise.
        token_url: Option<String>,
        /// Scopes to ask for.
        #[serde(default)]
        scopes: Vec<String>,
        /// Id and secret go into the body instead of the `Authorization` header.
        #[serde(default)]
        client_in_body: bool,
    },
    /// OAuth 2.0 password grant, with `credentials.user` and `credentials.password` besides.
    Oauth2Password {
        /// Where tokens are had, unless the settings say otherwise.
        token_url: Option<String>,
        /// Scopes to ask for.
        #[serde(default)]
        scopes: Vec<String>,
        /// Id and secret go into the body instead of the `Authorization` header.
        #[serde(default)]
        client_in_body: bool,
    },
    /// OAuth 2.0 JWT bearer grant (RFC 7523) with `credentials.issuer` and `credentials.private_key`, and
    /// `subject` and `key_id` where the vendor wants them.
    Oauth2JwtBearer {
        /// Where tokens are had, unless the settings say otherwise.
        token_url: Option<String>,
        /// Scopes to ask for.
        #[serde(default)]
        scopes: Vec<String>,
        /// For whom the statement is, where that is not the token address.
        audience: Option<String>,
    },
}

/// One entry the settings have under `credentials`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needed<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether it must be given by reference.
    pub is_secret: bool,
    /// Whether it can be left out.
    pub is_optional: bool,
}

const fn secret(name: &str) -> Needed<'_> {
    Needed {
        name,
        is_secret: true,
        is_optional: false,
    }
}

const fn plain(name: &str) -> Needed<'_> {
    Needed {
        name,
        is_secret: false,
        is_optional: false,
    }
}

const fn optional(name: &str) -> Needed<'_> {
    Needed {
        name,
        is_secret: false,
        is_optional: true,
    }
}

impl Auth {
    /// What it takes from `credentials` in the settings.
    pub fn needs(&self) -> Vec<Needed<'_>> {
        match self {
            Self::Bearer => vec![secret("token")],
            Self::Basic => vec![plain("user"), secret("password")],
            Self::Header { credential, .. } => vec![secret(credential)],
            Self::Oauth2ClientCredentials { .. } => {
                vec![plain("client_id"), secret("client_secret")]
            }
            Self::Oauth2Password { .. } => {
                vec![
                    plain("client_id"),
                    secret("client_secret"),
                    plain("user"),
                    secret("password"),
                ]
            }
            Self::Oauth2JwtBearer { .. } => {
                vec![
                    plain("issuer"),
                    secret("private_key"),
                    optional("subject"),
                    optional("key_id"),
                ]
            }
        }
    }

    /// Whether it fills the `Authorization` header.
    fn fills_authorization(&self) -> bool {
        match self {
            Self::Header { name, .. } => name.eq_ignore_ascii_case("authorization"),
            _ => true,
        }
    }

    /// Holds all of a file's `[[auth]]` together.
    ///
    /// # Errors
    /// When there is none, two fill the same header, or a header's name cannot be one.
    pub fn check_all(all: &[Self], file: &str) -> Result<(), VendorFileError> {
        let key = Key::new(file, "auth");
        if all.is_empty() {
            return Err(key.wrong(
                "",
                "is missing: say how the vendor wants to be asked, with `[[auth]]`",
            ));
        }
        if all.iter().filter(|auth| auth.fills_authorization()).count() > 1 {
            return Err(key.wrong("", "fills the `Authorization` header twice: keep one"));
        }
        for auth in all {
            if let Self::Header { name, prefix, .. } = auth {
                check_header(name, prefix).map_err(|problem| key.wrong("name", problem))?;
            }
        }
        Ok(())
    }
}

/// # Errors
/// When this cannot be a header: a name outside the letters of RFC 9110 tokens, or a value that is not
/// plain ASCII.
pub fn check_header(name: &str, value: &str) -> Result<(), String> {
    let is_token =
        |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter);
    if name.is_empty() || !name.chars().all(is_token) {
        return Err(format!(
            "{name:?} is no header name: use letters, digits and `-`"
        ));
    }
    if !value
        .chars()
        .all(|letter| letter == ' ' || letter.is_ascii_graphic())
    {
        return Err(format!(
            "header `{name}` holds letters that a header cannot: use plain ASCII"
        ));
    }
    Ok(())
}
