//! What the console asks: cases with their doors, what failed, and how each system is doing.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Store, StoreError, WriteTx,
    database::Reads as _,
    doors::{door_columns, door_of},
    inbox::FAILED,
    records::Case,
    row::{Row, corrupt},
    statement::Statement,
};
use crate::{
    clock,
    door::Door,
    ids::{CaseId, DoorId, PersonId, PracticeName, SystemName},
};

const KINDS: [&str; 3] = ["joiner", "mover", "leaver"];

/// What is read of a case, in a query of `departure_case`.
macro_rules! case_columns {
    () => {
        "id, person, kind, ended, confirmed, learned, deadline, closed, set_aside, superseded_by,
         CASE WHEN EXISTS (
             SELECT 1 FROM departure_closed u WHERE u.practice = departure_case.practice
                 AND u.departure_case = departure_case.id AND u.undone IS NOT NULL) THEN 1 ELSE 0 END AS is_undone"
    };
}

/// A case, and when it was over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCase {
    /// The case.
    pub case: Case,
    /// T0: the end of the arrangement, where somebody said so.
    pub ended: Option<Timestamp>,
    /// When somebody of the practice confirmed that, where it is known.
    pub confirmed: Option<Timestamp>,
    /// When it was over; `None` while it is open.
    pub closed: Option<Timestamp>,
    /// Whether somebody undid it: it was the wrong person.
    pub is_undone: bool,
    /// Whether it was over although some door of it was not proved: somebody said that it is none.
    pub has_aside: bool,
    /// The newer case that took doors over before they were as they should be.
    pub superseded_by: Option<CaseId>,
}

impl KeptCase {
    /// When its last door was proved; `None` while one is not, and where it was over without that.
    pub fn proved(&self) -> Option<Timestamp> {
        let is_whole = !self.is_undone && !self.has_aside && self.superseded_by.is_none();
        self.closed.filter(|_| is_whole)
    }

    /// The newer case, where this one is over because that took over what was left of it.
    pub fn gave_way_to(&self) -> Option<&CaseId> {
        let newer = self.superseded_by.as_ref();
        newer.filter(|_| self.closed.is_some() && !self.is_undone)
    }
}

/// How a system is doing, as far as its doors tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemDoors {
    /// Which system.
    pub system: SystemName,
    /// How many doors lead into it.
    pub all: i64,
    /// How many of them are proved to be as they shall be, or signed for.
    pub settled: i64,
    /// How many were read within the last day.
    pub read_lately: i64,
    /// When it was last read, whoever's door it was.
    pub last_read: Option<Timestamp>,
    /// How many doors wait for a call or a reading that is due.
    pub due: i64,
    /// How many doors shall be shut and are not proved to be.
    pub unclosed: i64,
    /// Since when the oldest of them shall be.
    pub oldest: Option<Timestamp>,
    /// How many doors' last call or reading failed.
    pub failing: i64,
}

fn case_of(row: &Row) -> Result<KeptCase, StoreError> {
    let kind = row.text("kind")?;
    Ok(KeptCase {
        case: Case {
            id: row.text("id")?.into(),
            person: row.text("person")?.into(),
            kind: KINDS
                .into_iter()
                .find(|known| *known == kind)
                .ok_or_else(|| corrupt("kind"))?,
            learned: row.time("learned")?,
            deadline: row.time("deadline")?,
        },
        ended: row.maybe_time("ended")?,
        confirmed: row.maybe_time("confirmed")?,
        closed: row.maybe_time("closed")?,
        has_aside: row.number("set_aside")? > 0,
        superseded_by: row.maybe_text("superseded_by")?.map(Into::into),
        is_undone: row.flag("is_undone")?,
    })
}

/// The latest departure of somebody. Hiding the order has SQLite look through their cases, not through all.
pub(super) const LATEST_DEPARTURE: &str = concat!(
    "SELECT ",
    case_columns!(),
    " FROM departure_case WHERE practice = $1 AND person = $2 AND kind = 'leaver'
     ORDER BY learned || '' DESC, id DESC LIMIT 1"
);

/// Doors into a system whose last call or reading failed. Hiding the order, likewise.
pub(super) const FAILING_INTO: &str = concat!(
    "SELECT ",
    door_columns!(),
    " FROM door WHERE practice = $1 AND system = $2 AND failure IS NOT NULL ORDER BY wanted || '', deadline, id"
);

const A_DAY: Duration = Duration::from_secs(24 * 3_600);

