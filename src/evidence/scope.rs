//! Whose records a file of evidence shows; of all others it has the hash only.

use std::{borrow::Cow, collections::BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;

use crate::{clock, ids::PersonId};

/// What somebody asks for a file of evidence about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// One person, for as long as they are known.
    Person(PersonId),
    /// Every case that began from the first time on and before the second.
    Time(Timestamp, Timestamp),
}

/// What a file of evidence is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Nobody: the chain alone.
    Chain,
    /// One person, for as long as they are known.
    Person(PersonId),
    /// Every case the practice learned of in a time.
    Period(Period),
}

/// A time, and who had a case that began in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// From then on.
    pub from: Timestamp,
    /// Before then.
    pub to: Timestamp,
    /// Whoever joined, changed or left in it.
    pub people: BTreeSet<PersonId>,
    /// How many cases that were.
    pub cases: usize,
}

impl Period {
    /// Whether a time is in it.
    pub fn has(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.to
    }
}

/// Of a record, only when it was written.
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    when: Cow<'a, str>,
}

/// When a record was written; `None` if it does not say.
pub fn when(text: &str) -> Option<Timestamp> {
    let written: Written<'_> = serde_json::from_str(text).ok()?;
    clock::from_text(&written.when).ok()
}

impl Scope {
    /// Whether the file shows a record about this person, or about nobody.
    ///
    /// A period shows what happened to its people from its beginning on, also after its end: a door that
    /// was shut late belongs to it. Of what concerns nobody, such as roles put into force, it shows what
    /// happened in it.
    pub fn shows(&self, person: Option<&str>, text: &str) -> bool {
        match (self, person) {
            (Self::Chain, _) | (Self::Person(_), None) => false,
            (Self::Person(theirs), Some(person)) => theirs.as_str() == person,
            (Self::Period(period), None) => when(text).is_some_and(|at| period.has(at)),
            (Self::Period(period), Some(person)) => {
                period.people.contains(&PersonId::from(person))
                    && when(text).is_some_and(|at| at >= period.from)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_shows_its_people_to_the_end_and_everybody_elses_records_never() {
        let scope = Scope::Period(Period {
            from: "2026-11-01T00:00:00Z".parse().unwrap(),
            to: "2026-12-01T00:00:00Z".parse().unwrap(),
            people: BTreeSet::from(["nina".into()]),
            cases: 1,
        });
        let on = |day: &str| format!(r#"{{"practice":"elm","when":"{day}T12:00:00.000Z"}}"#);

        assert!(scope.shows(Some("nina"), &on("2026-11-20")));
        assert!(scope.shows(Some("nina"), &on("2026-12-20")), "shut late");
        assert!(!scope.shows(Some("nina"), &on("2026-10-31")), "before it");
        assert!(!scope.shows(Some("sam"), &on("2026-11-20")), "no case");
        assert!(scope.shows(None, &on("2026-11-30")));
        assert!(!scope.shows(None, &on("2026-12-01")));
    }
}
