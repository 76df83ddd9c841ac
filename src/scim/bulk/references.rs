//! Where an operation speaks of a resource that another one makes.

use serde_json::{Map, Value, json};

use super::value_filter;

/// What stands before the name that the client gave to a resource to be made.
const PREFIX: &str = "bulkId:";

/// What had to be left out of a new resource, and is to be added when it is known.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::scim) struct Waiting {
    /// The body of a PATCH.
    pub(in crate::scim) patch: Value,
}

/// What stands at a place in the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Something that points at other resources: `members`, `manager`, or a part of them.
    Pointer,
    /// Everything else. A title is a title, even if it begins with `bulkId:`.
    Elsewhere,
}

/// The names of resources to be made that stand in the data of an operation.
///
/// # Source
/// RFC 7644 section 3.7.2.
pub(in crate::scim) fn references(data: &Value) -> Vec<String> {
    let mut found = Vec::new();
    // Looking and changing walk the same way, so that neither sees what the other does not.
    let mut copy = data.clone();
    visit(&mut copy, Place::Elsewhere, &mut |text| {
        found.extend(split(text).map(|(_, name)| name.to_owned()));
    });
    found
}

/// Writes the ids of resources that were made in the place of their names.
pub(in crate::scim) fn resolve<'m>(
    data: &mut Value,
    id_of: impl Fn(&str) -> Option<&'m str> + Copy,
) {
    visit(data, Place::Elsewhere, &mut |text| {
        if let Some(resolved) = resolve_text(text, id_of) {
            *text = resolved;
        }
    });
}

fn resolve_text<'m>(text: &str, id_of: impl Fn(&str) -> Option<&'m str>) -> Option<String> {
    let (before, name) = split(text)?;
    Some(format!("{before}{}", id_of(name)?))
}

/// Takes out of a new resource whatever points at these others, to be added later.
pub(in crate::scim) fn leave_out(
    data: &mut Value,
    is_missing: impl Fn(&str) -> bool + Copy,
) -> Option<Waiting> {
    let mut operations = Vec::new();
    if let Value::Object(members) = data {
        leave_out_of(members, "", is_missing, &mut operations);
    }
    (!operations.is_empty()).then(|| Waiting {
        patch: json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": operations,
        }),
    })
}

fn leave_out_of(
    members: &mut Map<String, Value>,
    extension: &str,
    is_missing: impl Fn(&str) -> bool + Copy,
    operations: &mut Vec<Value>,
) {
    let points_at_missing = |value: &Value| {
        let mut copy = value.clone();
        let mut found = false;
        visit(&mut copy, Place::Pointer, &mut |text| {
            found |= split(text).is_some_and(|(_, name)| is_missing(name));
        });
        found
    };
    members.retain(|name, value| {
        let path = format!("{extension}{name}");
        if place_of(name) == Place::Elsewhere {
            if let Value::Object(inner) = value {
                leave_out_of(inner, &format!("{path}:"), is_missing, operations);
            }
            return true;
        }
        let taken = match &mut *value {
            Value::Array(elements) => {
                let (out, stay) = std::mem::take(elements)
                    .into_iter()
                    .partition(points_at_missing);
                *elements = stay;
                Value::Array(out)
            }
            one if points_at_missing(one) => one.take(),
            _ => return true,
        };
        if taken != json!([]) {
            operations.push(json!({"op": "add", "path": path, "value": taken}));
        }
        !value.is_null()
    });
}

/// Shows every text that could be a reference.
fn visit(value: &mut Value, place: Place, look: &mut impl FnMut(&mut String)) {
    match value {
        Value::String(text) if place == Place::Pointer => look(text),
        Value::Array(elements) => {
            for element in elements {
                visit(element, place, look);
            }
        }
        Value::Object(members) => {
            if place == Place::Elsewhere {
                visit_filters(members, look);
            }
            let path = path_of_operation(members).map(place_of);
            for (name, value) in members {
                let is_part = ["value", "$ref"].iter().any(|part| is(name, part));
                let inside = match place {
                    Place::Pointer if is_part => Place::Pointer,
                    Place::Pointer => Place::Elsewhere,
                    Place::Elsewhere if is_part => path.unwrap_or(Place::Elsewhere),
                    Place::Elsewhere => place_of(name),
                };
                visit(value, inside, look);
            }
        }
        _ => {}
    }
}

/// Shows the references in the filters of paths: that of an operation of a PATCH, and names that are
/// paths themselves.
fn visit_filters(members: &mut Map<String, Value>, look: &mut impl FnMut(&mut String)) {
    let filters = |path: &str| path.contains('[') && points(path);
    if path_of_operation(members).is_some_and(filters) {
        for (name, value) in members.iter_mut() {
            if let Value::String(path) = value
                && is(name, "path")
            {
                value_filter::visit(path, look);
            }
        }
    }
    if members.keys().any(|name| filters(name)) {
        *members = std::mem::take(members)
            .into_iter()
            .map(|(mut name, value)| {
                if filters(&name) {
                    value_filter::visit(&mut name, look);
                }
                (name, value)
            })
            .collect();
    }
}

/// The path of an operation of a PATCH.
fn path_of_operation(members: &Map<String, Value>) -> Option<&str> {
    let named = |wanted: &str| {
        members
            .iter()
            .find(|(name, _)| is(name, wanted))
            .map(|(_, value)| value)
    };
    named("op").and(named("path")?.as_str())
}

