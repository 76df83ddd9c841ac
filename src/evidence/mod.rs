//! THE LEDGER: what the bridge did and saw, append-only and chained by hash. Pure.
//!
//! - [`chain`]: records, and the hash that ties each to the one before
//! - [`checkpoint`]: a signed head of it, to be kept elsewhere
//! - [`walk`]: recomputing a chain as its records come
//! - [`scope`]: whose records a file shows
//! - [`mod@file`]: what somebody may sign with
//! - [`pack`]: records as a file that verifies by itself, without the others' content
//! - [`second`]: the lines of the second ledger, for calls made while the database cannot be written

pub mod chain;
pub mod checkpoint;
pub mod file;
pub mod pack;
pub mod scope;
pub mod second;
pub mod walk;

pub use scope::{About, Period, Scope};
pub use walk::Walk;

use jiff::Timestamp;
use serde::Serialize;
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

/// An entry as it is written, its keys in this order.
#[derive(Serialize)]
struct Record<'a> {
    practice: &'a PracticeName,
    sequence: i64,
    when: String,
    who: &'a str,
    what: &'static str,
    person: Option<&'a PersonId>,
    system: &'a str,
    detail: &'a Map<String, Value>,
}

impl Entry {
    /// The exact text that is stored and hashed.
    pub fn to_text(&self, practice: &PracticeName, sequence: i64) -> String {
        let record = Record {
            practice,
            sequence,
            when: clock::to_text(self.at),
            who: &self.who,
            what: self.what,
            person: self.person.as_ref(),
            system: self.system.as_ref().map_or("all", SystemName::as_str),
            detail: &self.detail,
        };
        serde_json::to_string(&record).expect("text and JSON can always be written")
    }
}
