//! The one place that knows what time it is.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::{Timestamp, Unit, fmt::temporal::DateTimePrinter};

/// RFC 3339 with milliseconds.
static PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// Says what time it is, in milliseconds.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time now, cut to the millisecond, as it is stored.
    fn now(&self) -> Timestamp;
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that asks the system"
    )]
    fn now(&self) -> Timestamp {
        to_millis(Timestamp::now())
    }
}

/// A clock that stands still until it is told to move, for tests.
#[derive(Debug, Clone)]
pub struct MockClock(Arc<Mutex<Timestamp>>);

impl MockClock {
    /// A clock that stands at this time.
    pub fn at(time: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(to_millis(time))))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let mut time = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *time = after(*time, by);
    }
}

impl Clock for MockClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time `by` later; the end of time if there is none.
pub fn after(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// How long from `earlier` to `later`; zero if it is the other way round.
pub fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

/// RFC 3339 in UTC with milliseconds, always 24 characters, so that text sorts as time does.
pub fn to_text(time: Timestamp) -> String {
    PRINTER.timestamp_to_string(&time)
}

/// Reads what [`to_text`] wrote.
///
/// # Errors
/// When the text is no RFC 3339 time.
pub fn from_text(text: &str) -> Result<Timestamp, jiff::Error> {
    text.parse()
}

fn to_millis(time: Timestamp) -> Timestamp {
    time.round(Unit::Millisecond).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_times_have_a_fixed_width_and_come_back() {
        let time: Timestamp = "2026-11-20T17:02:00Z".parse().unwrap();

        let text = to_text(time);

        assert_eq!(text, "2026-11-20T17:02:00.000Z");
        assert_eq!(from_text(&text).unwrap(), time);
    }
}
