//! Who works on which door: leases with a fence (rule R3).

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Dialect, Store, StoreError, WriteTx,
    database::Reads as _,
    doors::{door_columns, door_of},
    moves::OPENS_WAIT,
    statement::Statement,
};
use crate::{
    clock::{self, Step},
    door::Door,
    failpoint,
    ids::{DoorId, PracticeName, SystemName},
};

/// How long a claim lasts unless it is renewed.
pub const LEASE: Duration = Duration::from_secs(30);

pub(super) fn lease() -> Duration {
    failpoint::lease().unwrap_or(LEASE)
}

/// How long a close waits for an unreachable system's probe before it is tried all the same.
pub const LONG_WAIT: Duration = Duration::from_secs(15 * 60);

/// Which due doors of a system may be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claimable {
    /// All of them.
    All,
    /// Closed ones: nothing is opened now.
    Closes,
    /// The system is unreachable: closes that were never tried, and those that have waited for a
    /// quarter of an hour, for its probe may be wrong.
    FirstTries,
}

/// Doors to shut.
pub(super) const CLOSES: &str = "d.wanted = 'closed' AND d.next_try >= $6";

/// Doors to shut into a system that cannot be reached.
const FIRST_TRIES: &str = "d.wanted = 'closed' AND (d.tries = 0 OR d.next_try <= $6)";

/// Doors to open. Hiding what is wanted has SQLite look through the person's doors, not through all that
/// are shut.
pub(super) fn opens() -> String {
    format!(
        "d.wanted = 'open' AND d.next_try >= $6 AND (d.due = 'read' OR (NOT EXISTS (
             SELECT 1 FROM door c WHERE c.practice = d.practice AND c.person = d.person
             AND c.wanted || '' = 'closed' AND c.due = 'act' AND c.tries = 0 AND c.next_try IS NOT NULL)
         AND NOT EXISTS (SELECT 1 FROM install WHERE key = '{OPENS_WAIT}')))"
    )
}

/// Claims due doors of one system.
pub(super) fn claim(dialect: Dialect, which: &str) -> String {
    format!(
        // Picked once: PostgreSQL would otherwise be free to pick anew for each row, past the limit.
        "WITH picked AS MATERIALIZED (
             SELECT d.id AS id FROM door d
             WHERE d.practice = $2 AND d.system = $3 AND d.next_try <= $4
               AND (d.lease_until IS NULL OR d.lease_until < {now}) AND {which}
             ORDER BY d.next_try LIMIT $5 {skip_locked})
         UPDATE door SET fence = fence + 1, lease_owner = $1, lease_until = {lease}
         WHERE practice = $2 AND id IN (SELECT id FROM picked)
         RETURNING {columns}",
        lease = dialect.time_in(lease().as_secs()),
        now = dialect.time_in(0),
        skip_locked = dialect.skip_locked(),
        columns = door_columns!(),
    )
}

impl Store {
    /// Systems with work that is due and not being done, most urgent first, each with the time since which
    /// something of it is due.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_due_systems(
        &self,
        now: Timestamp,
    ) -> Result<Vec<(PracticeName, SystemName, Timestamp)>, StoreError> {
        let sql = format!(
            // Gathered first: SQLite would otherwise walk through every door to have them in groups.
            "WITH due AS MATERIALIZED (
                 SELECT practice, system, next_try FROM door
                 WHERE next_try <= $1 AND (lease_until IS NULL OR lease_until < {now}))
             SELECT practice, system, MIN(next_try) AS first FROM due GROUP BY practice, system ORDER BY first",
            now = self.dialect.time_in(0),
        );
        let statement = Statement::new(sql).bind(clock::to_text(now));
        let rows = self.rows(statement).await?;
        rows.iter()
            .map(|row| {
                let system = (row.text("practice")?.into(), row.text("system")?.into());
                Ok((system.0, system.1, row.time("first")?))
            })
            .collect()
    }

    /// Whether a claim still holds: nobody claimed or wished the door anew, and its time is not over.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn holds(&self, door: &Door, owner: &str) -> Result<bool, StoreError> {
        let sql = format!(
            "SELECT 1 AS one FROM door WHERE practice = $1 AND id = $2 AND fence = $3 AND lease_owner = $4
             AND lease_until >= {now}",
            now = self.dialect.time_in(0),
        );
        let statement = Statement::new(sql)
            .bind(door.practice.as_str())
            .bind(door.id.as_str())
            .bind(door.fence)
            .bind(owner);
        Ok(self.row(statement).await?.is_some())
    }

    /// Takes every lease away. Only for the one server of a SQLite file, whose lock proves that no
    /// other holder lives.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn release_all_leases(&self) -> Result<(), StoreError> {
        self.run_alone(Statement::new(
            "UPDATE door SET lease_owner = NULL, lease_until = NULL WHERE lease_owner IS NOT NULL",
        ))
        .await?;
        Ok(())
    }

    /// Takes away the leases of one owner, who is about to stop.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn release_leases_of(&self, owner: &str) -> Result<(), StoreError> {
        let statement = Statement::new(
            "UPDATE door SET lease_owner = NULL, lease_until = NULL WHERE lease_owner = $1",
        )
        .bind(owner);
        self.run_alone(statement).await?;
        Ok(())
    }

    /// Makes every door of a system that waits for a try due now: the system can be reached again.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn make_waiting_doors_due(
        &self,
        practice: &PracticeName,
        system: &SystemName,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let statement = Statement::new(
            "UPDATE door SET next_try = $1 WHERE practice = $2 AND system = $3 AND next_try > $1
             AND failure IN ('retryable', 'credential') RETURNING id",
        )
        .bind(clock::to_text(now))
        .bind(practice.as_str())
        .bind(system.as_str());
        Ok(self.run_alone(statement).await?.len())
    }
}

