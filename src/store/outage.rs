//! What is asked while the database can be read and not written, and when what was done meanwhile is
//! brought over.

use jiff::Timestamp;

use super::{
    Store, StoreError, WriteTx,
    database::Reads as _,
    doors::{door_columns, door_of},
    statement::Statement,
};
use crate::{
    clock,
    door::Door,
    ids::{AttemptId, DoorId},
};

/// What an attempt is known to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownAttempt {
    /// It was written down, and what became of it was not.
    Sent,
    /// What became of it is written down.
    Finished,
}

impl Store {
    /// Doors to be closed now that nobody holds, whatever the system, most urgent first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_due_closes(&self, now: Timestamp) -> Result<Vec<Door>, StoreError> {
        let sql = format!(
            "SELECT {columns} FROM door
             WHERE next_try <= $1 AND wanted = 'closed' AND due = 'act'
               AND (lease_until IS NULL OR lease_until < {now})
             ORDER BY next_try",
            columns = door_columns!(),
            now = self.dialect.time_in(0),
        );
        let rows = self.rows(Statement::new(sql).bind(clock::to_text(now)));
        rows.await?.iter().map(door_of).collect()
    }

    /// Whether a door is as it was read, but for an attempt of this fence: nobody claimed or wished it anew.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn is_unchanged(&self, door: &Door, own_fence: i64) -> Result<bool, StoreError> {
        let statement = Statement::new(
            "SELECT 1 AS one FROM door WHERE practice = $1 AND id = $2 AND generation = $3
             AND fence IN ($4, $5)",
        )
        .bind(door.practice.as_str())
        .bind(door.id.as_str())
        .bind(door.generation)
        .bind(door.fence)
        .bind(own_fence);
        Ok(self.row(statement).await?.is_some())
    }
}

impl WriteTx {
    /// A door by its id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_door(&mut self, id: &DoorId) -> Result<Option<Door>, StoreError> {
        let sql = format!(
            "SELECT {} FROM door WHERE practice = $1 AND id = $2{}",
            door_columns!(),
            self.dialect().lock_rows(),
        );
        let statement = Statement::new(sql)
            .bind(self.practice().as_str())
            .bind(id.as_str());
        self.row(statement).await?.as_ref().map(door_of).transpose()
    }

    /// What is known of an attempt; `None` for one that the database never heard of.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_attempt(
        &mut self,
        id: &AttemptId,
    ) -> Result<Option<KnownAttempt>, StoreError> {
        let statement =
            Statement::new("SELECT finished FROM attempt WHERE practice = $1 AND id = $2")
                .bind(self.practice().as_str())
                .bind(id.as_str());
        let Some(row) = self.row(statement).await? else {
            return Ok(None);
        };
        Ok(Some(match row.maybe_text("finished")? {
            Some(_) => KnownAttempt::Finished,
            None => KnownAttempt::Sent,
        }))
    }
}
