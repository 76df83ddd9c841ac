//! How long a system asks to be left alone.

use std::time::Duration;

use jiff::{Timestamp, fmt::rfc2822};

/// Longest wait that is believed. A system that asks for more is asked again after this.
const LONGEST_SECONDS: i64 = 3600;

/// Reads `Retry-After`: seconds, or a date, which is measured from the answer's own `Date` so that
/// a wrong clock on either side does not matter. Anything else says nothing, a negative number too.
///
/// # Source
/// RFC 9110 section 10.2.3.
pub fn parse(value: &str, date: Option<&str>) -> Option<Duration> {
    let value = value.trim();
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = if is_number {
        // More digits than fit are a number all the same.
        value.parse().unwrap_or(LONGEST_SECONDS)
    } else {
        http_date(value)?
            .duration_since(http_date(date?)?)
            .as_secs()
    };
    u64::try_from(seconds.clamp(0, LONGEST_SECONDS))
        .ok()
        .map(Duration::from_secs)
}

fn http_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_system_asks_for_is_read_and_bounded() {
        let date = Some("Wed, 21 Oct 2026 07:28:00 GMT");
        for (value, seconds) in [
            ("120", Some(120)),
            (" 7 ", Some(7)),
            ("0", Some(0)),
            ("-5", None),
            ("+5", None),
            ("3600", Some(3600)),
            ("86400", Some(3600)),
            ("99999999999999999999999", Some(3600)),
            ("Wed, 21 Oct 2026 07:30:00 GMT", Some(120)),
            ("Wed, 21 Oct 2026 07:00:00 GMT", Some(0)),
            ("Fri, 01 Jan 2077 00:00:00 GMT", Some(3600)),
            ("soon", None),
            ("1.5", None),
            ("", None),
        ] {
            assert_eq!(
                parse(value, date),
                seconds.map(Duration::from_secs),
                "{value:?}"
            );
        }
    }

    #[test]
    fn a_date_without_the_answers_own_date_says_nothing() {
        assert_eq!(parse("Wed, 21 Oct 2026 07:30:00 GMT", None), None);
        assert_eq!(
            parse("Wed, 21 Oct 2026 07:30:00 GMT", Some("yesterday")),
            None
        );
    }
}
