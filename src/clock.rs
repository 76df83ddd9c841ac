//! The one place that knows what time it is.

use std::{
    fmt,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::{Timestamp, Unit, fmt::temporal::DateTimePrinter};

/// RFC 3339 with milliseconds.
static PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// Says what time it is, in milliseconds.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The time now, cut to the millisecond, as it is stored.
    fn now(&self) -> Timestamp;

    /// How long this program has run, whatever somebody sets the time to.
    fn running(&self) -> Duration;
}

/// Where the time was set to something else than it would have become.
#[derive(Debug, Clone)]
pub struct Steps {
    now: Timestamp,
    running: Duration,
}

/// The time was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// What it would have been.
    pub expected: Timestamp,
    /// What it is.
    pub found: Timestamp,
}

/// What a clock may be off before it counts as set: time servers move it by less.
const DRIFT: Duration = Duration::from_secs(5);

impl Steps {
    /// Begins to watch a clock.
    pub fn watch(clock: &dyn Clock) -> Self {
        Self {
            now: clock.now(),
            running: clock.running(),
        }
    }

    /// Looks whether the clock was set since the last look.
    pub fn look(&mut self, clock: &dyn Clock) -> Option<Step> {
        let (found, running) = (clock.now(), clock.running());
        let expected = after(self.now, running.saturating_sub(self.running));
        *self = Self {
            now: found,
            running,
        };
        let off = between(expected, found).max(between(found, expected));
        (off > DRIFT).then_some(Step { expected, found })
    }
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

    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that asks the system"
    )]
    fn running(&self) -> Duration {
        static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
        BEGAN.elapsed()
    }
}

/// A clock that stands still until it is told to move, for tests.
#[derive(Debug, Clone)]
pub struct MockClock(Arc<Mutex<(Timestamp, Duration)>>);

impl MockClock {
    /// A clock that stands at this time.
    pub fn at(time: Timestamp) -> Self {
        Self(Arc::new(Mutex::new((to_millis(time), Duration::ZERO))))
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let mut hands = self.hands();
        hands.0 = after(hands.0, by);
        hands.1 += by;
    }

    /// Sets the time, as an administrator or a bad time server does. No time passes by it.
    pub fn set(&self, time: Timestamp) {
        self.hands().0 = to_millis(time);
    }

    fn hands(&self) -> MutexGuard<'_, (Timestamp, Duration)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for MockClock {
    fn now(&self) -> Timestamp {
        self.hands().0
    }

    fn running(&self) -> Duration {
        self.hands().1
    }
}

/// The time `by` later; the end of time if there is none.
pub fn after(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// The time `by` earlier; the beginning of time if there is none.
pub fn before(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_sub(by).unwrap_or(Timestamp::MIN)
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
    fn a_clock_that_is_set_is_told_from_time_that_passes() {
        let clock = MockClock::at("2026-11-20T17:02:00Z".parse().unwrap());
        let mut steps = Steps::watch(&clock);
        clock.advance(Duration::from_secs(86_400));
        let passed = steps.look(&clock);
        clock.set("2026-11-21T16:02:00Z".parse().unwrap());
        let set = steps.look(&clock);

        assert_eq!(passed, None);
        let set = set.unwrap();
        assert_eq!(between(set.found, set.expected), Duration::from_secs(3_600));
        assert_eq!(steps.look(&clock), None);
    }

    #[test]
    fn stored_times_have_a_fixed_width_and_come_back() {
        let time: Timestamp = "2026-11-20T17:02:00Z".parse().unwrap();

        let text = to_text(time);

        assert_eq!(text, "2026-11-20T17:02:00.000Z");
        assert_eq!(from_text(&text).unwrap(), time);
    }
}
