//! People, and every identifier they ever bore.

use std::collections::{BTreeMap, BTreeSet};

use drawbridge_sdk::{AccountId, Subject};
use jiff::Timestamp;

use super::{
    Store, StoreError, WriteTx,
    database::Reads,
    resources::user_columns,
    row::{Row, placeholders},
    statement::Statement,
};
use crate::{
    clock,
    door::Door,
    ids::{PersonId, PracticeName, UserId},
    people::{
        User,
        user::{self, Attributes},
    },
    query::fold,
};

/// How many identifiers one statement looks for or writes: a body may name thousands.
const AT_ONCE: usize = 100;

/// One person as the archive keeps them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The id.
    pub id: PersonId,
    /// Whether no row of the role matrix fits.
    pub needs_role: bool,
    /// Since when no role fits although one did.
    pub roleless_since: Option<Timestamp>,
    /// When the wishes must be computed again.
    pub replan_at: Option<Timestamp>,
    /// When the last departure was learned of, while the person is departed.
    pub departed_at: Option<Timestamp>,
    /// Since when that departure holds; `None` for whoever was never seen active.
    pub held_since: Option<Timestamp>,
}

impl Person {
    /// When they left last, while they are departed: whoever was let in meanwhile may have departed again.
    pub fn left_last(&self) -> Option<Timestamp> {
        self.departed_at
            .map(|first| self.held_since.unwrap_or(first))
    }
}

/// A person and the User that points at them now, if one does.
#[derive(Debug, Clone)]
pub struct Known {
    /// The person.
    pub person: Person,
    /// Their User that was not deleted.
    pub user: Option<User>,
    /// Whether they are seen for the first time.
    pub is_new: bool,
}

/// The identifiers in a User's attributes: kind and value as sent.
fn identifiers(attributes: &Attributes) -> Vec<(&'static str, &str)> {
    let mut found = Vec::new();
    found.extend(user::text(attributes, "userName").map(|value| ("user_name", value)));
    found.extend(user::text(attributes, "externalId").map(|value| ("external_id", value)));
    found.extend(
        user::enterprise_text(attributes, "employeeNumber").map(|value| ("employee_number", value)),
    );
    found.extend(
        user::values(attributes, "emails")
            .into_iter()
            .map(|value| ("email", value)),
    );
    found
}

/// External ids are compared as they are, all others whatever the case.
fn folded(kind: &str, value: &str) -> String {
    if kind == "external_id" {
        value.to_owned()
    } else {
        fold(value)
    }
}

async fn read_subject(
    mut source: impl Reads,
    practice: &PracticeName,
    person: &PersonId,
) -> Result<Subject, StoreError> {
    let mut subject = Subject {
        person: person.as_str().to_owned(),
        ..Subject::default()
    };
    let statement = Statement::new(
        "SELECT kind, value FROM identifier WHERE practice = $1 AND person = $2 ORDER BY last_borne DESC, folded",
    )
    .bind(practice.as_str())
    .bind(person.as_str());
    let rows = source.rows(statement).await?;
    for row in &rows {
        let value = row.text("value")?;
        match row.text("kind")?.as_str() {
            "user_name" => subject.user_names.push(value),
            "external_id" => subject.external_ids.push(value),
            "email" => subject.emails.push(value),
            _ => subject.employee_numbers.push(value),
        }
    }
    let statement = Statement::new(
        // Not ordered here: a database may then walk through everybody's in that order.
        "SELECT attributes, modified FROM scim_user WHERE practice = $1 AND person = $2",
    )
    .bind(practice.as_str())
    .bind(person.as_str());
    let mut latest: Option<(String, Row)> = None;
    for row in source.rows(statement).await? {
        let modified = row.text("modified")?;
        if latest.as_ref().is_none_or(|(at, _)| *at < modified) {
            latest = Some((modified, row));
        }
    }
    if let Some((_, row)) = latest {
        let attributes: Attributes = row.json("attributes")?;
        let name = attributes
            .get("name")
            .and_then(serde_json::Value::as_object);
        subject.given_name = name
            .and_then(|name| user::text(name, "givenName"))
            .map(str::to_owned);
        subject.family_name = name
            .and_then(|name| user::text(name, "familyName"))
            .map(str::to_owned);
        subject.display_name = user::text(&attributes, "displayName")
            .or_else(|| name.and_then(|name| user::text(name, "formatted")))
            .map(str::to_owned);
        if let Some(primary) = user::values(&attributes, "emails").first() {
            subject
                .emails
                .sort_by_key(|email| fold(email) != fold(primary));
        }
    }
    Ok(subject)
}

