//! An ID token: who signed it, for whom, about whom, and until when. Nothing here asks anybody.
//!
//! # Source
//! OpenID Connect Core 1.0 section 3.1.3.7, RFC 8725.

use jiff::Timestamp;
use jsonwebtoken::{
    DecodingKey, Header, Validation, decode, decode_header,
    jwk::{Jwk, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;
use subtle::ConstantTimeEq as _;

use super::ring_keys::ALGORITHMS;

/// How far the provider's clock may be from ours, in seconds.
const OFF: i64 = 60;

/// Longest subject that is kept, in bytes.
///
/// # Source
/// OpenID Connect Core 1.0 section 2: at most 255 ASCII characters.
const SUBJECT_BYTES: usize = 255;

/// What a token has to say to be taken.
#[derive(Debug)]
pub(super) struct Expected<'a> {
    /// Who must have signed it, to the letter.
    pub(super) issuer: &'a str,
    /// Whom it must be for.
    pub(super) client_id: &'a str,
    /// What only the browser that set out knows.
    pub(super) nonce: &'a str,
    /// When it must be good.
    pub(super) now: Timestamp,
}

/// What a token says.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    iss: String,
    aud: Audience,
    azp: Option<String>,
    pub(super) sub: String,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: Option<String>,
    pub(super) auth_time: Option<f64>,
    pub(super) email: Option<String>,
    /// Some send it as text.
    email_verified: Option<Value>,
}

/// One, or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// What the provider says of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verified {
    Yes,
    No,
    Unsaid,
}

impl Claims {
    pub(super) fn email_is_verified(&self) -> Verified {
        match &self.email_verified {
            Some(Value::Bool(true)) => Verified::Yes,
            Some(Value::String(text)) if text == "true" => Verified::Yes,
            None | Some(Value::Null) => Verified::Unsaid,
            Some(_) => Verified::No,
        }
    }

    /// When the person last proved to the provider who they are.
    pub(super) fn proved(&self) -> Option<Timestamp> {
        // A time beyond all calendars is cut, and then is none.
        let second = self.auth_time? as i64;
        Timestamp::from_second(second).ok()
    }
}

/// The keys that sign may be checked with, of a key set as the provider publishes it.
pub(super) fn keys(set: &Value) -> Vec<Jwk> {
    let all = set["keys"].as_array().map(Vec::as_slice);
    // One kind of key that is not known makes nothing of the others unusable.
    all.unwrap_or_default()
        .iter()
        .filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok())
        .filter(|key| key.common.public_key_use != Some(PublicKeyUse::Encryption))
        .collect()
}

/// Whether a key of this set may have signed the token: if not, the provider may have a new one.
pub(super) fn knows_key(token: &str, keys: &[Jwk]) -> bool {
    decode_header(token).is_ok_and(|header| fitting(&header, keys).next().is_some())
}

fn fitting<'a>(header: &'a Header, keys: &'a [Jwk]) -> impl Iterator<Item = &'a Jwk> {
    keys.iter()
        .filter(|key| match (&header.kid, &key.common.key_id) {
            (Some(named), Some(id)) => named == id,
            (Some(_), None) => false,
            (None, _) => true,
        })
}

/// Checks a token.
///
/// # Errors
/// With what is wrong with it, in words for the log.
pub(super) fn check(
    token: &str,
    keys: &[Jwk],
    expected: &Expected<'_>,
) -> Result<Claims, &'static str> {
    let header = decode_header(token)
        .map_err(|_| "the token is not one, or of an algorithm that is not taken")?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err("the token is signed by an algorithm that is not taken");
    }
    if header.crit.is_some() {
        return Err("the token says that something must be understood that is not");
    }
    let mut rules = Validation::new(header.alg);
    // By our own clock, below, with all else that a token must say.
    rules.validate_exp = false;
    rules.validate_aud = false;
    rules.required_spec_claims.clear();
    let claims = fitting(&header, keys)
        .filter(|key| {
            let algorithm = key.common.key_algorithm;
            algorithm.is_none_or(|name| name.to_string() == format!("{:?}", header.alg))
        })
        .filter_map(|key| DecodingKey::from_jwk(key).ok())
        .find_map(|key| decode::<Claims>(token, &key, &rules).ok())
        .ok_or("no key of the provider signed the token")?
        .claims;
    says(&claims, expected)?;
    Ok(claims)
}

fn says(claims: &Claims, expected: &Expected<'_>) -> Result<(), &'static str> {
    // JSON knows no number that is none.
    let now = expected.now.as_second() as f64;
    let off = OFF as f64;
    if claims.iss != expected.issuer {
        return Err("the token is of another issuer");
    }
    let (is_ours, others) = match &claims.aud {
        Audience::One(one) => (one == expected.client_id, false),
        Audience::Several(several) => (
            several.iter().any(|one| one == expected.client_id),
            several.len() > 1,
        ),
    };
    if !is_ours {
        return Err("the token is for somebody else");
    }
    match &claims.azp {
        Some(party) if party != expected.client_id => {
            return Err("the token was asked for by somebody else");
        }
        None if others => {
            return Err("the token is for several, and does not say who asked for it");
        }
        _ => {}
    }
    if claims.exp <= now - off {
        return Err("the token is over");
    }
    let begins = claims.nbf.unwrap_or(claims.iat).max(claims.iat);
    if begins > now + off {
        return Err("the token is of later than now: one of the two clocks is wrong");
    }
    let nonce = claims.nonce.as_deref().unwrap_or_default();
    if expected.nonce.is_empty() || !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return Err("the token is not of this sign-in");
    }
    if claims.sub.is_empty() || claims.sub.len() > SUBJECT_BYTES || claims.sub.contains('\0') {
        return Err("the token names nobody");
    }
    Ok(())
}
