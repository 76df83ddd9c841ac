//! What a departure closed that was open before, so that it can be undone.

use drawbridge_sdk::Way;
use serde::{Deserialize, Serialize};

use super::{
    Store, StoreError, WriteTx,
    database::Reads as _,
    row::{Row, json_text},
    statement::Statement,
};
use crate::{
    clock,
    door::Opening,
    ids::{CaseId, DoorId, PersonId, PracticeName, SystemName},
};

/// A door that was to be open when its person left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WasOpen {
    /// The door.
    pub door: DoorId,
    /// Into which system.
    pub system: SystemName,
    /// Which way.
    pub way: Way,
    /// How it was open.
    pub opening: Opening,
}

/// What one departure closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedByCase {
    /// The departure.
    pub case: CaseId,
    /// Its doors that were open before.
    pub doors: Vec<WasOpen>,
    /// Whether somebody undid it.
    pub is_undone: bool,
}

fn closed_of(row: &Row) -> Result<ClosedByCase, StoreError> {
    Ok(ClosedByCase {
        case: row.text("departure_case")?.into(),
        doors: row.json("doors")?,
        is_undone: row.maybe_text("undone")?.is_some(),
    })
}

impl Store {
    /// What a departure closed; `None` when nothing was open.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_closed_by(
        &self,
        practice: &PracticeName,
        case: &CaseId,
    ) -> Result<Option<ClosedByCase>, StoreError> {
        let statement = Statement::new(
            "SELECT departure_case, doors, undone FROM departure_closed WHERE practice = $1 AND departure_case = $2",
        )
        .bind(practice.as_str())
        .bind(case.as_str());
        self.row(statement)
            .await?
            .as_ref()
            .map(closed_of)
            .transpose()
    }
}

impl WriteTx {
    /// Records what a departure closes that was open.
    pub fn record_closed_by(&mut self, case: &CaseId, person: &PersonId, doors: &[WasOpen]) {
        let statement = Statement::new(
            "INSERT INTO departure_closed (practice, departure_case, person, doors) VALUES ($1, $2, $3, $4)",
        )
        .bind(self.practice().as_str())
        .bind(case.as_str())
        .bind(person.as_str())
        .bind(json_text(&doors));
        self.later(statement);
    }

    /// What the latest departure of somebody closed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_closed_of(
        &mut self,
        person: &PersonId,
    ) -> Result<Option<ClosedByCase>, StoreError> {
        let statement = Statement::new(
            "SELECT departure_case, doors, undone FROM departure_closed WHERE practice = $1 AND departure_case IN (
                 SELECT id FROM departure_case WHERE practice = $1 AND person = $2)
             ORDER BY departure_case DESC LIMIT 1",
        )
        .bind(self.practice().as_str())
        .bind(person.as_str());
        self.row(statement)
            .await?
            .as_ref()
            .map(closed_of)
            .transpose()
    }

    /// Records that a departure was undone. Its case is over by that, unless a door of it is still waited for.
    pub fn undo_case(&mut self, case: &CaseId, is_over: bool) {
        let now = clock::to_text(self.now());
        let practice = self.practice().as_str().to_owned();
        let undone = Statement::new(
            "UPDATE departure_closed SET undone = $1 WHERE practice = $2 AND departure_case = $3",
        )
        .bind(now.as_str())
        .bind(practice.as_str())
        .bind(case.as_str());
        self.later(undone);
        if !is_over {
            return;
        }
        let over = Statement::new(
            "UPDATE departure_case SET closed = $1 WHERE practice = $2 AND id = $3 AND closed IS NULL",
        )
        .bind(now)
        .bind(practice)
        .bind(case.as_str());
        self.later(over);
    }
}
