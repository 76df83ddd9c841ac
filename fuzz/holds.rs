//! What holds whatever is sent. The fuzz targets look for bytes for which it does not; the tests replay
//! the corpora that they collected, and change them at random.

use drawbridge::{
    people::Attributes,
    scim::{
        filter, json,
        patch::Patch,
        schema::{GROUP, Mode, ResourceType, USER},
    },
};
use serde_json::{Value, json};

/// A filter is refused, or answers for any resource.
pub fn filter(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for (kind, before) in [(&USER, nina()), (&GROUP, ward())] {
        if let Ok(filter) = filter::parse(text, kind) {
            filter.matches(&Value::Object(before));
            filter.matches(&json!({}));
        }
    }
}

/// A PATCH with any path is refused, or leaves a resource that reads back as itself.
pub fn patch_path(bytes: &[u8]) {
    let Ok(path) = std::str::from_utf8(bytes) else {
        return;
    };
    for value in [
        json!("x"),
        json!(true),
        json!([{"value": "x", "type": "work"}]),
        json!({"value": "x"}),
    ] {
        for op in ["add", "replace", "remove"] {
            let operations = json!([{"op": op, "path": path, "value": value}]);
            patch(
                &json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations}),
            );
        }
    }
}

/// A body is refused, or makes a resource that reads back as itself; the same body as a PATCH.
pub fn resource(bytes: &[u8]) {
    let Ok(body) = json::read(bytes) else {
        return;
    };
    for kind in [&USER, &GROUP] {
        for mode in [Mode::Lenient, Mode::Strict] {
            let made = Patch::read_resource(kind, &body, mode)
                .and_then(|resource| resource.apply(&Attributes::new()));
            if let Ok(made) = made {
                reads_back(kind, made);
            }
        }
    }
    patch(&body);
}

fn patch(body: &Value) {
    for (kind, before) in [(&USER, nina()), (&GROUP, ward())] {
        for mode in [Mode::Lenient, Mode::Strict] {
            let after = Patch::read(kind, body, mode).and_then(|patch| patch.apply(&before));
            if let Ok(after) = after {
                reads_back(kind, after);
            }
        }
    }
}

/// What is shown of a resource has each attribute's shape.
fn reads_back(kind: &'static ResourceType, mut resource: Attributes) {
    // An `active` that was taken away is kept as null, and shown to nobody.
    if resource.get("active") == Some(&Value::Null) {
        resource.shift_remove("active");
    }
    let again = Patch::read_resource(kind, &Value::Object(resource.clone()), Mode::Strict)
        .and_then(|read| read.apply(&Attributes::new()));
    assert_eq!(
        again.ok().as_ref(),
        Some(&resource),
        "reads back as another"
    );
}

fn nina() -> Attributes {
    attributes(json!({
        "userName": "nina@elm.example",
        "name": {"givenName": "Nina", "familyName": "Weiss"},
        "active": true,
        "emails": [
            {"value": "nina@elm.example", "type": "work", "primary": true},
            {"value": "nina@home.example", "type": "home"},
        ],
        "roles": [{"value": "nurse"}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"manager": {"value": "u2"}},
    }))
}

fn ward() -> Attributes {
    attributes(json!({"displayName": "Ward", "members": [{"value": "u1"}, {"value": "u2"}]}))
}

fn attributes(value: Value) -> Attributes {
    match value {
        Value::Object(members) => members,
        _ => Attributes::new(),
    }
}
