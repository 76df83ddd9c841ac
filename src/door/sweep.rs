//! When a door is read again although nothing is known to be wrong (rule R7).

use std::time::Duration;

use jiff::Timestamp;

use super::Wanted;
use crate::clock;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Readings of a closed door after it was verified; then one a day.
const CLOSED: [Duration; 6] = [
    Duration::from_secs(5 * 60),
    HOUR,
    DAY,
    Duration::from_secs(3 * 24 * 3_600),
    Duration::from_secs(7 * 24 * 3_600),
    Duration::from_secs(30 * 24 * 3_600),
];

/// Readings of an open door after it was verified; then none of its own.
const OPEN: [Duration; 2] = [Duration::from_secs(5 * MINUTE.as_secs()), HOUR];

/// When the next reading is due, given how many were made since the wish.
///
/// A sweep that was late is not made up for: the next one is always in the future.
pub fn next(
    wanted: &Wanted,
    wanted_at: Timestamp,
    made: i64,
    now: Timestamp,
) -> Option<(i64, Timestamp)> {
    let schedule: &[Duration] = if wanted.is_closed() { &CLOSED } else { &OPEN };
    let made = usize::try_from(made).unwrap_or(usize::MAX);
    for (index, offset) in schedule.iter().enumerate().skip(made) {
        let due = clock::after(wanted_at, *offset);
        if due > now {
            return Some((i64::try_from(index).unwrap_or(i64::MAX), due));
        }
    }
    wanted.is_closed().then(|| {
        (
            i64::try_from(schedule.len()).unwrap_or(i64::MAX),
            clock::after(now, DAY),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_door_is_read_at_five_minutes_an_hour_and_on_to_thirty_days_then_daily() {
        let start: Timestamp = "2026-11-20T17:00:00Z".parse().unwrap();
        let mut now = start;
        let mut offsets = Vec::new();
        for made in 0..8 {
            let (_, due) = next(&Wanted::Closed, start, made, now).unwrap();
            offsets.push(clock::between(start, due).as_secs() / 60);
            now = due;
        }

        assert_eq!(
            offsets,
            [5, 60, 1_440, 4_320, 10_080, 43_200, 44_640, 46_080]
        );
    }

    #[test]
    fn an_open_door_is_read_twice() {
        let start: Timestamp = "2026-11-20T17:00:00Z".parse().unwrap();
        let open = Wanted::Open(super::super::Opening::default());

        assert!(next(&open, start, 0, start).is_some());
        assert_eq!(next(&open, start, 2, clock::after(start, HOUR)), None);
    }
}
