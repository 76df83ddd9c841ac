use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    people::ENTERPRISE_USER,
    scim::{
        error::ScimType,
        schema::{GROUP, USER},
    },
};

fn nina() -> Attributes {
    attributes(json!({
        "userName": "nina",
        "active": true,
        "title": "Nurse",
        "name": {"givenName": "Nina", "familyName": "Weiss"},
        "emails": [
            {"value": "nina@home.example", "type": "home", "primary": true},
            {"value": "nina@work.example", "type": "work"},
        ],
        ENTERPRISE_USER: {"department": "Ward 3", "manager": {"value": "m1"}},
    }))
}

fn ward() -> Attributes {
    attributes(json!({
        "displayName": "Ward 3",
        "members": [{"value": "u1"}, {"value": "u2", "display": "Two"}, {"value": "u3"}],
    }))
}

fn attributes(value: Value) -> Attributes {
    value.as_object().cloned().unwrap()
}

fn patch_as(
    kind: &'static ResourceType,
    before: &Attributes,
    operations: Value,
    mode: Mode,
) -> Result<Value, ScimError> {
    Patch::read(kind, &json!({"Operations": operations}), mode)?
        .apply(before)
        .map(Value::Object)
}

fn user(operations: Value) -> Result<Value, ScimError> {
    patch_as(&USER, &nina(), operations, Mode::Lenient)
}

fn group(operations: Value) -> Result<Value, ScimError> {
    patch_as(&GROUP, &ward(), operations, Mode::Lenient)
}

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

fn refusal(result: Result<Value, ScimError>) -> Option<ScimType> {
    result.unwrap_err().scim_type
}

#[test]
fn every_way_to_disable_disables() {
    let urn = "urn:ietf:params:scim:schemas:core:2.0:User:active";
    for operation in [
        json!({"op": "Replace", "path": "active", "value": "False"}),
        json!({"op": "replace", "path": "active", "value": false}),
        json!({"op": "add", "path": "Active", "value": "FALSE"}),
        json!({"op": "replace", "path": urn, "value": false}),
        json!({"op": "replace", "value": {"active": false}}),
        json!({"op": "Add", "value": {urn: "false"}}),
        json!({"OP": "REPLACE", "Path": "active", "Value": false}),
    ] {
        let after = user(json!([operation])).unwrap();

        assert_eq!(after["active"], json!(false), "{operation}");
        assert_eq!(after["title"], "Nurse");
    }
}

#[test]
fn nothing_else_ever_enables_or_disables() {
    for value in [
        json!(null),
        json!(0),
        json!(1),
        json!([]),
        json!("no"),
        json!({}),
    ] {
        let operation = json!([{"op": "replace", "path": "active", "value": value}]);
        assert_eq!(
            refusal(user(operation)),
            Some(ScimType::InvalidValue),
            "{value}"
        );
    }
    assert_eq!(
        refusal(user(json!([{"op": "remove", "path": "active"}]))),
        Some(ScimType::Mutability)
    );
    assert!(user(json!([{"op": "replace", "value": {"active": false, "Active": true}}])).is_err());
}

#[test]
fn entras_long_update_changes_all_it_names() {
    let after = user(json!([
        {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "new@work.example"},
        {"op": "replace", "value": {
            "displayName": "Nina W",
            "name.givenName": "Ninette",
            "name.familyName": "Weiss-Lang",
            format!("{ENTERPRISE_USER}:employeeNumber"): "A7",
        }},
    ]))
    .unwrap();

    assert_eq!(after["emails"][1]["value"], "new@work.example");
    assert_eq!(after["emails"][0]["value"], "nina@home.example");
    assert_eq!(after["displayName"], "Nina W");
    assert_eq!(
        after["name"],
        json!({"givenName": "Ninette", "familyName": "Weiss-Lang"})
    );
    assert_eq!(after[ENTERPRISE_USER]["employeeNumber"], "A7");
    assert_eq!(after[ENTERPRISE_USER]["department"], "Ward 3");
}

#[test]
fn a_value_path_that_fits_nothing_creates_what_it_describes() {
    let after = user(json!([
        {"op": "Add", "path": "roles[primary eq \"True\"].value", "value": "Receptionist"},
        {"op": "Replace", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "555"},
    ]))
    .unwrap();

    assert_eq!(
        after["roles"],
        json!([{"primary": true, "value": "Receptionist"}])
    );
    assert_eq!(
        after["phoneNumbers"],
        json!([{"type": "mobile", "value": "555"}])
    );
}

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
fn a_password_is_taken_and_gone() {
    for operations in [
        json!([{"op": "replace", "path": "password", "value": "secret"}]),
        json!([{"op": "add", "value": {"password": "secret", "title": "Nurse"}}]),
    ] {
        assert_eq!(user(operations).unwrap(), Value::Object(nina()));
    }
}

