//! THE LEDGER: what the bridge did and saw, append-only and chained by hash. Pure.
//!
//! - [`chain`]: records, and the hash that ties each to the one before
//! - [`pack`]: one person's records as a file that verifies by itself, without the others' content

pub mod chain;
pub mod pack;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    clock,
    ids::{PersonId, PracticeName, SystemName},
};

/// One thing that happened, with the four W's: which system, what, when, who.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// Who: `source:entra`, `cli:dana`, `bridge`.
    pub who: String,
    /// What, as a dotted name: `change.departed`, `attempt.answered`, `door.verified`.
    pub what: &'static str,
    /// About whom.
    pub person: Option<PersonId>,
    /// Which system; `None` for what concerns all of them.
    pub system: Option<SystemName>,
    /// Facts, never secrets and never a system's raw body.
    pub detail: Map<String, Value>,
}

impl Entry {
    /// The exact text that is stored and hashed.
    pub fn to_text(&self, practice: &PracticeName, sequence: i64) -> String {
        let mut record = Map::new();
        record.insert("practice".to_owned(), Value::from(practice.as_str()));
        record.insert("sequence".to_owned(), Value::from(sequence));
        record.insert("when".to_owned(), Value::from(clock::to_text(self.at)));
        record.insert("who".to_owned(), Value::from(self.who.as_str()));
        record.insert("what".to_owned(), Value::from(self.what));
        record.insert(
            "person".to_owned(),
            Value::from(self.person.as_ref().map(PersonId::as_str)),
        );
        record.insert(
            "system".to_owned(),
            Value::from(self.system.as_ref().map_or("all", SystemName::as_str)),
        );
        record.insert("detail".to_owned(), Value::Object(self.detail.clone()));
        Value::Object(record).to_string()
    }
}
