//! The ledger, cases, accepted changes, and which role matrix is in force.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Store, StoreError, WriteTx, row::Columns};
use crate::{
    clock,
    door::Door,
    evidence::{Entry, pack::StoredRecord},
    ids::{CaseId, ChangeId, PersonId, PracticeName},
};

/// A joiner's, mover's or leaver's case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The id.
    pub id: CaseId,
    /// About whom.
    pub person: PersonId,
    /// `joiner`, `mover` or `leaver`.
    pub kind: &'static str,
    /// T1: when the bridge learned of it.
    pub learned: Timestamp,
    /// When everything must be done.
    pub deadline: Timestamp,
}

impl Store {
    /// The practice's whole chain, in order, with the text of every record.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_records(
        &self,
        practice: &PracticeName,
        person: Option<&PersonId>,
    ) -> Result<Vec<StoredRecord>, StoreError> {
        let rows = sqlx::query("SELECT sequence, person, text, hash FROM evidence WHERE practice = $1 ORDER BY sequence")
            .bind(practice.as_str())
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                let whose = row.maybe_text("person")?;
                Ok(StoredRecord {
                    sequence: row.number("sequence")?,
                    text: row.text("text")?,
                    hash: row.text("hash")?,
                    is_theirs: whose.is_some() && whose.as_deref() == person.map(PersonId::as_str),
                })
            })
            .collect()
    }

    /// The role matrix in force, as text; `None` before the first start.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_applied_roles(
        &self,
        practice: &PracticeName,
    ) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("SELECT applied_roles FROM practice WHERE name = $1")
            .bind(practice.as_str())
            .fetch_optional(&self.pool)
            .await?;
        row.map_or(Ok(None), |row| row.maybe_text("applied_roles"))
    }
}

impl WriteTx {
    /// Records an accepted change.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn record_change(
        &mut self,
        person: &PersonId,
        kind: &str,
        who: &str,
        request_id: &str,
    ) -> Result<ChangeId, StoreError> {
        let id = ChangeId::generate();
        let practice = self.practice().as_str().to_owned();
        let now = clock::to_text(self.now());
        sqlx::query(
            "INSERT INTO accepted_change (practice, id, person, kind, who, request_id, accepted)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(practice)
        .bind(id.as_str())
        .bind(person.as_str())
        .bind(kind)
        .bind(who)
        .bind(request_id)
        .bind(now)
        .execute(self.connection())
        .await?;
        Ok(id)
    }

    /// Opens a case.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn record_case(&mut self, case: &Case) -> Result<(), StoreError> {
        let practice = self.practice().as_str().to_owned();
        sqlx::query(
            "INSERT INTO departure_case (practice, id, person, kind, learned, deadline) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(practice)
        .bind(case.id.as_str())
        .bind(case.person.as_str())
        .bind(case.kind)
        .bind(clock::to_text(case.learned))
        .bind(clock::to_text(case.deadline))
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Closes the case of a door once every door of it is green. Answers whether it was closed now.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn close_case_when_done(
        &mut self,
        door: &Door,
        who: &str,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        let Some(case) = door.case.clone().filter(|_| door.is_green(now)) else {
            return Ok(false);
        };
        let doors = self.find_doors_of(&door.person).await?;
        if !doors
            .iter()
            .filter(|other| other.case.as_ref() == Some(&case))
            .all(|other| other.is_green(now))
        {
            return Ok(false);
        }
        let practice = self.practice().as_str().to_owned();
        let done =
            sqlx::query("UPDATE departure_case SET closed = $1 WHERE practice = $2 AND id = $3 AND closed IS NULL")
                .bind(clock::to_text(now))
                .bind(practice)
                .bind(case.as_str())
                .execute(self.connection())
                .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        self.record(Entry {
            at: now,
            who: who.to_owned(),
            what: "case.closed",
            person: Some(door.person.clone()),
            system: None,
            detail: Map::from_iter([("case".to_owned(), Value::from(case.as_str()))]),
        });
        Ok(true)
    }

    /// Puts a role matrix into force.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn record_applied_roles(&mut self, text: &str) -> Result<(), StoreError> {
        let practice = self.practice().as_str().to_owned();
        sqlx::query("UPDATE practice SET applied_roles = $1 WHERE name = $2")
            .bind(text)
            .bind(practice)
            .execute(self.connection())
            .await?;
        Ok(())
    }
}
