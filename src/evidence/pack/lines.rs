//! What stands on each line of a pack.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{clock, evidence::Period};

/// Version of the file format.
pub(super) const FORMAT: &str = "drawbridge-evidence-3";

/// The version before it, in which nothing says how many records must be shown.
pub(super) const SECOND_FORMAT: &str = "drawbridge-evidence-2";

/// The one before that, which knew one person, no files and no head.
pub(super) const FIRST_FORMAT: &str = "drawbridge-evidence-1";

/// How a line begins that carries a file.
pub(super) const FILE: &str = "{\"file\":";

/// First line of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// `drawbridge-evidence-3`.
    pub format: String,
    /// Which pack: the record on its last link names it as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pack: Option<String>,
    /// The practice.
    pub practice: String,
    /// Internal id of the person, in a pack of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
    /// The time, in a pack of all cases that began in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<Span>,
    /// When the pack was made, RFC 3339.
    pub exported: String,
    /// The last link, as the practice had it noted when the pack was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Head>,
    /// What these records are, and are not.
    pub note: String,
}

/// The time a pack is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// From then on, RFC 3339.
    pub from: String,
    /// Before then.
    pub to: String,
    /// How many cases began in it: so many must be in the pack.
    pub cases: usize,
}

impl Span {
    pub(super) fn of(period: &Period) -> Self {
        Self {
            from: clock::to_text(period.from),
            to: clock::to_text(period.to),
            cases: period.cases,
        }
    }

    /// Whether a record was written since its beginning. Times of fixed width sort as text.
    pub(super) fn has_begun(&self, record: &Value) -> bool {
        record["when"].as_str().unwrap_or_default() >= self.from.as_str()
    }

    /// Whether a record was written in it.
    pub(super) fn has(&self, record: &Value) -> bool {
        self.has_begun(record) && record["when"].as_str().unwrap_or_default() < self.to.as_str()
    }

    /// Whether a record opens a case in it.
    pub(super) fn has_case(&self, record: &Value) -> bool {
        record["what"] == "case.opened" && self.has(record)
    }
}

/// The last link of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Its position, from 1; zero for a chain without links.
    pub sequence: i64,
    /// Its hash, in hex.
    pub hash: String,
}

/// One link of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Position in the practice's chain, from 1.
    pub sequence: i64,
    /// The record, exactly as it was hashed. `None` for records about somebody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// SHA-256 of the record, in hex, where the text is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_hash: Option<String>,
    /// Hash of the chain up to and with this record, in hex.
    pub hash: String,
}

/// A file somebody signed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedFile {
    /// SHA-256 of its bytes, in hex: the record of the signature names it.
    pub file: String,
    /// What it was called.
    pub name: String,
    /// What it is, as its first bytes say: `image/jpeg`.
    pub kind: String,
    /// Its bytes, in base64.
    pub content: String,
}

/// Last line of a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seal {
    pub(super) sealed: String,
}

/// SHA-256 of the file that a record says was signed with.
pub(super) fn file_named_in(text: &str) -> Option<String> {
    // Few records do: the rest need not be read.
    if !text.contains("\"attachment\"") {
        return None;
    }
    let record: Value = serde_json::from_str(text).ok()?;
    let hash = record["detail"]["attachment"]["sha256"].as_str()?;
    Some(hash.to_owned())
}
