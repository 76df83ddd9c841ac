//! The pace of the schedule: 0, 5, 15, 30, 60, 120, 240, 480, then every 600 seconds, within 20 %.

use std::time::Duration;

use backoff::{ExponentialBackoff, backoff::Backoff as _};

/// Waits before each try, in seconds. About twelve tries fit the hour.
const SCHEDULE: [u64; 9] = [0, 5, 15, 30, 60, 120, 240, 480, 600];

/// Share by which a wait is shortened or lengthened at random, so that doors do not march in step.
const JITTER: f64 = 0.2;

/// How long to wait after this many tries.
pub fn delay(tries: i64) -> Duration {
    let step = usize::try_from(tries).unwrap_or(0).min(SCHEDULE.len() - 1);
    let base = Duration::from_secs(SCHEDULE[step]);
    if base.is_zero() {
        return base;
    }
    let mut pace = ExponentialBackoff {
        current_interval: base,
        initial_interval: base,
        max_interval: base,
        randomization_factor: JITTER,
        // The default ends all tries after 15 minutes; a close is never given up.
        max_elapsed_time: None,
        ..ExponentialBackoff::default()
    };
    // Jitter is applied after the library's own cap, so it is clamped again here.
    pace.next_backoff()
        .unwrap_or(base)
        .clamp(base.mul_f64(1.0 - JITTER), base.mul_f64(1.0 + JITTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twelve_tries_fit_the_hour_even_with_the_longest_jitter() {
        let total: f64 = (0..12)
            .map(|tries| SCHEDULE[tries.min(8)] as f64 * (1.0 + JITTER))
            .sum();

        assert!(total <= 3_600.0 * 1.2, "{total} seconds");
        assert_eq!(delay(0), Duration::ZERO);
    }

    #[test]
    fn every_wait_stays_within_a_fifth_of_the_schedule() {
        for tries in 1..40 {
            let base = SCHEDULE[usize::try_from(tries).unwrap().min(8)] as f64;
            for _ in 0..50 {
                let wait = delay(tries).as_secs_f64();
                assert!(
                    (base * 0.8..=base * 1.2).contains(&wait),
                    "try {tries}: {wait} s"
                );
            }
        }
    }
}
