use super::*;
use crate::query::AttributePath;

fn path(name: &str, sub: Option<&str>) -> AttributePath {
    AttributePath {
        schema: None,
        name: name.to_owned(),
        sub: sub.map(str::to_owned),
        case_exact: false,
    }
}

fn is(name: &str, text: &str) -> Filter {
    Filter::Compare(
        path(name, None),
        Comparison::Equal,
        Literal::Text(text.to_owned()),
    )
}

fn lowered(filter: &Filter) -> Lowered {
    lower(Some(filter), &USERS, Dialect::Sqlite, 2)
}

#[test]
fn a_column_answers_exactly_with_folded_text() {
    assert_eq!(
        lowered(&is("userName", "NINA")),
        Lowered {
            sql: " AND user_name = $2".to_owned(),
            binds: vec!["nina".to_owned()],
            is_exact: true,
        }
    );
    assert_eq!(lowered(&is("externalId", "NINA")).binds, ["NINA"]);
}

#[test]
fn what_no_column_answers_is_left_out_of_an_and_and_spoils_an_or() {
    let and = lowered(&Filter::And(vec![is("title", "Nurse"), is("id", "u1")]));
    assert_eq!(and.sql, " AND (id = $2)");
    assert_eq!(and.binds, ["u1"]);
    assert!(!and.is_exact);

    let or = lowered(&Filter::Or(vec![is("id", "u1"), is("title", "Nurse")]));
    assert_eq!(or, Lowered::default());
}

#[test]
fn a_negation_is_lowered_only_when_exact() {
    let not = lowered(&Filter::Not(Box::new(is("displayName", "Nina"))));
    assert_eq!(not.sql, " AND NOT COALESCE(display_name = $2, FALSE)");
    assert!(not.is_exact);

    let inexact = Filter::And(vec![is("title", "Nurse"), is("id", "u1")]);
    assert_eq!(lowered(&Filter::Not(Box::new(inexact))), Lowered::default());
}

#[test]
fn an_element_is_narrowed_by_its_value() {
    let element = Filter::Element(
        path("emails", None),
        Box::new(Filter::And(vec![is("type", "work"), is("value", "A@x")])),
    );

    let lowered = lowered(&element);

    assert!(lowered.sql.contains("i.kind = 'email'"), "{}", lowered.sql);
    assert_eq!(lowered.binds, ["a@x"]);
    assert!(!lowered.is_exact);
}

#[test]
fn an_empty_text_is_left_to_memory() {
    assert_eq!(lowered(&is("displayName", "")), Lowered::default());
}