/// When the first close of a case was sent. The joins are told which way round to go: without statistics
/// SQLite may walk through everything of the practice.
pub(super) const FIRST_CLOSE: &str = "SELECT MIN(a.started) AS first
    FROM departure_case c CROSS JOIN door d CROSS JOIN attempt a
    WHERE c.practice = $1 AND c.id = $2
        AND d.practice = c.practice AND d.person = c.person AND d.departure_case = c.id
        AND a.practice = d.practice AND a.door = d.id AND a.generation = d.generation AND a.action = 'close'";

/// Doors to watch. Each part has an index of its own. Hiding the practice from the last one has SQLite look
/// for the few that are due, not for all of the practice.
pub(super) const WATCHED: &str = concat!(
    "SELECT ",
    door_columns!(),
    " FROM (SELECT id AS watched FROM door
          WHERE practice = $1 AND wanted = 'closed' AND assurance NOT IN ('verified', 'attested')
        UNION SELECT id FROM door WHERE practice = $1 AND failure IS NOT NULL
        UNION SELECT d.id FROM departure_case c CROSS JOIN door d
          WHERE c.practice = $1 AND c.kind IN ('leaver', 'mover') AND c.closed IS NULL
              AND d.practice = c.practice AND d.person = c.person AND d.departure_case = c.id
        UNION SELECT id FROM door WHERE practice || '' = $1 AND next_try < $2) AS all_watched
     JOIN door ON practice = $1 AND id = watched WHERE wanted = 'closed'"
);

