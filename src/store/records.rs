//! The ledger, cases, and which role matrix is in force.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Store, StoreError, WriteTx, database::Reads as _, row::corrupt, statement::Statement};
use crate::{
    clock,
    door::Door,
    evidence::{Entry, Scope, pack::StoredRecord},
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

    /// Closes the case of a door once every door of it is green, or none as somebody says who answers for
    /// it. Answers whether it was closed now.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn close_case_when_done(
        &mut self,
        door: &Door,
        who: &str,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        self.close_card_when_done(door, who).await?;
        let Some(case) = door.case.clone().filter(|_| door.is_done(now)) else {
            return Ok(false);
        };
        // Most of the time another door is still to be seen to; then nobody has to look at all of them.
        let unsettled = Statement::new(
            "SELECT 1 AS one FROM door WHERE practice = $1 AND person = $2 AND departure_case = $3
             AND assurance NOT IN ('verified', 'attested') AND set_aside IS NULL LIMIT 1",
        )
        .bind(self.practice().as_str())
        .bind(door.person.as_str())
        .bind(case.as_str());
        if self.row(unsettled).await?.is_some() {
            return Ok(false);
        }
        let mut doors = self.find_doors_of(&door.person).await?;
        doors.retain(|other| other.case.as_ref() == Some(&case));
        if !doors.iter().all(|other| other.is_done(now)) {
            return Ok(false);
        }
        let aside = doors.iter().filter(|other| !other.is_green(now)).count();
        let closed = Statement::new(
            "UPDATE departure_case SET closed = $1, set_aside = $4
             WHERE practice = $2 AND id = $3 AND closed IS NULL RETURNING id",
        )
        .bind(clock::to_text(now))
        .bind(self.practice().as_str())
        .bind(case.as_str())
        .bind(i64::try_from(aside).unwrap_or(i64::MAX));
        if self.rows(closed).await?.is_empty() {
            return Ok(false);
        }
        self.record(Entry {
            at: now,
            who: who.to_owned(),
            what: "case.closed",
            person: Some(door.person.clone()),
            system: None,
            detail: Map::from_iter([
                ("case".to_owned(), Value::from(case.as_str())),
                ("set_aside".to_owned(), Value::from(aside)),
            ]),
        });
        Ok(true)
    }

    /// Opens the case of a door again, which somebody is to see to after all.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn open_case_again(&mut self, door: &Door, who: &str) -> Result<(), StoreError> {
        let Some(case) = &door.case else {
            return Ok(());
        };
        let opened = Statement::new(
            "UPDATE departure_case SET closed = NULL, set_aside = 0 WHERE practice = $1 AND id = $2 AND closed IS NOT NULL
             RETURNING id",
        )
        .bind(self.practice().as_str())
        .bind(case.as_str());
        if !self.rows(opened).await?.is_empty() {
            self.record(Entry {
                at: self.now(),
                who: who.to_owned(),
                what: "case.opened_again",
                person: Some(door.person.clone()),
                system: Some(door.system.clone()),
                detail: Map::from_iter([("case".to_owned(), Value::from(case.as_str()))]),
            });
        }
        Ok(())
    }
}
