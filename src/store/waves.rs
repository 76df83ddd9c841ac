//! How many people lose doors, for the brake.

use super::{StoreError, WriteTx, database::Reads as _, row::corrupt, statement::Statement};
use crate::{
    clock,
    policy::brake::{WINDOW, Wave},
};

/// How much of a stored time tells the minute: `2026-11-20T17:02`.
const MINUTE: usize = 16;

impl WriteTx {
    /// Counts one more person who loses a door, and answers how many did within the window. Those who
    /// write in the same commit count, those whose numbers it has not written yet are active still.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_loss(&mut self) -> Result<Wave, StoreError> {
        let practice = self.practice().as_str().to_owned();
        let minute = |text: String| text.chars().take(MINUTE).collect::<String>();
        let now = minute(clock::to_text(self.now()));
        let since = self.now().checked_sub(WINDOW).unwrap_or(self.now());
        let since = minute(clock::to_text(since));
        let statement = Statement::new(
            "INSERT INTO leaving (practice, minute, people) VALUES ($1, $2, 1)
             ON CONFLICT (practice, minute) DO UPDATE SET people = leaving.people + 1",
        )
        .bind(practice.as_str())
        .bind(now);
        self.later(statement);
        let statement = Statement::new("DELETE FROM leaving WHERE practice = $1 AND minute < $2")
            .bind(practice.as_str())
            .bind(since.as_str());
        self.later(statement);
        let statement = Statement::new(
            "SELECT active_count AS active,
                 (SELECT CAST(SUM(people) AS BIGINT) FROM leaving WHERE practice = $1) AS lately
             FROM practice WHERE name = $1",
        )
        .bind(practice);
        let row = self
            .row(statement)
            .await?
            .ok_or_else(|| corrupt("active_count"))?;
        Ok(Wave {
            lately: row.number("lately")?,
            active: row.number("active")?,
        })
    }
}
