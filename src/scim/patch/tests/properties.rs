//! What holds whatever is sent.

use super::*;
use proptest::prelude::*;

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
            if let Ok(Value::Object(mut after)) = patch_as(kind, &before, json!(operations), mode) {
                // An `active` that was taken away is kept as null, and shown to nobody.
                if after.get("active") == Some(&Value::Null) {
                    after.shift_remove("active");
                }
                // What is shown reads back as itself, so every value has its attribute's shape.
                let again = Patch::read_resource(kind, &Value::Object(after.clone()), Mode::Strict);
                prop_assert_eq!(again.unwrap().apply(&Attributes::new()).unwrap(), after);
            }
        }
    }

    #[test]
    fn a_replace_done_twice_is_a_replace_done_once(path in path(), value in json_value()) {
        let operations = json!([{"op": "replace", "path": path, "value": value}]);
        if let Ok(Value::Object(once)) = user(operations.clone()) {
            let twice = patch_as(&USER, &once, operations, Mode::Lenient);
            prop_assert_eq!(twice, Ok(Value::Object(once)));
        }
    }
}
