//! `res.user` and `res.group` as this connector sees them.

use drawbridge_sdk::{
    Account, AccountId, AccountState, CallError, FailureClass, Finality, Sessions, Subject,
};
use serde_json::{Value, json};

use crate::client::{Conversation, Does};

/// Fields that are read of a user.
const FIELDS: [&str; 6] = ["login", "name", "email", "active", "groups", "sessions"];

/// Inactive users are hidden from a search that does not ask for them.
fn whatever_active() -> Value {
    json!(["active", "in", [true, false]])
}

/// One user as the server shows them.
#[derive(Debug, Clone)]
pub struct User {
    /// The database id.
    pub id: i64,
    /// Whether one can log in.
    pub active: bool,
    /// Open sessions; `None` when the server does not say.
    pub sessions: Option<u32>,
    /// Ids of the groups they are in.
    pub groups: Vec<i64>,
    login: String,
    email: Option<String>,
}

impl User {
    fn of(record: &Value) -> Option<Self> {
        Some(Self {
            id: record.get("id")?.as_i64()?,
            login: record.get("login")?.as_str()?.to_owned(),
            active: flag(record.get("active")?)?,
            email: record
                .get("email")
                .and_then(Value::as_str)
                .map(str::to_owned),
            sessions: record
                .get("sessions")
                .and_then(Value::as_u64)
                .and_then(|count| u32::try_from(count).ok()),
            groups: record
                .get("groups")
                .and_then(Value::as_array)?
                .iter()
                .filter_map(Value::as_i64)
                .collect(),
        })
    }

    /// Whether this record is the person's: by id, login or e-mail.
    pub fn is_of(&self, subject: &Subject) -> bool {
        subject.owns(&self.id.to_string())
            || subject.bears(&self.login)
            || self
                .email
                .as_deref()
                .is_some_and(|email| subject.bears(email))
    }

    /// Whether this door may act on it: once an id is known, only on that (a login can be given to
    /// somebody else).
    pub fn may_be_changed_for(&self, subject: &Subject) -> bool {
        if subject.account_ids.is_empty() {
            self.is_of(subject)
        } else {
            subject.owns(&self.id.to_string())
        }
    }

    /// Whether somebody means this user by a login or an id.
    pub fn is_called(&self, name: &str) -> bool {
        self.login.eq_ignore_ascii_case(name) || self.id.to_string() == name
    }

    /// The record as the sdk shows accounts.
    pub fn account(&self, groups: &[Group]) -> Account {
        Account {
            id: AccountId(self.id.to_string()),
            login: self.login.clone(),
            state: if self.active {
                AccountState::Enabled
            } else {
                AccountState::Disabled
            },
            sessions: match self.sessions {
                None => Sessions::NotReadable,
                Some(0) => Sessions::None,
                Some(open) => Sessions::Open(open),
            },
            levels: groups
                .iter()
                .filter(|group| self.groups.contains(&group.id))
                .map(|group| group.name.clone())
                .collect(),
            identifiers: self.email.iter().cloned().collect(),
        }
    }
}

/// A boolean, which a server on SQLite writes as 0 or 1.
fn flag(value: &Value) -> Option<bool> {
    value
        .as_bool()
        .or_else(|| value.as_i64().map(|number| number != 0))
}

/// A group, which is a role.
#[derive(Debug, Clone)]
pub struct Group {
    /// The database id.
    pub id: i64,
    /// The name, which is the level.
    pub name: String,
}

/// Every user that bears one of these names or ids, whatever their state.
///
/// # Errors
/// As [`Conversation::call`].
pub async fn find(
    talk: &mut Conversation<'_>,
    subject: &Subject,
    canary: Option<&str>,
) -> Result<Vec<User>, CallError> {
    let mut logins: Vec<&str> = subject
        .user_names
        .iter()
        .chain(&subject.emails)
        .map(String::as_str)
        .collect();
    logins.extend(
        subject
            .external_ids
            .iter()
            .chain(&subject.employee_numbers)
            .map(String::as_str),
    );
    logins.extend(canary);
    let ids: Vec<i64> = subject
        .account_ids
        .iter()
        .filter_map(|id| id.as_str().parse().ok())
        .collect();
    let mut clauses = vec![json!("OR"), json!(["id", "in", ids])];
    for login in logins {
        // `ilike` without wildcards compares whatever the case; they are escaped.
        clauses.push(json!(["login", "ilike", escaped(login)]));
        clauses.push(json!(["email", "ilike", escaped(login)]));
    }
    let domain = json!([whatever_active(), clauses]);
    search(talk, "find", domain, 0, None).await
}

/// One page of all users, by id.
///
/// # Errors
/// As [`Conversation::call`].
pub async fn list(
    talk: &mut Conversation<'_>,
    after: i64,
    most: u32,
) -> Result<Vec<User>, CallError> {
    search(
        talk,
        "list",
        json!([whatever_active(), ["id", ">", after]]),
        0,
        Some(most),
    )
    .await
}

