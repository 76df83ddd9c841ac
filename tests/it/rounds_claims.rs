//! What is due is found, whatever came in between.

use std::time::Duration;

use drawbridge::{
    rounds::Rounds,
    store::{StoreError, sqlite_path},
};
use drawbridge_sdk::CallError;

use crate::support::{TestApp, fake};

const HOUR: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn a_door_that_is_given_back_long_after_it_was_due_is_found_at_the_next_look() {
    let app = TestApp::start().await;
    app.hire("nina", "Nurse").await;
    let held = app.claim("ehr").await;

    app.run_after(HOUR).await;
    let while_held = app.system("ehr").account("nina");
    app.store.release_leases_of("worker").await.unwrap();
    app.run_due().await;

    assert_eq!(held.len(), 1);
    assert!(while_held.is_none(), "whoever holds it is to open it");
    assert!(app.system("ehr").account("nina").is_some());
}

/// The vendor cannot be reached, and asks for longer than its next probe is away.
fn down_for_long() -> CallError {
    let mut error = fake::unreachable();
    error.retry_after = Some(Duration::from_secs(600));
    error
}

/// Nina has left, the EHR could not be reached and can again, and its probe is due.
async fn the_ehr_is_back(app: &TestApp, rounds: &std::sync::Arc<Rounds>) {
    let nina = app.hire("nina", "Nurse").await;
    let omar = app.hire("omar", "Nurse").await;
    rounds.run_due().await.unwrap();
    app.system("ehr")
        .fail_next(std::iter::repeat_with(down_for_long).take(8));
    app.disable(&nina).await;
    app.disable(&omar).await;
    rounds.run_due().await.unwrap();
    app.system("ehr").state().failures.clear();
    app.clock.advance(Duration::from_secs(16));
}

fn is_shut(app: &TestApp) -> bool {
    !app.system("ehr").account("nina").unwrap().enabled
}

/// Has the rounds find out that the EHR is back while somebody else locks the database, and the database be
/// found well again by whoever asks, as a balancer does.
async fn found_out_while_locked(app: &TestApp, rounds: &std::sync::Arc<Rounds>) {
    let url = app.settings.database_url().unwrap();
    let other = rusqlite::Connection::open(sqlite_path(&url).unwrap()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    rounds.run_due().await.unwrap();
    other.execute_batch("ROLLBACK").unwrap();
    app.store.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn doors_wake_that_could_not_be_woken_when_their_system_came_back() {
    let app = TestApp::start().await;
    let rounds = app.another_worker();
    the_ehr_is_back(&app, &rounds).await;

    found_out_while_locked(&app, &rounds).await;
    let (was_shut, is_well) = (is_shut(&app), !app.store.is_in_trouble());
    rounds.run_due().await.unwrap();

    assert!(!was_shut && is_well);
    assert!(is_shut(&app), "ten minutes before its schedule");
}

#[tokio::test(flavor = "multi_thread")]
async fn doors_wake_whose_system_came_back_while_the_database_took_nothing() {
    let app = TestApp::start().await;
    the_ehr_is_back(&app, &app.rounds).await;
    let trouble = StoreError::Unavailable("the disk does not answer".to_owned());
    app.store.note_trouble(&trouble);

    found_out_while_locked(&app, &app.rounds).await;
    let (was_shut, is_well) = (is_shut(&app), !app.store.is_in_trouble());
    app.run_due().await;

    assert!(!was_shut && is_well);
    assert!(is_shut(&app), "ten minutes before its schedule");
}
