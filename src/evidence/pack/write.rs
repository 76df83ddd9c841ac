//! Making a pack, line by line.

use std::collections::BTreeSet;

use jiff::Timestamp;
use ring::digest::{Context, SHA256};
use serde::Serialize;

use super::{
    lines::{FORMAT, Head, Header, Link, Seal, SignedFile, Span, file_named_in},
    whole::Counted,
};
use crate::{
    clock,
    evidence::{
        Scope,
        chain::{self, GENESIS},
    },
};

/// One stored record, as the pack is made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Position in the practice's chain, from 1.
    pub sequence: i64,
    /// The text as stored.
    pub text: String,
    /// The chain's hash as stored, in hex.
    pub hash: String,
    /// Whether the pack is about it, and shows its text.
    pub is_theirs: bool,
}

/// Writes a pack line by line; none of it has to be held.
#[derive(Clone)]
pub struct Packer {
    written: Context,
    /// Files that shown records name, and that were not added yet.
    named: BTreeSet<String>,
}

impl std::fmt::Debug for Packer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Packer")
            .field("named", &self.named)
            .finish_non_exhaustive()
    }
}

impl Packer {
    /// Begins with the header's line.
    pub fn begin(header: &Header) -> (Self, String) {
        let mut packer = Self {
            written: Context::new(&SHA256),
            named: BTreeSet::new(),
        };
        let line = packer.line(header);
        (packer, line)
    }

    /// The line of the next record.
    pub fn link(&mut self, record: &StoredRecord) -> String {
        if record.is_theirs {
            self.named.extend(file_named_in(&record.text));
        }
        self.line(&Link {
            sequence: record.sequence,
            text: record.is_theirs.then(|| record.text.clone()),
            text_hash: (!record.is_theirs).then(|| chain::to_hex(&chain::text_hash(&record.text))),
            hash: record.hash.clone(),
        })
    }

    /// A file to be added next, by its SHA-256; `None` when all that are named are there.
    pub fn next_file(&self) -> Option<&str> {
        self.named.first().map(String::as_str)
    }

    /// The line of a file.
    pub fn file(&mut self, file: &SignedFile) -> String {
        self.named.remove(&file.file);
        self.line(file)
    }

    /// The last line.
    pub fn seal(self) -> String {
        text_of(&Seal {
            sealed: hex(self.written),
        })
    }

    fn line(&mut self, line: &impl Serialize) -> String {
        let text = text_of(line);
        self.written.update(text.as_bytes());
        text
    }
}

/// The header of a pack made at this time of a chain with this head: its last sequence and hash.
pub fn header(
    practice: &str,
    counted: &Counted,
    at: Timestamp,
    (sequence, hash): &(i64, String),
) -> Header {
    let (person, period) = match &counted.scope {
        Scope::Person(person) => (Some(person.to_string()), None),
        Scope::Period(period) => (None, Some(Span::of(period))),
        Scope::Chain => (None, None),
    };
    Header {
        format: FORMAT.to_owned(),
        pack: Some(counted.pack.clone()),
        practice: practice.to_owned(),
        person,
        period,
        exported: clock::to_text(at),
        head: Some(Head {
            sequence: *sequence,
            hash: hash.clone(),
        }),
        note: "record of what this bridge did and saw".to_owned(),
    }
}

fn hex(written: Context) -> String {
    let mut hash = GENESIS;
    hash.copy_from_slice(written.finish().as_ref());
    chain::to_hex(&hash)
}

fn text_of(line: &impl Serialize) -> String {
    // These types hold only text and numbers, which always serialise.
    let mut text = serde_json::to_string(line).unwrap_or_default();
    text.push('\n');
    text
}
