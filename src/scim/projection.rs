//! Which attributes an answer shows.

use serde_json::{Map, Value};

use super::schema::{Named, Resolved, ResourceType, Returned};

/// What `attributes` and `excludedAttributes` ask for.
///
/// # Source
/// RFC 7644 section 3.9.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Projection {
    /// Everything.
    #[default]
    All,
    /// What is always shown, and these.
    Only(Vec<Choice>),
    /// Everything but these.
    Without(Vec<Choice>),
}

/// An attribute, a part of one, or an extension.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Choice {
    Attribute(Named),
    Extension(&'static str),
}

impl Projection {
    /// Reads the two parameters. The RFC lets a client send one; of both, `attributes` counts. Names
    /// nobody knows choose nothing.
    pub(super) fn read(
        kind: &'static ResourceType,
        attributes: Option<&str>,
        excluded: Option<&str>,
    ) -> Self {
        let named = |names: &&str| !names.trim().is_empty();
        match (attributes.filter(named), excluded.filter(named)) {
            (Some(names), _) => Self::Only(choices(kind, names)),
            (None, Some(names)) => Self::Without(choices(kind, names)),
            (None, None) => Self::All,
        }
    }

    /// Leaves in a resource what is to be shown.
    pub(super) fn apply(&self, kind: &'static ResourceType, resource: Value) -> Value {
        match (self, resource) {
            (Self::Only(choices), Value::Object(resource)) => {
                Value::Object(only(kind, choices, &resource))
            }
            (Self::Without(choices), Value::Object(mut resource)) => {
                for choice in choices {
                    leave_out(choice, &mut resource);
                }
                Value::Object(resource)
            }
            (_, resource) => resource,
        }
    }
}

fn choices(kind: &'static ResourceType, names: &str) -> Vec<Choice> {
    names
        .split(',')
        .filter_map(|name| match kind.resolve(name.trim()) {
            Resolved::Attribute(named) => Some(Choice::Attribute(named)),
            Resolved::Extension(schema) => Some(Choice::Extension(schema.urn)),
            Resolved::Unknown => None,
        })
        .collect()
}

fn only(
    kind: &'static ResourceType,
    choices: &[Choice],
    resource: &Map<String, Value>,
) -> Map<String, Value> {
    let mut shown = Map::new();
    for (name, value) in resource {
        let part = match value {
            _ if is_always_shown(kind, name) => Some(value.clone()),
            _ if is_chosen_extension(choices, name) => Some(value.clone()),
            Value::Object(extension) if is_extension(kind, name) => {
                let parts: Map<String, Value> = extension
                    .iter()
                    .filter_map(|(inner, value)| {
                        Some((inner.clone(), chosen(choices, Some(name), inner, value)?))
                    })
                    .collect();
                (!parts.is_empty()).then_some(Value::Object(parts))
            }
            _ => chosen(choices, None, name, value),
        };
        if let Some(part) = part {
            shown.insert(name.clone(), part);
        }
    }
    shown
}

/// What the choices want of one attribute's value.
fn chosen(choices: &[Choice], extension: Option<&str>, name: &str, value: &Value) -> Option<Value> {
    let subs: Vec<Option<&str>> = choices
        .iter()
        .filter_map(|choice| match choice {
            Choice::Attribute(named)
                if named.attribute.name == name
                    && named.extension.map(|schema| schema.urn) == extension =>
            {
                Some(named.sub.map(|sub| sub.name))
            }
            _ => None,
        })
        .collect();
    if subs.is_empty() || subs.contains(&None) {
        return (!subs.is_empty()).then(|| value.clone());
    }
    let parts_of = |element: &Value| -> Value {
        let parts = element.as_object().into_iter().flatten();
        parts
            .filter(|(part, _)| subs.contains(&Some(part.as_str())))
            .map(|(part, value)| (part.clone(), value.clone()))
            .collect::<Map<_, _>>()
            .into()
    };
    Some(match value {
        Value::Array(elements) => elements.iter().map(parts_of).collect(),
        one => parts_of(one),
    })
}