async fn search(
    talk: &mut Conversation<'_>,
    step: &str,
    domain: Value,
    offset: u32,
    most: Option<u32>,
) -> Result<Vec<User>, CallError> {
    let params = vec![
        domain,
        json!(offset),
        json!(most),
        json!([["id", "ASC"]]),
        json!(FIELDS),
    ];
    let found = talk
        .call(step, Does::Reads, "model.res.user.search_read", params)
        .await?;
    let records = found
        .as_array()
        .map(|records| records.iter().map(User::of).collect::<Option<Vec<_>>>());
    match records {
        Some(Some(users)) => Ok(users),
        _ => Err(unreadable(
            talk,
            "the server's list of users cannot be read: check its version",
        )),
    }
}

/// Every group.
///
/// # Errors
/// As [`Conversation::call`].
pub async fn groups(talk: &mut Conversation<'_>) -> Result<Vec<Group>, CallError> {
    let params = vec![
        json!([]),
        json!(0),
        Value::Null,
        Value::Null,
        json!(["name"]),
    ];
    let found = talk
        .call(
            "read groups",
            Does::Reads,
            "model.res.group.search_read",
            params,
        )
        .await?;
    let group = |record: &Value| {
        Some(Group {
            id: record.get("id")?.as_i64()?,
            name: record.get("name")?.as_str()?.to_owned(),
        })
    };
    match found
        .as_array()
        .map(|records| records.iter().map(group).collect::<Option<Vec<_>>>())
    {
        Some(Some(groups)) => Ok(groups),
        _ => Err(unreadable(
            talk,
            "the server's list of groups cannot be read: check its version",
        )),
    }
}

/// Writes fields of one user.
///
/// # Errors
/// As [`Conversation::call`].
pub async fn write(
    talk: &mut Conversation<'_>,
    step: &str,
    id: i64,
    fields: Value,
) -> Result<(), CallError> {
    talk.call(
        step,
        Does::Changes,
        "model.res.user.write",
        vec![json!([id]), fields],
    )
    .await
    .map(|_| ())
}

/// Makes a user and answers the id.
///
/// # Errors
/// As [`Conversation::call`].
pub async fn create(talk: &mut Conversation<'_>, fields: Value) -> Result<i64, CallError> {
    let made = talk
        .call(
            "create",
            Does::Changes,
            "model.res.user.create",
            vec![json!([fields])],
        )
        .await?;
    made.get(0).and_then(Value::as_i64).ok_or_else(|| {
        unreadable(
            talk,
            "the server did not say which user it made: look for it there",
        )
    })
}

/// Ids of the groups with these names.
///
/// # Errors
/// A refusal that names the level which is no group.
pub fn ids_of(levels: &[String], groups: &[Group]) -> Result<Vec<i64>, CallError> {
    levels
        .iter()
        .map(|level| {
            let group = groups.iter().find(|group| group.name.to_lowercase() == level.to_lowercase());
            group.map(|group| group.id).ok_or_else(|| {
                CallError::new(
                    FailureClass::Refused,
                    Finality::NotSent,
                    format!("the server has no group `{level}`: see Administration > Users > Groups there, then put its name into [practice.system.levels]"),
                )
            })
        })
        .collect()
}

fn unreadable(talk: &mut Conversation<'_>, message: &str) -> CallError {
    CallError::contract(message).after(std::mem::take(&mut talk.receipts))
}

/// `%`, `_` and `\` mean themselves.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_is_no_group_is_refused_by_name() {
        let groups = [Group {
            id: 9,
            name: "Health Nurse".to_owned(),
        }];

        assert_eq!(ids_of(&["health nurse".to_owned()], &groups).unwrap(), [9]);
        let error = ids_of(&["Nurse".to_owned()], &groups).unwrap_err();
        assert!(error.message.contains("`Nurse`") && error.class == FailureClass::Refused);
    }

    #[test]
    fn once_an_id_is_known_a_login_alone_is_not_enough_to_change_somebody() {
        let user = User::of(
            &json!({"id": 7, "login": "nina", "active": true, "groups": [], "email": null}),
        )
        .unwrap();
        let by_name = Subject {
            user_names: vec!["Nina".to_owned()],
            ..Subject::default()
        };
        let other_id = Subject {
            account_ids: vec![AccountId("8".to_owned())],
            ..by_name.clone()
        };

        assert!(user.is_of(&by_name) && user.may_be_changed_for(&by_name));
        assert!(user.is_of(&other_id) && !user.may_be_changed_for(&other_id));
    }

    #[test]
    fn a_name_full_of_wildcards_means_itself() {
        assert_eq!(escaped("100%_a\\"), "100\\%\\_a\\\\");
    }
}
