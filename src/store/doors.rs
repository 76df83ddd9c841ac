//! Doors: one row per person, system and way.

use drawbridge_sdk::{AccountId, FailureClass, Way};
use sqlx::{AnyConnection, AssertSqlSafe, any::AnyRow};

use super::{
    Store, StoreError, WriteTx,
    row::{Columns, corrupt},
    statement::Statement,
};
use crate::{
    clock,
    door::{Assurance, Door, Due, Failure, Opening, Seen, Wanted},
    ids::{PersonId, PracticeName, SystemName},
    query::fold,
};

/// Every column of a door that a row is read from.
macro_rules! door_columns {
    () => {
        "practice, id, person, system, way, wanted, opening, generation, reason, wanted_at, deadline, departure_case, \
         seen, seen_at, assurance, shut_at, sessions_ended, residual, fence, round, tries, due, next_try, sweep, \
         failure, failure_text"
    };
}
pub(super) use door_columns;

/// Whether whoever claimed a door goes on working on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// It does.
    Keep,
    /// It is done with it, or lost it.
    Release,
}

pub(super) fn door_of(row: &AnyRow) -> Result<Door, StoreError> {
    let wanted = match row.maybe_text("opening")? {
        Some(opening) => {
            Wanted::Open(serde_json::from_str(&opening).map_err(|_| corrupt("opening"))?)
        }
        None => Wanted::Closed,
    };
    let failure = match (row.maybe_text("failure")?, row.maybe_text("failure_text")?) {
        (Some(class), Some(text)) => Some(Failure {
            class: FailureClass::from_name(&class).ok_or_else(|| corrupt("failure"))?,
            text,
        }),
        _ => None,
    };
    Ok(Door {
        practice: row.text("practice")?.into(),
        id: row.text("id")?.into(),
        person: row.text("person")?.into(),
        system: row.text("system")?.into(),
        way: Way::from_name(&row.text("way")?).ok_or_else(|| corrupt("way"))?,
        wanted,
        generation: row.number("generation")?,
        reason: row.text("reason")?,
        wanted_at: row.time("wanted_at")?,
        deadline: row.maybe_time("deadline")?,
        case: row.maybe_text("departure_case")?.map(Into::into),
        seen: Seen::from_name(&row.text("seen")?).ok_or_else(|| corrupt("seen"))?,
        seen_at: row.maybe_time("seen_at")?,
        assurance: Assurance::from_name(&row.text("assurance")?)
            .ok_or_else(|| corrupt("assurance"))?,
        shut_at: row.maybe_time("shut_at")?,
        sessions_ended: row.flag("sessions_ended")?,
        residual: row.json("residual")?,
        fence: row.number("fence")?,
        round: row.number("round")?,
        tries: row.number("tries")?,
        due: if row.text("due")? == "act" {
            Due::Act
        } else {
            Due::Read
        },
        next_try: row.maybe_time("next_try")?,
        sweep: row.number("sweep")?,
        failure,
    })
}

async fn read_doors_of(
    connection: &mut AnyConnection,
    practice: &PracticeName,
    person: &PersonId,
    lock: &str,
) -> Result<Vec<Door>, StoreError> {
    let sql = format!(
        "SELECT {} FROM door WHERE practice = $1 AND person = $2 ORDER BY system, way{lock}",
        door_columns!(),
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(practice.as_str())
        .bind(person.as_str())
        .fetch_all(connection)
        .await?;
    rows.iter().map(door_of).collect()
}

impl Store {
    /// Every door of a person.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_doors_of(
        &self,
        practice: &PracticeName,
        person: &PersonId,
    ) -> Result<Vec<Door>, StoreError> {
        read_doors_of(&mut *self.pool.acquire().await?, practice, person, "").await
    }

    /// Every door of a practice.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_doors(&self, practice: &PracticeName) -> Result<Vec<Door>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            door_columns!(),
            " FROM door WHERE practice = $1 ORDER BY person, system, way"
        ))
        .bind(practice.as_str())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(door_of).collect()
    }

    /// Systems of a practice that any door leads into.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_systems_with_doors(
        &self,
        practice: &PracticeName,
    ) -> Result<Vec<SystemName>, StoreError> {
        let rows =
            sqlx::query("SELECT DISTINCT system FROM door WHERE practice = $1 ORDER BY system")
                .bind(practice.as_str())
                .fetch_all(&self.pool)
                .await?;
        rows.iter()
            .map(|row| Ok(row.text("system")?.into()))
            .collect()
    }

    /// Whether an account was verified on this system since then.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn has_verified_account_since(
        &self,
        practice: &PracticeName,
        system: &SystemName,
        since: jiff::Timestamp,
    ) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS total FROM door WHERE practice = $1 AND system = $2 AND assurance = 'verified'
             AND seen IN ('open', 'closed') AND seen_at >= $3",
        )
        .bind(practice.as_str())
        .bind(system.as_str())
        .bind(clock::to_text(since))
        .fetch_one(&self.pool)
        .await?;
        Ok(row.number("total")? > 0)
    }
}

