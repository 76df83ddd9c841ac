//! Sees whether a request that had to be refused would have disabled somebody.

use serde_json::{Map, Value};

use super::schema::{Resolved, USER};

/// Whether this body, of a PUT or PATCH on a User, says anywhere that `active` is false. It is only
/// asked after a refusal, so it reads generously: what is recorded too much is looked at by a person.
pub(super) fn is_asked_for(body: &[u8]) -> bool {
    serde_json::from_slice(body).is_ok_and(|body| is_asked_for_in(&body))
}

/// The same of a body that is JSON already.
pub(super) fn is_asked_for_in(body: &Value) -> bool {
    body.as_object()
        .is_some_and(|body| says_inactive(body) || operations(body).any(operation_disables))
}

fn operation_disables(operation: &Map<String, Value>) -> bool {
    let text = |name| member(operation, name).and_then(Value::as_str);
    if text("op").is_some_and(|op| op.eq_ignore_ascii_case("remove")) {
        return text("path").is_some_and(is_active);
    }
    let Some(value) = member(operation, "value") else {
        return false;
    };
    match (member(operation, "path"), value) {
        (Some(Value::String(path)), value) if !path.is_empty() => {
            is_active(path) && is_false(value)
        }
        (_, Value::Object(members)) => says_inactive(members),
        _ => false,
    }
}

fn says_inactive(members: &Map<String, Value>) -> bool {
    members
        .iter()
        .any(|(name, value)| is_active(name) && is_false(value))
}

fn operations(body: &Map<String, Value>) -> impl Iterator<Item = &Map<String, Value>> {
    member(body, "Operations")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
}

fn member<'a>(object: &'a Map<String, Value>, wanted: &str) -> Option<&'a Value> {
    object
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
        .map(|(_, value)| value)
}

fn is_active(name: &str) -> bool {
    matches!(
        USER.resolve(name.trim()),
        Resolved::Attribute(named) if named.attribute.name == "active"
    )
}

fn is_false(value: &Value) -> bool {
    match value {
        Value::Bool(boolean) => !boolean,
        Value::String(text) => text.trim().eq_ignore_ascii_case("false"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_of_a_disable_is_seen() {
        for body in [
            r#"{"userName": "nina", "active": false}"#,
            r#"{"ACTIVE": "False"}"#,
            r#"{"Operations": [{"op": "replace", "path": "active", "value": false}]}"#,
            r#"{"Operations": [{"op": "bad"}, {"op": "Replace", "Path": "Active", "value": "False"}]}"#,
            r#"{"operations": [{"op": "replace", "value": {"active": false}}]}"#,
            r#"{"operations": [{"op": "replace", "value":
                {"urn:ietf:params:scim:schemas:core:2.0:User:active": "false"}}]}"#,
            r#"{"active": true, "active": false}"#,
            r#"{"Operations": [{"op": "Remove", "path": "active"}]}"#,
        ] {
            assert!(is_asked_for(body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn other_requests_are_none() {
        for body in [
            r#"{"userName": "nina", "active": true}"#,
            r#"{"Operations": [{"op": "replace", "path": "title", "value": false}]}"#,
            r#"{"Operations": [{"op": "remove", "path": "title"}]}"#,
            r#"{"Operations": [{"op": "remove"}]}"#,
            "nonsense",
            "[]",
        ] {
            assert!(!is_asked_for(body.as_bytes()), "{body}");
        }
    }
}
