//! Who is in a group.

use super::*;

fn members(operations: Value) -> Vec<String> {
    group(operations)
        .unwrap()
        .get("members")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|member| member["value"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn remove_with_members_removes_those_only() {
    let remove = |value: Value| json!([{"op": "Remove", "path": "members", "value": value}]);

    assert_eq!(
        members(remove(json!([{"$ref": null, "value": "u2"}]))),
        ["u1", "u3"]
    );
    assert_eq!(members(remove(json!({"value": "u1"}))), ["u2", "u3"]);
    assert_eq!(
        members(remove(json!([{"value": "nobody"}]))),
        ["u1", "u2", "u3"]
    );
    assert_eq!(members(remove(json!([]))), ["u1", "u2", "u3"]);
    assert_eq!(members(remove(json!([{"$ref": null}]))), ["u1", "u2", "u3"]);
}

#[test]
fn remove_without_members_removes_all() {
    assert!(members(json!([{"op": "remove", "path": "members"}])).is_empty());
}

#[test]
fn remove_by_filter_removes_one_and_is_repeatable() {
    let remove = json!([{"op": "remove", "path": "members[value eq \"u2\"]"}]);
    assert_eq!(members(remove), ["u1", "u3"]);
    let absent = json!([{"op": "remove", "path": "members[value eq \"u9\"]"}]);
    assert_eq!(members(absent), ["u1", "u2", "u3"]);
}

#[test]
fn members_are_added_once_and_unknown_ones_are_kept() {
    let add = json!([{"op": "Add", "path": "members", "value": [
        {"$ref": null, "value": "u2"},
        {"value": "not-here-yet", "display": "New"},
        {"value": "not-here-yet"},
    ]}]);

    assert_eq!(members(add), ["u1", "u2", "u3", "not-here-yet"]);
}

#[test]
fn oktas_rename_may_carry_the_id() {
    let rename =
        json!([{"op": "replace", "value": {"id": "g1", "schemas": [], "displayName": "Ward 4"}}]);

    let after = group(rename).unwrap();

    assert_eq!(after["displayName"], "Ward 4");
    assert!(after.get("id").is_none());
}

#[test]
fn an_operation_per_member_is_one_step_and_other_floods_are_refused() {
    let per_member = |op: &str| -> Vec<Value> {
        (0..5000)
            .map(|n| json!({"op": op, "path": "members", "value": [{"value": format!("n{n}")}]}))
            .collect()
    };
    let flood: Vec<Value> = (0..1001)
        .map(|n| json!({"op": "remove", "path": format!("members[value eq \"{n}\"]")}))
        .collect();

    assert_eq!(members(json!(per_member("add"))).len(), 5003);
    assert_eq!(members(json!(per_member("remove"))).len(), 3);
    assert_eq!(refusal(group(json!(flood))), Some(ScimType::InvalidValue));
}
