//! The database is locked or full, or somebody sets the clock.

use std::time::Duration;

use drawbridge::{
    clock::{Clock as _, after},
    store::sqlite_path,
};
use serde_json::{Value, json};

use crate::support::{TestApp, fake, provider::Provider};

const HOUR: Duration = Duration::from_secs(3_600);

fn disable() -> Value {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
           "Operations": [{"op": "replace", "path": "active", "value": false}]})
}

/// Nina works here, and her doors are open.
async fn nina(app: &TestApp) -> (Provider, String) {
    let provider = app.provider("entra").await;
    let body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
                      "userName": "nina", "title": "Nurse", "active": true});
    let id = provider.send("POST", "/Users", Some(&body)).await.id();
    app.run_after(Duration::from_secs(1)).await;
    app.clock.advance(Duration::from_secs(1));
    (provider, format!("/Users/{id}"))
}

/// Lets the database grow by no page more, or as far as it likes.
async fn limit_pages(app: &TestApp, is_full: bool) {
    let mut tx = app.begin().await;
    let statement = if is_full {
        "PRAGMA max_page_count = 1"
    } else {
        "PRAGMA max_page_count = 1000000"
    };
    tx.execute_for_tests(statement).await.unwrap();
    drop(tx);
}

/// Fills what is left of the pages there are.
async fn fill(app: &TestApp) {
    limit_pages(app, true).await;
    for number in 0..10_000 {
        let caller = app.caller();
        let filler = crate::support::person(&format!("filler{number}"), "Nobody", false);
        let written = app
            .intake
            .change_user::<()>(&caller, None, move |_| Ok(Some(filler.clone())))
            .await;
        if written.is_err() {
            return;
        }
    }
    panic!("the database never gets full");
}

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_is_half_written() {
    let app = TestApp::start().await;
    let (provider, nina) = nina(&app).await;
    let well = app.store.ping().await.is_ok();

    fill(&app).await;
    let doors = app.doors_of("nina").await;
    let refused = provider.send("PATCH", &nina, Some(&disable())).await;
    let is_ready = app.store.ping().await.is_ok();
    let shown = provider.send("GET", &nina, None).await;
    let unchanged = app.doors_of("nina").await == doors;
    limit_pages(&app, false).await;
    let ready_again = app.store.ping().await.is_ok();
    let accepted = provider.send("PATCH", &nina, Some(&disable())).await;
    app.run_due().await;

    assert!(well);
    assert_eq!(refused.status, 503);
    assert!(!refused.header("retry-after").is_empty());
    assert!(!is_ready, "whoever balances load sends nothing here");
    assert_eq!(shown.body["active"], true);
    assert!(unchanged, "nothing of it was written");
    assert!(ready_again);
    assert_eq!(accepted.status, 200);
    assert!(app.is_green("nina", "ehr").await);
}

