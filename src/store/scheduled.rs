//! Departures that wait for their time.

use jiff::Timestamp;

use super::{
    Store, StoreError, WriteTx,
    database::Reads as _,
    row::{Row, corrupt},
    statement::Statement,
};
use crate::{
    clock,
    ids::{PersonId, PracticeName, ScheduleId},
};

/// A departure that waits, or waited, for its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scheduled {
    /// The practice.
    pub practice: PracticeName,
    /// The id.
    pub id: ScheduleId,
    /// Who leaves.
    pub person: PersonId,
    /// When: until then nothing is done, and nobody else is told.
    pub at: Timestamp,
    /// When it was asked for.
    pub asked: Timestamp,
    /// By whom, as evidence names them.
    pub asked_by: String,
    /// What they said.
    pub note: String,
    /// What the seal in the ledger was made with.
    pub salt: String,
    /// What became of it, when, and by whose hand.
    pub decided: Option<(Timestamp, Outcome, String)>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its time came.
    Started,
    /// Somebody took it back.
    Cancelled,
}

impl Outcome {
    /// The word as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Cancelled => "cancelled",
        }
    }
}

const COLUMNS: &str =
    "practice, id, person, at, asked, asked_by, note, salt, decided, decided_by, decision";

fn scheduled_of(row: &Row) -> Result<Scheduled, StoreError> {
    let decision = row.maybe_text("decision")?;
    let outcome = decision
        .map(|word| {
            [Outcome::Started, Outcome::Cancelled]
                .into_iter()
                .find(|outcome| outcome.as_str() == word)
                .ok_or_else(|| corrupt("decision"))
        })
        .transpose()?;
    let by = row.maybe_text("decided_by")?.unwrap_or_default();
    Ok(Scheduled {
        practice: row.text("practice")?.into(),
        id: row.text("id")?.into(),
        person: row.text("person")?.into(),
        at: row.time("at")?,
        asked: row.time("asked")?,
        asked_by: row.text("asked_by")?,
        note: row.text("note")?,
        salt: row.text("salt")?,
        decided: row
            .maybe_time("decided")?
            .zip(outcome)
            .map(|(at, outcome)| (at, outcome, by)),
    })
}

impl Store {
    /// Departures of a practice that wait, the next first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_scheduled(
        &self,
        practice: &PracticeName,
    ) -> Result<Vec<Scheduled>, StoreError> {
        let statement = Statement::new(format!(
            "SELECT {COLUMNS} FROM scheduled_departure WHERE practice = $1 AND decided IS NULL ORDER BY at, id"
        ))
        .bind(practice.as_str());
        self.rows(statement)
            .await?
            .iter()
            .map(scheduled_of)
            .collect()
    }

    /// Departures of every practice whose time has come, the oldest first: at most so many, of those behind
    /// this one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_due_departures(
        &self,
        now: Timestamp,
        behind: Option<&Scheduled>,
        most: u32,
    ) -> Result<Vec<Scheduled>, StoreError> {
        let statement = Statement::new(format!(
            "SELECT {COLUMNS} FROM scheduled_departure WHERE decided IS NULL AND at <= $1
             AND (at > $2 OR (at = $2 AND id > $3)) ORDER BY at, id LIMIT $4"
        ))
        .bind(clock::to_text(now))
        .bind(behind.map_or_else(String::new, |last| clock::to_text(last.at)))
        .bind(behind.map_or("", |last| last.id.as_str()))
        .bind(i64::from(most));
        self.rows(statement)
            .await?
            .iter()
            .map(scheduled_of)
            .collect()
    }

    /// The departure with this id, whatever became of it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_scheduled(
        &self,
        practice: &PracticeName,
        id: &ScheduleId,
    ) -> Result<Option<Scheduled>, StoreError> {
        let statement = Statement::new(format!(
            "SELECT {COLUMNS} FROM scheduled_departure WHERE practice = $1 AND id = $2"
        ))
        .bind(practice.as_str())
        .bind(id.as_str());
        self.row(statement)
            .await?
            .as_ref()
            .map(scheduled_of)
            .transpose()
    }
}

impl WriteTx {
    /// Records a departure that waits. Answers whether none of this person did that the same somebody asked
    /// for.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn schedule(&mut self, scheduled: &Scheduled) -> Result<bool, StoreError> {
        let statement = Statement::new(
            "INSERT INTO scheduled_departure (practice, id, person, at, asked, asked_by, note, salt)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING id",
        )
        .bind(scheduled.practice.as_str())
        .bind(scheduled.id.as_str())
        .bind(scheduled.person.as_str())
        .bind(clock::to_text(scheduled.at))
        .bind(clock::to_text(scheduled.asked))
        .bind(scheduled.asked_by.as_str())
        .bind(scheduled.note.as_str())
        .bind(scheduled.salt.as_str());
        Ok(self.row(statement).await?.is_some())
    }

    /// Decides about a departure that waits. Answers whether it still did: whoever is first decides.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn decide_scheduled(
        &mut self,
        id: &ScheduleId,
        outcome: Outcome,
        by: &str,
    ) -> Result<bool, StoreError> {
        let statement = Statement::new(
            "UPDATE scheduled_departure SET decided = $1, decision = $2, decided_by = $3
             WHERE practice = $4 AND id = $5 AND decided IS NULL RETURNING id",
        )
        .bind(clock::to_text(self.now()))
        .bind(outcome.as_str())
        .bind(by)
        .bind(self.practice().as_str())
        .bind(id.as_str());
        Ok(self.row(statement).await?.is_some())
    }
}