impl Store {
    /// Cases of leavers and movers that are not over.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_open_cases(
        &self,
        practice: &PracticeName,
    ) -> Result<Vec<KeptCase>, StoreError> {
        let statement = Statement::new(concat!(
            "SELECT ",
            case_columns!(),
            " FROM departure_case
             WHERE practice = $1 AND kind IN ('leaver', 'mover') AND closed IS NULL"
        ))
        .bind(practice.as_str());
        let rows = self.rows(statement).await?;
        let mut cases = rows.iter().map(case_of).collect::<Result<Vec<_>, _>>()?;
        // Not by the database: SQLite would walk through every case there ever was, to have them in order.
        cases.sort_by(|one, other| one.case.id.cmp(&other.case.id));
        Ok(cases)
    }

    /// The departure that was over last, with every door proved.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_last_departure(
        &self,
        practice: &PracticeName,
    ) -> Result<Option<KeptCase>, StoreError> {
        let statement = Statement::new(concat!(
            "SELECT ",
            case_columns!(),
            " FROM departure_case
             WHERE practice = $1 AND kind = 'leaver' AND closed IS NOT NULL AND set_aside = 0
             AND superseded_by IS NULL AND NOT EXISTS (
                 SELECT 1 FROM departure_closed u WHERE u.practice = departure_case.practice
                     AND u.departure_case = departure_case.id AND u.undone IS NOT NULL)
             ORDER BY closed DESC LIMIT 1"
        ))
        .bind(practice.as_str());
        self.row(statement).await?.as_ref().map(case_of).transpose()
    }

    /// The case with this id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_case(
        &self,
        practice: &PracticeName,
        id: &CaseId,
    ) -> Result<Option<KeptCase>, StoreError> {
        let statement = Statement::new(concat!(
            "SELECT ",
            case_columns!(),
            " FROM departure_case
             WHERE practice = $1 AND id = $2"
        ))
        .bind(practice.as_str())
        .bind(id.as_str());
        self.row(statement).await?.as_ref().map(case_of).transpose()
    }

    /// Every case that a practice learned of in a time, in order.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_cases_between(
        &self,
        practice: &PracticeName,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Vec<KeptCase>, StoreError> {
        let statement = Statement::new(concat!(
            "SELECT ",
            case_columns!(),
            " FROM departure_case
             WHERE practice = $1 AND learned >= $2 AND learned < $3 ORDER BY learned, id"
        ))
        .bind(practice.as_str())
        .bind(clock::to_text(from))
        .bind(clock::to_text(to));
        self.rows(statement).await?.iter().map(case_of).collect()
    }

    /// Every door that belongs to a case of a time.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_doors_of_cases_between(
        &self,
        practice: &PracticeName,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Vec<Door>, StoreError> {
        let statement = Statement::new(concat!(
            "SELECT ",
            door_columns!(),
            " FROM door WHERE practice = $1
             AND person IN (SELECT person FROM departure_case WHERE practice = $1 AND learned >= $2 AND learned < $3)
             AND departure_case IN (
                 SELECT id FROM departure_case WHERE practice = $1 AND learned >= $2 AND learned < $3)"
        ))
        .bind(practice.as_str())
        .bind(clock::to_text(from))
        .bind(clock::to_text(to));
        self.rows(statement).await?.iter().map(door_of).collect()
    }

    /// Records of these kinds that are about no one person, the latest first: their sequence and text, at most
    /// so many, of those before this one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_records_about_nobody(
        &self,
        practice: &PracticeName,
        kinds: &[&str],
        before: i64,
        most: u32,
    ) -> Result<Vec<(i64, String)>, StoreError> {
        let one_of: Vec<String> = (0..kinds.len())
            .map(|at| format!("text LIKE ${}", at + 4))
            .collect();
        let mut statement = Statement::new(format!(
            "SELECT sequence, text FROM evidence WHERE practice = $1 AND person IS NULL AND sequence < $2
             AND ({}) ORDER BY sequence DESC LIMIT $3",
            one_of.join(" OR ")
        ))
        .bind(practice.as_str())
        .bind(before)
        .bind(i64::from(most));
        for kind in kinds {
            statement = statement.bind(format!(r#"%"what":"{kind}"%"#));
        }
        let rows = self.rows(statement).await?;
        rows.iter()
            .map(|row| Ok((row.number("sequence")?, row.text("text")?)))
            .collect()
    }

    /// When the first close of a case was sent.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_first_close(
        &self,
        practice: &PracticeName,
        case: &CaseId,
    ) -> Result<Option<Timestamp>, StoreError> {
        let statement = Statement::new(FIRST_CLOSE)
            .bind(practice.as_str())
            .bind(case.as_str());
        let row = self.row(statement).await?;
        row.map_or(Ok(None), |row| row.maybe_time("first"))
    }

    /// Doors that shall be shut: those of leavers' and movers' open cases, and every other one that may not
    /// be green: its proof was lost, or a reading is late.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_doors_to_watch(
        &self,
        practice: &PracticeName,
        now: Timestamp,
    ) -> Result<Vec<Door>, StoreError> {
        let statement = Statement::new(WATCHED)
            .bind(practice.as_str())
            .bind(clock::to_text(now));
        let rows = self.rows(statement).await?;
        let mut doors = rows.iter().map(door_of).collect::<Result<Vec<_>, _>>()?;
        doors.sort_by(|one, other| {
            let place = |door: &Door| (door.person.clone(), door.system.clone(), door.way.as_str());
            place(one).cmp(&place(other))
        });
        Ok(doors)
    }

    /// How many doors failed and how many returns wait.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_waiting(
        &self,
        practice: &PracticeName,
        now: Timestamp,
    ) -> Result<(i64, i64), StoreError> {
        let statement = Statement::new(format!(
            "SELECT (SELECT COUNT(*) FROM door WHERE practice = $1 AND {FAILED}) AS failing,
                 (SELECT COUNT(*) FROM held_return WHERE practice = $1 AND decided IS NULL) AS held"
        ))
        .bind(practice.as_str())
        .bind(clock::to_text(now));
        let row = self.row(statement).await?;
        row.map_or(Ok((0, 0)), |row| {
            Ok((row.number("failing")?, row.number("held")?))
        })
    }

    /// The door with this id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_door(
        &self,
        practice: &PracticeName,
        id: &DoorId,
    ) -> Result<Option<Door>, StoreError> {
        let statement = Statement::new(concat!(
            "SELECT ",
            door_columns!(),
            " FROM door WHERE practice = $1 AND id = $2"
        ))
        .bind(practice.as_str())
        .bind(id.as_str());
        self.row(statement).await?.as_ref().map(door_of).transpose()
    }

    /// How every system is doing that has a door.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_system_doors(
        &self,
        practice: &PracticeName,
        now: Timestamp,
    ) -> Result<Vec<SystemDoors>, StoreError> {
        let statement = Statement::new(format!(
            "SELECT system, COUNT(*) AS doors, COUNT(CASE WHEN assurance IN ('verified', 'attested') THEN 1 END) AS settled,
                 COUNT(CASE WHEN seen_at > $3 THEN 1 END) AS read_lately,
                 MAX(seen_at) AS last_read, COUNT(CASE WHEN next_try <= $2 THEN 1 END) AS due,
                 COUNT(CASE WHEN wanted = 'closed' AND assurance NOT IN ('verified', 'attested') THEN 1 END)
                     AS unclosed,
                 MIN(CASE WHEN wanted = 'closed' AND assurance NOT IN ('verified', 'attested') THEN wanted_at END)
                     AS oldest,
                 COUNT(CASE WHEN {FAILED} THEN 1 END) AS failing
             FROM door WHERE practice = $1 GROUP BY system"
        ))
        .bind(practice.as_str())
        .bind(clock::to_text(now))
        .bind(clock::to_text(clock::before(now, A_DAY)));
        let rows = self.rows(statement).await?;
        rows.iter()
            .map(|row| {
                Ok(SystemDoors {
                    system: row.text("system")?.into(),
                    all: row.number("doors")?,
                    settled: row.number("settled")?,
                    read_lately: row.number("read_lately")?,
                    last_read: row.maybe_time("last_read")?,
                    due: row.number("due")?,
                    unclosed: row.number("unclosed")?,
                    oldest: row.maybe_time("oldest")?,
                    failing: row.number("failing")?,
                })
            })
            .collect()
    }

    /// How far a practice's ledger has come: it moves with everything that happens.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_ledger_length(&self, practice: &PracticeName) -> Result<i64, StoreError> {
        let statement = Statement::new("SELECT ledger_sequence FROM practice WHERE name = $1")
            .bind(practice.as_str());
        let row = self.row(statement).await?;
        row.map_or(Ok(0), |row| row.number("ledger_sequence"))
    }

    /// The head of a practice's ledger: the last record's sequence and hash.
    ///
    /// # Errors
    /// When the database does not answer, or there is no such practice.
    pub async fn find_ledger_head(
        &self,
        practice: &PracticeName,
    ) -> Result<(i64, String), StoreError> {
        let statement =
            Statement::new("SELECT ledger_sequence, ledger_hash FROM practice WHERE name = $1")
                .bind(practice.as_str());
        let row = self.row(statement).await?;
        let row = row.ok_or_else(|| corrupt("name"))?;
        Ok((row.number("ledger_sequence")?, row.text("ledger_hash")?))
    }

    /// The latest records, newest first: of one person, or of everybody, before this one if it is given.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_latest_records(
        &self,
        practice: &PracticeName,
        person: Option<&PersonId>,
        before: i64,
        most: u32,
    ) -> Result<Vec<(i64, String)>, StoreError> {
        let of = if person.is_some() {
            " AND person = $4"
        } else {
            ""
        };
        let mut statement = Statement::new(format!(
            "SELECT sequence, text FROM evidence WHERE practice = $1 AND sequence < $2{of}
             ORDER BY sequence DESC LIMIT $3"
        ))
        .bind(practice.as_str())
        .bind(before)
        .bind(i64::from(most));
        if let Some(person) = person {
            statement = statement.bind(person.as_str());
        }
        let rows = self.rows(statement).await?;
        rows.iter()
            .map(|row| Ok((row.number("sequence")?, row.text("text")?)))
            .collect()
    }
}

