//! What a practice has come to so far, for the first steps on the board.
//!
//! Whoever opens the board asks. That nobody ever took a file of evidence away is known only from the whole
//! ledger, so it is remembered how far that was looked through.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::{Store, StoreError, row::corrupt, statement::Statement};
use crate::ids::PracticeName;

/// Whoever took a file away did so lately, or has come far beyond the first steps.
const LATELY: i64 = 10_000;

/// Whether anybody ever left. Open and closed apart: each has an index of its own.
pub(super) const HAS_BEGUN: &str = "SELECT user_count, ledger_sequence, CASE WHEN EXISTS (
            SELECT 1 FROM departure_case WHERE practice = $1 AND kind = 'leaver' AND closed IS NULL)
        OR EXISTS (
            SELECT 1 FROM departure_case WHERE practice = $1 AND kind = 'leaver' AND closed IS NOT NULL)
        THEN 1 ELSE 0 END AS departed
    FROM practice WHERE name = $1";

/// What a practice has come to so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// Users that were pushed and are there.
    pub people: i64,
    /// Whether anybody ever left, however that went.
    pub has_departure: bool,
    /// Whether somebody's records were taken away as a file.
    pub has_exported: bool,
}

/// How far the ledger of a practice was looked through for a file that was taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looked {
    Found,
    NoneUpTo(i64),
}

/// The same of every practice whose board was opened.
#[derive(Debug, Default)]
pub(super) struct Exports(Mutex<HashMap<PracticeName, Looked>>);

impl Exports {
    /// After which record to look, in a ledger of this length; `None` where one was found.
    fn look_after(&self, practice: &PracticeName, length: i64) -> Option<i64> {
        let looked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lately = length - LATELY;
        match looked.get(practice) {
            Some(Looked::Found) => None,
            Some(Looked::NoneUpTo(seen)) => Some(lately.max(*seen)),
            None => Some(lately),
        }
    }

    fn note(&self, practice: &PracticeName, looked: Looked) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(practice.clone(), looked);
    }
}

impl Store {
    /// What a practice has come to so far.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_begun(&self, practice: &PracticeName) -> Result<Begun, StoreError> {
        let statement = Statement::new(HAS_BEGUN).bind(practice.as_str());
        let row = self.row(statement).await?;
        let row = row.ok_or_else(|| corrupt("name"))?;
        let length = row.number("ledger_sequence")?;
        Ok(Begun {
            people: row.number("user_count")?,
            has_departure: row.flag("departed")?,
            has_exported: self.has_exported(practice, length).await?,
        })
    }

    async fn has_exported(&self, practice: &PracticeName, length: i64) -> Result<bool, StoreError> {
        let Some(after) = self.exports.look_after(practice, length) else {
            return Ok(true);
        };
        if after >= length {
            return Ok(false);
        }
        let statement = Statement::new(
            r#"SELECT 1 AS one FROM evidence WHERE practice = $1 AND sequence > $2
             AND text LIKE '%"evidence.exported"%' LIMIT 1"#,
        )
        .bind(practice.as_str())
        .bind(after);
        let is_there = self.row(statement).await?.is_some();
        let looked = if is_there {
            Looked::Found
        } else {
            // What came since that length was read is looked at once more: records are numbered as they
            // are committed.
            Looked::NoneUpTo(length)
        };
        self.exports.note(practice, looked);
        Ok(is_there)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_record_is_looked_at_twice_and_what_was_found_is_never_looked_for() {
        let (exports, elm) = (Exports::default(), PracticeName::from("elm"));

        assert_eq!(exports.look_after(&elm, 12_000), Some(2_000));
        exports.note(&elm, Looked::NoneUpTo(12_000));
        assert_eq!(exports.look_after(&elm, 12_003), Some(12_000));
        assert_eq!(exports.look_after(&elm, 30_000), Some(20_000));
        exports.note(&elm, Looked::Found);
        assert_eq!(exports.look_after(&elm, 30_001), None);
        assert_eq!(exports.look_after(&"oak".into(), 5), Some(5 - LATELY));
    }
}
