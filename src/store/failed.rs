//! Everything that failed, page by page: a file of all of it costs each page once, however many failed.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::{
    Store, StoreError,
    doors::{door_columns, door_of},
    inbox::{Sought, with},
    snoozes::SNOOZED,
    statement::Statement,
};
use crate::{clock, door::Door, ids::PracticeName};

/// The parts of the walk, in order: which doors by what they shall be. Those that somebody looks at later come after
/// both.
const PARTS: [&str; 2] = ["closed", "open"];

/// How far a walk through what failed has come.
#[derive(Debug, Clone, Default)]
pub struct Walked {
    /// How many parts are behind it.
    parts: usize,
    /// Behind which place in this one it goes on. A place moves only with a new wish, so that nobody slips through
    /// between two pages when another door is proved meanwhile.
    place: String,
    /// What it has come by and tells last: somebody looked at it later when it was read. Kept, so that each door is
    /// read once, whatever is put off or taken back between two pages.
    later: VecDeque<Door>,
}

/// The place of a door in its part, as `door_failing_order` has it.
fn place_of(door: &Door) -> String {
    let deadline = door
        .deadline
        .map_or_else(|| "never".to_owned(), clock::to_text);
    deadline + door.id.as_str()
}

/// A page of one part of what failed. What its doors shall be is bound to the number `first`, and the place it goes on
/// behind to the next. Nothing has to be sorted, and nothing before the page is read.
pub(super) fn page(condition: &str, first: usize, most: u32) -> String {
    let columns = door_columns!();
    let second = first + 1;
    format!(
        "SELECT {columns}, CASE WHEN {SNOOZED} THEN 1 ELSE 0 END AS is_snoozed
         FROM door WHERE practice = $1 AND {condition}
         AND wanted = ${first} AND COALESCE(deadline, 'never') || id > ${second}
         ORDER BY COALESCE(deadline, 'never') || id LIMIT {most}"
    )
}

impl Store {
    /// The next doors of what failed, in the order of [`Store::list_failures`]; none after the last of them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn walk_failures(
        &self,
        practice: &PracticeName,
        sought: &Sought,
        walked: &mut Walked,
        most: u32,
        now: Timestamp,
    ) -> Result<Vec<Door>, StoreError> {
        while let Some(wanted) = PARTS.get(walked.parts) {
            let (condition, bound) = sought.condition();
            // Behind the practice, the time, and what is sought.
            let sql = page(&condition, bound.len() + 3, most);
            let statement = Statement::new(sql)
                .bind(practice.as_str())
                .bind(clock::to_text(now));
            let statement = with(statement, bound)
                .bind(*wanted)
                .bind(walked.place.as_str());
            let rows = self.rows(statement).await?;
            let doors = rows
                .iter()
                .map(|row| Ok((door_of(row)?, row.flag("is_snoozed")?)))
                .collect::<Result<Vec<_>, StoreError>>()?;
            match doors.last() {
                Some((last, _)) => walked.place = place_of(last),
                None => {
                    walked.parts += 1;
                    walked.place.clear();
                }
            }
            let (later, awake): (Vec<_>, Vec<_>) =
                doors.into_iter().partition(|(_, is_snoozed)| *is_snoozed);
            walked.later.extend(later.into_iter().map(|(door, _)| door));
            if !awake.is_empty() {
                return Ok(awake.into_iter().map(|(door, _)| door).collect());
            }
        }
        let most = walked.later.len().min(most as usize);
        Ok(walked.later.drain(..most).collect())
    }
}
