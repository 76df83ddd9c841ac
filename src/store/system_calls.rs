//! How the calls of each system went lately, and how long it takes until a door there is shut.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

use super::{Store, StoreError, statement::Statement};
use crate::{
    clock,
    ids::{PracticeName, SystemName},
};

/// How many of the latest calls of a practice are looked at, so that the page costs the same after years.
const LATEST: i64 = 5_000;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);
const MONTH: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Doors of the cases since then that were shut and read back. The join is told which way round to go: without
/// statistics SQLite may walk through all that are shut.
pub(super) const SHUT_SINCE: &str =
    "SELECT d.system AS system, d.wanted_at AS wanted_at, d.shut_at AS shut_at
    FROM departure_case c CROSS JOIN door d
    WHERE c.practice = $1 AND c.learned > $2
        AND d.practice = c.practice AND d.person = c.person AND d.departure_case = c.id
        AND d.wanted || '' = 'closed' AND d.assurance = 'verified' AND d.shut_at IS NOT NULL";

/// How many calls were over, and how many of them failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rate {
    /// That were over.
    pub all: i64,
    /// That failed.
    pub failed: i64,
}

/// How a system did lately.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SystemCalls {
    /// When a call went well last, of the latest ones.
    pub last_success: Option<Timestamp>,
    /// Within the last hour.
    pub hour: Rate,
    /// Within the last day.
    pub day: Rate,
    /// Within which time 19 of 20 doors were shut, of those read back that shall be since less than 30 days, and how
    /// many those are.
    pub proved: Option<(Duration, usize)>,
}

/// The smallest of these that 95 of 100 are not above.
fn percentile(mut times: Vec<Duration>) -> Option<(Duration, usize)> {
    times.sort();
    let rank = (times.len() * 95).div_ceil(100);
    Some((*times.get(rank.checked_sub(1)?)?, times.len()))
}

impl Store {
    /// How each system of a practice did lately; nothing of those that nothing was asked of.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_system_calls(
        &self,
        practice: &PracticeName,
        now: Timestamp,
    ) -> Result<BTreeMap<SystemName, SystemCalls>, StoreError> {
        let mut systems: BTreeMap<SystemName, SystemCalls> = BTreeMap::new();
        let statement = Statement::new(
            "SELECT system, MAX(CASE WHEN failure IS NULL THEN finished END) AS success,
                 COUNT(CASE WHEN finished > $2 THEN 1 END) AS hour,
                 COUNT(CASE WHEN finished > $2 AND failure IS NOT NULL THEN 1 END) AS hour_failed,
                 COUNT(CASE WHEN finished > $3 THEN 1 END) AS day,
                 COUNT(CASE WHEN finished > $3 AND failure IS NOT NULL THEN 1 END) AS day_failed
             FROM (SELECT system, finished, failure FROM attempt WHERE practice = $1 ORDER BY id DESC LIMIT $4) latest
             WHERE finished IS NOT NULL GROUP BY system",
        )
        .bind(practice.as_str())
        .bind(clock::to_text(clock::before(now, HOUR)))
        .bind(clock::to_text(clock::before(now, DAY)))
        .bind(LATEST);
        for row in &self.rows(statement).await? {
            let rate = |all: &str, failed: &str| {
                Ok::<_, StoreError>(Rate {
                    all: row.number(all)?,
                    failed: row.number(failed)?,
                })
            };
            let calls = SystemCalls {
                last_success: row.maybe_time("success")?,
                hour: rate("hour", "hour_failed")?,
                day: rate("day", "day_failed")?,
                proved: None,
            };
            systems.insert(row.text("system")?.into(), calls);
        }
        let statement = Statement::new(SHUT_SINCE)
            .bind(practice.as_str())
            .bind(clock::to_text(clock::before(now, MONTH)));
        let mut times: BTreeMap<SystemName, Vec<Duration>> = BTreeMap::new();
        for row in &self.rows(statement).await? {
            let took = clock::between(row.time("wanted_at")?, row.time("shut_at")?);
            times
                .entry(row.text("system")?.into())
                .or_default()
                .push(took);
        }
        for (system, times) in times {
            systems.entry(system).or_default().proved = percentile(times);
        }
        Ok(systems)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nineteen_of_twenty_took_no_longer() {
        let seconds = |each: &[u64]| each.iter().copied().map(Duration::from_secs).collect();

        let of_twenty: Vec<u64> = (1..=20).rev().collect();

        assert_eq!(percentile(seconds(&[])), None);
        assert_eq!(percentile(seconds(&[7])), Some((Duration::from_secs(7), 1)));
        let (p95, count) = percentile(seconds(&of_twenty)).unwrap();
        assert_eq!((p95.as_secs(), count), (19, 20));
    }
}
