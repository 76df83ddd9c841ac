//! How often somebody may try what goes wrong, so that nobody goes on guessing.

use std::{
    collections::HashMap,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use crate::clock;

/// How many may go wrong at once, and again in every minute.
const AT_ONCE: f64 = 20.0;

const PER_SECOND: f64 = AT_ONCE / 60.0;

/// How many strangers are remembered. Who is pushed out by others begins anew.
const REMEMBERED: usize = 4096;

/// What may still be taken; it fills as time goes by.
#[derive(Debug)]
pub struct Bucket {
    left: f64,
    at: Timestamp,
}

impl Bucket {
    /// From which this many may be taken at once.
    pub const fn full(full: f64, now: Timestamp) -> Self {
        Self {
            left: full,
            at: now,
        }
    }

    /// Takes one.
    ///
    /// # Errors
    /// How long to wait, when there is none.
    pub fn take(&mut self, per_second: f64, full: f64, now: Timestamp) -> Result<(), Duration> {
        self.left = self.left_at(per_second, full, now);
        self.at = now;
        if self.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - self.left) / per_second));
        }
        self.left -= 1.0;
        Ok(())
    }

    /// Whether it is as good as new.
    fn is_full_at(&self, per_second: f64, full: f64, now: Timestamp) -> bool {
        self.left_at(per_second, full, now) >= full
    }

    fn left_at(&self, per_second: f64, full: f64, now: Timestamp) -> f64 {
        let filled = clock::between(self.at, now).as_secs_f64() * per_second;
        (self.left + filled).min(full)
    }
}

/// Counts what goes wrong, for each who tries.
#[derive(Debug)]
pub struct Tries<K>(Mutex<HashMap<K, Bucket>>);

impl<K> Default for Tries<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Tries<K> {
    /// Counts a try of somebody.
    ///
    /// # Errors
    /// How long to wait, when there were too many.
    pub fn count(&self, whose: K, now: Timestamp) -> Result<(), Duration> {
        let mut buckets = self.buckets();
        make_room(&mut buckets, &whose, now);
        let bucket = buckets.entry(whose).or_insert(Bucket::full(AT_ONCE, now));
        bucket.take(PER_SECOND, AT_ONCE, now)
    }

    /// A try that was counted before it was made went well: it does not count.
    pub fn went_well(&self, whose: &K) {
        if let Some(bucket) = self.buckets().get_mut(whose) {
            bucket.left = (bucket.left + 1.0).min(AT_ONCE);
        }
    }

    /// How many are remembered.
    #[cfg(test)]
    pub fn remembered(&self) -> usize {
        self.buckets().len()
    }

    fn buckets(&self) -> MutexGuard<'_, HashMap<K, Bucket>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets those who may fail as often as anybody; if they are few, the half that failed least recently.
fn make_room<K: Eq + Hash>(buckets: &mut HashMap<K, Bucket>, new: &K, now: Timestamp) {
    if buckets.len() < REMEMBERED || buckets.contains_key(new) {
        return;
    }
    buckets.retain(|_, bucket| !bucket.is_full_at(PER_SECOND, AT_ONCE, now));
    if buckets.len() > REMEMBERED / 2 {
        let mut times: Vec<Timestamp> = buckets.values().map(|bucket| bucket.at).collect();
        let (_, median, _) = times.select_nth_unstable(buckets.len() / 2);
        buckets.retain(|_, bucket| bucket.at > *median);
    }
}

/// What one customer of a provider has: an IPv4 address, or 64 bits of an IPv6 address.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_well_counts_for_nothing() {
        let tries = Tries::default();
        let now = "2026-11-20T17:00:00Z".parse().unwrap();

        for _ in 0..100 {
            assert!(tries.count("dana", now).is_ok());
            tries.went_well(&"dana");
        }
        let in_vain = (0..100).take_while(|_| tries.count("dana", now).is_ok());

        assert_eq!(in_vain.count(), 20);
        assert!(tries.count("priya", now).is_ok());
    }
}
