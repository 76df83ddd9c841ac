//! Doors that somebody looks at again later. It changes nothing about the door: it is tried, its clock runs, and
//! whoever is told of it is told. It only stands further down in the list.

use std::time::Duration;

use jiff::Timestamp;

use super::Door;
use crate::clock;

/// The longest that somebody looks away at a time.
pub const LONGEST: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Until when somebody may look away who wants to for so long: a door that shall be shut comes back when its time
/// is over, at the latest.
///
/// # Errors
/// The text says, for a person, why nobody may.
pub fn until(door: &Door, wished: Duration, now: Timestamp) -> Result<Timestamp, String> {
    if door.failure.is_none() || door.is_settled(now) {
        return Err("nothing failed at this door that could wait: look again".to_owned());
    }
    let wished = clock::after(now, wished.min(LONGEST));
    match door.deadline.filter(|_| door.wanted.is_closed()) {
        Some(deadline) if deadline <= now => Err(
            "its time is over, and somebody who left may still get in: it cannot wait any longer"
                .to_owned(),
        ),
        Some(deadline) => Ok(wished.min(deadline)),
        None => Ok(wished),
    }
}
