//! What is looked for in the ledger: by whom, about whom, in which system, of which code.

use std::collections::HashSet;

use serde_json::Value;

use super::super::{
    admit::{Fields, Visit},
    words,
};
use crate::{ids::PersonId, query::fold, store::StoreError};

/// How many people a search may mean.
const MOST_PEOPLE: usize = 200;

/// How many records are read at a time.
const PORTION: u32 = 500;

/// How many records one page looks through: whoever looks for what is long ago goes on by a press, and nobody
/// waits for the whole ledger.
const LOOKS_THROUGH: usize = 20_000;

/// What is looked for, as it was typed.
#[derive(Debug, Clone, Default)]
pub(super) struct Sieve {
    pub(super) who: String,
    pub(super) about: String,
    pub(super) system: String,
    pub(super) code: String,
    /// `who` and `code` for comparing.
    folded: (String, String),
    /// Whom `about` means.
    people: HashSet<PersonId>,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    /// Sequence and text of each record, newest first.
    pub(super) records: Vec<(i64, String)>,
    /// The oldest record that was looked at; zero when that was the first one.
    pub(super) last: i64,
}

impl Sieve {
    /// What an address or a form asks for.
    pub(super) async fn of(visit: &Visit, fields: &Fields) -> Result<Self, StoreError> {
        let about = fields.get("q");
        let mut people = HashSet::new();
        if !about.is_empty() {
            let (store, practice) = (&visit.office.store, &visit.practice().name);
            let faces = store.search_people(practice, about, MOST_PEOPLE).await?;
            people.extend(faces.into_iter().map(|face| face.person));
            people.insert(PersonId::from(about));
        }
        Ok(Self {
            about: about.to_owned(),
            system: fields.get("system").to_owned(),
            people,
            ..Self::by(fields.get("who"), fields.get("code"))
        })
    }

    /// Folded once: there may be thousands of records to hold it against.
    fn by(who: &str, code: &str) -> Self {
        Self {
            who: who.to_owned(),
            code: code.to_owned(),
            folded: (fold(who), fold(code)),
            ..Self::default()
        }
    }

    /// Whether anything is looked for.
    pub(super) fn is_on(&self) -> bool {
        [&self.who, &self.about, &self.system, &self.code]
            .iter()
            .any(|typed| !typed.is_empty())
    }

    /// Whether a record is one of those.
    pub(super) fn takes(&self, record: &Value) -> bool {
        let field = |name: &str| record[name].as_str().unwrap_or_default();
        let has = |text: &str, part: &str| part.is_empty() || fold(text).contains(part);
        let (who, (wanted, code)) = (field("who"), &self.folded);
        (has(who, wanted) || has(&words::actor(who), wanted))
            && has(field("what"), code)
            && (self.system.is_empty() || field("system") == self.system)
            && (self.about.is_empty() || self.people.contains(&PersonId::from(field("person"))))
    }

    /// The latest records of these before this one, at most so many.
    pub(super) async fn find(
        &self,
        visit: &Visit,
        before: i64,
        most: usize,
    ) -> Result<Found, StoreError> {
        let (store, practice) = (&visit.office.store, &visit.practice().name);
        let (mut records, mut last, mut looked) = (Vec::new(), before, 0);
        while records.len() < most && looked < LOOKS_THROUGH && last > 1 {
            let portion = store
                .list_latest_records(practice, None, last, PORTION)
                .await?;
            if portion.is_empty() {
                last = 0;
            }
            for (sequence, text) in portion {
                last = sequence;
                looked += 1;
                let is_on = self.is_on();
                let is_one = |text: &str| {
                    let record: Value = serde_json::from_str(text).unwrap_or_default();
                    self.takes(&record)
                };
                if !is_on || is_one(&text) {
                    records.push((sequence, text));
                }
                if records.len() == most {
                    break;
                }
            }
        }
        Ok(Found {
            records,
            last: if last > 1 { last } else { 0 },
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_is_taken_that_has_all_that_is_looked_for() {
        let record = json!({"who": "admin:Dana Ruiz", "what": "door.attested", "person": "p1", "system": "ehr"});
        let sieve = |who: &str, about: &str, system: &str, code: &str| Sieve {
            about: about.to_owned(),
            system: system.to_owned(),
            people: HashSet::from([PersonId::from("p1")]),
            ..Sieve::by(who, code)
        };

        assert!(!sieve("", "", "", "").is_on());
        for taken in [
            sieve("", "", "", ""),
            sieve("dana", "nina", "ehr", "ATTESTED"),
            sieve("admin:", "", "", "door."),
        ] {
            assert!(taken.takes(&record), "{taken:?}");
        }
        for other in [
            sieve("lee", "", "", ""),
            sieve("", "", "vpn", ""),
            sieve("", "", "eh", ""),
            sieve("", "", "", "door.wanted"),
            Sieve {
                about: "nina".to_owned(),
                ..Sieve::default()
            },
        ] {
            assert!(!other.takes(&record), "{other:?}");
        }
    }

    #[test]
    fn whoever_is_looked_for_is_found_as_the_page_names_them() {
        let record = json!({"who": "source:entra", "what": "change.departed"});
        let sieve = Sieve::by("identity provider", "");

        assert!(sieve.takes(&record));
    }
}
