//! A SCIM Group as the book keeps it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::user::{Attributes, meta, text};
use crate::ids::GroupId;

/// One SCIM Group.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The resource's id.
    pub id: GroupId,
    /// What the source wrote, without `members`.
    pub attributes: Attributes,
    /// Who is in it, in the order they were added.
    pub members: Vec<Member>,
    /// Raised by one with each change; the ETag is made of it.
    pub version: i64,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub modified: Timestamp,
}

/// URN of the core Group schema.
pub const CORE_GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

impl Group {
    /// The whole resource as JSON with canonical names, without what only the front door knows
    /// (`meta.location`, `$ref`).
    pub fn to_json(&self) -> Value {
        let mut resource = Attributes::new();
        resource.insert("schemas".to_owned(), json!([CORE_GROUP]));
        resource.insert("id".to_owned(), Value::from(self.id.as_str()));
        resource.extend(
            self.attributes
                .iter()
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        resource.insert("members".to_owned(), json!(self.members));
        resource.insert(
            "meta".to_owned(),
            meta("Group", self.created, self.modified, self.version),
        );
        Value::Object(resource)
    }

    /// `displayName` as sent.
    pub fn display_name(&self) -> &str {
        text(&self.attributes, "displayName").unwrap_or_default()
    }
}

/// One member of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Id of the User, as sent. It may name nobody the book knows (yet).
    pub value: String,
    /// How the source calls the member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
}
