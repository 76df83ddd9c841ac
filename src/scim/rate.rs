//! The limit of requests a second, per token.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use crate::{ids::TokenId, tries::Bucket};

/// Counts requests per token. Off unless the settings say a number: identity providers send bursts,
/// and Entra ID expects 25 requests a second per tenant to pass.
#[derive(Debug)]
pub(super) struct Rate {
    per_second: Option<f64>,
    buckets: Mutex<HashMap<TokenId, Bucket>>,
}

impl Rate {
    pub(super) fn new(per_second: Option<f64>) -> Self {
        Self {
            per_second: per_second.filter(|rate| rate.is_finite() && *rate > 0.0),
            buckets: Mutex::default(),
        }
    }

    /// Counts a request of a token that was found valid, so that nobody fills the memory with made-up
    /// ids.
    ///
    /// # Errors
    /// How long to wait, when there were too many.
    pub(super) fn count(&self, token: &TokenId, now: Timestamp) -> Result<(), Duration> {
        let Some(per_second) = self.per_second else {
            return Ok(());
        };
        // A second's worth at once, and always at least one.
        let full = per_second.max(1.0);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets
            .entry(token.clone())
            .or_insert(Bucket::full(full, now));
        bucket.take(per_second, full, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_limit_holds_for_one_token_and_ends_by_itself() {
        let rate = Rate::new(Some(2.0));
        let (one, other) = (TokenId::from("one"), TokenId::from("other"));
        let now = at("2026-11-20T17:00:00Z");

        assert!(rate.count(&one, now).is_ok());
        assert!(rate.count(&one, now).is_ok());
        assert_eq!(
            rate.count(&one, at("2026-11-20T17:00:00.25Z")),
            Err(Duration::from_millis(250))
        );
        assert!(rate.count(&other, now).is_ok());
        assert!(rate.count(&one, at("2026-11-20T17:00:00.5Z")).is_ok());
        assert!(rate.count(&one, at("2026-11-20T17:00:00.5Z")).is_err());
    }

    #[test]
    fn less_than_one_a_second_still_lets_one_through() {
        let rate = Rate::new(Some(0.1));
        let token = TokenId::from("one");

        assert!(rate.count(&token, at("2026-11-20T17:00:00Z")).is_ok());
        assert!(rate.count(&token, at("2026-11-20T17:00:05Z")).is_err());
        assert!(rate.count(&token, at("2026-11-20T17:00:10Z")).is_ok());
    }

    #[test]
    fn a_clock_that_was_put_back_locks_nobody_out_for_long() {
        let rate = Rate::new(Some(1.0));
        let token = TokenId::from("one");
        rate.count(&token, at("2026-11-20T17:00:00Z")).unwrap();

        assert!(rate.count(&token, at("2026-11-20T16:00:00Z")).is_err());
        assert!(rate.count(&token, at("2026-11-20T16:00:01Z")).is_ok());
    }

    #[test]
    fn without_a_limit_everything_passes() {
        let rate = Rate::new(None);

        for _ in 0..1000 {
            assert!(
                rate.count(&TokenId::from("one"), at("2026-11-20T17:00:00Z"))
                    .is_ok()
            );
        }
    }
}
