//! Cursors: where the next page of a list begins, as a text only the bridge can make.
//!
//! A cursor is sealed together with the practice and the query it belongs to: with another query, in
//! another practice, or changed by one letter it is no cursor. It grants nothing; each page is asked
//! for with a token of its own.
//!
//! # Source
//! RFC 9865.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::hmac;
use serde::{Deserialize, Serialize};

use super::error::{ScimError, ScimType};
use crate::store::Start;

/// How long a cursor can be used, in seconds. `/ServiceProviderConfig` announces it.
pub(super) const LIFETIME_SECONDS: i64 = 3_600;

/// Longest cursor read.
const MAX_CHARS: usize = 512;

/// Length of the seal: HMAC-SHA-256.
const SEAL_BYTES: usize = 32;

/// Where a list goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) start: Start,
    /// How many fit in all, as counted for the first page.
    pub(super) total: u64,
}

/// What is inside a cursor.
#[derive(Serialize, Deserialize)]
struct Content {
    /// When it ends, in seconds since 1970.
    #[serde(rename = "e")]
    expires: i64,
    #[serde(rename = "t")]
    total: u64,
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    before: Option<String>,
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
}

/// Makes and reads the cursors of one query.
pub(super) struct Cursors<'a> {
    key: &'a hmac::Key,
    /// The practice and the query, in one text that no other has.
    query: String,
    now: Timestamp,
}

impl<'a> Cursors<'a> {
    /// For the query that these parts make up.
    pub(super) fn new(key: &'a hmac::Key, query: &[&str], now: Timestamp) -> Self {
        Self {
            key,
            query: serde_json::json!(query).to_string(),
            now,
        }
    }

    /// The cursor of a position.
    pub(super) fn seal(&self, position: &Position) -> String {
        let (after, before, offset) = match &position.start {
            Start::After(id) => (Some(id.clone()), None, None),
            Start::Before(id) => (None, Some(id.clone()), None),
            Start::Offset(offset) => (None, None, Some(*offset)),
        };
        let content = Content {
            expires: self.now.as_second().saturating_add(LIFETIME_SECONDS),
            total: position.total,
            after,
            before,
            offset,
        };
        let mut bytes = serde_json::json!(content).to_string().into_bytes();
        let seal = hmac::sign(self.key, &self.sealed(&bytes));
        bytes.extend_from_slice(seal.as_ref());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position of a cursor.
    ///
    /// # Errors
    /// `invalidCursor` when it was not made for this query, `expiredCursor` when it is too old.
    pub(super) fn open(&self, cursor: &str) -> Result<Position, ScimError> {
        let content = self.read(cursor).ok_or(INVALID)?;
        if content.expires <= self.now.as_second() {
            return Err(EXPIRED);
        }
        let start = match (content.after, content.before, content.offset) {
            (Some(id), None, None) => Start::After(id),
            (None, Some(id), None) => Start::Before(id),
            (None, None, Some(offset)) => Start::Offset(offset),
            _ => return Err(INVALID),
        };
        Ok(Position {
            start,
            total: content.total,
        })
    }

    fn read(&self, cursor: &str) -> Option<Content> {
        if cursor.len() > MAX_CHARS {
            return None;
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (content, seal) = bytes.split_at_checked(bytes.len().checked_sub(SEAL_BYTES)?)?;
        hmac::verify(self.key, &self.sealed(content), seal).ok()?;
        serde_json::from_slice(content).ok()
    }

    fn sealed(&self, content: &[u8]) -> Vec<u8> {
        [content, self.query.as_bytes()].concat()
    }
}

pub(super) const INVALID: ScimError = ScimError::invalid_cursor(
    ScimType::InvalidCursor,
    "the cursor is not one of this query: begin again without cursor",
);

const EXPIRED: ScimError = ScimError::invalid_cursor(
    ScimType::ExpiredCursor,
    "the cursor is too old: begin again without cursor",
);

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn key() -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &[7; 32])
    }

    fn now() -> Timestamp {
        "2026-11-20T17:00:00Z".parse().unwrap()
    }

    fn position() -> Position {
        Position {
            start: Start::After("0197".to_owned()),
            total: 5,
        }
    }

    #[test]
    fn a_cursor_leads_back_to_its_position() {
        let key = key();
        let cursors = Cursors::new(&key, &["elm", "/Users", "userName pr"], now());
        let offset = Position {
            start: Start::Offset(200),
            total: 1,
        };

        let back = Position {
            start: Start::Before("0197".to_owned()),
            total: 9,
        };
        for position in [position(), offset, back] {
            assert_eq!(cursors.open(&cursors.seal(&position)), Ok(position));
        }
    }

    #[test]
    fn a_cursor_of_another_query_practice_or_key_is_none() {
        let key = key();
        let cursor = Cursors::new(&key, &["elm", "/Users", "a"], now()).seal(&position());
        for query in [
            ["oak", "/Users", "a"],
            ["elm", "/Groups", "a"],
            ["elm", "/Users", "b"],
            ["elm", "/Usersa", ""],
        ] {
            assert_eq!(
                Cursors::new(&key, &query, now()).open(&cursor),
                Err(INVALID)
            );
        }
        let other = hmac::Key::new(hmac::HMAC_SHA256, &[8; 32]);
        let query = ["elm", "/Users", "a"];
        assert_eq!(
            Cursors::new(&other, &query, now()).open(&cursor),
            Err(INVALID)
        );
    }

    #[test]
    fn a_cursor_changed_anywhere_is_none() {
        let key = key();
        let cursors = Cursors::new(&key, &["elm"], now());
        let cursor = cursors.seal(&position());
        for at in 0..cursor.len() {
            let mut changed = cursor.clone().into_bytes();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(cursors.open(&changed).is_err(), "{at}");
        }
        for made_up in ["x", "AAAA", &"A".repeat(10_000), "\u{e9}"] {
            assert_eq!(cursors.open(made_up), Err(INVALID));
        }
    }

    #[test]
    fn a_cursor_ends() {
        let key = key();
        let cursor = Cursors::new(&key, &["elm"], now()).seal(&position());
        let later = |seconds| {
            let wait = SignedDuration::from_secs(LIFETIME_SECONDS + seconds);
            now().checked_add(wait).unwrap()
        };

        assert!(
            Cursors::new(&key, &["elm"], later(-1))
                .open(&cursor)
                .is_ok()
        );
        assert_eq!(
            Cursors::new(&key, &["elm"], later(0)).open(&cursor),
            Err(EXPIRED)
        );
    }
}
