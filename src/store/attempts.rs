//! Calls to connectors: written before the bytes leave, completed after (rule R2).

use drawbridge_sdk::Receipt;
use jiff::Timestamp;
use serde::Serialize;

use super::{
    Store, StoreError, WriteTx, database::Reads as _, row::json_text, statement::Statement,
};
use crate::{
    clock,
    door::{Action, Attempt, Door},
    ids::{AttemptId, DoorId, PersonId, PracticeName, SystemName},
};

/// What became of an attempt.
#[derive(Debug, Clone)]
pub struct Completion {
    /// Whether nothing of it can take effect any more.
    pub resolved: bool,
    /// `done`, `already_in_state`, `no_account` or `failed`.
    pub result: &'static str,
    /// The failure's class and sentence, if it failed.
    pub failure: Option<(&'static str, String)>,
    /// What became of blocking (or admitting) new logins.
    pub blocked: Option<&'static str>,
    /// What became of open sessions.
    pub sessions_ended: Option<&'static str>,
    /// One receipt per request made.
    pub receipts: Vec<Receipt>,
}

/// An attempt as it is listed.
#[derive(Debug, Clone, Serialize)]
pub struct AttemptRow {
    /// The id.
    pub id: AttemptId,
    /// The door.
    pub door: DoorId,
    /// Whose door.
    pub person: PersonId,
    /// Which system.
    pub system: SystemName,
    /// The wish it served.
    pub generation: i64,
    /// `open` or `close`.
    pub action: String,
    /// When it was written, RFC 3339.
    pub started: String,
    /// When it was over, RFC 3339; `None` while it runs, or when the bridge died in it.
    pub finished: Option<String>,
    /// Whether nothing of it can take effect any more.
    pub resolved: bool,
    /// `done`, `already_in_state`, `no_account` or `failed`.
    pub result: Option<String>,
    /// The failure's class.
    pub failure: Option<String>,
    /// The failure in words.
    pub failure_text: Option<String>,
    /// What became of blocking new logins.
    pub blocked: Option<String>,
    /// What became of open sessions.
    pub sessions_ended: Option<String>,
    /// One receipt per request made.
    pub receipts: Vec<Receipt>,
}

impl Store {
    /// The latest attempts of a practice, newest first; only failed ones if asked.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_attempts(
        &self,
        practice: &PracticeName,
        failed_only: bool,
        most: u32,
    ) -> Result<Vec<AttemptRow>, StoreError> {
        let statement = Statement::new(
            "SELECT id, door, person, system, generation, action, started, finished, resolved, result, failure,
                 failure_text, blocked, sessions_ended, receipts
             FROM attempt WHERE practice = $1 AND ($2 = 0 OR failure IS NOT NULL) ORDER BY id DESC LIMIT $3",
        )
        .bind(practice.as_str())
        .bind(i64::from(failed_only))
        .bind(i64::from(most));
        let rows = self.rows(statement).await?;
        rows.iter()
            .map(|row| {
                Ok(AttemptRow {
                    id: row.text("id")?.into(),
                    door: row.text("door")?.into(),
                    person: row.text("person")?.into(),
                    system: row.text("system")?.into(),
                    generation: row.number("generation")?,
                    action: row.text("action")?,
                    started: row.text("started")?,
                    finished: row.maybe_text("finished")?,
                    resolved: row.flag("resolved")?,
                    result: row.maybe_text("result")?,
                    failure: row.maybe_text("failure")?,
                    failure_text: row.maybe_text("failure_text")?,
                    blocked: row.maybe_text("blocked")?,
                    sessions_ended: row.maybe_text("sessions_ended")?,
                    receipts: row.json("receipts")?,
                })
            })
            .collect()
    }
}

impl WriteTx {
    /// Records an attempt that is about to be made.
    pub fn record_attempt(&mut self, door: &Door, attempt: &Attempt) {
        let statement = Statement::new(
            "INSERT INTO attempt (practice, id, door, person, system, generation, action, round, fence, started,
                 answer_by, may_land_until, resolved, receipts)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, '[]')",
        )
        .bind(door.practice.as_str())
        .bind(attempt.id.as_str())
        .bind(door.id.as_str())
        .bind(door.person.as_str())
        .bind(door.system.as_str())
        .bind(attempt.generation)
        .bind(attempt.action.as_str())
        .bind(attempt.round)
        .bind(attempt.fence)
        .bind(clock::to_text(attempt.started))
        .bind(clock::to_text(attempt.answer_by))
        .bind(clock::to_text(attempt.may_land_until));
        self.later(statement);
    }

    /// Records what became of an attempt and when that was known, whoever holds the door by now.
    pub fn complete_attempt(&mut self, id: &AttemptId, completion: &Completion, at: Timestamp) {
        let practice = self.practice().as_str().to_owned();
        let statement = Statement::new(
            "UPDATE attempt SET finished = $1, resolved = $2, result = $3, failure = $4, failure_text = $5,
                 blocked = $6, sessions_ended = $7, receipts = $8 WHERE practice = $9 AND id = $10",
        )
        .bind(clock::to_text(at))
        .bind(i64::from(completion.resolved))
        .bind(completion.result)
        .bind(completion.failure.as_ref().map(|(class, _)| *class))
        .bind(completion.failure.as_ref().map(|(_, text)| text.clone()))
        .bind(completion.blocked)
        .bind(completion.sessions_ended)
        .bind(json_text(&completion.receipts))
        .bind(practice)
        .bind(id.as_str());
        self.later(statement);
    }

    /// Whether it is written down what became of an attempt.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_completed(&mut self, id: &AttemptId) -> Result<bool, StoreError> {
        let statement = Statement::new(
            "SELECT 1 AS one FROM attempt WHERE practice = $1 AND id = $2 AND finished IS NOT NULL",
        )
        .bind(self.practice().as_str().to_owned())
        .bind(id.as_str());
        Ok(self.row(statement).await?.is_some())
    }

    /// Until when something against a door's wish may have taken effect, as seen by a reading that
    /// began then: an opposite call, or an open of an older wish with other levels, that was never
    /// finally answered, or that was answered only after the reading began (rule R6).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_may_land_until(
        &mut self,
        door: &Door,
        began: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let opposite = Action::towards(&door.wanted).opposite();
        let practice = self.practice().as_str().to_owned();
        let statement = Statement::new(
            "SELECT MAX(CASE WHEN resolved = 0 THEN may_land_until ELSE finished END) AS until FROM attempt
             WHERE practice = $1 AND door = $2 AND (resolved = 0 OR finished >= $3)
               AND (action = $4 OR (action = 'open' AND generation < $5))",
        )
        .bind(practice)
        .bind(door.id.as_str())
        .bind(clock::to_text(began))
        .bind(opposite.as_str())
        .bind(door.generation);
        let row = self.row(statement).await?;
        row.map_or(Ok(None), |row| row.maybe_time("until"))
    }
}
