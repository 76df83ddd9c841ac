//! How an unreachable system is paced. A breaker never drops a close: each close is tried once
//! whatever the breaker says, and all of them the moment the system answers again.

use std::time::Duration;

use drawbridge_sdk::{CallError, FailureClass};
use jiff::Timestamp;

use crate::clock;

/// How often an unreachable system is asked whether it is back.
const PROBE_EVERY: Duration = Duration::from_secs(15);

/// Failures in a row after which a system counts as unreachable.
const FAILURES_IN_A_ROW: u32 = 2;

/// What is known of a system's reach.
#[derive(Debug, Clone, Default)]
pub struct Breaker {
    failures: u32,
    /// When the next probe is due; `None` while the system counts as reachable.
    probe_at: Option<Timestamp>,
    credential_refused: bool,
}

impl Breaker {
    /// Whether the system counts as unreachable.
    pub const fn is_open(&self) -> bool {
        self.probe_at.is_some()
    }

    /// Takes in that the system answered. Says whether doors waited for that.
    pub fn answered(&mut self) -> bool {
        let waited = self.is_open() || self.credential_refused;
        *self = Self::default();
        waited
    }

    /// Takes in that a call failed. Only failures to reach the system open the breaker.
    pub fn failed(&mut self, failure: &CallError, now: Timestamp) {
        // A 503 or a 429 is an answer, and the schedule is its pace.
        let answered = failure
            .receipts
            .last()
            .is_some_and(|receipt| receipt.status.is_some());
        match failure.class {
            FailureClass::Retryable if !answered => {
                self.failures += 1;
                if self.failures >= FAILURES_IN_A_ROW {
                    self.probe_at = Some(clock::after(now, PROBE_EVERY));
                }
            }
            FailureClass::Credential => self.credential_refused = true,
            // The system answered, whatever it said.
            _ => self.failures = 0,
        }
    }

    /// Whether a probe is due; if so, the next one is put off, so that only one runs at a time.
    pub fn take_probe(&mut self, now: Timestamp) -> bool {
        match self.probe_at {
            Some(due) if due <= now => {
                self.probe_at = Some(clock::after(now, PROBE_EVERY));
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use drawbridge_sdk::{Finality, Receipt};

    use super::*;

    fn unreachable() -> CallError {
        CallError::new(
            FailureClass::Retryable,
            Finality::NotSent,
            "cannot reach the system",
        )
    }

    fn refused() -> CallError {
        CallError::new(
            FailureClass::Refused,
            Finality::Answered,
            "the system refused",
        )
    }

    #[test]
    fn an_overloaded_system_is_reachable() {
        let now: Timestamp = "2026-11-20T17:00:00Z".parse().unwrap();
        let mut breaker = Breaker::default();
        let mut overloaded = unreachable();
        overloaded
            .receipts
            .push(Receipt::new("disable", "PATCH", Some("503".to_owned()), ""));

        for _ in 0..5 {
            breaker.failed(&overloaded, now);
        }

        assert!(!breaker.is_open());
    }

    #[test]
    fn two_failures_open_it_and_one_answer_closes_it() {
        let now: Timestamp = "2026-11-20T17:00:00Z".parse().unwrap();
        let mut breaker = Breaker::default();

        breaker.failed(&unreachable(), now);
        assert!(!breaker.is_open());
        breaker.failed(&unreachable(), now);
        assert!(breaker.is_open());
        assert!(!breaker.take_probe(now));
        assert!(breaker.take_probe(clock::after(now, PROBE_EVERY)));
        assert!(breaker.answered());
        assert!(!breaker.is_open());
    }

    #[test]
    fn a_refusal_is_an_answer() {
        let now: Timestamp = "2026-11-20T17:00:00Z".parse().unwrap();
        let mut breaker = Breaker::default();

        for _ in 0..5 {
            breaker.failed(&unreachable(), now);
            breaker.failed(&refused(), now);
        }

        assert!(!breaker.is_open());
    }
}
