//! Durations as people write them: `60 min`, `30 days`, `120 s`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error as _};

/// A duration in a settings file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written(pub(super) Duration);

const UNITS: [(&[&str], u64); 4] = [
    (&["s", "sec", "second", "seconds"], 1),
    (&["m", "min", "minute", "minutes"], 60),
    (&["h", "hour", "hours"], 3_600),
    (&["d", "day", "days"], 86_400),
];

/// Reads a number and a unit.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let split = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let unit = unit.trim().to_lowercase();
    let (_, seconds) = UNITS
        .into_iter()
        .find(|(names, _)| names.contains(&unit.as_str()))?;
    number
        .parse::<u64>()
        .ok()?
        .checked_mul(seconds)
        .map(Duration::from_secs)
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).map(Self).ok_or_else(|| {
            D::Error::custom(format!(
                "`{text}` is not a duration: write for example \"60 min\", \"30 days\" or \"120 s\""
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(parse("60 min"), Some(Duration::from_secs(3_600)));
        assert_eq!(parse("30 days"), Some(Duration::from_secs(2_592_000)));
        assert_eq!(parse("120s"), Some(Duration::from_secs(120)));
        assert_eq!(parse("soon"), None);
        assert_eq!(parse("60"), None);
        assert_eq!(parse("99999999999999999999 days"), None);
    }
}
