//! The shipped vendor file for Brivo Access, against a stub built from its documentation.

mod support;

use drawbridge_sdk::{AccountState, Canary, Change, Effect, FailureClass, Finality, Way};
use support::{
    ask,
    brivo::{API_KEY, Brivo, PASSWORD},
    close, open, person,
};

#[tokio::test]
async fn a_leavers_badge_is_suspended_and_read_back() {
    let brivo = Brivo::start().await;
    brivo.add("nina", Some("nina"));
    let connector = brivo.connector(PASSWORD, API_KEY);
    let nina = person("nina");

    let outcome = connector
        .close(&close(&nina, Way::Badge))
        .await
        .expect("closed");
    let seen = connector
        .observe(&ask(&nina, Way::Badge, Some("canary")))
        .await
        .expect("read");

    assert_eq!(brivo.is_suspended("nina"), Some(true));
    assert_eq!(brivo.is_suspended("canary"), Some(false));
    assert_eq!(outcome.change, Change::Done);
    assert!(matches!(outcome.blocked, Effect::Done));
    assert!(outcome.residual.is_empty(), "a badge has no session");
    assert_eq!(seen.accounts.len(), 1);
    assert_eq!(seen.accounts[0].state, AccountState::Disabled);
    assert_eq!(seen.canary, Canary::Seen);
}

#[tokio::test]
async fn a_user_without_external_id_is_found_by_mail_beyond_the_first_page() {
    let brivo = Brivo::start().await;
    for number in 0..120 {
        brivo.add(&format!("other{number}"), None);
    }
    brivo.add("nina", None);
    let connector = brivo.connector(PASSWORD, API_KEY);

    connector
        .close(&close(&person("nina"), Way::Badge))
        .await
        .expect("closed");

    let suspended: Vec<String> = brivo
        .users()
        .iter()
        .filter(|user| user.suspended)
        .map(|user| user.email.clone())
        .collect();
    assert_eq!(suspended, ["nina@practice.example"]);
}

#[tokio::test]
async fn a_returners_badge_works_again_and_a_new_one_is_made_by_hand() {
    let brivo = Brivo::start().await;
    brivo.add("nina", Some("nina"));
    let connector = brivo.connector(PASSWORD, API_KEY);
    connector
        .close(&close(&person("nina"), Way::Badge))
        .await
        .expect("closed");

    let back = connector
        .open(&open(&person("nina"), Way::Badge, &[], &[]))
        .await
        .expect("opened");
    let joiner = connector
        .open(&open(&person("omar"), Way::Badge, &[], &[]))
        .await
        .expect_err("no badge yet");

    assert_eq!(back.change, Change::Done);
    assert_eq!(brivo.is_suspended("nina"), Some(false));
    assert_eq!(
        (joiner.class, joiner.finality),
        (FailureClass::NeedsHuman, Finality::NotSent)
    );
}

#[tokio::test]
async fn the_pin_and_the_telephone_number_stay_out_of_receipts() {
    let brivo = Brivo::start().await;
    brivo.add("nina", Some("nina"));
    let connector = brivo.connector(PASSWORD, API_KEY);

    let seen = connector
        .observe(&ask(&person("nina"), Way::Badge, None))
        .await
        .expect("read");

    let receipts = format!("{:?}", seen.receipts);
    for personal in ["5678", "754-3010", "practice.example", "Family"] {
        assert!(!receipts.contains(personal), "{receipts}");
    }
}

#[tokio::test]
async fn a_wrong_password_and_a_wrong_api_key_are_both_credential_failures() {
    let brivo = Brivo::start().await;

    for connector in [
        brivo.connector("wrong", API_KEY),
        brivo.connector(PASSWORD, "wrong"),
    ] {
        let checked = connector.check().await.expect_err("refused");
        let closed = connector
            .close(&close(&person("canary"), Way::Badge))
            .await
            .expect_err("refused");

        assert_eq!(checked.class, FailureClass::Credential, "{checked}");
        assert_eq!(
            (closed.class, closed.finality),
            (FailureClass::Credential, Finality::NotSent)
        );
    }
    assert_eq!(brivo.is_suspended("canary"), Some(false));
}

#[tokio::test]
async fn a_stranger_has_no_badge_and_the_canary_proves_that_the_search_sees() {
    let brivo = Brivo::start().await;
    let connector = brivo.connector(PASSWORD, API_KEY);

    let outcome = connector
        .close(&close(&person("nobody"), Way::Badge))
        .await
        .expect("asked");
    let seen = connector
        .observe(&ask(&person("nobody"), Way::Badge, Some("canary")))
        .await
        .expect("read");
    let blind = connector
        .observe(&ask(&person("nobody"), Way::Badge, Some("no-canary")))
        .await
        .expect("read");

    assert_eq!(outcome.change, Change::NoAccount);
    assert_eq!((seen.accounts.len(), seen.canary), (0, Canary::Seen));
    assert_eq!(blind.canary, Canary::Missing);
}
