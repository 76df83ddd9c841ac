//! What is refused, and that nothing is done then.

use super::*;

#[test]
fn a_value_path_that_describes_nothing_has_no_target() {
    for path in [
        "phoneNumbers[type ne \"work\"].value",
        "phoneNumbers[value eq \"1\"].value",
        "phoneNumbers[shoe eq \"1\"].value",
        "roles[primary eq \"maybe\"].value",
    ] {
        assert_eq!(
            refusal(user(json!([{"op": "add", "path": path, "value": "2"}]))),
            Some(ScimType::NoTarget),
            "{path}"
        );
    }
    let replace =
        json!([{"op": "replace", "path": "phoneNumbers[type eq \"work\"].value", "value": "2"}]);
    assert_eq!(
        refusal(patch_as(&USER, &nina(), replace, Mode::Strict)),
        Some(ScimType::NoTarget)
    );
}

#[test]
fn a_path_to_what_only_the_bridge_writes_is_refused() {
    for path in [
        "id",
        "ID",
        "meta",
        "meta.lastModified",
        "groups",
        "groups[value eq \"g\"]",
    ] {
        assert_eq!(
            refusal(user(json!([{"op": "replace", "path": path, "value": "x"}]))),
            Some(ScimType::Mutability),
            "{path}"
        );
    }
}

#[test]
fn a_required_attribute_cannot_go() {
    assert_eq!(
        refusal(user(json!([{"op": "remove", "path": "userName"}]))),
        Some(ScimType::Mutability)
    );
    for value in [json!(null), json!(""), json!(" ")] {
        assert_eq!(
            refusal(user(
                json!([{"op": "replace", "path": "userName", "value": value}])
            )),
            Some(ScimType::InvalidValue)
        );
    }
}

#[test]
fn nothing_of_a_patch_is_done_when_one_operation_is_bad() {
    let before = nina();

    let result = patch_as(
        &USER,
        &before,
        json!([
            {"op": "replace", "path": "active", "value": false},
            {"op": "replace", "path": "roles[value co \"x\"].value", "value": "y"},
        ]),
        Mode::Lenient,
    );

    assert!(result.is_err());
    assert_eq!(before, nina());
}

#[test]
fn what_nobody_knows_is_ignored_or_refused_as_the_source_wants() {
    let path = || json!([{"op": "add", "path": "shoeSize", "value": "42"}]);
    let inside = || json!([{"op": "add", "value": {"shoeSize": "42"}}]);

    assert_eq!(user(path()).unwrap(), Value::Object(nina()));
    assert_eq!(user(inside()).unwrap(), Value::Object(nina()));
    assert_eq!(
        refusal(patch_as(&USER, &nina(), path(), Mode::Strict)),
        Some(ScimType::InvalidPath)
    );
    assert_eq!(
        refusal(patch_as(&USER, &nina(), inside(), Mode::Strict)),
        Some(ScimType::InvalidSyntax)
    );
}

#[test]
fn paths_that_cannot_be_read_are_refused() {
    for path in [
        "/title",
        "ti tle",
        "emails[",
        "emails[]",
        "emails[type eq \"work\"",
        "[type pr]",
        "emails[type eq \"work\"]value",
        "emails[type eq \"work\"].",
        "title[type pr]",
        "name[givenName pr]",
        "emails.value[type pr]",
        "emails[type eq \"]\"",
        "1title",
    ] {
        let operation = json!([{"op": "replace", "path": path, "value": "x"}]);
        assert!(user(operation).is_err(), "{path}");
    }
    let bracket_in_text = json!([{"op": "remove", "path": "emails[type eq \"a]b\"]"}]);
    assert!(user(bracket_in_text).is_ok());
}

#[test]
fn bodies_that_are_no_patch_are_refused() {
    for body in [
        json!([]),
        json!({}),
        json!({"Operations": []}),
        json!({"Operations": {}}),
        json!({"Operations": ["x"]}),
        json!({"Operations": [{"path": "title", "value": "x"}]}),
        json!({"Operations": [{"op": "move", "path": "title"}]}),
        json!({"Operations": [{"op": "add", "Op": "remove", "path": "title", "value": "x"}]}),
        json!({"Operations": [{"op": "add", "path": "title"}]}),
        json!({"Operations": [{"op": "add", "value": "x"}]}),
        json!({"Operations": [{"op": "add", "path": 7, "value": "x"}]}),
    ] {
        assert!(Patch::read(&USER, &body, Mode::Lenient).is_err(), "{body}");
    }
    assert_eq!(
        refusal(user(json!([{"op": "remove"}]))),
        Some(ScimType::NoTarget)
    );
}

#[test]
fn a_resource_without_its_name_is_refused() {
    let read = Patch::read_resource(&USER, &json!({"active": true}), Mode::Lenient).unwrap();

    assert_eq!(
        read.apply(&Attributes::new()).unwrap_err().scim_type,
        Some(ScimType::InvalidValue)
    );
}
