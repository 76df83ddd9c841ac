//! Times as people read them: in the practice's zone, with UTC for whoever points at them.

use std::fmt;

use askama::filters::HtmlSafe;
use jiff::{Timestamp, tz::TimeZone};

use super::admit::Visit;
use crate::clock;

/// A point in time on a page. It is put into words where it is shown: most doors of a board show none.
#[derive(Debug, Clone)]
pub(super) struct When {
    at: Timestamp,
    now: Timestamp,
    zone: TimeZone,
}

impl When {
    /// A time as whoever asks reads it: without the day if that is today.
    pub(super) fn new(at: Timestamp, visit: &Visit) -> Self {
        Self::at(at, visit.now, &visit.practice().zone)
    }

    fn at(at: Timestamp, now: Timestamp, zone: &TimeZone) -> Self {
        Self {
            at,
            now,
            zone: zone.clone(),
        }
    }
}

// Made of digits and the names of months: there is nothing in it to escape.
impl HtmlSafe for When {}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let local = self.at.to_zoned(self.zone.clone());
        let today = self.now.to_zoned(self.zone.clone());
        let form = if local.date() == today.date() {
            "%H:%M:%S"
        } else if local.year() == today.year() {
            "%b %-d, %H:%M"
        } else {
            "%b %-d %Y, %H:%M"
        };
        write!(
            f,
            "<time datetime=\"{0}\" title=\"{0} UTC\">{1}</time>",
            clock::to_text(self.at),
            local.strftime(form)
        )
    }
}

/// How far away a time is: `4 min`, `2 h 11 min`, `3 days`.
pub(super) fn apart(one: Timestamp, other: Timestamp) -> String {
    let (one, other) = (one.min(other), one.max(other));
    let seconds = clock::between(one, other).as_secs();
    match (seconds, seconds / 60, seconds / 3_600) {
        (0..60, ..) => format!("{seconds} s"),
        (_, 1..60, _) => format!("{} min", seconds / 60),
        (_, _, 1..48) if (seconds / 60).is_multiple_of(60) => format!("{} h", seconds / 3_600),
        (_, _, 1..48) => format!("{} h {} min", seconds / 3_600, (seconds / 60) % 60),
        (_, _, hours) => format!("{} days", hours / 24),
    }
}

/// How much time is left of a deadline, for the ring, the words and the colour.
#[derive(Debug, Clone)]
pub(super) struct Left {
    /// `42`, or `+12` past the deadline.
    pub(super) minutes: String,
    /// `min left`, or `min over`.
    pub(super) unit: &'static str,
    /// How much of the ring is drawn, of 100.
    pub(super) dash: u32,
    /// `calm`, `soon`, `late`.
    pub(super) kind: &'static str,
    /// For the script that counts down.
    pub(super) deadline: String,
    /// For whoever cannot see the ring.
    pub(super) words: String,
}

impl Left {
    /// What is left at `now`.
    pub(super) fn new(learned: Timestamp, deadline: Timestamp, now: Timestamp) -> Self {
        let share = crate::cases::board::share_left(learned, deadline, now);
        let is_over = deadline < now;
        // Rounded up: "1" is the last minute and the first one over, and "0" is the deadline itself.
        let seconds = clock::between(now.min(deadline), now.max(deadline)).as_secs();
        let minutes = seconds.div_ceil(60);
        let kind = match (is_over, minutes) {
            (true, _) => "late",
            (false, 0..=15) => "soon",
            (false, _) => "calm",
        };
        Self {
            minutes: if is_over {
                format!("+{minutes}")
            } else {
                minutes.to_string()
            },
            unit: if is_over { "min over" } else { "min left" },
            dash: if is_over {
                100
            } else {
                (share * 100.0).round() as u32
            },
            kind,
            deadline: clock::to_text(deadline),
            words: if is_over {
                format!("{} past the deadline", apart(deadline, now))
            } else {
                format!("{} left", apart(now, deadline))
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn noon() -> Timestamp {
        "2026-11-20T17:02:00Z".parse().unwrap()
    }

    #[test]
    fn a_time_is_the_practices_own_with_utc_beside_it() {
        let zone = TimeZone::get("America/Chicago").unwrap();

        let today = When::at(noon(), noon(), &zone).to_string();
        let earlier = When::at("2026-11-02T23:30:00Z".parse().unwrap(), noon(), &zone).to_string();

        assert_eq!(
            today,
            "<time datetime=\"2026-11-20T17:02:00.000Z\" title=\"2026-11-20T17:02:00.000Z UTC\">11:02:00</time>"
        );
        assert!(earlier.contains(">Nov 2, 17:30<"), "{earlier}");
    }

    #[test]
    fn how_far_apart_times_are_is_said_as_people_say_it() {
        for (seconds, text) in [
            (42, "42 s"),
            (240, "4 min"),
            (7_200, "2 h"),
            (7_860, "2 h 11 min"),
            (259_200, "3 days"),
        ] {
            let later = clock::after(noon(), Duration::from_secs(seconds));
            assert_eq!(apart(noon(), later), text);
            assert_eq!(apart(later, noon()), text);
        }
    }

    #[test]
    fn the_last_minute_counts_as_one_and_so_does_the_first_past_it() {
        let deadline = clock::after(noon(), Duration::from_secs(3_600));
        let left = |seconds| {
            let at = clock::after(noon(), Duration::from_secs(seconds));
            let left = Left::new(noon(), deadline, at);
            (left.minutes, left.kind, left.dash)
        };

        assert_eq!(left(0), ("60".to_owned(), "calm", 100));
        assert_eq!(left(2_700), ("15".to_owned(), "soon", 25));
        assert_eq!(left(3_599), ("1".to_owned(), "soon", 0));
        assert_eq!(left(3_601), ("+1".to_owned(), "late", 100));
        assert_eq!(left(3_600 + 720), ("+12".to_owned(), "late", 100));
    }
}
