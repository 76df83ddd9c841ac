use serde_json::json;

use super::*;

fn path(name: &str) -> AttributePath {
    let (name, sub) = match name.split_once('.') {
        Some((name, sub)) => (name, Some(sub.to_owned())),
        None => (name, None),
    };
    AttributePath {
        schema: None,
        name: name.to_owned(),
        sub,
        case_exact: false,
    }
}

fn exact(name: &str) -> AttributePath {
    AttributePath {
        case_exact: true,
        ..path(name)
    }
}

fn text(value: &str) -> Literal {
    Literal::Text(value.to_owned())
}

fn nina() -> Value {
    json!({
        "id": "Ab1",
        "userName": "Nina.Straße",
        "active": true,
        "nickName": "",
        "emails": [
            {"value": "nina@home.example", "type": "home"},
            {"value": "nina@work.example", "type": "work", "primary": true},
        ],
        "meta": {"lastModified": "2026-11-20T17:02:00.000Z"},
        "urn:x": {"department": "Billing", "manager": {"value": "m1"}},
    })
}

fn holds(path: AttributePath, comparison: Comparison, literal: Literal) -> bool {
    Filter::Compare(path, comparison, literal).matches(&nina())
}

#[test]
fn text_is_compared_whatever_the_case_unless_the_case_counts() {
    assert!(holds(
        path("userName"),
        Comparison::Equal,
        text("NINA.STRASSE")
    ));
    assert!(holds(
        path("userName"),
        Comparison::StartsWith,
        text("nina")
    ));
    assert!(holds(
        path("userName"),
        Comparison::EndsWith,
        text("STRASSE")
    ));
    assert!(holds(path("userName"), Comparison::Contains, text("A.STR")));
    assert!(holds(exact("id"), Comparison::Equal, text("Ab1")));
    assert!(!holds(exact("id"), Comparison::Equal, text("ab1")));
}

#[test]
fn of_several_values_one_must_fit_and_for_unequal_all() {
    let emails = || path("emails.value");

    assert!(holds(
        emails(),
        Comparison::Equal,
        text("nina@work.example")
    ));
    assert!(holds(
        path("emails"),
        Comparison::Equal,
        text("nina@work.example")
    ));
    assert!(!holds(
        emails(),
        Comparison::NotEqual,
        text("nina@work.example")
    ));
    assert!(holds(
        emails(),
        Comparison::NotEqual,
        text("nobody@work.example")
    ));
    assert!(!holds(
        emails(),
        Comparison::Equal,
        text("nobody@work.example")
    ));
}

#[test]
fn an_element_filter_wants_all_of_it_in_one_element() {
    let work = |value: &str| {
        Filter::Element(
            path("emails"),
            Box::new(Filter::And(vec![
                Filter::Compare(path("type"), Comparison::Equal, text("work")),
                Filter::Compare(path("value"), Comparison::Equal, text(value)),
            ])),
        )
    };

    assert!(work("nina@work.example").matches(&nina()));
    assert!(!work("nina@home.example").matches(&nina()));
}

#[test]
fn what_is_absent_equals_null_and_differs_from_the_rest() {
    for absent in ["title", "name.familyName"] {
        assert!(!Filter::Present(path(absent)).matches(&nina()), "{absent}");
        assert!(holds(path(absent), Comparison::Equal, Literal::Null));
        assert!(!holds(path(absent), Comparison::NotEqual, Literal::Null));
        assert!(holds(path(absent), Comparison::NotEqual, text("Nurse")));
        assert!(!holds(path(absent), Comparison::Equal, text("Nurse")));
    }
    assert!(Filter::Present(path("emails")).matches(&nina()));
    assert!(holds(path("userName"), Comparison::NotEqual, Literal::Null));
}

#[test]
fn the_empty_text_is_a_value_that_presence_does_not_count() {
    assert!(!Filter::Present(path("nickName")).matches(&nina()));
    assert!(!holds(path("nickName"), Comparison::Equal, Literal::Null));
    assert!(holds(path("nickName"), Comparison::NotEqual, Literal::Null));
    assert!(holds(path("nickName"), Comparison::Equal, text("")));
    assert!(!holds(path("nickName"), Comparison::NotEqual, text("")));
    assert!(holds(path("nickName"), Comparison::NotEqual, text("Nina")));
}

#[test]
fn another_type_never_fits() {
    assert!(holds(
        path("active"),
        Comparison::Equal,
        Literal::Boolean(true)
    ));
    assert!(!holds(path("active"), Comparison::Equal, text("true")));
    assert!(!holds(path("active"), Comparison::NotEqual, text("true")));
    assert!(!holds(
        path("userName"),
        Comparison::Equal,
        Literal::Number(1.0)
    ));
    assert!(!holds(
        path("userName"),
        Comparison::Contains,
        Literal::Boolean(true)
    ));
}

#[test]
fn times_compare_in_their_stored_form() {
    let modified = || exact("meta.lastModified");

    assert!(holds(
        modified(),
        Comparison::GreaterOrEqual,
        text("2026-11-20T17:02:00.000Z")
    ));
    assert!(!holds(
        modified(),
        Comparison::Greater,
        text("2026-11-20T17:02:00.000Z")
    ));
    assert!(holds(
        modified(),
        Comparison::Less,
        text("2026-11-20T17:02:00.001Z")
    ));
}

#[test]
fn an_extension_is_looked_into() {
    let in_extension = |name: &str| AttributePath {
        schema: Some("urn:x".to_owned()),
        ..path(name)
    };

    assert!(holds(
        in_extension("department"),
        Comparison::Equal,
        text("billing")
    ));
    assert!(holds(
        in_extension("manager"),
        Comparison::Equal,
        text("m1")
    ));
    assert!(!holds(
        path("department"),
        Comparison::Equal,
        text("billing")
    ));
}

#[test]
fn and_or_not_combine() {
    let yes = || Filter::Present(path("userName"));
    let no = || Filter::Present(path("title"));

    assert!(Filter::And(vec![yes(), yes()]).matches(&nina()));
    assert!(!Filter::And(vec![yes(), no()]).matches(&nina()));
    assert!(Filter::Or(vec![no(), yes()]).matches(&nina()));
    assert!(Filter::Not(Box::new(no())).matches(&nina()));
}

fn ordered(sort: &Sort, mut resources: Vec<Value>) -> Vec<String> {
    resources.sort_by(|one, other| sort.compare(one, other));
    resources
        .iter()
        .map(|resource| resource["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn those_without_the_attribute_come_last_and_first_when_descending() {
    let people = || {
        vec![
            json!({"id": "none"}),
            json!({"id": "b", "title": "beta"}),
            json!({"id": "a", "title": "Alpha"}),
            json!({"id": "b2", "title": "BETA"}),
            json!({"id": "empty", "title": ""}),
        ]
    };
    let sort = |descending| Sort {
        path: path("title"),
        descending,
    };

    assert_eq!(
        ordered(&sort(false), people()),
        ["empty", "a", "b", "b2", "none"]
    );
    assert_eq!(
        ordered(&sort(true), people()),
        ["none", "b", "b2", "a", "empty"]
    );
}

#[test]
fn of_several_values_the_primary_one_orders() {
    let people = vec![
        json!({"id": "1", "emails": [{"value": "a"}, {"value": "z", "primary": true}]}),
        json!({"id": "2", "emails": [{"value": "m"}]}),
    ];
    let sort = Sort {
        path: path("emails.value"),
        descending: false,
    };

    assert_eq!(ordered(&sort, people), ["2", "1"]);
}
