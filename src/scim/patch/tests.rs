mod members;
mod properties;
mod refusals;

use serde_json::{Value, json};

use super::*;
use crate::{
    people::{ENTERPRISE_USER, user::is_active},
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
fn whoever_loses_active_is_not_active_until_it_is_set_again() {
    let attributes = |value: Value| value.as_object().cloned().unwrap();
    let change = |before: &Attributes, operation: Value| {
        let body = json!({"Operations": [operation]});
        let patch = Patch::read(&USER, &body, Mode::Lenient).unwrap();
        patch.apply(before).unwrap()
    };
    let before = attributes(json!({"userName": "nina", "active": true}));

    let gone = change(&before, json!({"op": "remove", "path": "active"}));
    assert!(!is_active(&gone));

    let body = json!({"userName": "nina", "title": "Nurse"});
    let put = Patch::read_resource(&USER, &body, Mode::Lenient).unwrap();
    assert!(!is_active(&put.apply(&gone).unwrap()), "a PUT without it");

    let back = change(&gone, json!({"op": "add", "path": "active", "value": true}));
    assert!(is_active(&back));
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
