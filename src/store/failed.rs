//! Everything that failed, page by page: a file of all of it costs each page once, however many failed.

use jiff::Timestamp;

use super::{
    Store, StoreError,
    doors::{door_columns, door_of},
    inbox::{Sought, with},
    snoozes::SNOOZED,
    statement::Statement,
};
use crate::{clock, door::Door, ids::PracticeName};

/// The parts of the walk, in order: which doors by what they shall be, and whether those that somebody looks at later.
const PARTS: [(&str, bool); 4] = [
    ("closed", false),
    ("open", false),
    ("closed", true),
    ("open", true),
];

/// How far a walk through what failed has come.
#[derive(Debug, Clone, Default)]
pub struct Walked {
    /// How many parts are behind it.
    parts: usize,
    /// Behind which place in this one it goes on. A place moves only with a new wish, so that nobody slips through
    /// between two pages when another door is proved meanwhile.
    place: String,
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
pub(super) fn page(condition: &str, is_snoozed: bool, first: usize, most: u32) -> String {
    let columns = door_columns!();
    let not = if is_snoozed { "" } else { "NOT " };
    let second = first + 1;
    format!(
        "SELECT {columns} FROM door WHERE practice = $1 AND {condition} AND {not}{SNOOZED}
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
        while let Some((wanted, is_snoozed)) = PARTS.get(walked.parts) {
            let (condition, bound) = sought.condition();
            // Behind the practice, the time, and what is sought.
            let sql = page(&condition, *is_snoozed, bound.len() + 3, most);
            let statement = Statement::new(sql)
                .bind(practice.as_str())
                .bind(clock::to_text(now));
            let statement = with(statement, bound)
                .bind(*wanted)
                .bind(walked.place.as_str());
            let rows = self.rows(statement).await?;
            let doors = rows.iter().map(door_of).collect::<Result<Vec<_>, _>>()?;
            if let Some(last) = doors.last() {
                walked.place = place_of(last);
                return Ok(doors);
            }
            *walked = Walked {
                parts: walked.parts + 1,
                place: String::new(),
            };
        }
        Ok(Vec::new())
    }
}
