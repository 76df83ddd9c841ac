//! Failed calls that somebody looks at again later.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{
    Store, StoreError, WriteTx, database::Reads as _, row::placeholders, statement::Statement,
};
use crate::{
    clock,
    door::Door,
    ids::{AdminId, DoorId, PracticeName},
};

/// Of a door: somebody looks at it again later. The practice is `$1`, the time `$2`.
pub(super) const SNOOZED: &str =
    "EXISTS (SELECT 1 FROM door_snooze z WHERE z.practice = $1 AND z.door = door.id
    AND z.generation = door.generation AND z.until > $2)";

impl Store {
    /// Until when somebody looks away from these doors, of those from which somebody does.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_snoozed(
        &self,
        practice: &PracticeName,
        doors: &[&Door],
        now: Timestamp,
    ) -> Result<HashMap<DoorId, Timestamp>, StoreError> {
        let mut snoozed = HashMap::new();
        for doors in doors.chunks(100) {
            let statement = Statement::new(format!(
                "SELECT z.door AS door, z.until AS until FROM door_snooze z
                 JOIN door d ON d.practice = z.practice AND d.id = z.door AND d.generation = z.generation
                 WHERE z.practice = $1 AND z.until > $2 AND z.door IN ({})",
                placeholders(3, doors.len())
            ))
            .bind(practice.as_str())
            .bind(clock::to_text(now));
            let ids = doors.iter().map(|door| door.id.as_str());
            for row in &self.rows(ids.fold(statement, Statement::bind)).await? {
                snoozed.insert(row.text("door")?.into(), row.time("until")?);
            }
        }
        Ok(snoozed)
    }
}

impl WriteTx {
    /// Has a door come back later, for as long as it has this wish.
    pub fn record_snooze(&mut self, door: &Door, admin: &AdminId, until: Timestamp) {
        let statement = Statement::new(
            "INSERT INTO door_snooze (practice, door, generation, admin, until) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (practice, door) DO UPDATE SET generation = excluded.generation, admin = excluded.admin,
                 until = excluded.until",
        )
        .bind(self.practice().as_str())
        .bind(door.id.as_str())
        .bind(door.generation)
        .bind(admin.as_str())
        .bind(clock::to_text(until));
        self.later(statement);
    }

    /// Has a door come back now. Answers whether it was to come back later.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn drop_snooze(&mut self, door: &Door) -> Result<bool, StoreError> {
        let statement = Statement::new(
            "DELETE FROM door_snooze WHERE practice = $1 AND door = $2 RETURNING door, until",
        )
        .bind(self.practice().as_str())
        .bind(door.id.as_str());
        let row = self.row(statement).await?;
        let until = row.map(|row| row.time("until")).transpose()?;
        Ok(until.is_some_and(|until| until > self.now()))
    }
}
