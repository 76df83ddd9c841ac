//! `res.user` as this connector sees it.

use drawbridge_sdk::{Account, AccountId, AccountState, Sessions, Subject};
use serde_json::Value;

use crate::group::Group;

/// Fields that are read of a user.
pub const FIELDS: [&str; 6] = [
    "login",
    "email",
    "active",
    "groups",
    "sessions",
    "applications",
];

/// One user as the server shows them.
#[derive(Clone)]
pub struct User {
    /// The database id.
    pub id: i64,
    /// Whether one can log in.
    pub active: bool,
    /// Open sessions; `None` when the server does not say.
    pub sessions: Option<u32>,
    /// Ids of the groups they are in.
    pub groups: Vec<i64>,
    /// Ids of their keys for applications, valid or not.
    pub keys: Vec<i64>,
    login: String,
    email: Option<String>,
}

impl User {
    /// Reads a record. `None` when what must be there is not.
    pub fn of(record: &Value) -> Option<Self> {
        let email = record.get("email").and_then(Value::as_str);
        let sessions = record.get("sessions").and_then(Value::as_u64);
        Some(Self {
            id: record.get("id")?.as_i64()?,
            login: record.get("login")?.as_str()?.to_owned(),
            active: truth(record.get("active")?)?,
            email: email.filter(|email| !email.is_empty()).map(str::to_owned),
            sessions: sessions.and_then(|open| u32::try_from(open).ok()),
            groups: ids(record.get("groups")?)?,
            keys: record.get("applications").and_then(ids).unwrap_or_default(),
        })
    }

    /// The id as the server of the bridge keeps it.
    pub fn account_id(&self) -> AccountId {
        AccountId(self.id.to_string())
    }

    /// Whether this record is the person's: by id, login or e-mail.
    pub fn is_of(&self, subject: &Subject) -> bool {
        let bears_email = self
            .email
            .as_deref()
            .is_some_and(|email| subject.bears(email));
        subject.owns(&self.id.to_string()) || subject.bears(&self.login) || bears_email
    }

    /// Whether this door may act on it: once an id is known, only by it. A login can be given to
    /// somebody else.
    pub fn may_be_changed_for(&self, subject: &Subject) -> bool {
        self.is_of(subject) && subject.may_act_on(&self.id.to_string())
    }

    /// Whether this login, e-mail address or id means this user, whatever the case.
    pub fn is_called(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.login.to_lowercase() == name
            || self
                .email
                .as_ref()
                .is_some_and(|email| email.to_lowercase() == name)
            || self.id.to_string() == name
    }

    /// The record as the sdk shows accounts.
    pub fn account(&self, groups: &[Group]) -> Account {
        let own = groups
            .iter()
            .filter(|group| self.groups.contains(&group.id));
        Account {
            id: self.account_id(),
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
            levels: own.map(|group| group.name.clone()).collect(),
            identifiers: self.email.iter().cloned().collect(),
        }
    }
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("active", &self.active)
            .field("sessions", &self.sessions)
            .finish_non_exhaustive()
    }
}

/// Over SQLite the server shows truth values as numbers.
fn truth(value: &Value) -> Option<bool> {
    match value.as_u64() {
        Some(0) => Some(false),
        Some(1) => Some(true),
        _ => value.as_bool(),
    }
}

fn ids(value: &Value) -> Option<Vec<i64>> {
    value.as_array()?.iter().map(Value::as_i64).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nina() -> User {
        let record = json!({
            "id": 7, "login": "nina", "active": 1, "groups": [9], "email": "Nina@practice.example",
        });
        User::of(&record).expect("a user")
    }

    #[test]
    fn once_an_id_is_known_a_login_alone_is_not_enough_to_change_somebody() {
        let by_name = Subject {
            user_names: vec!["Nina".to_owned()],
            ..Subject::default()
        };
        let other_id = Subject {
            account_ids: vec![AccountId("8".to_owned())],
            ..by_name.clone()
        };

        assert!(nina().is_of(&by_name) && nina().may_be_changed_for(&by_name));
        assert!(nina().is_of(&other_id) && !nina().may_be_changed_for(&other_id));
    }

    #[test]
    fn a_record_that_does_not_say_whether_it_is_active_is_none() {
        let record =
            |active: Value| json!({ "id": 7, "login": "n", "groups": [], "active": active });
        let active = |value: Value| User::of(&record(value)).map(|user| user.active);

        assert_eq!(
            (active(json!(1)), active(json!(true))),
            (Some(true), Some(true))
        );
        assert_eq!(
            (active(json!(0)), active(json!(false))),
            (Some(false), Some(false))
        );
        assert_eq!((active(Value::Null), active(json!("no"))), (None, None));
    }

    #[test]
    fn sessions_the_server_does_not_tell_of_are_not_none() {
        assert_eq!(nina().account(&[]).sessions, Sessions::NotReadable);
        assert!(nina().is_called("nina@PRACTICE.example") && nina().is_called("7"));
    }
}
