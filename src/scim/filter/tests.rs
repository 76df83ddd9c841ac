use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    people::ENTERPRISE_USER,
    query::Literal,
    scim::{
        error::ScimType,
        schema::{GROUP, USER},
    },
};

fn user(text: &str) -> Filter {
    parse(text, &USER).unwrap_or_else(|error| panic!("{text}: {}", error.detail))
}

fn refused(text: &str) -> bool {
    parse(text, &USER).is_err_and(|error| error.scim_type == Some(ScimType::InvalidFilter))
}

fn path(name: &str, sub: Option<&str>, case_exact: bool) -> AttributePath {
    AttributePath {
        schema: None,
        name: name.to_owned(),
        sub: sub.map(str::to_owned),
        case_exact,
    }
}

fn equal(path: AttributePath, text: &str) -> Filter {
    Filter::Compare(path, Comparison::Equal, Literal::Text(text.to_owned()))
}

#[test]
fn what_identity_providers_ask_is_understood() {
    assert_eq!(
        user(r#"userName eq "nina""#),
        equal(path("userName", None, false), "nina")
    );
    // Entra ID's own example has no quotes.
    assert_eq!(
        user("externalId eq jyoung"),
        equal(path("externalId", None, true), "jyoung")
    );
    assert_eq!(
        user("externalId eq 007"),
        equal(path("externalId", None, true), "007")
    );
    assert_eq!(
        user(r#"emails[type eq "work"].value eq "n@x""#),
        Filter::Element(
            path("emails", None, false),
            Box::new(Filter::And(vec![
                equal(path("type", None, false), "work"),
                equal(path("value", None, false), "n@x"),
            ]))
        )
    );
    assert_eq!(
        user(r#"id eq "a" and manager eq "b""#),
        Filter::And(vec![
            equal(path("id", None, true), "a"),
            equal(
                AttributePath {
                    schema: Some(ENTERPRISE_USER.to_owned()),
                    ..path("manager", Some("value"), true)
                },
                "b"
            ),
        ])
    );
    assert_eq!(
        parse(r#"members[value eq "u1"]"#, &GROUP).unwrap(),
        Filter::Element(
            path("members", None, false),
            Box::new(equal(path("value", None, true), "u1"))
        )
    );
}

#[test]
fn names_and_operators_have_no_case() {
    assert_eq!(
        user(r#"USERNAME Eq "x" AND NOT (Title PR)"#),
        user(r#"userName eq "x" and not (title pr)"#)
    );
    let urn = "urn:ietf:params:scim:schemas:core:2.0:User:userName";
    assert_eq!(
        user(&format!(r#"{urn} sw "x""#)),
        user(r#"userName sw "x""#)
    );
}

#[test]
fn and_binds_more_than_or_and_brackets_most() {
    assert_eq!(
        user("title pr or userType pr and userName pr"),
        user("title pr or (userType pr and userName pr)")
    );
    assert_ne!(
        user("(title pr or userType pr) and userName pr"),
        user("title pr or userType pr and userName pr")
    );
}

#[test]
fn literals_follow_the_attributes_type() {
    let boolean = |text: &str| match user(text) {
        Filter::Compare(_, _, literal) => literal,
        other => panic!("{other:?}"),
    };

    assert_eq!(boolean(r#"active eq "False""#), Literal::Boolean(false));
    assert_eq!(boolean("active eq TRUE"), Literal::Boolean(true));
    assert_eq!(boolean("title eq true"), Literal::Text("true".to_owned()));
    assert_eq!(boolean("title eq null"), Literal::Null);
    assert_eq!(
        boolean(r#"title eq "null""#),
        Literal::Text("null".to_owned())
    );
    assert_eq!(
        boolean(r#"title eq "a\"b\\\u00e9""#),
        Literal::Text("a\"b\\é".to_owned())
    );
    assert_eq!(
        boolean(r#"meta.lastModified gt "2026-11-20T18:02:00+01:00""#),
        Literal::Text("2026-11-20T17:02:00.000Z".to_owned())
    );
}

#[test]
fn an_attribute_that_no_schema_has_fits_nobody() {
    let nina = json!({"userName": "nina", "shoeSize": "42"});

    assert!(!user(r#"shoe.size eq "42""#).matches(&nina));
    assert!(!user(r#"shoe[size eq "42"].value eq 1"#).matches(&nina));
}

#[test]
fn what_cannot_be_read_is_refused() {
    for text in [
        "",
        " ",
        "userName",
        "userName eq",
        "userName xx \"a\"",
        "userName eq \"a",
        "userName eq \"a\" and",
        "userName eq \"a\" userName",
        "userName eq \"a\")",
        "(userName eq \"a\"",
        "not userName eq \"a\"",
        "emails[type eq \"work\"",
        "emails[type eq \"work\"].",
        "userName[type eq \"work\"]",
        "emails[emails[type pr]]",
        "eq eq",
        "userName eq \"\\u0000\u{0}\"",
        "uѕerName eq \"a\"",
        "' OR 1=1--",
        "active gt true",
        "name eq \"Nina\"",
        "meta.created gt \"yesterday\"",
        "x509Certificates.value gt \"a\"",
        "addresses eq \"x\"",
    ] {
        assert!(refused(text), "{text}");
    }
}

#[test]
fn a_nul_behind_an_escape_is_refused() {
    assert!(refused(r#"userName eq "\u0000""#));
}

#[test]
fn size_depth_and_parts_have_limits() {
    let nested = |depth| "(".repeat(depth) + "title pr" + &")".repeat(depth);
    let many = |parts: usize| vec!["title pr"; parts].join(" or ");

    user(&nested(8));
    assert!(refused(&nested(9)));
    assert!(refused(&nested(10_000)));
    user(&many(16));
    assert!(refused(&many(17)));
    assert!(refused(&format!("userName eq \"{}\"", "a".repeat(4096))));
}

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9 @._%\"\\\\'é-]{1,24}"
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
        let _ = parse(&text, &USER);
        let _ = parse(&text, &GROUP);
    }

    #[test]
    fn no_jumble_of_tokens_makes_the_reader_panic(
        tokens in prop::collection::vec(
            prop::sample::select(vec![
                "userName", "emails", "meta.created", "eq", "co", "pr", "and", "or", "not", "(", ")",
                "[", "]", ".", "\"", "\"x\"", "true", "null", "1", "\\", " ", "urn:", "$ref",
            ]),
            0..24,
        )
    ) {
        let text = tokens.join(" ");
        let _ = parse(&text, &USER);
        let _ = parse(&tokens.concat(), &USER);
    }

    #[test]
    fn equal_finds_whom_it_names_and_nobody_else(wanted in name(), other in name()) {
        let quoted = serde_json::to_string(&wanted).unwrap();
        let by_name = user(&format!("userName eq {quoted}"));
        let by_id = user(&format!("externalId eq {quoted}"));
        let by_mail = user(&format!("emails[type eq \"work\"].value eq {quoted}"));
        let person = |text: &str| -> Value {
            json!({"userName": text, "externalId": text, "emails": [{"type": "work", "value": text}]})
        };

        prop_assert!(by_name.matches(&person(&wanted)));
        prop_assert!(by_id.matches(&person(&wanted)));
        prop_assert!(by_mail.matches(&person(&wanted)));
        prop_assert_eq!(by_id.matches(&person(&other)), wanted == other);
        prop_assert_eq!(
            by_name.matches(&person(&other)),
            crate::query::fold(&wanted) == crate::query::fold(&other)
        );
    }
}