#[test]
fn the_manager_is_set_and_removed_in_all_shapes() {
    let urn_path = format!("{ENTERPRISE_USER}:manager");
    let manager = |operation: Value| {
        user(json!([operation])).unwrap()[ENTERPRISE_USER]
            .get("manager")
            .cloned()
    };

    for set in [
        json!({"op": "Add", "path": "manager", "value": [{"$ref": "http://x/Users/m2", "value": "m2"}]}),
        json!({"op": "Replace", "path": urn_path, "value": "m2"}),
        json!({"op": "Replace", "path": urn_path, "value": {"value": "m2", "displayName": "M"}}),
        json!({"op": "replace", "path": format!("{urn_path}.value"), "value": "m2"}),
        json!({"op": "replace", "value": {ENTERPRISE_USER: {"manager": "m2"}}}),
        json!({"op": "replace", "path": ENTERPRISE_USER, "value": {"manager": {"value": "m2"}}}),
    ] {
        assert_eq!(manager(set.clone()), Some(json!({"value": "m2"})), "{set}");
    }
    for removed in [
        json!({"op": "Remove", "path": "manager"}),
        json!({"op": "Replace", "path": urn_path, "value": ""}),
        json!({"op": "Replace", "path": urn_path, "value": null}),
        json!({"op": "replace", "value": {"manager": null}}),
    ] {
        assert_eq!(manager(removed.clone()), None, "{removed}");
    }
}

#[test]
fn an_emptied_extension_is_gone() {
    for operation in [
        json!({"op": "remove", "path": ENTERPRISE_USER}),
        json!({"op": "replace", "value": {ENTERPRISE_USER: null}}),
    ] {
        assert!(
            user(json!([operation]))
                .unwrap()
                .get(ENTERPRISE_USER)
                .is_none()
        );
    }
}

#[test]
fn a_new_primary_takes_the_place_of_the_old() {
    let after = user(json!([
        {"op": "replace", "path": "emails[type eq \"work\"].primary", "value": "True"},
    ]))
    .unwrap();
    assert_eq!(after["emails"][0]["primary"], false);
    assert_eq!(after["emails"][1]["primary"], true);

    let after = user(json!([
        {"op": "add", "path": "emails", "value": [{"value": "third@x", "primary": true}]},
    ]))
    .unwrap();
    assert_eq!(after["emails"][0]["primary"], false);
    assert_eq!(after["emails"][2]["primary"], true);
}

#[test]
fn adding_an_element_that_is_there_completes_it() {
    let after = user(json!([
        {"op": "add", "path": "emails", "value": [
            {"value": "nina@work.example", "type": "Work", "display": "At work"},
        ]},
    ]))
    .unwrap();

    assert_eq!(after["emails"].as_array().unwrap().len(), 2);
    assert_eq!(after["emails"][1]["display"], "At work");
}

#[test]
fn an_e_mail_without_its_address_is_gone() {
    let after = user(json!([
        {"op": "Remove", "path": "emails[type eq \"work\"].value"},
    ]))
    .unwrap();

    assert_eq!(after["emails"].as_array().unwrap().len(), 1);
}

#[test]
fn a_replaced_element_keeps_what_its_path_says() {
    let after = user(json!([
        {"op": "replace", "path": "emails[type eq \"home\"]", "value": {"value": "n@home.example"}},
    ]))
    .unwrap();

    assert_eq!(
        after["emails"][0],
        json!({"type": "home", "value": "n@home.example"})
    );
}