impl WriteTx {
    /// Every door of a person, as of this transaction.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_doors_of(&mut self, person: &PersonId) -> Result<Vec<Door>, StoreError> {
        let (practice, lock) = (self.practice().clone(), self.dialect().lock_rows());
        read_doors_of(self.connection().await?, &practice, person, lock).await
    }

    /// Whose mail goes to one of these addresses, as of this transaction.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_people_forwarding_to(
        &mut self,
        addresses: &[String],
    ) -> Result<Vec<PersonId>, StoreError> {
        let practice = self.practice().as_str().to_owned();
        let rows = sqlx::query(
            "SELECT person, opening FROM door WHERE practice = $1 AND way = 'forwarding' AND wanted = 'open'",
        )
        .bind(practice)
        .fetch_all(self.connection().await?)
        .await?;
        let mut people = Vec::new();
        for row in &rows {
            let opening: Opening = row.json("opening")?;
            let goes_to = |address: &String| {
                opening
                    .forward_to
                    .as_deref()
                    .is_some_and(|to| fold(to) == fold(address))
            };
            if addresses.iter().any(goes_to) {
                people.push(row.text("person")?.into());
            }
        }
        Ok(people)
    }

    /// Records a door: a new one, or a new state.
    pub fn record_door(&mut self, door: &Door, lease: Lease) {
        let opening = match &door.wanted {
            Wanted::Open(opening) => Some(serde_json::json!(opening).to_string()),
            Wanted::Closed => None,
        };
        let statement = Statement::new(
            "INSERT INTO door (practice, id, person, system, way, wanted, opening, generation, reason, wanted_at,
                 deadline, departure_case, seen, seen_at, assurance, shut_at, sessions_ended, residual, fence,
                 lease_owner, lease_until, round, tries, due, next_try, sweep, failure, failure_text)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
                 NULL, NULL, $20, $21, $22, $23, $24, $25, $26)
             ON CONFLICT (practice, id) DO UPDATE SET wanted = excluded.wanted, opening = excluded.opening,
                 generation = excluded.generation, reason = excluded.reason, wanted_at = excluded.wanted_at,
                 deadline = excluded.deadline, departure_case = excluded.departure_case, seen = excluded.seen,
                 seen_at = excluded.seen_at, assurance = excluded.assurance, shut_at = excluded.shut_at,
                 sessions_ended = excluded.sessions_ended, residual = excluded.residual, fence = excluded.fence,
                 lease_owner = CASE WHEN $27 = 1 THEN door.lease_owner ELSE NULL END,
                 lease_until = CASE WHEN $27 = 1 THEN door.lease_until ELSE NULL END,
                 round = excluded.round, tries = excluded.tries,
                 due = excluded.due, next_try = excluded.next_try, sweep = excluded.sweep,
                 failure = excluded.failure, failure_text = excluded.failure_text",
        )
        .bind(door.practice.as_str())
        .bind(door.id.as_str())
        .bind(door.person.as_str())
        .bind(door.system.as_str())
        .bind(door.way.as_str())
        .bind(door.wanted.as_str())
        .bind(opening)
        .bind(door.generation)
        .bind(door.reason.as_str())
        .bind(clock::to_text(door.wanted_at))
        .bind(door.deadline.map(clock::to_text))
        .bind(door.case.as_ref().map(|case| case.as_str().to_owned()))
        .bind(door.seen.as_str())
        .bind(door.seen_at.map(clock::to_text))
        .bind(door.assurance.as_str())
        .bind(door.shut_at.map(clock::to_text))
        .bind(i64::from(door.sessions_ended))
        .bind(serde_json::json!(door.residual).to_string())
        .bind(door.fence)
        .bind(door.round)
        .bind(door.tries)
        .bind(door.due.as_str())
        .bind(door.next_try.map(clock::to_text))
        .bind(door.sweep)
        .bind(door.failure.as_ref().map(|failure| failure.class.as_str()))
        .bind(door.failure.as_ref().map(|failure| failure.text.clone()))
        .bind(i64::from(lease == Lease::Keep));
        self.later(statement);
    }

    /// Records accounts a system returned for a door, whatever became of the call. One account has
    /// one owner: answers the ids that already belong to somebody else's door.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn record_accounts(
        &mut self,
        door: &Door,
        accounts: &[AccountId],
    ) -> Result<Vec<AccountId>, StoreError> {
        let now = clock::to_text(self.now());
        let mut foreign = Vec::new();
        for account in accounts {
            let statement = Statement::new(
                "INSERT INTO door_account (practice, system, way, account, door, first_seen)
                 VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
            )
            .bind(door.practice.as_str())
            .bind(door.system.as_str())
            .bind(door.way.as_str())
            .bind(account.as_str())
            .bind(door.id.as_str())
            .bind(now.as_str());
            self.later(statement);
            let row = sqlx::query(
                "SELECT door FROM door_account WHERE practice = $1 AND system = $2 AND way = $3 AND account = $4",
            )
            .bind(door.practice.as_str())
            .bind(door.system.as_str())
            .bind(door.way.as_str())
            .bind(account.as_str())
            .fetch_one(self.connection().await?)
            .await?;
            if row.text("door")? != door.id.as_str() {
                foreign.push(account.clone());
            }
        }
        Ok(foreign)
    }
}
