//! Doors: one row per person, system and way.

use drawbridge_sdk::{AccountId, FailureClass, Way};

use super::{
    Store, StoreError, WriteTx, claims,
    database::Reads as _,
    row::{Row, corrupt, json_text, rows_of_placeholders},
    statement::Statement,
};
use crate::{
    clock,
    door::{Assurance, Door, Due, Failure, Opening, Seen, Wanted},
    ids::{DoorId, PersonId, PracticeName, SystemName},
    query::fold,
};

/// Every column of a door that a row is read from.
macro_rules! door_columns {
    () => {
        "practice, id, person, system, way, wanted, opening, generation, reason, wanted_at, deadline, departure_case, \
         seen, seen_at, assurance, shut_at, sessions_ended, residual, fence, round, tries, due, next_try, sweep, \
         failure, failure_text, set_aside, set_aside_until"
    };
}
pub(super) use door_columns;

/// Who has their mail forwarded, and where to. Asked at each departure.
pub(super) const FORWARDINGS: &str = "SELECT person, opening FROM door
    WHERE practice = $1 AND way = 'forwarding' AND wanted = 'open'";

/// Doors that shall be shut and are not green, by practice and system. Gathered first: SQLite would otherwise
/// walk through every door to have them in groups.
pub(super) const UNCLOSED: &str = "WITH unclosed AS MATERIALIZED (
        SELECT practice, system, wanted_at, deadline, seen, seen_at, assurance, set_aside, set_aside_until FROM door
        WHERE wanted = 'closed' AND assurance NOT IN ('verified', 'attested'))
    SELECT practice, system, COUNT(*) AS doors, MIN(wanted_at) AS oldest,
        COUNT(CASE WHEN deadline < $1 AND NOT (seen = 'absent' AND assurance = 'unproven'
            AND seen_at >= wanted_at) AND NOT (set_aside IS NOT NULL AND (set_aside_until IS NULL
            OR set_aside_until > $1)) THEN 1 END) AS overdue
    FROM unclosed GROUP BY practice, system";

/// How many columns a door has.
const COLUMNS: usize = 28;

/// How many doors one statement writes.
const AT_ONCE: usize = 50;

/// An account that a system returned for one door and that is another person's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    /// Which account.
    pub account: AccountId,
    /// The door that owns it.
    pub door: DoorId,
    /// Whose door that is.
    pub person: PersonId,
}

/// Whether whoever claimed a door goes on working on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// It is done with it, or lost it.
    Release,
    /// It does, for as long as it may.
    Keep,
    /// It does, and has its full time again.
    Renew,
}

pub(super) fn door_of(row: &Row) -> Result<Door, StoreError> {
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
        set_aside: row
            .maybe_text("set_aside")?
            .map(|text| serde_json::from_str(&text).map_err(|_| corrupt("set_aside")))
            .transpose()?,
    })
}

/// Binds a door in the order of its columns.
fn bind_door(statement: Statement, door: &Door) -> Statement {
    let opening = match &door.wanted {
        Wanted::Open(opening) => Some(json_text(opening)),
        Wanted::Closed => None,
    };
    let failure = door.failure.as_ref();
    statement
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
        .bind(door.case.as_ref().map(|case| case.as_str()))
        .bind(door.seen.as_str())
        .bind(door.seen_at.map(clock::to_text))
        .bind(door.assurance.as_str())
        .bind(door.shut_at.map(clock::to_text))
        .bind(door.sessions_ended)
        .bind(json_text(&door.residual))
        .bind(door.fence)
        .bind(door.round)
        .bind(door.tries)
        .bind(door.due.as_str())
        .bind(door.next_try.map(clock::to_text))
        .bind(door.sweep)
        .bind(failure.map(|failure| failure.class.as_str()))
        .bind(failure.map(|failure| failure.text.as_str()))
        .bind(door.set_aside.as_ref().map(json_text))
        .bind(
            door.set_aside
                .as_ref()
                .and_then(|aside| aside.until)
                .map(clock::to_text),
        )
}

fn select_doors_of(practice: &PracticeName, person: &PersonId, lock: &str) -> Statement {
    Statement::new(format!(
        "SELECT {} FROM door WHERE practice = $1 AND person = $2 ORDER BY system, way{lock}",
        door_columns!(),
    ))
    .bind(practice.as_str())
    .bind(person.as_str())
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
        let rows = self.rows(select_doors_of(practice, person, "")).await?;
        rows.iter().map(door_of).collect()
    }

    /// Every door of a practice.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_doors(&self, practice: &PracticeName) -> Result<Vec<Door>, StoreError> {
        let statement = Statement::new(concat!(
            "SELECT ",
            door_columns!(),
            " FROM door WHERE practice = $1 ORDER BY person, system, way"
        ))
        .bind(practice.as_str());
        let rows = self.rows(statement).await?;
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
        let statement =
            Statement::new("SELECT DISTINCT system FROM door WHERE practice = $1 ORDER BY system")
                .bind(practice.as_str());
        let rows = self.rows(statement).await?;
        rows.iter()
            .map(|row| Ok(row.text("system")?.into()))
            .collect()
    }
}

/// Doors into one system that shall be shut and are not green.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unclosed {
    /// Whose.
    pub practice: PracticeName,
    /// Into what.
    pub system: SystemName,
    /// How many.
    pub doors: usize,
    /// How many of them are past their deadline; those that are merely blind, or set aside, never are.
    pub overdue: usize,
    /// Since when the oldest of them shall be shut.
    pub oldest: jiff::Timestamp,
}

