//! What failed, narrowed as somebody asks, and who sees to it.

use std::collections::HashMap;

use drawbridge_sdk::FailureClass;
use jiff::Timestamp;

use super::{
    Store, StoreError, WriteTx,
    doors::{door_columns, door_of},
    row::{corrupt, placeholders},
    snoozes::SNOOZED,
    statement::Statement,
};
use crate::{
    clock,
    door::Door,
    ids::{AdminId, DoorId, PersonId, PracticeName, SystemName},
};

/// Of a door: its last call or reading failed, and somebody has to see to it. Doors that the brake holds
/// wait for a look, and nothing failed; what is set aside is seen to. [`Door::is_held_back`] and
/// [`Door::set_aside_at`] are the same rules for a door that was read. The time is `$2`.
pub(super) const FAILED: &str =
    "failure IS NOT NULL AND NOT (wanted = 'closed' AND due = 'act' AND tries = 0
    AND failure = 'needs_human' AND next_try IS NOT NULL AND next_try > $2)
    AND NOT (set_aside IS NOT NULL AND (set_aside_until IS NULL OR set_aside_until > $2))";

/// What is looked for among the failed calls; nothing is everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sought {
    /// Into this system.
    pub system: Option<SystemName>,
    /// That failed so.
    pub class: Option<FailureClass>,
    /// Only what keeps a door open that shall be shut.
    pub closes_only: bool,
    /// Who sees to it.
    pub seen_to: SeenTo,
    /// Only what nobody looks at later.
    pub awake_only: bool,
    /// Of these people, or into these systems.
    pub near: Option<(Vec<PersonId>, Vec<SystemName>)>,
}

/// Who sees to a door.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SeenTo {
    /// Whoever it is.
    #[default]
    ByAnybody,
    /// Nobody was asked to.
    ByNobody,
    /// This admin.
    By(AdminId),
}

/// One cause, and how many doors it keeps from being as they shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Which system.
    pub system: SystemName,
    /// What kind of failure.
    pub class: FailureClass,
    /// Whether these doors shall be shut.
    pub is_closing: bool,
    /// How many they are.
    pub doors: i64,
    /// At how many of them something is called.
    pub called: i64,
    /// By when the first of them must be as it shall be.
    pub deadline: Option<Timestamp>,
}

impl Sought {
    /// The condition, with what is bound to it after `$1` and `$2`.
    pub(super) fn condition(&self) -> (String, Vec<String>) {
        let mut sql = FAILED.to_owned();
        let mut bound: Vec<String> = Vec::new();
        let mut bind = |values: &[&str]| {
            let first = bound.len() + 3;
            bound.extend(values.iter().map(|value| (*value).to_owned()));
            placeholders(first, values.len())
        };
        if let Some(system) = &self.system {
            sql.push_str(&format!(" AND system = {}", bind(&[system.as_str()])));
        }
        if let Some(class) = self.class {
            sql.push_str(&format!(" AND failure = {}", bind(&[class.as_str()])));
        }
        if self.closes_only {
            sql.push_str(" AND wanted = 'closed'");
        }
        if self.awake_only {
            sql.push_str(&format!(" AND NOT {SNOOZED}"));
        }
        let assigned =
            "EXISTS (SELECT 1 FROM door_assignment a WHERE a.practice = $1 AND a.door = door.id
            AND a.generation = door.generation";
        match &self.seen_to {
            SeenTo::ByAnybody => {}
            SeenTo::ByNobody => sql.push_str(&format!(" AND NOT {assigned})")),
            SeenTo::By(admin) => {
                let admin = bind(&[admin.as_str()]);
                sql.push_str(&format!(" AND {assigned} AND a.admin = {admin})"));
            }
        }
        if let Some((people, systems)) = &self.near {
            let people: Vec<&str> = people.iter().map(PersonId::as_str).collect();
            let systems: Vec<&str> = systems.iter().map(SystemName::as_str).collect();
            let mut near = Vec::new();
            if !people.is_empty() {
                near.push(format!("person IN ({})", bind(&people)));
            }
            if !systems.is_empty() {
                near.push(format!("system IN ({})", bind(&systems)));
            }
            if near.is_empty() {
                near.push("1 = 0".to_owned());
            }
            sql.push_str(&format!(" AND ({})", near.join(" OR ")));
        }
        (sql, bound)
    }
}

pub(super) fn with(statement: Statement, bound: Vec<String>) -> Statement {
    bound.into_iter().fold(statement, Statement::bind)
}

/// Doors that the brake holds. Hiding what is wanted has SQLite look through what failed, not through all that
/// is shut.
pub(super) const HELD: &str = concat!(
    "SELECT ",
    door_columns!(),
    " FROM door WHERE practice = $1 AND failure IS NOT NULL AND failure = 'needs_human' AND wanted || '' = 'closed'
         AND due = 'act' AND tries = 0 AND next_try > $2"
);

