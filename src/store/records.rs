//! The ledger, cases, and which role matrix is in force.

use jiff::Timestamp;
use serde_json::Value;

use super::{Store, StoreError, WriteTx, row::corrupt, statement::Statement};
use crate::{
    clock,
    evidence::{Scope, pack::StoredRecord},
    ids::{CaseId, PersonId, PracticeName},
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
        let scope = person.map_or(Scope::Chain, |person| Scope::Person(person.clone()));
        self.list_records_after(practice, &scope, 0, u32::MAX).await
    }

    /// The next records of the practice's chain, in order, with the text of each.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_records_after(
        &self,
        practice: &PracticeName,
        scope: &Scope,
        after: i64,
        most: u32,
    ) -> Result<Vec<StoredRecord>, StoreError> {
        let statement = Statement::new(
            "SELECT sequence, person, text, hash FROM evidence WHERE practice = $1 AND sequence > $2
             ORDER BY sequence LIMIT $3",
        )
        .bind(practice.as_str())
        .bind(after)
        .bind(i64::from(most));
        let rows = self.rows(statement).await?;
        rows.iter()
            .map(|row| {
                let whose = row.maybe_text("person")?;
                let text = row.text("text")?;
                Ok(StoredRecord {
                    sequence: row.number("sequence")?,
                    is_theirs: scope.shows(whose.as_deref(), &text),
                    text,
                    hash: row.text("hash")?,
                })
            })
            .collect()
    }

    /// The time of a practice's last record; `None` without any.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_last_record_time(
        &self,
        practice: &PracticeName,
    ) -> Result<Option<Timestamp>, StoreError> {
        let statement = Statement::new(
            "SELECT text FROM evidence WHERE practice = $1 ORDER BY sequence DESC LIMIT 1",
        )
        .bind(practice.as_str());
        let Some(row) = self.row(statement).await? else {
            return Ok(None);
        };
        let record: Value = row.json("text")?;
        let when = record["when"].as_str().map(clock::from_text);
        when.transpose().map_err(|_| corrupt("text"))
    }

    /// What time the database has.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn find_time(&self) -> Result<Timestamp, StoreError> {
        let statement = Statement::new(format!("SELECT {} AS now", self.dialect.time_in(0)));
        let row = self.row(statement).await?;
        row.ok_or_else(|| corrupt("now"))?.time("now")
    }

    /// The role matrix in force, as text; `None` before the first start.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_applied_roles(
        &self,
        practice: &PracticeName,
    ) -> Result<Option<String>, StoreError> {
        let statement = Statement::new("SELECT applied_roles FROM practice WHERE name = $1")
            .bind(practice.as_str());
        let row = self.row(statement).await?;
        row.map_or(Ok(None), |row| row.maybe_text("applied_roles"))
    }
}

impl WriteTx {
    /// Opens a case.
    pub fn record_case(&mut self, case: &Case) {
        let practice = self.practice().as_str().to_owned();
        let statement = Statement::new(
            "INSERT INTO departure_case (practice, id, person, kind, learned, deadline) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(practice)
        .bind(case.id.as_str())
        .bind(case.person.as_str())
        .bind(case.kind)
        .bind(clock::to_text(case.learned))
        .bind(clock::to_text(case.deadline));
        self.later(statement);
    }
}
