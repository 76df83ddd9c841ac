//! A group as a provider shows it.

use serde_json::Value;

use crate::user::text;

/// A group, which is a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The provider's immutable id.
    pub id: String,
    /// The level's name.
    pub name: String,
    /// Ids of its members; `None` when the record does not tell of members.
    pub members: Option<Vec<String>>,
    /// The record's version, for `If-Match`.
    pub version: Option<String>,
}

impl Group {
    /// Reads a record. `None` when it has no id or no name.
    pub fn of(record: &Value) -> Option<Self> {
        let members = record.get("members").and_then(Value::as_array);
        Some(Self {
            id: text(record.get("id")?)?,
            name: text(record.get("displayName")?)?,
            members: members.map(|members| {
                members
                    .iter()
                    .filter_map(|member| text(&member["value"]))
                    .collect()
            }),
            version: record["meta"].get("version").and_then(text),
        })
    }

    /// Whether it shows this user as a member.
    pub fn has(&self, user_id: &str) -> bool {
        self.members
            .iter()
            .flatten()
            .any(|member| member == user_id)
    }

    /// Whether it is called so, whatever the case.
    pub fn is_called(&self, level: &str) -> bool {
        self.name.to_lowercase() == level.to_lowercase()
    }
}