impl Store {
    /// The causes of what failed, with how many doors each keeps.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_failures(
        &self,
        practice: &PracticeName,
        sought: &Sought,
        now: Timestamp,
    ) -> Result<Vec<Cause>, StoreError> {
        let (condition, bound) = sought.condition();
        let statement = Statement::new(format!(
            "SELECT system, failure, wanted, COUNT(*) AS doors, MIN(deadline) AS deadline,
                 COUNT(CASE WHEN next_try IS NOT NULL OR failure <> 'needs_human' THEN 1 END) AS called
             FROM door WHERE practice = $1 AND {condition} GROUP BY system, failure, wanted"
        ))
        .bind(practice.as_str())
        .bind(clock::to_text(now));
        let rows = self.rows(with(statement, bound)).await?;
        rows.iter()
            .map(|row| {
                Ok(Cause {
                    system: row.text("system")?.into(),
                    class: FailureClass::from_name(&row.text("failure")?)
                        .ok_or_else(|| corrupt("failure"))?,
                    is_closing: row.text("wanted")? == "closed",
                    doors: row.number("doors")?,
                    called: row.number("called")?,
                    deadline: row.maybe_time("deadline")?,
                })
            })
            .collect()
    }

    /// What failed: what shall be shut first, then by deadline; what somebody looks at later comes last. So many after the first so many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_failures(
        &self,
        practice: &PracticeName,
        sought: &Sought,
        (after, most): (u32, u32),
        now: Timestamp,
    ) -> Result<Vec<Door>, StoreError> {
        let (condition, bound) = sought.condition();
        let statement = Statement::new(format!(
            "SELECT {} FROM door WHERE practice = $1 AND {condition}
             ORDER BY CASE WHEN {SNOOZED} THEN 1 ELSE 0 END, wanted, CASE WHEN deadline IS NULL THEN 1 ELSE 0 END, deadline, id
             LIMIT {most} OFFSET {after}",
            door_columns!()
        ))
        .bind(practice.as_str())
        .bind(clock::to_text(now));
        let rows = self.rows(with(statement, bound)).await?;
        rows.iter().map(door_of).collect()
    }

    /// Doors that the brake holds.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_held_doors(
        &self,
        practice: &PracticeName,
        now: Timestamp,
    ) -> Result<Vec<Door>, StoreError> {
        let statement = Statement::new(HELD)
            .bind(practice.as_str())
            .bind(clock::to_text(now));
        self.rows(statement).await?.iter().map(door_of).collect()
    }

    /// Doors that somebody set aside, those that come back first on top.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_doors_set_aside(
        &self,
        practice: &PracticeName,
        now: Timestamp,
    ) -> Result<Vec<Door>, StoreError> {
        let statement = Statement::new(concat!(
            "SELECT ",
            door_columns!(),
            " FROM door WHERE practice = $1 AND set_aside IS NOT NULL
                 AND (set_aside_until IS NULL OR set_aside_until > $2)"
        ))
        .bind(practice.as_str())
        .bind(clock::to_text(now));
        let rows = self.rows(statement).await?;
        let mut doors = rows.iter().map(door_of).collect::<Result<Vec<_>, _>>()?;
        doors.retain(|door| door.set_aside_at(now).is_some());
        doors.sort_by_key(|door| {
            let until = door.set_aside.as_ref().and_then(|aside| aside.until);
            (until.is_none(), until, door.id.clone())
        });
        Ok(doors)
    }

    /// Who sees to these doors, by name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_assignees(
        &self,
        practice: &PracticeName,
        doors: &[&Door],
    ) -> Result<HashMap<DoorId, String>, StoreError> {
        let mut assignees = HashMap::new();
        for doors in doors.chunks(100) {
            let statement = Statement::new(format!(
                "SELECT a.door AS door, m.name AS name FROM door_assignment a
                 JOIN door d ON d.practice = a.practice AND d.id = a.door AND d.generation = a.generation
                 JOIN admin m ON m.practice = a.practice AND m.id = a.admin AND m.removed IS NULL
                 WHERE a.practice = $1 AND a.door IN ({})",
                placeholders(2, doors.len())
            ))
            .bind(practice.as_str());
            let ids = doors.iter().map(|door| door.id.as_str());
            for row in &self.rows(ids.fold(statement, Statement::bind)).await? {
                assignees.insert(row.text("door")?.into(), row.text("name")?);
            }
        }
        Ok(assignees)
    }
}

impl WriteTx {
    /// Has an admin see to a door, or nobody, for as long as it has this wish.
    pub fn record_assignment(&mut self, door: &Door, admin: Option<&AdminId>) {
        let practice = self.practice().as_str().to_owned();
        let now = clock::to_text(self.now());
        let statement = match admin {
            Some(admin) => Statement::new(
                "INSERT INTO door_assignment (practice, door, generation, admin, assigned) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (practice, door) DO UPDATE SET generation = excluded.generation, admin = excluded.admin,
                     assigned = excluded.assigned",
            )
            .bind(practice)
            .bind(door.id.as_str())
            .bind(door.generation)
            .bind(admin.as_str())
            .bind(now),
            None => Statement::new("DELETE FROM door_assignment WHERE practice = $1 AND door = $2")
                .bind(practice)
                .bind(door.id.as_str()),
        };
        self.later(statement);
    }
}