#[test]
fn parts_of_an_object_that_are_not_given_stay() {
    let after =
        user(json!([{"op": "replace", "path": "name", "value": {"givenName": "Nina-Maria"}}]))
            .unwrap();

    assert_eq!(
        after["name"],
        json!({"givenName": "Nina-Maria", "familyName": "Weiss"})
    );
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

#[test]
fn a_whole_resource_is_read_as_entra_sends_it() {
    // Entra ID's second example: nulls, `roles: []`, an URN without its colon, `meta`.
    let body = json!({
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0User",
        ],
        "externalId": "jyoung",
        "userName": "jyoung",
        "active": "True",
        "addresses": null,
        "displayName": "Joy Young",
        "emails": [{"type": "work", "value": "jyoung@contoso.com", "primary": true}],
        "meta": {"resourceType": "User"},
        "name": {"familyName": "Young", "givenName": "Joy"},
        "phoneNumbers": null,
        "title": null,
        "roles": [],
        "department": "bob",
        "manager": null,
    });

    let read = Patch::read_resource(&USER, &body, Mode::Lenient).unwrap();

    assert_eq!(
        Value::Object(read.apply(&Attributes::new()).unwrap()),
        json!({
            "externalId": "jyoung",
            "userName": "jyoung",
            "active": true,
            "displayName": "Joy Young",
            "emails": [{"type": "work", "value": "jyoung@contoso.com", "primary": true}],
            "name": {"familyName": "Young", "givenName": "Joy"},
            ENTERPRISE_USER: {"department": "bob"},
        })
    );
}

#[test]
fn a_put_without_active_keeps_it_and_clears_the_rest() {
    let put = |body: Value, before: &Attributes| {
        Patch::read_resource(&USER, &body, Mode::Lenient)
            .unwrap()
            .apply(before)
            .unwrap()
    };
    let mut gone = nina();
    gone.insert("active".to_owned(), json!(false));

    let after = put(json!({"userName": "nina", "id": "x", "groups": []}), &gone);

    assert_eq!(
        Value::Object(after),
        json!({"active": false, "userName": "nina"})
    );
    let after = put(json!({"userName": "nina", "active": true}), &gone);
    assert_eq!(after["active"], true);
}

#[test]
fn a_resource_without_its_name_is_refused() {
    let read = Patch::read_resource(&USER, &json!({"active": true}), Mode::Lenient).unwrap();

    assert_eq!(
        read.apply(&Attributes::new()).unwrap_err().scim_type,
        Some(ScimType::InvalidValue)
    );
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        prop::sample::select(vec!["", "x", "True", "work", "u1"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let names = prop::sample::select(vec![
            "value",
            "type",
            "primary",
            "display",
            "givenName",
            "active",
            "emails",
            "manager",
            "members",
            "userName",
            "displayName",
            "id",
            "emails[type eq \"work\"].value",
            "name.familyName",
            ENTERPRISE_USER,
            "odd",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names, inner), 0..4).prop_map(|members| {
                members
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect::<serde_json::Map<_, _>>()
                    .into()
            }),
        ]
    })
}

fn path() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "active",
            "title",
            "name",
            "name.givenName",
            "emails",
            "emails.value",
            "roles",
            "emails[type eq \"work\"]",
            "emails[type eq \"work\"].value",
            "manager",
            "emails[primary eq true].display",
            "members",
            "members[value eq \"u1\"]",
            "emails[not (type pr)].value",
            "roles[value eq \"a\" or type eq \"b\"].display",
            ENTERPRISE_USER,
            "userName",
            "displayName",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,24}",
    ]
}

fn operation() -> impl Strategy<Value = Value> {
    let op = prop::sample::select(vec!["add", "Replace", "remove"]);
    (op, prop::option::of(path()), json_value()).prop_map(|(op, path, value)| match path {
        Some(path) => json!({"op": op, "path": path, "value": value}),
        None => json!({"op": op, "value": value}),
    })
}

proptest! {
    #[test]
    fn no_patch_makes_the_engine_panic_or_breaks_the_resource(
        operations in prop::collection::vec(operation(), 1..5),
        strict in any::<bool>(),
    ) {
        let mode = if strict { Mode::Strict } else { Mode::Lenient };
        for (kind, before) in [(&USER, nina()), (&GROUP, ward())] {
            let after = patch_as(kind, &before, json!(operations), mode);
            if let Ok(Value::Object(after)) = after {
                // What is stored reads back as itself, so every value has its attribute's shape.
                let again = Patch::read_resource(kind, &Value::Object(after.clone()), Mode::Strict);
                prop_assert_eq!(again.unwrap().apply(&Attributes::new()).unwrap(), after);
            }
        }
    }

    #[test]
    fn a_replace_done_twice_is_a_replace_done_once(path in path(), value in json_value()) {
        let operations = json!([{"op": "replace", "path": path, "value": value}]);
        let once = user(operations.clone());
        if let Ok(Value::Object(once)) = once {
            let twice = patch_as(&USER, &once, operations, Mode::Lenient);
            prop_assert_eq!(twice, Ok(Value::Object(once)));
        }
    }
}