impl Store {
    /// How many doors shall be shut and are not green, of every practice and system that has any.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_unclosed_doors(
        &self,
        now: jiff::Timestamp,
    ) -> Result<Vec<Unclosed>, StoreError> {
        let statement = Statement::new(UNCLOSED).bind(clock::to_text(now));
        let rows = self.rows(statement).await?;
        rows.iter()
            .map(|row| {
                Ok(Unclosed {
                    practice: row.text("practice")?.into(),
                    system: row.text("system")?.into(),
                    doors: usize::try_from(row.number("doors")?).unwrap_or(usize::MAX),
                    overdue: usize::try_from(row.number("overdue")?).unwrap_or(usize::MAX),
                    oldest: row.time("oldest")?,
                })
            })
            .collect()
    }
}

impl WriteTx {
    /// Every door of a person, as of this transaction.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_doors_of(&mut self, person: &PersonId) -> Result<Vec<Door>, StoreError> {
        let statement = select_doors_of(self.practice(), person, self.dialect().lock_rows());
        self.rows(statement).await?.iter().map(door_of).collect()
    }

    /// Whether an account was verified on a door's system since then.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn has_verified_account_since(
        &mut self,
        door: &Door,
        since: jiff::Timestamp,
    ) -> Result<bool, StoreError> {
        let statement = Statement::new(
            "SELECT 1 AS one FROM door WHERE practice = $1 AND system = $2 AND assurance = 'verified'
             AND seen IN ('open', 'closed') AND seen_at >= $3 LIMIT 1",
        )
        .bind(door.practice.as_str())
        .bind(door.system.as_str())
        .bind(clock::to_text(since));
        Ok(self.row(statement).await?.is_some())
    }

    /// Whose mail goes to one of these addresses, as of this transaction.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_people_forwarding_to(
        &mut self,
        addresses: &[String],
    ) -> Result<Vec<PersonId>, StoreError> {
        let statement = Statement::new(FORWARDINGS).bind(self.practice().as_str());
        let rows = self.rows(statement).await?;
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
        self.record_doors(std::slice::from_ref(door), lease);
    }

    /// Records doors: new ones, or new states.
    pub fn record_doors(&mut self, doors: &[Door], lease: Lease) {
        for doors in doors.chunks(AT_ONCE) {
            let sql = format!(
                "INSERT INTO door ({columns}) VALUES {rows}
                 ON CONFLICT (practice, id) DO UPDATE SET wanted = excluded.wanted, opening = excluded.opening,
                     generation = excluded.generation, reason = excluded.reason, wanted_at = excluded.wanted_at,
                     deadline = excluded.deadline, departure_case = excluded.departure_case, seen = excluded.seen,
                     seen_at = excluded.seen_at, assurance = excluded.assurance, shut_at = excluded.shut_at,
                     sessions_ended = excluded.sessions_ended, residual = excluded.residual, fence = excluded.fence,
                     lease_owner = CASE WHEN ${lease} > 0 THEN door.lease_owner ELSE NULL END,
                     lease_until = CASE ${lease} WHEN 2 THEN {until} WHEN 1 THEN door.lease_until ELSE NULL END,
                     round = excluded.round, tries = excluded.tries,
                     due = excluded.due, next_try = excluded.next_try, sweep = excluded.sweep,
                     failure = excluded.failure, failure_text = excluded.failure_text,
                     set_aside = excluded.set_aside, set_aside_until = excluded.set_aside_until",
                columns = door_columns!(),
                rows = rows_of_placeholders(doors.len(), COLUMNS),
                lease = doors.len() * COLUMNS + 1,
                until = self.dialect().time_in(claims::lease().as_secs()),
            );
            let statement = doors.iter().fold(Statement::new(sql), bind_door);
            self.later(statement.bind(match lease {
                Lease::Release => 0,
                Lease::Keep => 1,
                Lease::Renew => 2,
            }));
        }
    }

    /// Records accounts a system returned for a door, whatever became of the call. One account has
    /// one owner: answers those that already belong to somebody else's door.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn record_accounts(
        &mut self,
        door: &Door,
        accounts: &[AccountId],
    ) -> Result<Vec<Foreign>, StoreError> {
        let now = clock::to_text(self.now());
        let mut foreign = Vec::new();
        for account in accounts {
            match self.find_owner(door, account).await? {
                Some((owner, _)) if owner == door.id => {}
                Some((door, person)) => foreign.push(Foreign {
                    account: account.clone(),
                    door,
                    person,
                }),
                None => self.later(
                    Statement::new(
                        "INSERT INTO door_account (practice, system, way, account, door, first_seen)
                         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
                    )
                    .bind(door.practice.as_str())
                    .bind(door.system.as_str())
                    .bind(door.way.as_str())
                    .bind(account.as_str())
                    .bind(door.id.as_str())
                    .bind(now.as_str()),
                ),
            }
        }
        Ok(foreign)
    }

    /// The door that owns an account: somebody else's by any way, else one by the same way.
    async fn find_owner(
        &mut self,
        door: &Door,
        account: &AccountId,
    ) -> Result<Option<(DoorId, PersonId)>, StoreError> {
        let statement = Statement::new(
            "SELECT a.door AS door, d.person AS person FROM door_account a
             JOIN door d ON d.practice = a.practice AND d.id = a.door
             WHERE a.practice = $1 AND a.system = $2 AND a.account = $4 AND (a.way = $3 OR d.person <> $5)
             ORDER BY CASE WHEN a.way = $3 THEN 0 ELSE 1 END",
        )
        .bind(door.practice.as_str())
        .bind(door.system.as_str())
        .bind(door.way.as_str())
        .bind(account.as_str())
        .bind(door.person.as_str());
        let row = self.row(statement).await?;
        row.map(|row| Ok((row.text("door")?.into(), row.text("person")?.into())))
            .transpose()
    }
}