#[tokio::test]
async fn a_wish_that_could_not_be_written_sends_nothing_and_keeps_no_place() {
    let app = TestApp::start().await;
    let (provider, nina) = nina(&app).await;
    let running = app.run().await;
    let of_nina = || {
        let mut journal = app.system("ehr").journal();
        journal.retain(|line| line.contains("nina"));
        journal
    };
    let before = of_nina();

    for _ in 0..8 {
        fill(&app).await;
        let refused = provider.send("PATCH", &nina, Some(&disable())).await;
        assert_eq!(refused.status, 503);
        limit_pages(&app, false).await;
    }
    let after = of_nina();
    let accepted = provider.send("PATCH", &nina, Some(&disable())).await;
    app.until(|app| !app.system("ehr").account("nina").unwrap().enabled)
        .await;
    running.stop().await;

    assert_eq!(before, after);
    assert_eq!(accepted.status, 200);
    assert!(app.is_green("nina", "ehr").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_database_is_told_within_ten_seconds_and_recovers() {
    let app = TestApp::start().await;
    let (provider, nina) = nina(&app).await;
    let url = app.settings.database_url().unwrap();
    let other = rusqlite::Connection::open(sqlite_path(&url).unwrap()).unwrap();

    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = tokio::time::Instant::now();
    let refused = provider.send("PATCH", &nina, Some(&disable())).await;
    let took = began.elapsed();
    let shown = provider.send("GET", &nina, None).await;
    other.execute_batch("ROLLBACK").unwrap();
    let accepted = provider.send("PATCH", &nina, Some(&disable())).await;

    assert_eq!(refused.status, 503);
    assert!(!refused.header("retry-after").is_empty());
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(shown.body["active"], true);
    assert_eq!(accepted.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_before_a_locked_database_is_told_within_ten_seconds_too() {
    let app = TestApp::start().await;
    let (provider, nina) = nina(&app).await;
    let url = app.settings.database_url().unwrap();
    let other = rusqlite::Connection::open(sqlite_path(&url).unwrap()).unwrap();

    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = tokio::time::Instant::now();
    let disable = disable();
    let crowd = (0..20).map(|_| provider.send("PATCH", &nina, Some(&disable)));
    let told = futures_util::future::join_all(crowd).await;
    let took = began.elapsed();
    other.execute_batch("ROLLBACK").unwrap();
    let accepted = provider.send("PATCH", &nina, Some(&disable)).await;

    assert!(told.iter().all(|answer| answer.status == 503));
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(accepted.status, 200);
}

#[tokio::test]
async fn a_clock_set_back_delays_no_retry() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.system("ehr").fail_next([fake::refused()]);
    app.disable(&nina).await;
    app.run_due().await;
    let waits = !app.is_green("nina", "ehr").await;

    let an_hour_ago = app.clock.now() - jiff::SignedDuration::from_hours(1);
    app.clock.set(an_hour_ago);
    app.run_due().await;
    app.run_after(Duration::from_secs(1)).await;

    assert!(waits && app.is_green("nina", "ehr").await);
    let records = app.store.list_records(&app.practice(), None).await.unwrap();
    assert!(
        records
            .iter()
            .any(|record| record.text.contains("\"clock.set\"")),
        "the evidence says that its times are not of one piece"
    );
}

#[tokio::test]
async fn a_clock_set_forward_lets_nothing_be_verified_while_an_open_may_still_land() {
    let app = TestApp::start().await;
    app.system("ehr").fail_next([fake::timed_out()]);
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.disable(&nina).await;
    app.run_due().await;
    let waits = !app.is_green("nina", "ehr").await;

    app.clock.set(after(app.clock.now(), HOUR));
    app.run_due().await;
    app.run_after(Duration::from_secs(1)).await;
    let still_waits = !app.is_green("nina", "ehr").await;
    app.run_after(Duration::from_secs(150)).await;

    assert!(
        waits && still_waits,
        "two minutes are two minutes, whatever the clock says"
    );
    assert!(app.is_green("nina", "ehr").await);
}

/// Nina's door waits five minutes, because the system refused the bridge. It takes the bridge again, and
/// the database does not take that her door is due.
async fn nina_waits_and_nobody_can_write_that_she_need_not(app: &TestApp) -> rusqlite::Connection {
    let url = app.settings.database_url().unwrap();
    let other = rusqlite::Connection::open(sqlite_path(&url).unwrap()).unwrap();
    app.system("ehr").fail_next([fake::credential_refused()]);
    app.hire("nina", "Nurse").await;
    app.run_due().await;
    let refuse = "CREATE TRIGGER refuse BEFORE UPDATE OF next_try ON door
        WHEN OLD.failure = 'credential' AND NEW.failure = 'credential'
        BEGIN SELECT RAISE(ABORT, 'not now'); END";
    other.execute_batch(refuse).unwrap();
    app.hire("omar", "Nurse").await;
    app.run_due().await;

    assert!(app.is_green("omar", "ehr").await && !app.is_green("nina", "ehr").await);
    other
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_for_a_system_is_due_as_soon_as_that_can_be_written() {
    let app = TestApp::start().await;
    let other = nina_waits_and_nobody_can_write_that_she_need_not(&app).await;

    let is_known = app.store.is_in_trouble();
    other.execute_batch("DROP TRIGGER refuse").unwrap();
    app.run_due().await;

    assert!(is_known);
    assert!(app.is_green("nina", "ehr").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_for_a_system_is_due_whoever_finds_that_the_database_is_back() {
    let app = TestApp::start().await;
    let other = nina_waits_and_nobody_can_write_that_she_need_not(&app).await;

    other.execute_batch("DROP TRIGGER refuse").unwrap();
    // Whoever balances load asks just then, before the rounds look.
    app.store.ping().await.unwrap();
    let is_over = !app.store.is_in_trouble();
    app.run_due().await;

    assert!(is_over);
    assert!(app.is_green("nina", "ehr").await);
}
