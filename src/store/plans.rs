//! What SQLite looks up and does not walk to, at each change and each look-up: a change must cost the same
//! at a thousand people and at a million.

use super::{
    Dialect, Store,
    admins::SESSION,
    begun::HAS_BEGUN,
    case_ends::{UNCOUNTED, WITHOUT_DOORS},
    cases::{FAILING_INTO, FIRST_CLOSE, LATEST_DEPARTURE, WATCHED},
    claims::{CLOSES, claim, opens},
    counted::{of_nobody, of_people},
    database::Reads as _,
    doors::{FORWARDINGS, UNCLOSED},
    failed,
    inbox::{HELD, Sought},
    leavers::{END_LINKS, END_SESSIONS, REMOVE_PASSKEYS},
    lower::{USERS, lower},
    statement::Statement,
    system_calls::SHUT_SINCE,
};
use crate::query::{AttributePath, Comparison, Filter, Literal};

async fn plan_of(store: &Store, sql: &str) -> String {
    let explained = Statement::new(format!("EXPLAIN QUERY PLAN {sql}"));
    let statement = (1..)
        .take_while(|number| sql.contains(&format!("${number}")))
        .fold(explained, |statement, _| statement.bind("x"));
    let rows = (&mut { store }).rows(statement).await.unwrap();
    let steps: Vec<String> = rows.iter().map(|row| row.text("detail").unwrap()).collect();
    steps.join("; ")
}

fn is(attribute: &str) -> Filter {
    let path = AttributePath {
        schema: None,
        name: attribute.to_owned(),
        sub: None,
        case_exact: false,
    };
    Filter::Compare(path, Comparison::Equal, Literal::Text("x".to_owned()))
}

#[tokio::test]
async fn what_every_departure_and_every_look_up_asks_for_is_looked_up() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let store = Store::open(&url).await.unwrap();

    let forwardings = plan_of(&store, FORWARDINGS).await;
    assert!(
        forwardings.contains("door_forwarding (practice=? AND way=? AND wanted=?)"),
        "{forwardings}"
    );

    for (sql, index) in [
        (
            claim(Dialect::Sqlite, CLOSES),
            "door_wanted_due (practice=? AND wanted=?",
        ),
        (
            claim(Dialect::Sqlite, &opens()),
            "door_wanted_due (practice=? AND wanted=?",
        ),
        (
            claim(Dialect::Sqlite, &opens()),
            "door_2 (practice=? AND person=?)",
        ),
        (
            WATCHED.to_owned(),
            "door_unproved (practice=? AND wanted=?)",
        ),
        (WATCHED.to_owned(), "door_failing (practice=?)"),
        (
            WATCHED.to_owned(),
            "departure_case_open (practice=? AND kind=?)",
        ),
        (WATCHED.to_owned(), "door_2 (practice=? AND person=?)"),
        (WATCHED.to_owned(), "door_due (next_try<?)"),
        (
            WITHOUT_DOORS.to_owned(),
            "departure_case_open (practice=? AND kind=?)",
        ),
        (
            WITHOUT_DOORS.to_owned(),
            "departure_case_person (practice=? AND person=?)",
        ),
        (UNCOUNTED.to_owned(), "door_set_aside (practice=?)"),
        (
            HAS_BEGUN.to_owned(),
            "departure_case_open (practice=? AND kind=?)",
        ),
        (
            HAS_BEGUN.to_owned(),
            "departure_case_over (practice=? AND kind=? AND closed>?)",
        ),
        (HELD.to_owned(), "door_failing (practice=?"),
        (
            FAILING_INTO.to_owned(),
            "door_failing (practice=? AND system=?",
        ),
        (
            LATEST_DEPARTURE.to_owned(),
            "departure_case_person (practice=? AND person=?)",
        ),
        (
            SHUT_SINCE.to_owned(),
            "departure_case_learned (practice=? AND learned>?)",
        ),
        (SHUT_SINCE.to_owned(), "door_2 (practice=? AND person=?)"),
        (FIRST_CLOSE.to_owned(), "(practice=? AND door=?)"),
        (UNCLOSED.to_owned(), "SCAN door USING INDEX door_unproved"),
    ] {
        let plan = plan_of(&store, &sql).await;
        assert!(plan.contains(index), "{index}: {plan}");
    }

    for attribute in ["userName", "externalId", "emails", "displayName", "id"] {
        let lowered = lower(Some(&is(attribute)), &USERS, Dialect::Sqlite, 2);
        let sql = format!(
            "{} WHERE practice = $1 AND deleted IS NULL{} ORDER BY id LIMIT 10",
            USERS.select, lowered.sql
        );
        let plan = plan_of(&store, &sql).await;
        let main = plan.split("; ").next().unwrap();
        let is_looked_up =
            main.starts_with("SEARCH scim_user USING INDEX") && main.contains(" AND ");
        assert!(
            is_looked_up && !plan.contains("SCAN"),
            "{attribute}: {plan}"
        );
    }
    store.close().await;
}

