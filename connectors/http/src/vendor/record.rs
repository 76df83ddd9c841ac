//! How an account's record is read.

use drawbridge_sdk::{Account, AccountId, AccountState, Sessions};
use serde::Deserialize;
use serde_json::Value;

use super::{
    condition::{Condition, RawCondition},
    error::{Key, VendorFileError},
    pointer::{Pointer, text_of},
};

/// `[record]` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRecord {
    id: String,
    login: OneOrMore,
    #[serde(default)]
    identifiers: Vec<String>,
    enabled: RawCondition,
    disabled: RawCondition,
    levels: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

/// Where in a record the id, the login, other identifiers, the state and the levels are.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordShape {
    /// The system's id of the account.
    pub id: Pointer,
    logins: Vec<Pointer>,
    identifiers: Vec<Pointer>,
    enabled: Condition,
    disabled: Condition,
    levels: Option<Pointer>,
}

impl RecordShape {
    /// Reads `[record]`.
    ///
    /// # Errors
    /// When a pointer or a condition cannot be read, or a state is recognised by text.
    pub fn parse(raw: &RawRecord, key: &Key<'_>) -> Result<Self, VendorFileError> {
        let state = |name: &str, raw: &RawCondition| match Condition::parse(raw) {
            Ok(condition @ (Condition::OneOf(..) | Condition::Present(..))) => Ok(condition),
            Ok(_) => Err(key.wrong(
                name,
                "a state is read from a value: write `at` with `is`, `one_of` or `present`",
            )),
            Err(problem) => Err(key.wrong(name, problem)),
        };
        let logins = match &raw.login {
            OneOrMore::One(login) => std::slice::from_ref(login),
            OneOrMore::More(logins) => logins,
        };
        Ok(Self {
            id: Pointer::parse_to_one(&raw.id).map_err(|problem| key.wrong("id", problem))?,
            logins: key.each("login", logins, |login| Pointer::parse_to_one(login))?,
            identifiers: key.each("identifiers", &raw.identifiers, |identifier| {
                Pointer::parse(identifier)
            })?,
            enabled: state("enabled", &raw.enabled)?,
            disabled: state("disabled", &raw.disabled)?,
            levels: raw
                .levels
                .as_deref()
                .map(|levels| {
                    Pointer::parse(levels).map_err(|problem| key.wrong("levels", problem))
                })
                .transpose()?,
        })
    }

    /// Whether levels can be read.
    pub fn has_levels(&self) -> bool {
        self.levels.is_some()
    }

    /// Reads one record.
    ///
    /// # Errors
    /// A sentence for people when it has no id, or is neither enabled nor disabled, or both.
    pub fn read(&self, record: &Value) -> Result<Account, String> {
        let id = self
            .id
            .text(record)
            .ok_or("has no id: check `record.id` in the vendor file")?;
        let holds = |condition: &Condition| condition.holds("", Some(record), None);
        let state = match (holds(&self.enabled), holds(&self.disabled)) {
            (true, false) => AccountState::Enabled,
            (false, true) => AccountState::Disabled,
            (true, true) => {
                return Err(
                    "reads as both enabled and disabled: check `record` in the vendor file"
                        .to_owned(),
                );
            }
            (false, false) => {
                return Err("reads as neither enabled nor disabled: add the value it has to `record` in the vendor file".to_owned());
            }
        };
        let login = self.logins.iter().find_map(|login| login.text(record));
        let texts = |pointers: &[Pointer]| -> Vec<String> {
            pointers
                .iter()
                .flat_map(|pointer| pointer.all(record))
                .filter_map(text_of)
                .collect()
        };
        let mut identifiers = texts(&self.logins);
        identifiers.extend(texts(&self.identifiers));
        identifiers.retain(|identifier| Some(identifier) != login.as_ref());
        identifiers.dedup();
        Ok(Account {
            login: login.unwrap_or_else(|| id.clone()),
            id: AccountId(id),
            state,
            sessions: Sessions::NotReadable,
            levels: self
                .levels
                .as_ref()
                .map_or_else(Vec::new, |levels| texts(std::slice::from_ref(levels))),
            identifiers,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shape() -> RecordShape {
        let raw: RawRecord = toml::from_str(
            r#"
            id = "/id"
            login = ["/name", "/number"]
            identifiers = ["/emails/*/address"]
            enabled = { at = "/status", one_of = ["active", "invited"] }
            disabled = { at = "/status", is = "off" }
            levels = "/roles/*/id"
            "#,
        )
        .unwrap();
        RecordShape::parse(&raw, &Key::new("test.toml", "record")).unwrap()
    }

    #[test]
    fn a_record_is_read_whole() {
        let record = json!({
            "id": 7, "name": "nina", "number": 12, "status": "off",
            "emails": [{"address": "nina@x"}, {"address": "n@x"}], "roles": [{"id": "r1"}, {"id": 2}],
        });

        let account = shape().read(&record).unwrap();

        assert_eq!(account.id.as_str(), "7");
        assert_eq!(account.login, "nina");
        assert_eq!(account.state, AccountState::Disabled);
        assert_eq!(account.identifiers, ["12", "nina@x", "n@x"]);
        assert_eq!(account.levels, ["r1", "2"]);
    }

    #[test]
    fn the_next_login_counts_when_the_first_is_empty() {
        let account = shape()
            .read(&json!({"id": "7", "name": "", "number": 12, "status": "active"}))
            .unwrap();

        assert_eq!(account.login, "12");
    }

    #[test]
    fn a_state_the_file_does_not_name_is_never_guessed() {
        for record in [
            json!({"id": 7, "status": "pending"}),
            json!({"id": 7}),
            json!({"id": 7, "status": null}),
        ] {
            assert!(
                shape()
                    .read(&record)
                    .unwrap_err()
                    .contains("neither enabled nor disabled")
            );
        }
    }

    #[test]
    fn what_has_no_id_is_no_record() {
        for record in [
            json!({"status": "off"}),
            json!([]),
            json!("nina"),
            json!({"id": {"a": 1}}),
        ] {
            assert!(shape().read(&record).unwrap_err().contains("has no id"));
        }
    }
}
