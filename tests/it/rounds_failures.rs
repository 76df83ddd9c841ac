//! Each class of failure, and what the rounds do.

use std::time::Duration;

use drawbridge::{clock::Clock as _, door::Assurance};
use drawbridge_sdk::{CallError, FailureClass};

use crate::support::{
    TestApp,
    fake::{self, FakeAccount},
};

async fn departed(failures: Vec<CallError>) -> TestApp {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.system("ehr").fail_next(failures);
    app.disable(&nina).await;
    app.run_due().await;
    app
}

async fn next_try_in(app: &TestApp) -> Option<Duration> {
    let door = app.door("nina", "ehr").await;
    door.next_try
        .map(|next| drawbridge::clock::between(app.clock.now(), next))
}

#[tokio::test]
async fn a_refused_credential_is_tried_every_five_minutes_so_that_it_is_not_locked_out() {
    let app = departed(vec![fake::credential_refused(); 2]).await;

    assert_eq!(next_try_in(&app).await, Some(Duration::from_secs(300)));
    assert_eq!(
        app.door("nina", "ehr").await.failure.unwrap().class,
        FailureClass::Credential
    );
}

#[tokio::test]
async fn a_refusal_is_tried_once_more_and_then_every_fifteen_minutes_beside_a_task() {
    let app = departed(vec![fake::refused(); 2]).await;
    let first = next_try_in(&app).await.unwrap();
    app.run_after(Duration::from_secs(7)).await;

    assert!(first <= Duration::from_secs(6));
    assert_eq!(next_try_in(&app).await, Some(Duration::from_secs(900)));
}

#[tokio::test]
async fn what_needs_a_person_is_a_task_and_is_read_beside_it() {
    let app = departed(vec![CallError::needs_human("disable it in the panel")]).await;
    let task = app.door("nina", "ehr").await;
    let next = next_try_in(&app).await;
    app.system("ehr")
        .fail_next([CallError::needs_human("disable it in the panel")]);
    app.system("ehr")
        .state()
        .accounts
        .get_mut("nina")
        .unwrap()
        .enabled = false;
    app.system("ehr")
        .state()
        .accounts
        .get_mut("nina")
        .unwrap()
        .sessions = 0;
    app.run_after(Duration::from_secs(900)).await;

    assert_eq!(task.failure.unwrap().class, FailureClass::NeedsHuman);
    assert_eq!(next, Some(Duration::from_secs(900)));
    assert!(
        app.is_green("nina", "ehr").await,
        "a person did it there, and the reading shows it"
    );
}

#[tokio::test]
async fn what_cannot_be_read_waits_for_a_signature_and_is_not_called_again() {
    let app = TestApp::start().await;
    app.system("ehr").state().cannot_be_read = true;
    let rounds = app.another_worker();
    let nina = app.hire("nina", "Nurse").await;
    app.system("ehr")
        .fail_next([CallError::needs_human("take the card back")]);
    app.disable(&nina).await;
    rounds.run_due().await.unwrap();

    let door = app.door("nina", "ehr").await;
    assert_eq!(door.next_try, None);
    assert_eq!(door.assurance, Assurance::Unknown);
}

#[tokio::test]
async fn retry_after_is_honoured_but_never_past_the_deadline() {
    let mut asked = fake::refused();
    asked.class = FailureClass::Contract;
    asked.retry_after = Some(Duration::from_secs(1_800));
    let mut too_long = asked.clone();
    too_long.retry_after = Some(Duration::from_secs(7_200));

    let honoured = next_try_in(&departed(vec![asked]).await).await;
    let clamped = next_try_in(&departed(vec![too_long]).await).await;

    assert_eq!(honoured, Some(Duration::from_secs(1_800)));
    assert_eq!(
        clamped,
        Some(Duration::from_secs(3_600)),
        "the deadline is in an hour"
    );
}

#[tokio::test]
async fn a_timeout_leaves_its_attempt_unresolved_and_a_final_answer_resolves_it() {
    let app = departed(vec![fake::timed_out()]).await;
    let attempts = app
        .store
        .list_attempts(&app.practice(), false, 100)
        .await
        .unwrap();
    let close = attempts
        .iter()
        .find(|attempt| attempt.system.as_str() == "ehr" && attempt.action == "close")
        .unwrap();

    assert!(!close.resolved);
    assert_eq!(close.failure.as_deref(), Some("retryable"));
    let mail = attempts
        .iter()
        .find(|attempt| attempt.system.as_str() == "mail" && attempt.action == "close")
        .unwrap();
    assert!(mail.resolved);
}

#[tokio::test]
async fn every_call_has_an_attempt_that_was_written_before_it() {
    let app = departed(Vec::new()).await;

    let attempts = app
        .store
        .list_attempts(&app.practice(), false, 100)
        .await
        .unwrap();
    let calls: usize = ["ehr", "mail", "billing", "vpn"]
        .iter()
        .map(|name| {
            app.system(name)
                .journal()
                .iter()
                .filter(|what| !what.starts_with("read"))
                .count()
        })
        .sum();

    assert_eq!(attempts.len(), calls);
    assert!(attempts.iter().all(|attempt| attempt.finished.is_some()));
}

#[tokio::test]
async fn an_account_that_is_named_with_a_nul_makes_no_sense_and_no_trouble_of_the_database() {
    let app = TestApp::start().await;
    let odd = FakeAccount {
        id: "id\0nina".to_owned(),
        enabled: true,
        ..FakeAccount::default()
    };
    app.system("ehr").add("nina", odd);

    app.hire("nina", "Nurse").await;
    app.run_due().await;
    let door = app.door("nina", "ehr").await;
    app.system("ehr").state().accounts.clear();
    app.run_after(Duration::from_secs(3_600)).await;

    let failure = door.failure.unwrap();
    assert_eq!(failure.class, FailureClass::Contract);
    assert!(failure.text.contains("NUL"), "{}", failure.text);
    assert!(!app.store.is_in_trouble());
    assert!(app.is_green("nina", "ehr").await && app.is_green("nina", "mail").await);
}

#[tokio::test]
async fn a_failure_that_is_told_with_a_nul_is_kept_without_it() {
    let odd = CallError::contract("the system said `\0`");

    let app = departed(vec![odd]).await;

    let failure = app.door("nina", "ehr").await.failure.unwrap();
    assert_eq!(failure.text, "the system said `\u{fffd}`");
}