/// Somebody whose wishes must be computed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToReplan {
    /// In which practice.
    pub practice: PracticeName,
    /// Who.
    pub person: PersonId,
    /// Since when.
    pub due: Timestamp,
}

impl Person {
    /// Somebody of whom nothing is known yet.
    pub const fn new(id: PersonId) -> Self {
        Self {
            id,
            needs_role: false,
            roleless_since: None,
            replan_at: None,
            departed_at: None,
            held_since: None,
        }
    }
}

impl Store {
    /// Whose door it is, with every identifier they ever bore and the accounts it owns; while it owns
    /// none, also those of its system that are other people's (rule R11).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_subject(&self, door: &Door) -> Result<Subject, StoreError> {
        let mut subject = read_subject(self, &door.practice, &door.person).await?;
        let statement = Statement::new(
            "SELECT account FROM door_account WHERE practice = $1 AND door = $2 ORDER BY first_seen DESC, account",
        )
        .bind(door.practice.as_str())
        .bind(door.id.as_str());
        for row in &self.rows(statement).await? {
            subject.account_ids.push(AccountId(row.text("account")?));
        }
        if subject.account_ids.is_empty() {
            let of_others = Statement::new(
                "SELECT a.account AS account FROM door_account a
                 JOIN door d ON d.practice = a.practice AND d.id = a.door
                 WHERE a.practice = $1 AND a.system = $2 AND d.person <> $3",
            )
            .bind(door.practice.as_str())
            .bind(door.system.as_str())
            .bind(door.person.as_str());
            for row in &self.rows(of_others).await? {
                let account = AccountId(row.text("account")?);
                subject.accounts_of_others.insert(account);
            }
        }
        Ok(subject)
    }

    /// People a name means: a userName, an internal id or a User's id. Several people may have borne
    /// one userName at different times; the latest comes first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_people(
        &self,
        practice: &PracticeName,
        name: &str,
    ) -> Result<Vec<PersonId>, StoreError> {
        let statement = Statement::new(
            "SELECT person, MAX(borne) AS borne FROM (
                 SELECT person, last_borne AS borne FROM identifier
                 WHERE practice = $1 AND kind IN ('user_name', 'email') AND folded = $2
                 UNION ALL SELECT id AS person, created AS borne FROM person WHERE practice = $1 AND id = $3
                 UNION ALL SELECT person, modified AS borne FROM scim_user WHERE practice = $1 AND id = $3
             ) AS named GROUP BY person ORDER BY borne DESC",
        )
        .bind(practice.as_str())
        .bind(fold(name))
        .bind(name);
        let rows = self.rows(statement).await?;
        rows.iter()
            .map(|row| Ok(row.text("person")?.into()))
            .collect()
    }

    /// What people are called: the latest userName of each, for tables.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn name_of(
        &self,
        practice: &PracticeName,
        person: &PersonId,
    ) -> Result<String, StoreError> {
        let statement = Statement::new(
            "SELECT value FROM identifier WHERE practice = $1 AND person = $2 AND kind = 'user_name'
             ORDER BY last_borne DESC LIMIT 1",
        )
        .bind(practice.as_str())
        .bind(person.as_str());
        let row = self.row(statement).await?;
        row.map_or_else(|| Ok(person.as_str().to_owned()), |row| row.text("value"))
    }

    /// People whose wishes must be computed again by now, the longest due first: at most so many, of those
    /// behind this one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_people_to_replan(
        &self,
        now: Timestamp,
        behind: Option<&ToReplan>,
        most: u32,
    ) -> Result<Vec<ToReplan>, StoreError> {
        let statement = Statement::new(
            "SELECT practice, id, replan_at FROM person WHERE replan_at <= $1
             AND (replan_at > $2 OR (replan_at = $2 AND id > $3)) ORDER BY replan_at, id LIMIT $4",
        )
        .bind(clock::to_text(now))
        .bind(behind.map_or_else(String::new, |last| clock::to_text(last.due)))
        .bind(behind.map_or("", |last| last.person.as_str()))
        .bind(i64::from(most));
        let rows = self.rows(statement).await?;
        rows.iter()
            .map(|row| {
                Ok(ToReplan {
                    practice: row.text("practice")?.into(),
                    person: row.text("id")?.into(),
                    due: row.time("replan_at")?,
                })
            })
            .collect()
    }

    /// Everybody in the practice: id, latest userName, and whether a role is missing.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_people(&self, practice: &PracticeName) -> Result<Vec<PersonId>, StoreError> {
        let statement = Statement::new("SELECT id FROM person WHERE practice = $1 ORDER BY id")
            .bind(practice.as_str());
        let rows = self.rows(statement).await?;
        rows.iter().map(|row| Ok(row.text("id")?.into())).collect()
    }

    /// Active people whom no row of the role matrix fits.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_people_who_need_a_role(
        &self,
        practice: &PracticeName,
    ) -> Result<Vec<PersonId>, StoreError> {
        let statement = Statement::new(
            "SELECT id FROM person WHERE practice = $1 AND needs_role = 1 ORDER BY id",
        )
        .bind(practice.as_str());
        let rows = self.rows(statement).await?;
        rows.iter().map(|row| Ok(row.text("id")?.into())).collect()
    }
}

