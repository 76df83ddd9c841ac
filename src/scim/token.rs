//! Bearer tokens of the front door: `dbr_scim_<id>_<secret>`.

use std::fmt;

use ring::{
    digest,
    error::Unspecified,
    rand::{SecureRandom, SystemRandom},
};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use crate::ids::TokenId;

/// What every token begins with, so that secret scanners know one when they see it.
const PREFIX: &str = "dbr_scim_";

/// Length of the secret part, in bytes before it is written as hex.
const SECRET_BYTES: usize = 32;

/// A token as its owner holds it. Shown once, never stored: the archive keeps its id and hash.
pub(super) struct Token {
    id: TokenId,
    text: SecretString,
}

impl Token {
    /// A new token with 256 random bits.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub(super) fn generate() -> Result<Self, Unspecified> {
        let id = TokenId::generate();
        let text = format!("{PREFIX}{id}_{}", random_hex()?).into();
        Ok(Self { id, text })
    }

    /// Reads what stands behind `Bearer`. `None` when it cannot be one of our tokens.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let is_id = (1..=64).contains(&id.len()) && id.bytes().all(is_id_byte);
        let is_secret =
            secret.len() == 2 * SECRET_BYTES && secret.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_id && is_secret).then(|| Self {
            id: TokenId::from(id),
            text: text.to_owned().into(),
        })
    }

    /// The id, which is part of the token and no secret.
    pub(super) fn id(&self) -> &TokenId {
        &self.id
    }

    /// The whole token.
    pub(super) fn text(&self) -> &SecretString {
        &self.text
    }

    /// SHA-256 of the whole token in lower-case hex, as it is stored. The token has 256 random bits,
    /// so a slow hash would add nothing.
    pub(super) fn hash(&self) -> String {
        let text = self.text.expose_secret().as_bytes();
        hex(digest::digest(&digest::SHA256, text).as_ref())
    }

    /// Whether this is the token with that hash. Takes as long whatever differs.
    pub(super) fn has_hash(&self, stored: &str) -> bool {
        self.hash().as_bytes().ct_eq(stored.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.id)
    }
}

/// 256 random bits as lower-case hex.
///
/// # Errors
/// When the operating system has no randomness to give.
pub(super) fn random_hex() -> Result<String, Unspecified> {
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
        let token = Token::generate().unwrap();
        let text = token.text().expose_secret();

        let read = Token::parse(text).unwrap();

        assert_eq!(read.id(), token.id());
        assert!(read.has_hash(&token.hash()));
        assert!(!read.has_hash(&Token::generate().unwrap().hash()));
        assert!(text.starts_with("dbr_scim_"));
        assert_eq!(text.rsplit('_').next().unwrap().len(), 64);
    }

    #[test]
    fn a_known_token_has_the_hash_other_tools_compute() {
        let text = format!("dbr_scim_0_{}", "0".repeat(64));

        // printf dbr_scim_0_000...0 | sha256sum
        assert_eq!(
            Token::parse(&text).unwrap().hash(),
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
        ] {
            assert!(Token::parse(&text).is_none(), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let token = Token::generate().unwrap();

        assert_eq!(format!("{token:?}"), format!("Token({})", token.id()));
    }
}
