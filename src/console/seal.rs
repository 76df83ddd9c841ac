//! What a browser keeps for us and can neither read nor change.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    digest::{SHA256, digest},
    rand::{SecureRandom as _, SystemRandom},
};
use serde::{Serialize, de::DeserializeOwned};

/// Longest text that is opened, in bytes: a cookie is never longer.
const MOST_BYTES: usize = 4_096;

/// Seals what is handed out, and opens what comes back. The same for every bridge on one database.
pub(super) struct Seal(LessSafeKey);

impl Seal {
    /// A seal made of the installation's secret.
    pub(super) fn of(secret: &str) -> Option<Self> {
        let key = digest(&SHA256, secret.as_bytes());
        let key = UnboundKey::new(&AES_256_GCM, key.as_ref()).ok()?;
        Some(Self(LessSafeKey::new(key)))
    }

    /// Seals a value for one use. `None` when this machine has no randomness to give.
    pub(super) fn seal(&self, using: &str, value: &impl Serialize) -> Option<String> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).ok()?;
        let mut sealed = serde_json::to_vec(value).ok()?;
        let aad = Aad::from(using.as_bytes());
        let key = &self.0;
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .ok()?;
        Some(BASE64_URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat()))
    }

    /// Opens what was sealed for this use.
    pub(super) fn open<T: DeserializeOwned>(&self, using: &str, text: &str) -> Option<T> {
        if text.len() > MOST_BYTES {
            return None;
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let aad = Aad::from(using.as_bytes());
        let opened = self.0.open_in_place(nonce, aad, &mut sealed).ok()?;
        serde_json::from_slice(opened).ok()
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_is_opened_for_its_use_alone_and_unchanged() {
        let seal = Seal::of("secret").unwrap();

        let sealed = seal.seal("going", &"elm").unwrap();
        let again = seal.seal("going", &"elm").unwrap();
        let mut changed = sealed.clone().into_bytes();
        changed[20] = if changed[20] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();

        assert_eq!(seal.open::<String>("going", &sealed).unwrap(), "elm");
        assert_ne!(sealed, again);
        assert!(!sealed.contains("elm"));
        assert_eq!(seal.open::<String>("other", &sealed), None);
        assert_eq!(seal.open::<String>("going", &changed), None);
        assert_eq!(seal.open::<String>("going", ""), None);
        let other = Seal::of("another").unwrap();
        assert_eq!(other.open::<String>("going", &sealed), None);
    }
}
