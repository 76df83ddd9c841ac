//! That a pack leaves nothing out.
//!
//! A link without a text does not say whom it is about: whoever takes a record away and leaves its hash breaks no
//! chain. So the bridge counts first what a pack has to show, up to the last record there is, and notes the count in
//! the ledger. That note is the last link of the pack, and no other count fits the head of the chain. What happens
//! between the count and the note is counted by nobody, and keeps no honest pack from proving itself.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    broken::Broken,
    lines::{Header, Link, Span},
};
use crate::evidence::{Entry, Scope};

/// What the ledger says when a pack is made.
pub const WHAT: &str = "evidence.exported";

/// What a pack has to show, counted before it is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// Which pack: an id of its own.
    pub pack: String,
    /// What it is about.
    pub scope: Scope,
    /// The last record that was counted.
    pub to: i64,
    /// How many records up to that one it shows.
    pub shows: usize,
}

impl Counted {
    /// The note of it, for the ledger.
    pub fn note(&self, who: &str, at: Timestamp) -> Entry {
        let mut detail = Map::from_iter([
            ("pack".to_owned(), json!(self.pack)),
            ("counted_to".to_owned(), json!(self.to)),
            ("shows".to_owned(), json!(self.shows)),
        ]);
        let (person, span) = match &self.scope {
            Scope::Person(person) => (Some(person.clone()), None),
            Scope::Period(period) => (None, Some(Span::of(period))),
            Scope::Chain => (None, None),
        };
        if let Some(span) = span {
            detail.insert("from".to_owned(), json!(span.from));
            detail.insert("to".to_owned(), json!(span.to));
            detail.insert("cases".to_owned(), json!(span.cases));
        }
        Entry {
            at,
            who: who.to_owned(),
            what: WHAT,
            person,
            system: None,
            detail,
        }
    }
}

/// The note as it stands in the ledger.
#[derive(Debug, Deserialize)]
struct Note {
    when: String,
    practice: String,
    what: String,
    person: Option<String>,
    detail: Detail,
}

#[derive(Debug, Deserialize)]
struct Detail {
    pack: String,
    counted_to: i64,
    shows: usize,
    from: Option<String>,
    to: Option<String>,
    cases: Option<usize>,
}

/// A count that the last link of a pack notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Count {
    /// The last record that was counted.
    pub(super) to: i64,
    shows: usize,
    /// Where it is noted.
    at: i64,
}

impl Count {
    /// The count that this last link notes of the pack with this header; `None` if it notes another, or none.
    pub(super) fn noted(header: &Header, last: &Link) -> Option<Self> {
        let note: Note = serde_json::from_str(last.text.as_deref()?).ok()?;
        let Detail {
            pack,
            counted_to,
            shows,
            from,
            to,
            cases,
        } = note.detail;
        let span = match (from, to, cases) {
            (Some(from), Some(to), Some(cases)) => Some(Span { from, to, cases }),
            _ => None,
        };
        let is_of_it = note.practice == header.practice
            && note.when == header.exported
            && note.what == WHAT
            && Some(pack) == header.pack
            && note.person == header.person
            && span == header.period
            && counted_to < last.sequence;
        is_of_it.then_some(Self {
            to: counted_to,
            shows,
            at: last.sequence,
        })
    }
}

/// What a pack shows, held against what the ledger counted.
#[derive(Debug)]
pub(super) struct Whole<'a> {
    header: &'a Header,
    count: Count,
    counted: usize,
    /// Who is shown in a pack of time, and where first: link and line.
    people: BTreeMap<String, (i64, usize)>,
    /// Who had a case that began in it.
    with_case: BTreeSet<String>,
}

impl<'a> Whole<'a> {
    pub(super) const fn new(header: &'a Header, count: Count) -> Self {
        Self {
            header,
            count,
            counted: 0,
            people: BTreeMap::new(),
            with_case: BTreeSet::new(),
        }
    }

    /// Takes the next record that is shown.
    ///
    /// # Errors
    /// When it is none of those the pack is about: it would make up for one that was left out.
    pub(super) fn take(&mut self, sequence: i64, text: &str, line: usize) -> Result<(), Broken> {
        let record: Value = serde_json::from_str(text).unwrap_or_default();
        let is_counted = sequence <= self.count.to;
        self.counted += usize::from(is_counted);
        let person = record["person"].as_str();
        let is_about_it = match (&self.header.person, &self.header.period) {
            (Some(theirs), _) => person == Some(theirs.as_str()),
            (None, Some(span)) => {
                if let Some(person) = person {
                    let first = (sequence, line);
                    self.people.entry(person.to_owned()).or_insert(first);
                    if is_counted && span.has_case(&record) {
                        self.with_case.insert(person.to_owned());
                    }
                }
                match person {
                    Some(_) => span.has_begun(&record),
                    None => span.has(&record) || sequence == self.count.at,
                }
            }
            (None, None) => false,
        };
        let is_there = record["practice"] == self.header.practice && record["sequence"] == sequence;
        if is_about_it && is_there {
            Ok(())
        } else {
            Err(Broken::Stranger { sequence, line })
        }
    }

    /// Answers up to which record nothing is left out.
    ///
    /// # Errors
    /// When something is.
    pub(super) fn end(self) -> Result<i64, Broken> {
        let is_strange = |person: &String| !self.with_case.contains(person);
        let mut strangers = self.people.iter().filter(|(person, _)| is_strange(person));
        if let Some((_, &(sequence, line))) = strangers.next() {
            return Err(Broken::Stranger { sequence, line });
        }
        if self.counted != self.count.shows {
            return Err(Broken::LeftOut {
                to: self.count.to,
                expected: self.count.shows,
                found: self.counted,
            });
        }
        Ok(self.count.to)
    }
}
