//! How near the end of something is without which a system can be neither closed nor read: its
//! certificate, and what the bridge signs in with.

use std::time::Duration;

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use crate::clock;

/// How long before its end it is worth a word: most are renewed then.
const WORTH_A_WORD: Duration = Duration::from_secs(30 * 24 * 3_600);

/// How long before its end it is a problem: others have to renew it, and need time.
const PROBLEM: Duration = Duration::from_secs(7 * 24 * 3_600);

/// How near an end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// Nobody need do anything.
    Far,
    /// Within 30 days.
    Soon,
    /// Within 7 days.
    Pressing,
    /// It has ended.
    Past,
}

impl Ending {
    /// How near this end is.
    pub fn of(end: Timestamp, now: Timestamp) -> Self {
        let within = |time| end <= clock::after(now, time);
        if end <= now {
            Self::Past
        } else if within(PROBLEM) {
            Self::Pressing
        } else if within(WORTH_A_WORD) {
            Self::Soon
        } else {
            Self::Far
        }
    }
}

/// When a credential ends of which the day is known: as that day begins in the practice, since some end
/// at its first minute.
pub fn beginning(day: Date, zone: &TimeZone) -> Timestamp {
    let begins = zone.to_ambiguous_zoned(day.to_datetime(jiff::civil::Time::midnight()));
    // Only at the edge of what a calendar knows is there no such time.
    let begins = begins.compatible();
    begins.map_or(Timestamp::MAX, |begins| begins.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_worth_a_word_before_it_is_a_problem() {
        let now: Timestamp = "2026-11-20T17:02:00Z".parse().unwrap();
        let of = |text: &str| Ending::of(text.parse().unwrap(), now);

        assert_eq!(of("2026-12-20T17:02:01Z"), Ending::Far);
        assert_eq!(of("2026-12-20T17:02:00Z"), Ending::Soon);
        assert_eq!(of("2026-11-27T17:02:01Z"), Ending::Soon);
        assert_eq!(of("2026-11-27T17:02:00Z"), Ending::Pressing);
        assert_eq!(of("2026-11-20T17:02:00Z"), Ending::Past);
    }

    #[test]
    fn a_day_begins_where_the_practice_is() {
        let zone = TimeZone::get("America/Chicago").unwrap();

        let begins = beginning("2026-12-01".parse().unwrap(), &zone);

        assert_eq!(begins.to_string(), "2026-12-01T06:00:00Z");
    }
}