/// What a name or path leads to: `members`, `manager.value`, `urn:...:User:manager`.
fn place_of(name: &str) -> Place {
    let is_display = name.trim().to_ascii_lowercase().ends_with(".display");
    if points(name) && !is_display {
        Place::Pointer
    } else {
        Place::Elsewhere
    }
}

/// Whether the attribute of a name or path points at other resources.
fn points(name: &str) -> bool {
    let attribute = name.split('[').next().unwrap_or_default();
    attribute
        .split([':', '.'])
        .map(str::trim)
        .any(|part| is(part, "members") || is(part, "manager"))
}

/// Divides `bulkId:nina`, and the address `.../Users/bulkId:nina`, before the name.
pub(super) fn split(text: &str) -> Option<(&str, &str)> {
    if let Some(name) = text.strip_prefix(PREFIX) {
        return Some(("", name));
    }
    let (before, name) = text.rsplit_once("/bulkId:")?;
    Some((&text[..=before.len()], name))
}

pub(super) fn is(name: &str, wanted: &str) -> bool {
    name.eq_ignore_ascii_case(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    fn resolved(mut data: Value) -> Value {
        resolve(&mut data, |name| (name == "nina").then_some("id-1"));
        data
    }

    #[test]
    fn a_reference_is_found_wherever_a_resource_points_at_another() {
        for data in [
            json!({"members": [{"value": "bulkId:nina"}]}),
            json!({"Members": {"value": "bulkId:nina"}}),
            json!({"members": [{"$ref": "https://x/scim/v2/Users/bulkId:nina"}]}),
            json!({ENTERPRISE: {"manager": {"value": "bulkId:nina"}}}),
            json!({ENTERPRISE: {"manager": "bulkId:nina"}}),
            json!({"urn:x:User:manager.value": "bulkId:nina"}),
            json!({"Operations": [
                {"op": "add", "path": "members", "value": [{"value": "bulkId:nina"}]},
            ]}),
            json!({"Operations": [{"op": "Add", "Path": "members", "Value": "bulkId:nina"}]}),
            json!({"operations": [{"op": "add", "value": {"members": [{"value": "bulkId:nina"}]}}]}),
            json!({"Operations": [
                {"op": "replace", "path": "urn:x:User:manager", "value": {"value": "bulkId:nina"}},
            ]}),
            json!({"Operations": [{"op": "remove", "path": "members[value eq \"bulkId:nina\"]"}]}),
            json!({"Operations": [{"op": "add", "value": {
                "members[value eq \"bulkId:nina\"]": {"type": "User"},
            }}]}),
        ] {
            assert_eq!(references(&data), ["nina"], "{data}");
            assert!(
                !resolved(data.clone()).to_string().contains("bulkId"),
                "{data}"
            );
        }
    }

    #[test]
    fn what_is_no_pointer_is_never_touched() {
        for data in [
            json!({"title": "bulkId:nina", "emails": [{"value": "bulkId:nina"}]}),
            json!({"members": [{"value": "u1", "display": "bulkId:nina"}]}),
            json!({"Operations": [{"op": "replace", "path": "title", "value": "bulkId:nina"}]}),
            json!({"members": [{"value": "nina"}]}),
            json!({"path": "members[value eq \"bulkId:nina\"]"}),
            json!({"Operations": [
                {"op": "remove", "path": "emails[value eq \"bulkId:nina\"]"},
                {"op": "add", "path": "members[value eq \"u1\"].display", "value": "bulkId:nina"},
            ]}),
        ] {
            assert!(references(&data).is_empty(), "{data}");
            assert_eq!(resolved(data.clone()), data);
        }
    }

    #[test]
    fn the_id_takes_the_place_of_the_name() {
        assert_eq!(
            resolved(json!({"members": [
                {"value": "bulkId:nina", "$ref": "../Users/bulkId:nina"},
                {"value": "bulkId:omar"},
            ]})),
            json!({"members": [
                {"value": "id-1", "$ref": "../Users/id-1"},
                {"value": "bulkId:omar"},
            ]})
        );
    }

    #[test]
    fn only_what_points_at_the_missing_is_left_out() {
        let mut data = json!({
            "displayName": "Ward",
            "members": [{"value": "bulkId:nina"}, {"value": "u1"}, {"value": "bulkId:omar"}],
            ENTERPRISE: {"department": "Ward", "manager": {"value": "bulkId:nina"}},
        });

        let waiting = leave_out(&mut data, |name| name == "nina").unwrap();

        assert_eq!(
            data,
            json!({
                "displayName": "Ward",
                "members": [{"value": "u1"}, {"value": "bulkId:omar"}],
                ENTERPRISE: {"department": "Ward"},
            })
        );
        assert_eq!(
            waiting.patch["Operations"],
            json!([
                {"op": "add", "path": "members", "value": [{"value": "bulkId:nina"}]},
                {
                    "op": "add",
                    "path": format!("{ENTERPRISE}:manager"),
                    "value": {"value": "bulkId:nina"},
                },
            ])
        );
        assert_eq!(references(&waiting.patch), ["nina", "nina"]);
    }

    #[test]
    fn nothing_is_left_out_when_all_is_known() {
        let mut data = json!({"members": [{"value": "bulkId:nina"}], "title": "bulkId:omar"});
        let before = data.clone();

        assert_eq!(leave_out(&mut data, |name| name == "omar"), None);
        assert_eq!(data, before);
    }
}
