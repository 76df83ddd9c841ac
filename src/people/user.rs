//! A SCIM User as the book keeps it.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::ids::{PersonId, UserId};

/// URN of the core User schema.
pub const CORE_USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// URN of the enterprise extension.
///
/// # Source
/// RFC 7643 section 4.3.
pub const ENTERPRISE_USER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The attributes of a resource by their canonical names, as the source wrote them.
///
/// `id`, `meta`, `schemas`, `groups` and `password` are never in here. `active` always is, as a
/// boolean. Extension attributes are objects under their URN.
pub type Attributes = Map<String, Value>;

/// One SCIM User. It points at a person, who outlives it.
#[derive(Debug, Clone, PartialEq)]
pub struct User {
    /// The resource's id.
    pub id: UserId,
    /// The workforce member it is about.
    pub person: PersonId,
    /// What the source wrote.
    pub attributes: Attributes,
    /// Raised by one with each change; the ETag is made of it.
    pub version: i64,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub modified: Timestamp,
    /// False when no Group had them when this was read: then there is nothing to look up.
    pub may_be_in_groups: bool,
}

impl User {
    /// Whether the source says this person may get in.
    pub fn active(&self) -> bool {
        is_active(&self.attributes)
    }

    /// `userName` as sent.
    pub fn user_name(&self) -> &str {
        text(&self.attributes, "userName").unwrap_or_default()
    }

    /// `externalId`, if the source gave one.
    pub fn external_id(&self) -> Option<&str> {
        text(&self.attributes, "externalId")
    }
}

/// Whether these attributes say that the person may get in. `null` is an `active` that was taken away:
/// it is not shown, and lets nobody in.
pub fn is_active(attributes: &Attributes) -> bool {
    attributes.get("active").is_none_or(|active| active == true)
}

/// A text attribute that is not empty.
pub fn text<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    attributes
        .get(name)
        .and_then(Value::as_str)
        .filter(|value| !value.is_empty())
}

/// A text attribute of the enterprise extension that is not empty.
pub fn enterprise_text<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    attributes
        .get(ENTERPRISE_USER)?
        .get(name)?
        .as_str()
        .filter(|value| !value.is_empty())
}

/// `value` of each element of a multi-valued attribute, the primary one first.
pub fn values<'a>(attributes: &'a Attributes, name: &str) -> Vec<&'a str> {
    let Some(elements) = attributes.get(name).and_then(Value::as_array) else {
        return Vec::new();
    };
    let is_primary =
        |element: &&Value| element.get("primary").and_then(Value::as_bool) == Some(true);
    let (primary, others): (Vec<&Value>, Vec<&Value>) = elements.iter().partition(is_primary);
    primary
        .into_iter()
        .chain(others)
        .filter_map(|element| {
            element
                .get("value")
                .and_then(Value::as_str)
                .or(element.as_str())
        })
        .filter(|value| !value.is_empty())
        .collect()
}

/// Id of the manager the source named, if it did.
pub fn manager(attributes: &Attributes) -> Option<&str> {
    attributes
        .get(ENTERPRISE_USER)?
        .get("manager")?
        .get("value")?
        .as_str()
        .filter(|value| !value.is_empty())
}

/// A group a User is in, as the User shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRef {
    /// The group's id.
    pub id: crate::ids::GroupId,
    /// The group's `displayName`.
    pub display: String,
}

impl User {
    /// The whole resource as JSON with canonical names, without what only the front door knows
    /// (`meta.location`, `$ref`).
    pub fn to_json(&self, groups: &[GroupRef]) -> Value {
        let mut schemas = vec![Value::from(CORE_USER)];
        schemas.extend(
            self.attributes
                .keys()
                .filter(|key| key.starts_with("urn:"))
                .map(|urn| Value::from(urn.as_str())),
        );
        let mut resource = Map::new();
        resource.insert("schemas".to_owned(), Value::Array(schemas));
        resource.insert("id".to_owned(), Value::from(self.id.as_str()));
        resource.extend(
            self.attributes
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        if !groups.is_empty() {
            let groups = groups
                .iter()
                .map(|group| serde_json::json!({"value": group.id.as_str(), "display": group.display, "type": "direct"}));
            resource.insert("groups".to_owned(), groups.collect());
        }
        resource.insert(
            "meta".to_owned(),
            meta("User", self.created, self.modified, self.version),
        );
        Value::Object(resource)
    }
}

/// The parts of `meta` that the book knows.
pub(super) fn meta(
    resource_type: &str,
    created: Timestamp,
    modified: Timestamp,
    version: i64,
) -> Value {
    serde_json::json!({
        "resourceType": resource_type,
        "created": crate::clock::to_text(created),
        "lastModified": crate::clock::to_text(modified),
        "version": format!("W/\"{version}\""),
    })
}
