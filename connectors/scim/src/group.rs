//! A group as a provider shows it.

use serde_json::{Value, json};

use crate::user::{User, text};

/// A group, which is a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The provider's immutable id.
    pub id: String,
    /// The level's name.
    pub name: String,
    /// Its members; `None` when the record does not tell of members.
    pub members: Option<Vec<Member>>,
    /// The record's version, for `If-Match`.
    pub version: Option<String>,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The user's id.
    pub value: String,
    /// The address of the user's record.
    pub reference: Option<String>,
}

impl Group {
    /// Reads a record. `None` when it has no id or no name.
    pub fn of(record: &Value) -> Option<Self> {
        let members = record.get("members").and_then(Value::as_array);
        Some(Self {
            id: text(record.get("id")?)?,
            name: text(record.get("displayName")?)?,
            members: members.map(|members| members.iter().filter_map(Member::of).collect()),
            version: record["meta"].get("version").and_then(text),
        })
    }

    /// Whether it shows this member.
    pub fn has(&self, wanted: &Member) -> bool {
        self.members
            .iter()
            .flatten()
            .any(|member| member.is_same(wanted))
    }

    /// Whether it is called so, whatever the case.
    pub fn is_called(&self, level: &str) -> bool {
        self.name.to_lowercase() == level.to_lowercase()
    }
}

impl Member {
    /// Reads one element of `members`.
    pub fn of(element: &Value) -> Option<Self> {
        Some(Self {
            value: text(element.get("value")?)?,
            reference: element.get("$ref").and_then(text),
        })
    }

    /// As an element of `members`.
    pub fn element(&self) -> Value {
        match &self.reference {
            None => json!({ "value": self.value }),
            Some(reference) => json!({ "value": self.value, "$ref": reference }),
        }
    }

    /// Whether both are one user: by id, or by the address of the record, because Canaille 0.3.6
    /// shows the user's name in place of the id.
    pub fn is_same(&self, other: &Self) -> bool {
        self.value == other.value || (self.reference.is_some() && self.reference == other.reference)
    }
}

impl From<&User> for Member {
    fn from(user: &User) -> Self {
        Self {
            value: user.id.clone(),
            reference: user.location.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_known_by_id_or_by_address() {
        let member = |value: &str, reference: Option<&str>| Member {
            value: value.to_owned(),
            reference: reference.map(str::to_owned),
        };
        let nina = member("7", Some("https://saas.example/Users/nina"));

        assert!(nina.is_same(&member("7", None)));
        assert!(nina.is_same(&member("nina", Some("https://saas.example/Users/nina"))));
        assert!(!nina.is_same(&member("8", Some("https://saas.example/Users/bob"))));
        assert!(!member("7", None).is_same(&member("8", None)));
    }
}