fn leave_out(choice: &Choice, resource: &mut Map<String, Value>) {
    let named = match choice {
        Choice::Extension(urn) => {
            resource.shift_remove(*urn);
            return;
        }
        Choice::Attribute(named) if named.innermost().returned == Returned::Always => return,
        Choice::Attribute(named) => named,
    };
    let place = match named.extension {
        None => Some(resource),
        Some(schema) => resource.get_mut(schema.urn).and_then(Value::as_object_mut),
    };
    let Some(place) = place else {
        return;
    };
    let Some(sub) = named.sub else {
        place.shift_remove(named.attribute.name);
        return;
    };
    match place.get_mut(named.attribute.name) {
        Some(Value::Array(elements)) => {
            for element in elements.iter_mut().filter_map(Value::as_object_mut) {
                element.shift_remove(sub.name);
            }
        }
        Some(Value::Object(object)) => {
            object.shift_remove(sub.name);
        }
        _ => {}
    }
}

fn is_always_shown(kind: &'static ResourceType, name: &str) -> bool {
    matches!(
        kind.resolve(name),
        Resolved::Attribute(named) if named.attribute.returned == Returned::Always
    )
}

fn is_extension(kind: &'static ResourceType, name: &str) -> bool {
    kind.extensions.iter().any(|schema| schema.urn == name)
}

fn is_chosen_extension(choices: &[Choice], name: &str) -> bool {
    choices
        .iter()
        .any(|choice| matches!(choice, Choice::Extension(urn) if *urn == name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        people::ENTERPRISE_USER,
        scim::schema::{GROUP, USER},
    };

    fn nina() -> Value {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": "1",
            "userName": "nina",
            "name": {"givenName": "Nina", "familyName": "Weiss"},
            "emails": [{"value": "a@x", "type": "work"}, {"value": "b@x"}],
            ENTERPRISE_USER: {"department": "Ward 3", "manager": {"value": "m1"}},
            "meta": {"resourceType": "User"},
        })
    }

    fn shown(attributes: Option<&str>, excluded: Option<&str>) -> Value {
        Projection::read(&USER, attributes, excluded).apply(&USER, nina())
    }

    #[test]
    fn only_what_was_asked_for_is_shown_and_the_id() {
        assert_eq!(
            shown(Some("USERNAME, name.givenName,emails.value,shoeSize"), None),
            json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
                "id": "1",
                "userName": "nina",
                "name": {"givenName": "Nina"},
                "emails": [{"value": "a@x"}, {"value": "b@x"}],
            })
        );
        assert_eq!(
            shown(Some("id"), None),
            json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": "1"})
        );
    }

    #[test]
    fn naming_nothing_chooses_everything() {
        assert_eq!(shown(Some(""), Some(" ")), nina());
    }

    #[test]
    fn extensions_are_chosen_whole_or_in_part() {
        assert_eq!(
            shown(Some(ENTERPRISE_USER), None)[ENTERPRISE_USER],
            nina()[ENTERPRISE_USER]
        );
        assert_eq!(
            shown(Some(&format!("{ENTERPRISE_USER}:department")), None)[ENTERPRISE_USER],
            json!({"department": "Ward 3"})
        );
        assert!(shown(Some("userName"), None).get(ENTERPRISE_USER).is_none());
    }

    #[test]
    fn what_is_excluded_is_left_out_but_never_the_id() {
        let left = shown(None, Some("id,emails.type,name,manager,schemas"));

        assert_eq!(left["id"], "1");
        assert_eq!(left["emails"], json!([{"value": "a@x"}, {"value": "b@x"}]));
        assert!(left.get("name").is_none());
        assert_eq!(left[ENTERPRISE_USER], json!({"department": "Ward 3"}));
        assert!(
            shown(None, Some(ENTERPRISE_USER))
                .get(ENTERPRISE_USER)
                .is_none()
        );
    }

    #[test]
    fn a_group_is_shown_without_its_members() {
        let group = json!({"id": "1", "displayName": "Ward 3", "members": [{"value": "u1"}]});

        let left = Projection::read(&GROUP, None, Some("members")).apply(&GROUP, group);

        assert_eq!(left, json!({"id": "1", "displayName": "Ward 3"}));
    }
}