impl WriteTx {
    /// How somebody is called, for people to read: as their User says, else by their latest userName.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_name(&mut self, person: &PersonId) -> Result<String, StoreError> {
        let practice = self.practice().clone();
        let subject = read_subject(self, &practice, person).await?;
        let user_name = subject.user_names.into_iter().next();
        let name = subject.display_name.filter(|name| !name.is_empty());
        Ok(name
            .or(user_name)
            .unwrap_or_else(|| person.as_str().to_owned()))
    }

    /// The person and their current User, as of this transaction.
    ///
    /// # Errors
    /// When the database does not answer, or there is no such person.
    pub async fn find_known(&mut self, id: &PersonId) -> Result<Known, StoreError> {
        let statement = Statement::new(concat!(
            "SELECT p.id AS person_id, needs_role, roleless_since, replan_at, departed_at, held_since,
             u.* FROM person p
             LEFT JOIN (SELECT ",
            user_columns!(),
            " FROM scim_user WHERE practice = $1 AND person = $2 AND deleted IS NULL
               ORDER BY active DESC, modified DESC LIMIT 1) u ON u.person = p.id
             WHERE p.practice = $1 AND p.id = $2",
        ))
        .bind(self.practice().as_str())
        .bind(id.as_str());
        let rows = self.rows(statement).await?;
        let row = rows
            .first()
            .ok_or_else(|| StoreError::Corrupt(format!("there is no person `{id}`")))?;
        let person = Person {
            id: row.text("person_id")?.into(),
            needs_role: row.flag("needs_role")?,
            roleless_since: row.maybe_time("roleless_since")?,
            replan_at: row.maybe_time("replan_at")?,
            departed_at: row.maybe_time("departed_at")?,
            held_since: row.maybe_time("held_since")?,
        };
        let user = row
            .maybe_text("id")?
            .map(|_| super::resources::user_of(row))
            .transpose()?;
        Ok(Known {
            person,
            user,
            is_new: false,
        })
    }

    /// Finds the person who has left, or has no active User, and bore these identifiers: a resource created
    /// again under a known identity joins its person. Where several did, it is the one whose departure holds, the
    /// latest first; `None` when nobody fits, or several do of whom nobody left.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_person_bearing(
        &mut self,
        attributes: &Attributes,
    ) -> Result<Option<PersonId>, StoreError> {
        let practice = self.practice().as_str().to_owned();
        let borne = identifiers(attributes);
        // Those with a departure that holds come last, the latest at the end.
        let mut fitting: BTreeSet<(Option<Timestamp>, PersonId)> = BTreeSet::new();
        for borne in borne.chunks(AT_ONCE) {
            // One reading of the index for each: alternatives in one condition walk through everybody.
            let each: Vec<String> = (0..borne.len())
                .map(|at| {
                    format!(
                        "SELECT person FROM identifier WHERE practice = $1 AND kind = ${} AND folded = ${}",
                        2 + 2 * at,
                        3 + 2 * at
                    )
                })
                .collect();
            let each = each.join(" UNION ALL ");
            let asking = |sql: String| {
                let statement = Statement::new(sql).bind(practice.as_str());
                borne.iter().fold(statement, |statement, (kind, value)| {
                    statement.bind(*kind).bind(folded(kind, value))
                })
            };
            // Nearly always nobody did. To sort and to compare what there may be costs many times that.
            let somebody = self.rows(asking(format!("{each} LIMIT 1"))).await?;
            if somebody.is_empty() {
                continue;
            }
            let statement = asking(format!(
                "SELECT DISTINCT b.person AS person, p.held_since AS held_since FROM ({each}) b
                 JOIN person p ON p.practice = $1 AND p.id = b.person
                 WHERE p.departed_at IS NOT NULL
                    OR NOT EXISTS (SELECT 1 FROM scim_user u WHERE u.practice = $1 AND u.person = b.person
                                   AND u.deleted IS NULL AND u.active = 1)
                 ORDER BY held_since DESC LIMIT {AT_ONCE}",
            ));
            for row in &self.rows(statement).await? {
                fitting.insert((row.maybe_time("held_since")?, row.text("person")?.into()));
            }
        }
        let is_clear = fitting.len() == 1;
        Ok(fitting
            .pop_last()
            .filter(|(held_since, _)| is_clear || held_since.is_some())
            .map(|(_, person)| person))
    }

    /// The User, not deleted, that a source means by the id of a manager: by id or userName.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_user_by_id_or_name(
        &mut self,
        name: &str,
    ) -> Result<Option<User>, StoreError> {
        let statement = Statement::new(concat!(
            "SELECT * FROM (SELECT ",
            user_columns!(),
            ", 0 AS is_named FROM scim_user WHERE practice = $1 AND deleted IS NULL AND id = $2
             UNION ALL SELECT ",
            user_columns!(),
            ", 1 AS is_named FROM scim_user WHERE practice = $1 AND deleted IS NULL AND user_name = $3
             ) AS meant ORDER BY is_named LIMIT 1",
        ))
        .bind(self.practice().as_str())
        .bind(name)
        .bind(fold(name));
        let rows = self.rows(statement).await?;
        rows.first().map(super::resources::user_of).transpose()
    }

    /// Records a new person.
    pub fn record_person(&mut self, id: &PersonId) {
        let practice = self.practice().as_str().to_owned();
        let now = clock::to_text(self.now());
        let statement = Statement::new(
            "INSERT INTO person (practice, id, created, needs_role) VALUES ($1, $2, $3, 0)",
        )
        .bind(practice)
        .bind(id.as_str())
        .bind(now);
        self.later(statement);
    }

    /// Records what became of a person.
    pub fn update_person(&mut self, person: &Person) {
        let practice = self.practice().as_str().to_owned();
        let statement = Statement::new(
            "UPDATE person SET needs_role = $1, roleless_since = $2, replan_at = $3, departed_at = $4,
                 held_since = $5 WHERE practice = $6 AND id = $7",
        )
        .bind(i64::from(person.needs_role))
        .bind(person.roleless_since.map(clock::to_text))
        .bind(person.replan_at.map(clock::to_text))
        .bind(person.departed_at.map(clock::to_text))
        .bind(person.held_since.map(clock::to_text))
        .bind(practice)
        .bind(person.id.as_str());
        self.later(statement);
    }

    /// Makes a person, or everybody in the practice, due for planning again.
    pub fn replan_now(&mut self, person: Option<&PersonId>) {
        let practice = self.practice().as_str().to_owned();
        let now = clock::to_text(self.now());
        let statement = Statement::new(
            "UPDATE person SET replan_at = $1 WHERE practice = $2 AND ($3 = '' OR id = $3)",
        )
        .bind(now)
        .bind(practice)
        .bind(person.map_or("", PersonId::as_str));
        self.later(statement);
    }

    /// Records that the person bears the identifiers in these attributes now: the current ones come first.
    /// Earlier ones stay.
    pub fn record_identifiers(&mut self, person: &PersonId, attributes: &Attributes) {
        let practice = self.practice().as_str().to_owned();
        let now = clock::to_text(self.now());
        // One statement may write a row only once.
        let borne: BTreeMap<(&str, String), &str> = identifiers(attributes)
            .into_iter()
            .map(|(kind, value)| ((kind, folded(kind, value)), value))
            .collect();
        let borne: Vec<((&str, String), &str)> = borne.into_iter().collect();
        for borne in borne.chunks(AT_ONCE) {
            let rows: Vec<String> = (0..borne.len())
                .map(|row| format!("($1, $2, {}, $3)", placeholders(4 + 3 * row, 3)))
                .collect();
            let sql = format!(
                "INSERT INTO identifier (practice, person, kind, folded, value, last_borne) VALUES {}
                 ON CONFLICT (practice, person, kind, folded) DO UPDATE SET value = excluded.value,
                     last_borne = excluded.last_borne",
                rows.join(", ")
            );
            let mut statement = Statement::new(sql)
                .bind(practice.as_str())
                .bind(person.as_str())
                .bind(now.as_str());
            for ((kind, folded), value) in borne {
                statement = statement.bind(*kind).bind(folded.as_str()).bind(*value);
            }
            self.later(statement);
        }
    }

    /// People whose manager, as their User says, is this User or userName.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_person_of_user(
        &mut self,
        user: &UserId,
    ) -> Result<Option<PersonId>, StoreError> {
        let practice = self.practice().as_str().to_owned();
        let statement = Statement::new(
            "SELECT person FROM scim_user WHERE practice = $1 AND id = $2 AND deleted IS NULL",
        )
        .bind(practice)
        .bind(user.as_str());
        let row = self.row(statement).await?;
        row.map(|row| Ok(row.text("person")?.into())).transpose()
    }
}
