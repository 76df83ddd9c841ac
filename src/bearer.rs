//! What somebody holds to be let in: `dbr_scim_<id>_<secret>`, and the same for invitations and sessions of
//! the console. The archive keeps the id and the SHA-256, never the secret.

use std::fmt;

use ring::{
    digest,
    error::Unspecified,
    rand::{SecureRandom, SystemRandom},
};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

/// What it lets its holder do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Push changes of people.
    Scim,
    /// Start departures, now or later.
    Api,
    /// Sign in to the console, once.
    Invitation,
    /// Work in the console.
    Session,
}

impl Kind {
    /// What every one begins with, so that secret scanners know one when they see it.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Scim => "dbr_scim_",
            Self::Api => "dbr_api_",
            Self::Invitation => "dbr_invite_",
            Self::Session => "dbr_session_",
        }
    }
}

/// Length of the secret part, in bytes before it is written as hex.
const SECRET_BYTES: usize = 32;

/// A token as its owner holds it. Shown once, never stored: the archive keeps its id and hash.
pub struct Bearer {
    id: String,
    text: SecretString,
}

impl Bearer {
    /// A new token with 256 random bits.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn generate(kind: Kind) -> Result<Self, Unspecified> {
        let id = uuid::Uuid::now_v7().to_string();
        let text = format!("{}{id}_{}", kind.prefix(), random_hex()?).into();
        Ok(Self { id, text })
    }

    /// Reads what somebody shows. `None` when it cannot be one of ours of this kind.
    pub fn parse(kind: Kind, text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(kind.prefix())?.split_once('_')?;
        let is_id = (1..=64).contains(&id.len()) && id.bytes().all(is_id_byte);
        let is_secret =
            secret.len() == 2 * SECRET_BYTES && secret.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_id && is_secret).then(|| Self {
            id: id.to_owned(),
            text: text.to_owned().into(),
        })
    }

    /// The id, which is part of the token and no secret.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The whole token.
    pub fn text(&self) -> &SecretString {
        &self.text
    }

    /// SHA-256 of the whole token in lower-case hex, as it is stored. The token has 256 random bits,
    /// so a slow hash would add nothing.
    pub fn hash(&self) -> String {
        let text = self.text.expose_secret().as_bytes();
        hex(digest::digest(&digest::SHA256, text).as_ref())
    }

    /// Something its holder can show in a form, and that says nothing about the token itself.
    pub fn derived(&self, label: &str) -> String {
        let text = format!("{label}:{}", self.text.expose_secret());
        hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
    }

    /// Whether this is the token with that hash. Takes as long whatever differs.
    pub fn has_hash(&self, stored: &str) -> bool {
        self.hash().as_bytes().ct_eq(stored.as_bytes()).into()
    }
}

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bearer({})", self.id)
    }
}

/// 256 random bits as lower-case hex.
///
/// # Errors
/// When the operating system has no randomness to give.
pub fn random_hex() -> Result<String, Unspecified> {
    let mut secret = [0; SECRET_BYTES];
    SystemRandom::new().fill(&mut secret)?;
    Ok(hex(&secret))
}

fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_token_is_read_again_and_has_its_hash() {
        let token = Bearer::generate(Kind::Scim).unwrap();
        let text = token.text().expose_secret();

        let read = Bearer::parse(Kind::Scim, text).unwrap();

        assert_eq!(read.id(), token.id());
        assert!(read.has_hash(&token.hash()));
        assert!(!read.has_hash(&Bearer::generate(Kind::Scim).unwrap().hash()));
        assert!(text.starts_with("dbr_scim_"));
        assert_eq!(text.rsplit('_').next().unwrap().len(), 64);
    }

    #[test]
    fn a_known_token_has_the_hash_other_tools_compute() {
        let text = format!("dbr_scim_0_{}", "0".repeat(64));

        // printf dbr_scim_0_000...0 | sha256sum
        assert_eq!(
            Bearer::parse(Kind::Scim, &text).unwrap().hash(),
            "fb8d472d277c1613fca77d848497f29e3e246b068e99df68a589fba4ffdc51d8"
        );
    }

    #[test]
    fn what_is_no_token_is_none() {
        let secret = "a".repeat(64);
        for text in [
            String::new(),
            secret.clone(),
            "dbr_scim_".to_owned(),
            format!("dbr_scim_{secret}"),
            format!("dbr_scim__{secret}"),
            format!("dbr_scim_id_{secret}x"),
            format!("dbr_scim_i%d_{secret}"),
            format!("DBR_SCIM_id_{secret}"),
            format!("dbr_scim_id_{}", "z".repeat(64)),
            format!("dbr_session_id_{secret}"),
        ] {
            assert!(Bearer::parse(Kind::Scim, &text).is_none(), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let token = Bearer::generate(Kind::Scim).unwrap();

        assert_eq!(format!("{token:?}"), format!("Bearer({})", token.id()));
    }
}
