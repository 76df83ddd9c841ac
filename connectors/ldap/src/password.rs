//! Passwords nobody knows.

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString};

/// Random bytes in a password: far beyond guessing.
const RANDOM_BYTES: usize = 24;

/// Makes the random part pass any rule about kinds of letters.
const EVERY_KIND_OF_LETTER: &str = "aZ7!";

/// A password that nobody ever sees: it is sent once and forgotten. `None` if the operating system
/// has no random numbers to give.
pub(crate) fn random() -> Option<SecretString> {
    let mut bytes = [0; RANDOM_BYTES];
    SystemRandom::new().fill(&mut bytes).ok()?;
    let text = STANDARD_NO_PAD.encode(bytes) + EVERY_KIND_OF_LETTER;
    Some(SecretString::from(text))
}

/// A password as Active Directory's `unicodePwd` takes it.
///
/// # Source
/// MS-ADTS 3.1.1.3.1.5: in double quotes, UTF-16, little endian.
pub(crate) fn unicode_pwd(password: &SecretString) -> Vec<u8> {
    format!("\"{}\"", password.expose_secret())
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_password_is_long_mixed_and_never_the_same() {
        let (one, other) = (random().expect("random"), random().expect("random"));

        let text = one.expose_secret();
        assert_ne!(text, other.expose_secret());
        assert!(text.len() >= 32);
        for kind in [char::is_lowercase, char::is_uppercase, char::is_numeric] {
            assert!(text.chars().any(kind));
        }
    }

    #[test]
    fn active_directory_gets_it_quoted_in_utf_16() {
        let password = SecretString::from("a!");

        assert_eq!(unicode_pwd(&password), [b'"', 0, b'a', 0, b'!', 0, b'"', 0]);
    }
}