impl WriteTx {
    /// Claims up to `most` doors of one system that are due since then: their fence is raised, and a lease set.
    ///
    /// Doors of all systems lie in one order, by when they are due. Whatever waits for another system since
    /// before `since` is not even passed by: a system that is down may have tens of thousands.
    ///
    /// Closes come first. An open waits until each of the person's closes was tried once, and after a
    /// restore until somebody signs.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn claim_doors(
        &mut self,
        owner: &str,
        system: &SystemName,
        most: u32,
        (which, since): (Claimable, Timestamp),
    ) -> Result<Vec<Door>, StoreError> {
        let is_unreachable = which == Claimable::FirstTries;
        let (closes, bound) = if is_unreachable {
            (FIRST_TRIES, clock::before(self.now(), LONG_WAIT))
        } else {
            (CLOSES, since)
        };
        let mut doors = self.claim_where(closes, owner, system, most, bound).await?;
        let left = most.saturating_sub(u32::try_from(doors.len()).unwrap_or(u32::MAX));
        if left > 0 && which == Claimable::All {
            doors.extend(
                self.claim_where(&opens(), owner, system, left, since)
                    .await?,
            );
        }
        Ok(doors)
    }

    async fn claim_where(
        &mut self,
        which: &str,
        owner: &str,
        system: &SystemName,
        most: u32,
        bound: Timestamp,
    ) -> Result<Vec<Door>, StoreError> {
        let sql = claim(self.dialect(), which);
        let statement = Statement::new(sql)
            .bind(owner)
            .bind(self.practice().as_str())
            .bind(system.as_str())
            .bind(clock::to_text(self.now()))
            .bind(i64::from(most))
            .bind(clock::to_text(bound));
        self.rows(statement).await?.iter().map(door_of).collect()
    }

    /// Whether this claim still holds: nobody claimed or wished the door anew since.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn holds(&mut self, id: &DoorId, fence: i64) -> Result<bool, StoreError> {
        let practice = self.practice().as_str().to_owned();
        let lock = self.dialect().lock_rows();
        let sql = format!("SELECT fence FROM door WHERE practice = $1 AND id = $2{lock}");
        let statement = Statement::new(sql).bind(practice).bind(id.as_str());
        let row = self.row(statement).await?;
        row.map_or(Ok(false), |row| Ok(row.number("fence")? == fence))
    }

    /// Has what waits follow a clock that was set. What was sent may land for as long as before (rule
    /// R6); doors that are not green are due again where the clock went back, rather than later by as
    /// much; and nothing was answered in what is the future now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn move_times(&mut self, step: Step) -> Result<(), StoreError> {
        let practice = self.practice().as_str().to_owned();
        let found = clock::to_text(step.found);
        let unresolved = Statement::new(
            "SELECT id, may_land_until FROM attempt
             WHERE practice = $1 AND resolved = 0 AND may_land_until > $2",
        )
        .bind(practice.as_str())
        .bind(clock::to_text(step.expected));
        for row in self.rows(unresolved).await? {
            let left = clock::between(step.expected, row.time("may_land_until")?);
            let moved = Statement::new(
                "UPDATE attempt SET may_land_until = $1 WHERE practice = $2 AND id = $3",
            )
            .bind(clock::to_text(clock::after(step.found, left)))
            .bind(practice.as_str())
            .bind(row.text("id")?);
            self.later(moved);
        }
        for moved in [
            "UPDATE attempt SET finished = $1 WHERE practice = $2 AND finished > $1",
            "UPDATE door SET next_try = $1 WHERE practice = $2 AND next_try > $1
             AND assurance NOT IN ('verified', 'attested')",
        ] {
            self.later(
                Statement::new(moved)
                    .bind(found.as_str())
                    .bind(practice.as_str()),
            );
        }
        Ok(())
    }

    /// Has a door that waits to be read be read as soon as a reading counts again: what it waited for was
    /// answered now.
    pub fn read_again(&mut self, id: &DoorId) {
        let soon = clock::after(self.now(), Duration::from_millis(1));
        let statement = Statement::new(
            "UPDATE door SET next_try = $1 WHERE practice = $2 AND id = $3 AND due = 'read' AND next_try > $1",
        )
        .bind(clock::to_text(soon))
        .bind(self.practice().as_str())
        .bind(id.as_str());
        self.later(statement);
    }

    /// Has a door be read at once, unless it is about to be opened or closed anyway. Whoever is at it now sees
    /// what is so no more: their claim is void, and what they read changes nothing.
    pub fn read_at_once(&mut self, id: &DoorId) {
        let statement = Statement::new(
            // A door that somebody is at stays due for as long as they are.
            "UPDATE door SET next_try = $1, fence = fence + 1, lease_owner = NULL, lease_until = NULL
             WHERE practice = $2 AND id = $3 AND (lease_owner IS NOT NULL
                 OR (due = 'read' AND (next_try IS NULL OR next_try > $1)))",
        )
        .bind(clock::to_text(self.now()))
        .bind(self.practice().as_str())
        .bind(id.as_str());
        self.later(statement);
    }

    /// Has this owner hold a door, with the fence and the number of tries it has now, for a full lease.
    pub fn hold(&mut self, door: &Door, owner: &str) {
        let sql = format!(
            "UPDATE door SET fence = $1, tries = $2, lease_owner = $3, lease_until = {lease}
             WHERE practice = $4 AND id = $5",
            lease = self.dialect().time_in(lease().as_secs()),
        );
        let statement = Statement::new(sql)
            .bind(door.fence)
            .bind(door.tries)
            .bind(owner)
            .bind(door.practice.as_str())
            .bind(door.id.as_str());
        self.later(statement);
    }
}
