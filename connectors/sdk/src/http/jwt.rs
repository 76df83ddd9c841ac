//! A statement signed with the bridge's key, for the JWT bearer grant.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::{
    failure::{CallError, FailureClass, Finality},
    secret::Secret,
};

/// How long a statement is valid; it is used at once.
const LIFETIME: Duration = Duration::from_secs(300);

/// Who signs, and with which key.
///
/// # Source
/// RFC 7523 section 3; RS256 is RFC 7518 section 3.3.
#[derive(Debug, Clone)]
pub struct JwtKey {
    /// Who says it (`iss`): the service account.
    pub issuer: String,
    /// In whose name (`sub`); the issuer where `None`.
    pub subject: Option<String>,
    /// For whom (`aud`); the token address where `None`.
    pub audience: Option<String>,
    /// The key's id at the token server (`kid`), where it wants one.
    pub key_id: Option<String>,
    /// An RSA key as PKCS#8 PEM (`-----BEGIN PRIVATE KEY-----`).
    pub key: Secret,
}

impl JwtKey {
    /// A fresh statement for this token address.
    ///
    /// # Errors
    /// When the key cannot be read or used.
    #[expect(
        clippy::disallowed_methods,
        reason = "the token server compares the statement with the wall clock"
    )]
    pub(super) fn assertion(&self, token_url: &str) -> Result<SecretString, CallError> {
        self.assertion_at(token_url, Timestamp::now())
    }

    fn assertion_at(&self, token_url: &str, now: Timestamp) -> Result<SecretString, CallError> {
        let mut header = json!({ "alg": "RS256", "typ": "JWT" });
        if let Some(key_id) = &self.key_id {
            header["kid"] = json!(key_id);
        }
        let claims = json!({
            "iss": self.issuer,
            "sub": self.subject.as_ref().unwrap_or(&self.issuer),
            "aud": self.audience.as_deref().unwrap_or(token_url),
            "iat": now.as_second(),
            "exp": (now + LIFETIME).as_second(),
            "jti": unique()?,
        });
        let signed = format!(
            "{}.{}",
            encode(header.to_string().as_bytes()),
            encode(claims.to_string().as_bytes())
        );
        let signature = self.sign(signed.as_bytes())?;
        Ok(SecretString::from(format!(
            "{signed}.{}",
            encode(&signature)
        )))
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, CallError> {
        let unusable = || {
            credential(
                "the stored signing key cannot be used: store an RSA key of 2048 bits or more as PKCS#8 PEM (`-----BEGIN PRIVATE KEY-----`)",
            )
        };
        let pem = self.key.read()?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.expose_secret().as_bytes())
            .map_err(|_| unusable())?;
        let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).map_err(|_| unusable())?;
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message,
            &mut signature,
        )
        .map_err(|_| unusable())?;
        Ok(signature)
    }
}

/// A `jti`: token servers refuse a statement they saw before.
fn unique() -> Result<String, CallError> {
    ring::rand::generate::<[u8; 16]>(&SystemRandom::new())
        .map(|random| encode(&random.expose()))
        .map_err(|_| {
            credential("this machine gives no random numbers: look at the operating system's log")
        })
}

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn credential(message: &str) -> CallError {
    CallError::new(FailureClass::Credential, Finality::NotSent, message)
}