#[tokio::test]
async fn who_is_signed_in_and_what_ends_with_a_departure_is_looked_up_by_every_address() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let store = Store::open(&url).await.unwrap();
    let addresses = [
        "admin_address_1 (practice=? AND admin=?)",
        "admin_identity_admin (practice=? AND admin=?)",
    ];
    let bearers = "identifier_value (practice=? AND folded=? AND kind=?)";
    let of_person = "identifier_value (practice=? AND folded=? AND kind=? AND person=?)";

    for (sql, indexes) in [
        (SESSION, ["admin_session_1 (id=?)", bearers]),
        (
            END_SESSIONS,
            ["admin_session_admin (practice=? AND admin=?)", of_person],
        ),
        (
            END_LINKS,
            ["admin_invitation_admin (practice=? AND admin=?)", of_person],
        ),
        (
            REMOVE_PASSKEYS,
            ["admin_passkey_admin (practice=? AND admin=?)", of_person],
        ),
    ] {
        let plan = plan_of(&store, sql).await;

        for index in indexes.iter().chain(&addresses) {
            assert!(plan.contains(index), "{index}: {plan}");
        }
        let is_walked = plan.split("; ").any(|step| {
            // The addresses that were looked up for one admin, and the one that stands in their row.
            step.starts_with("SCAN ") && !["SCAN e", "SCAN CONSTANT ROW"].contains(&step)
        });
        assert!(!is_walked, "{plan}");
    }
    store.close().await;
}

#[tokio::test]
async fn what_a_file_of_evidence_has_to_show_is_counted_without_a_walk_through_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let store = Store::open(&url).await.unwrap();

    let people = plan_of(&store, &of_people(Dialect::Sqlite)).await;
    let nobody = plan_of(&store, &of_nobody(Dialect::Sqlite)).await;

    for index in [
        "evidence_person (practice=? AND person=?)",
        "departure_case_learned (practice=? AND learned>? AND learned<?)",
    ] {
        assert!(people.contains(index), "{index}: {people}");
    }
    assert!(
        nobody.contains("COVERING INDEX evidence_person (practice=? AND person=?)"),
        "{nobody}"
    );
    for plan in [people, nobody] {
        let is_walked = plan.split("; ").any(|step| {
            step.contains("evidence USING PRIMARY KEY (practice=?)")
                || step.contains("sequence<?")
                || step.starts_with("SCAN evidence")
        });
        assert!(!is_walked, "{plan}");
    }
    store.close().await;
}

#[tokio::test]
async fn everything_that_failed_is_walked_through_in_its_order_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let store = Store::open(&url).await.unwrap();
    let (condition, _) = Sought::default().condition();

    let plan = plan_of(&store, &failed::page(&condition, 3, 500)).await;

    let index = "door_failing_order (wanted=? AND practice=? AND <expr>>?)";
    assert!(plan.contains(index), "{plan}");
    assert!(!plan.contains("ORDER BY"), "{plan}");
    store.close().await;
}
