//! Returns that a departure holds (rule R9).

use jiff::Timestamp;

use super::{Store, StoreError, WriteTx, database::Reads as _, statement::Statement};
use crate::{
    clock,
    ids::{PersonId, PracticeName, ReturnId},
};

/// A return that waits for somebody's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldReturn {
    /// The id.
    pub id: ReturnId,
    /// Who shall get in again.
    pub person: PersonId,
    /// Since when it waits.
    pub asked: Timestamp,
    /// Who asked: `source:entra`.
    pub asked_by: String,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Somebody let them in.
    Approved,
    /// Somebody kept them out.
    Refused,
    /// The source took it back.
    Voided,
}

impl Decision {
    /// The word as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Refused => "refused",
            Self::Voided => "voided",
        }
    }
}

impl Store {
    /// Returns that wait, the oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_held_returns(
        &self,
        practice: &PracticeName,
    ) -> Result<Vec<HeldReturn>, StoreError> {
        let statement = Statement::new(
            "SELECT id, person, asked, asked_by FROM held_return WHERE practice = $1 AND decided IS NULL ORDER BY id",
        )
        .bind(practice.as_str());
        let rows = self.rows(statement).await?;
        rows.iter()
            .map(|row| {
                Ok(HeldReturn {
                    id: row.text("id")?.into(),
                    person: row.text("person")?.into(),
                    asked: row.time("asked")?,
                    asked_by: row.text("asked_by")?,
                })
            })
            .collect()
    }
}

impl WriteTx {
    /// Whether a departure of this person is not done: some of its doors are not green.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn has_open_departure(&mut self, person: &PersonId) -> Result<bool, StoreError> {
        let statement = Statement::new(
            "SELECT id FROM departure_case WHERE practice = $1 AND person = $2 AND kind = 'leaver' AND closed IS NULL
             LIMIT 1",
        )
        .bind(self.practice().as_str())
        .bind(person.as_str());
        Ok(self.row(statement).await?.is_some())
    }

    /// Records that a return waits. Answers its id; `None` when one waits already.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn record_held_return(
        &mut self,
        person: &PersonId,
        asked_by: &str,
    ) -> Result<Option<ReturnId>, StoreError> {
        let statement = Statement::new(
            "INSERT INTO held_return (practice, id, person, asked, asked_by) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT DO NOTHING RETURNING id",
        )
        .bind(self.practice().as_str())
        .bind(ReturnId::generate().as_str())
        .bind(person.as_str())
        .bind(clock::to_text(self.now()))
        .bind(asked_by);
        let row = self.row(statement).await?;
        row.map(|row| Ok(row.text("id")?.into())).transpose()
    }

    /// Records what became of the return that waits. Answers its id; `None` when none does.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn decide_return(
        &mut self,
        person: &PersonId,
        decision: Decision,
    ) -> Result<Option<ReturnId>, StoreError> {
        let statement = Statement::new(
            "UPDATE held_return SET decided = $1, decision = $2 WHERE practice = $3 AND person = $4
             AND decided IS NULL RETURNING id",
        )
        .bind(clock::to_text(self.now()))
        .bind(decision.as_str())
        .bind(self.practice().as_str())
        .bind(person.as_str());
        let row = self.row(statement).await?;
        row.map(|row| Ok(row.text("id")?.into())).transpose()
    }
}
