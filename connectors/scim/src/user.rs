//! A user as a provider shows it.

use drawbridge_sdk::{Account, AccountId, AccountState, Sessions};
use serde_json::Value;

/// The extension that has the employee number.
pub const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A user, as far as this connector looks at it.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The provider's immutable id.
    pub id: String,
    /// What one logs in with, as a rule.
    pub user_name: String,
    /// The id that the one who made the account gave it.
    pub external_id: Option<String>,
    /// Every e-mail address.
    pub emails: Vec<String>,
    /// The enterprise extension's employee number.
    pub employee_number: Option<String>,
    /// Whether it says that one can log in; `None` when it does not say.
    pub active: Option<bool>,
    /// The record's version, for `If-Match`.
    pub version: Option<String>,
    /// The record's address, which groups refer to.
    pub location: Option<String>,
    /// Names of the groups it is in; `None` when the record does not tell of them, or not by name.
    pub groups: Option<Vec<String>>,
}

impl User {
    /// Reads a record. `None` when it has no id or no name, so that it is nobody's.
    pub fn of(record: &Value) -> Option<Self> {
        let emails = record["emails"].as_array();
        let groups = record["groups"].as_array();
        Some(Self {
            id: text(record.get("id")?)?,
            user_name: text(record.get("userName")?)?,
            external_id: record.get("externalId").and_then(text),
            emails: emails
                .into_iter()
                .flatten()
                .filter_map(|email| text(&email["value"]))
                .collect(),
            employee_number: record[ENTERPRISE].get("employeeNumber").and_then(text),
            active: record.get("active").and_then(truth),
            version: record["meta"].get("version").and_then(text),
            location: record["meta"].get("location").and_then(text),
            groups: groups.and_then(|groups| {
                groups
                    .iter()
                    .map(|group| group.get("display").and_then(text))
                    .collect()
            }),
        })
    }

    /// The id as the server of the bridge keeps it.
    pub fn account_id(&self) -> AccountId {
        AccountId(self.id.clone())
    }

    /// Only a record that says so is disabled.
    pub fn state(&self) -> AccountState {
        match self.active {
            Some(false) => AccountState::Disabled,
            Some(true) | None => AccountState::Enabled,
        }
    }

    /// The record as the sdk shows accounts.
    pub fn account(&self) -> Account {
        let identifiers = self
            .external_id
            .iter()
            .chain(&self.emails)
            .chain(&self.employee_number);
        Account {
            id: AccountId(self.id.clone()),
            login: self.user_name.clone(),
            state: self.state(),
            sessions: Sessions::NotReadable,
            levels: self.groups.clone().unwrap_or_default(),
            identifiers: identifiers.cloned().collect(),
        }
    }
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}

/// Text, or a number that stands for one: some providers number their records.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Some providers write truth values as text.
fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) => text.to_lowercase().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_record_that_says_so_is_disabled() {
        let state = |active: Value| {
            let record = json!({ "id": "1", "userName": "a", "active": active });
            User::of(&record).expect("a user").state()
        };

        assert_eq!(state(json!(false)), AccountState::Disabled);
        assert_eq!(state(json!("False")), AccountState::Disabled);
        assert_eq!(state(json!(true)), AccountState::Enabled);
        assert_eq!(state(Value::Null), AccountState::Enabled);
        assert_eq!(state(json!("no idea")), AccountState::Enabled);
    }

    #[test]
    fn a_record_without_an_id_or_a_name_is_nobodys() {
        assert_eq!(User::of(&json!({ "userName": "a" })), None);
        assert_eq!(User::of(&json!({ "id": "1", "userName": "" })), None);
        assert_eq!(User::of(&json!({ "status": "400", "detail": "no" })), None);
    }

    #[test]
    fn groups_that_are_not_told_differ_from_no_groups() {
        let told = User::of(&json!({ "id": 1, "userName": "a", "groups": [] })).expect("a user");
        let untold = User::of(&json!({ "id": 1, "userName": "a" })).expect("a user");

        assert_eq!((told.groups, untold.groups), (Some(Vec::new()), None));
    }
}
