//! Signing tokens, and the key to check them with.
//!
//! # Source
//! RFC 7515 section 3.1 (the compact form), RFC 7518 section 3.4 (`ES256`), RFC 7517 (the key set),
//! RFC 7638 (the key's id), RFC 8417 section 2.3 (`secevent+jwt`).

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use drawbridge_sdk::secret::Secret;
use ring::{
    digest,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

/// A signing key, and its public half for whoever checks.
#[derive(Debug)]
pub struct Signer {
    key: EcdsaKeyPair,
    key_id: String,
}

/// A key that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "the signing key cannot be used ({0}): make one with `openssl genpkey -algorithm EC -pkeyopt \
     ec_paramgen_curve:P-256 -out events.pem`"
)]
pub struct KeyError(String);

impl Signer {
    /// Reads the key: P-256, as PKCS#8 PEM.
    ///
    /// # Errors
    /// When it cannot be read, or is another kind of key.
    pub fn new(secret: &Secret) -> Result<Self, KeyError> {
        let pem = secret.read().map_err(|error| KeyError(error.to_string()))?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.expose_secret().as_bytes())
            .map_err(|_| KeyError("it is no PKCS#8 PEM".to_owned()))?;
        let key = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            der.secret_pkcs8_der(),
            &SystemRandom::new(),
        )
        .map_err(|_| KeyError("it is no key on the curve P-256".to_owned()))?;
        let key_id = thumbprint(&key);
        Ok(Self { key, key_id })
    }

    /// The token: signed claims in the compact form.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn sign(&self, claims: &str) -> Result<String, KeyError> {
        let header = json!({"alg": "ES256", "kid": self.key_id, "typ": "secevent+jwt"}).to_string();
        let signed = format!(
            "{}.{}",
            encode(header.as_bytes()),
            encode(claims.as_bytes())
        );
        let signature = self
            .key
            .sign(&SystemRandom::new(), signed.as_bytes())
            .map_err(|_| KeyError("this machine gives no random numbers".to_owned()))?;
        Ok(format!("{signed}.{}", encode(signature.as_ref())))
    }

    /// The public key, as a set of one.
    pub fn key_set(&self) -> Value {
        let (x, y) = point(&self.key);
        json!({"keys": [{
            "kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": "ES256", "kid": self.key_id,
        }]})
    }
}

/// The coordinates of the public key: 0x04, then 32 bytes each.
fn point(key: &EcdsaKeyPair) -> (String, String) {
    let (x, y) = key.public_key().as_ref()[1..].split_at(32);
    (encode(x), encode(y))
}

/// The SHA-256 of the key's required members in the order of their names.
fn thumbprint(key: &EcdsaKeyPair) -> String {
    let (x, y) = point(key);
    let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    encode(digest::digest(&digest::SHA256, members.as_bytes()).as_ref())
}

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use drawbridge_sdk::SecretRef;
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    fn signer(pem: &str) -> Result<Signer, KeyError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(pem.as_bytes()).unwrap();
        let reference = SecretRef::File {
            file: file.path().to_owned(),
        };
        Signer::new(&reference.bind(std::path::Path::new("/")).unwrap())
    }

    fn new_signer() -> Signer {
        signer(&rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap()
    }

    #[test]
    fn whoever_has_the_key_set_can_check_a_token() {
        let signer = new_signer();
        let key = &signer.key_set()["keys"][0];
        let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
        let mut public = vec![4];
        for coordinate in ["x", "y"] {
            public.extend(decode(key[coordinate].as_str().unwrap()));
        }

        let token = signer.sign(r#"{"jti":"1"}"#).unwrap();

        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        let header: Value = serde_json::from_slice(&decode(header)).unwrap();
        assert_eq!(
            header,
            json!({"alg": "ES256", "kid": key["kid"], "typ": "secevent+jwt"})
        );
        assert_eq!(decode(claims), br#"{"jti":"1"}"#);
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public);
        assert!(public.verify(signed.as_bytes(), &decode(signature)).is_ok());
        assert!(public.verify(b"other", &decode(signature)).is_err());
    }

    #[test]
    fn another_kind_of_key_is_refused_with_the_way_out() {
        let ed25519 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();

        for wrong in [ed25519.serialize_pem(), "no key".to_owned()] {
            let error = signer(&wrong).unwrap_err().to_string();
            assert!(error.contains("openssl genpkey"), "{error}");
        }
    }
}
