//! Durations as people write them: `60 min`, `30 days`, `120 s`.

use std::time::Duration;

const UNITS: [(&[&str], u64); 4] = [
    (&["s", "sec", "second", "seconds"], 1),
    (&["m", "min", "minute", "minutes"], 60),
    (&["h", "hour", "hours"], 3_600),
    (&["d", "day", "days"], 86_400),
];

/// Reads a whole number and a unit.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|letter: char| !letter.is_ascii_digit())?);
    let unit = unit.trim().to_lowercase();
    let (_, seconds) = UNITS
        .into_iter()
        .find(|(names, _)| names.contains(&unit.as_str()))?;
    let seconds = number.parse::<u64>().ok()?.checked_mul(seconds)?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in [
            ("60 min", 3_600),
            ("30 days", 2_592_000),
            ("1 Hour", 3_600),
            (" 120s ", 120),
            ("0 s", 0),
        ] {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "soon",
            "60",
            "-5 min",
            "1.5 h",
            "5 fortnights",
            "99999999999999999999 days",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
