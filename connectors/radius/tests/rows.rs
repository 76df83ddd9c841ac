//! What closing and opening write in FreeRADIUS's tables, and what is read from them.

use drawbridge_sdk::{
    AccountId, AccountState, Ask, Canary, Change, Effect, FailureClass, Finality, Subject,
};
use serde_json::json;
use support::{Practice, ask, close, failure, nina, open};

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

#[tokio::test]
async fn a_group_that_overrides_the_refusal_is_no_success() {
    let practice = Practice::start().await;
    practice
        .tables
        .add_group_check("legacy", "Auth-Type", ":=", "PAP")
        .await;
    practice.tables.add_to_group("nina", "legacy").await;

    let outcome = practice.close().await;

    assert_eq!(
        failure(&outcome.blocked),
        (FailureClass::Refused, Finality::Answered)
    );
    let seen = practice
        .connector()
        .observe(&ask(nina()))
        .await
        .expect("a reading");
    assert_eq!(seen.accounts[0].state, AccountState::Enabled);
}

#[tokio::test]
async fn a_managed_group_that_overrides_the_refusal_is_taken_away() {
    let practice = Practice::start().await;
    practice
        .tables
        .add_group_check("vpn-staff", "Auth-Type", ":=", "PAP")
        .await;
    practice.tables.add_to_group("nina", "vpn-staff").await;

    let outcome = practice.close().await;

    assert!(matches!(outcome.blocked, Effect::Done), "{outcome:?}");
}

#[tokio::test]
async fn a_refusing_row_with_the_wrong_operator_does_not_count() {
    let practice = Practice::start().await;
    practice
        .tables
        .add_check("nina", "Auth-Type", "==", "Reject")
        .await;

    let before = practice
        .connector()
        .observe(&ask(nina()))
        .await
        .expect("a reading");
    practice.close().await;

    assert_eq!(before.accounts[0].state, AccountState::Enabled);
    assert_eq!(practice.tables.refusing_rows("nina").await, 1);
}

#[tokio::test]
async fn every_spelling_of_the_name_is_closed() {
    let practice = Practice::start().await;
    practice.tables.add_user("Nina", "pw1").await;

    let outcome = practice.close().await;

    assert_eq!(outcome.accounts.len(), 2);
    assert_eq!(practice.tables.refusing_rows("nina").await, 1);
    assert_eq!(practice.tables.refusing_rows("Nina").await, 1);
}

#[tokio::test]
async fn a_known_user_is_acted_on_alone_but_a_namesake_is_seen() {
    let practice = Practice::start().await;
    practice.tables.add_user("nina@practice.test", "pw1").await;
    let subject = Subject {
        emails: vec!["nina@practice.test".to_owned()],
        account_ids: vec![AccountId("nina".to_owned())],
        ..nina()
    };

    let outcome = practice
        .connector()
        .close(&close(subject.clone()))
        .await
        .expect("an outcome");

    assert_eq!(outcome.accounts, [AccountId("nina".to_owned())]);
    assert_eq!(practice.tables.refusing_rows("nina@practice.test").await, 0);
    let seen = practice
        .connector()
        .observe(&ask(subject))
        .await
        .expect("a reading");
    assert_eq!(seen.accounts.len(), 2);
}

#[tokio::test]
async fn opening_takes_the_refusal_away_and_sets_the_groups() {
    let practice = Practice::start().await;
    practice.tables.add_to_group("nina", "vpn-admins").await;
    practice.tables.add_to_group("nina", "printers").await;
    practice.close().await;

    let outcome = practice
        .connector()
        .open(&open(nina()))
        .await
        .expect("an outcome");
    let again = practice
        .connector()
        .open(&open(nina()))
        .await
        .expect("an outcome");

    assert!(matches!(outcome.blocked, Effect::Done), "{outcome:?}");
    assert_eq!(again.change, Change::AlreadyInState);
    assert_eq!(practice.tables.refusing_rows("nina").await, 0);
    assert_eq!(
        practice.tables.check_rows("nina").await,
        1,
        "the password stays"
    );
    assert_eq!(
        practice.tables.groups("nina").await,
        ["printers", "vpn-staff"]
    );
}

#[tokio::test]
async fn a_user_is_never_created() {
    let practice = Practice::start().await;
    let stranger = Subject {
        user_names: vec!["omar".to_owned()],
        ..Subject::default()
    };

    let closed = practice
        .connector()
        .close(&close(stranger.clone()))
        .await
        .expect("an outcome");
    let opened = practice
        .connector()
        .open(&open(stranger))
        .await
        .expect_err("nobody to open");

    assert_eq!(closed.change, Change::NoAccount);
    assert_eq!(opened.class, FailureClass::NeedsHuman);
    assert_eq!(practice.tables.check_rows("omar").await, 0);
}

#[tokio::test]
async fn an_unreachable_database_is_tried_again() {
    let practice = Practice::start().await;
    let connector = practice.connector_with(json!({
        "database": "sqlite://elsewhere.db",
        "coa_secret": { "file": "secret" },
    }));

    let error = connector
        .close(&close(nina()))
        .await
        .expect_err("no database");

    assert_eq!(
        (error.class, error.finality),
        (FailureClass::Retryable, Finality::NotSent)
    );
}

#[tokio::test]
async fn the_canary_is_searched_for_like_anybody() {
    let practice = Practice::start().await;
    let with = |canary: &str| Ask {
        canary: Some(canary.to_owned()),
        ..ask(Subject::default())
    };

    let seen = practice
        .connector()
        .observe(&with("nina"))
        .await
        .expect("a reading");
    let missing = practice
        .connector()
        .observe(&with("ghost"))
        .await
        .expect("a reading");

    assert_eq!(seen.canary, Canary::Seen);
    assert_eq!(missing.canary, Canary::Missing);
}

#[tokio::test]
async fn every_user_is_listed_once_over_all_pages() {
    let practice = Practice::start().await;
    for number in 0..150 {
        practice
            .tables
            .add_user(&format!("user{number:03}"), "pw")
            .await;
    }
    let connector = practice.connector();

    let first = connector.list_accounts(None).await.expect("a page");
    let second = connector
        .list_accounts(first.next.as_ref())
        .await
        .expect("a page");

    assert_eq!(first.accounts.len(), 100);
    assert_eq!(second.accounts.len(), 51);
    assert_eq!(second.next, None);
    assert_eq!(first.accounts[0].login, "nina");
    assert_eq!(second.accounts[50].login, "user149");
}

#[tokio::test]
async fn a_database_without_freeradius_tables_fails_the_check() {
    let practice = Practice::start().await;
    std::fs::write(practice.folder.path().join("empty.db"), "").expect("a file");
    let connector = practice.connector_with(json!({
        "database": "sqlite://empty.db",
        "coa_secret": { "file": "secret" },
    }));

    let error = connector.check().await.expect_err("no tables");

    assert_eq!(error.class, FailureClass::Refused);
    assert!(practice.connector().check().await.is_ok());
}