impl WriteTx {
    /// The case with this id, as of this transaction.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_case(&mut self, id: &CaseId) -> Result<Option<KeptCase>, StoreError> {
        let statement = Statement::new(concat!(
            "SELECT ",
            case_columns!(),
            " FROM departure_case
             WHERE practice = $1 AND id = $2"
        ))
        .bind(self.practice().as_str())
        .bind(id.as_str());
        self.row(statement).await?.as_ref().map(case_of).transpose()
    }

    /// The latest departure of somebody, over or not.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_latest_departure(
        &mut self,
        person: &PersonId,
    ) -> Result<Option<Case>, StoreError> {
        let statement = Statement::new(LATEST_DEPARTURE)
            .bind(self.practice().as_str())
            .bind(person.as_str());
        let row = self.row(statement).await?;
        row.map_or(Ok(None), |row| case_of(&row).map(|kept| Some(kept.case)))
    }

    /// Records when the work of a case ended, and when that was confirmed.
    pub fn set_case_ended(&mut self, id: &CaseId, ended: Timestamp, confirmed: Option<Timestamp>) {
        let statement = Statement::new(
            "UPDATE departure_case SET ended = $1, confirmed = $2 WHERE practice = $3 AND id = $4",
        )
        .bind(clock::to_text(ended))
        .bind(confirmed.map(clock::to_text))
        .bind(self.practice().as_str())
        .bind(id.as_str());
        self.later(statement);
    }

    /// Doors into a system whose last call or reading failed, as of this transaction.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_failing_doors_into(
        &mut self,
        system: &SystemName,
    ) -> Result<Vec<Door>, StoreError> {
        let statement = Statement::new(format!("{FAILING_INTO}{}", self.dialect().lock_rows()))
            .bind(self.practice().as_str())
            .bind(system.as_str());
        self.rows(statement).await?.iter().map(door_of).collect()
    }
}
