//! The database cannot be written, and somebody has left: closes go out on the second ledger, opens wait.

use std::{io::Write as _, time::Duration};

use drawbridge::{evidence::Entry, store::attempts::AttemptRow};
use serde_json::{Map, Value, json};

use crate::support::{TestApp, fake, spawn_rounds};

const SECOND: Duration = Duration::from_secs(1);

/// Nina has worked here, and has left: her doors are to be closed, and nobody was at them yet.
async fn nina_has_left() -> TestApp {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.disable(&nina).await;
    app
}

async fn set_pages(app: &TestApp, statement: &'static str) {
    let mut tx = app.begin().await;
    tx.execute_for_tests(statement).await.unwrap();
}

/// From now on nothing fits into the ledger of the database any more.
async fn fill_the_disk(app: &TestApp) {
    set_pages(app, "PRAGMA max_page_count = 1").await;
    for length in [3_000, 100, 1] {
        let filler = |_| async {
            let mut tx = app.begin().await;
            tx.record(Entry {
                at: tx.now(),
                who: "test".to_owned(),
                what: "filler",
                person: None,
                system: None,
                detail: Map::from_iter([("x".to_owned(), Value::from("x".repeat(length)))]),
            });
            tx.commit().await.is_ok()
        };
        let mut written = 0;
        while filler(written).await {
            written += 1;
            assert!(written < 10_000, "the database never gets full");
        }
    }
}

async fn make_room(app: &TestApp) {
    set_pages(app, "PRAGMA max_page_count = 1000000").await;
}

/// What the evidence says of a system that was written into the second ledger first.
async fn late(app: &TestApp, system: &str) -> Vec<Value> {
    let records = app.store.list_records(&app.practice(), None).await.unwrap();
    records
        .iter()
        .map(|record| serde_json::from_str::<Value>(&record.text).unwrap())
        .filter(|record| record["system"] == system)
        .filter(|record| record["detail"]["written_first_in"] == "second_ledger")
        .collect()
}

fn whats(records: &[Value]) -> Vec<&str> {
    let whats = records.iter().map(|record| record["what"].as_str());
    whats.map(Option::unwrap).collect()
}

fn closes(app: &TestApp, system: &str) -> usize {
    let journal = app.system(system).journal();
    journal
        .iter()
        .filter(|asked| *asked == "close nina")
        .count()
}

async fn attempts(app: &TestApp, system: &str) -> Vec<AttemptRow> {
    let mut attempts = app
        .store
        .list_attempts(&app.practice(), false, 100)
        .await
        .unwrap();
    attempts.retain(|attempt| attempt.system.as_str() == system && attempt.action == "close");
    attempts
}

fn is_empty(app: &TestApp) -> bool {
    let file = app.settings.second_ledger().unwrap().unwrap();
    file.metadata().map_or(0, |file| file.len()) == 0
}

#[tokio::test]
async fn r2_a_close_goes_out_while_the_disk_is_full_and_is_on_record_exactly_once_after() {
    let app = nina_has_left().await;
    let sent_at = app.door("nina", "ehr").await.wanted_at;

    fill_the_disk(&app).await;
    app.run_due().await;
    let was_shut = !app.system("ehr").account("nina").unwrap().enabled;
    let was_green = app.is_green("nina", "ehr").await;
    for _ in 0..3 {
        app.clock.advance(600 * SECOND);
        app.run_due().await;
    }
    let closes_meanwhile = closes(&app, "ehr");
    make_room(&app).await;
    app.run_due().await;
    app.run_due().await;

    assert!(
        was_shut && !was_green,
        "shut, and not called so before it is on record"
    );
    assert_eq!(closes_meanwhile, 1, "what was answered is not asked again");
    let records = late(&app, "ehr").await;
    assert_eq!(whats(&records), ["attempt.sent", "attempt.answered"]);
    let when: jiff::Timestamp = records[0]["when"].as_str().unwrap().parse().unwrap();
    assert_eq!(when, sent_at, "with the time at which it was");
    let attempts = attempts(&app, "ehr").await;
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].result.as_deref(), Some("done"));
    assert_eq!(closes(&app, "ehr"), 1, "it is read back, not closed again");
    assert!(app.is_green("nina", "ehr").await && is_empty(&app));
}

#[tokio::test]
async fn r2_an_open_waits_for_the_database() {
    let app = TestApp::start().await;
    app.hire("sam", "Nurse").await;

    fill_the_disk(&app).await;
    app.run_due().await;
    let meanwhile = app.system("ehr").journal();
    make_room(&app).await;
    app.run_due().await;

    assert!(meanwhile.is_empty(), "{meanwhile:?}");
    assert!(app.is_green("sam", "ehr").await);
}

#[tokio::test]
async fn when_nothing_can_be_written_anywhere_nothing_is_called() {
    let app = nina_has_left().await;
    let before = app.system("ehr").journal();
    // No file can be made where there is a folder.
    let path = app.settings.second_ledger().unwrap().unwrap();
    std::fs::create_dir(&path).unwrap();

    fill_the_disk(&app).await;
    app.run_due().await;
    app.clock.advance(60 * SECOND);
    app.run_due().await;
    let after = app.system("ehr").journal();
    let is_writable = app.rounds.second_ledger().unwrap().is_writable();
    let takes_writes = app.store.ping().await.is_ok();
    std::fs::remove_dir(&path).unwrap();
    app.clock.advance(60 * SECOND);
    app.run_due().await;

    assert_eq!(before, after);
    assert!(!is_writable && !takes_writes);
    assert_eq!(
        closes(&app, "ehr"),
        1,
        "one of the two is enough for a close"
    );
}

#[tokio::test]
async fn a_close_that_fails_meanwhile_keeps_the_pace_of_the_schedule() {
    let app = nina_has_left().await;
    app.system("ehr")
        .fail_next([fake::refused(), fake::refused()]);

    fill_the_disk(&app).await;
    app.run_due().await;
    let at_once = closes(&app, "ehr");
    app.run_due().await;
    let at_the_same_moment = closes(&app, "ehr");
    app.clock.advance(7 * SECOND);
    app.run_due().await;
    let after_seven_seconds = closes(&app, "ehr");
    make_room(&app).await;
    app.run_due().await;

    assert_eq!(
        (at_once, at_the_same_moment, after_seven_seconds),
        (1, 1, 2)
    );
    let records = late(&app, "ehr").await;
    let failed = ["attempt.sent", "attempt.failed"];
    assert_eq!(whats(&records), [failed, failed].concat());
    let door = app.door("nina", "ehr").await;
    assert_eq!(door.tries, 2, "and goes on from there");
    assert!(door.next_try.unwrap() > door.wanted_at + 600 * jiff::SignedDuration::from_secs(1));
}

#[tokio::test]
async fn what_became_of_a_call_under_way_is_kept_when_the_disk_gets_full() {
    let app = nina_has_left().await;
    let gate = app.system("ehr").hold_next_close();
    let rounds = spawn_rounds(&app.rounds);
    app.until(|app| closes(app, "ehr") == 1).await;

    fill_the_disk(&app).await;
    gate.notify_one();
    rounds.await.unwrap().unwrap();
    let unknown = attempts(&app, "ehr").await;
    app.clock.advance(SECOND);
    make_room(&app).await;
    app.run_due().await;

    assert_eq!(unknown[0].result, None);
    let known = attempts(&app, "ehr").await;
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].result.as_deref(), Some("done"));
    assert_eq!(whats(&late(&app, "ehr").await), ["attempt.answered"]);
    assert_eq!(closes(&app, "ehr"), 1, "and it is not made again");
    assert!(app.is_green("nina", "ehr").await && is_empty(&app));
}

#[tokio::test]
async fn the_next_start_reads_a_torn_second_ledger_up_to_its_last_whole_line_and_once() {
    let app = nina_has_left().await;
    fill_the_disk(&app).await;
    app.run_due().await;
    let path = app.settings.second_ledger().unwrap().unwrap();
    let mut file = std::fs::File::options().append(true).open(&path).unwrap();
    file.write_all(b"{\"hash\":\"0123").unwrap();
    let torn = std::fs::read(&path).unwrap();
    make_room(&app).await;

    app.next_rounds().import_second_ledger().await.unwrap();
    let emptied = is_empty(&app);
    // The process dies after the commit and before the file is empty.
    std::fs::write(&path, torn).unwrap();
    app.next_rounds().import_second_ledger().await.unwrap();
    app.next_rounds().run_due().await.unwrap();

    assert!(emptied && is_empty(&app));
    let records = late(&app, "ehr").await;
    assert_eq!(whats(&records), ["attempt.sent", "attempt.answered"]);
    assert_eq!(attempts(&app, "ehr").await.len(), 1);
    assert!(app.is_green("nina", "ehr").await);
}

#[tokio::test]
async fn r6_a_late_close_without_an_answer_keeps_an_open_from_being_proved() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    let rename = async |title: &'static str| {
        app.edit(&nina, |attributes| {
            attributes.insert("title".to_owned(), Value::from(title));
        })
        .await;
    };
    rename("Billing").await;
    app.system("mail").fail_next([fake::timed_out()]);

    fill_the_disk(&app).await;
    app.run_due().await;
    let closes_of_mail = closes(&app, "mail");
    make_room(&app).await;
    rename("Nurse").await;
    app.run_due().await;
    let is_wanted_open = !app.door("nina", "mail").await.wanted.is_closed();
    let too_early = app.is_green("nina", "mail").await;
    app.run_after(150 * SECOND).await;

    assert_eq!(closes_of_mail, 1);
    assert!(is_wanted_open && !too_early, "that close may still land");
    assert!(app.is_green("nina", "mail").await);
}

#[tokio::test]
async fn a_line_that_was_changed_is_kept_for_whoever_looks_into_it() {
    let app = nina_has_left().await;
    fill_the_disk(&app).await;
    app.run_due().await;
    let path = app.settings.second_ledger().unwrap().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("\"answer\":{", "\"answer\":{ ", 1)).unwrap();
    make_room(&app).await;

    app.next_rounds().import_second_ledger().await.unwrap();

    let folder = path.parent().unwrap().read_dir().unwrap();
    let kept = folder
        .filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().contains(".second.kept-")
        })
        .count();
    assert_eq!(kept, 1);
    assert!(!path.exists());
}

#[tokio::test]
async fn while_the_second_ledger_cannot_be_read_closes_go_on_over_the_database_and_opens_wait() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    let omar = app.hire("omar", "Nurse").await;
    app.run_due().await;
    app.disable(&nina).await;
    fill_the_disk(&app).await;
    app.run_due().await;
    make_room(&app).await;
    let path = app.settings.second_ledger().unwrap().unwrap();
    let elsewhere = path.with_extension("elsewhere");
    std::fs::rename(&path, &elsewhere).unwrap();
    std::fs::create_dir(&path).unwrap();

    app.disable(&omar).await;
    app.hire("sam", "Nurse").await;
    app.run_due().await;
    let omar_is_out = app.is_green("omar", "ehr").await;
    let sam_was_in = app.system("ehr").account("sam").is_some();
    std::fs::remove_dir(&path).unwrap();
    std::fs::rename(&elsewhere, &path).unwrap();
    app.run_due().await;

    assert!(omar_is_out && !sam_was_in);
    assert!(app.is_green("sam", "ehr").await);
    let records = late(&app, "ehr").await;
    assert_eq!(whats(&records), ["attempt.sent", "attempt.answered"]);
    assert!(app.is_green("nina", "ehr").await && is_empty(&app));
}

#[tokio::test]
async fn on_a_full_disk_departures_use_the_room_that_was_kept_and_nobody_is_let_in() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let user = |name: &str| {
        json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": name, "title": "Nurse", "active": true})
    };
    let nina = provider.post("/Users", &user("nina")).await.id();
    app.run_after(SECOND).await;
    app.clock.advance(SECOND);
    app.hire("sam", "Nurse").await;
    let size = 100_000;
    app.store.keep_ballast(size);
    let url = app.settings.database_url().unwrap();
    let ballast = drawbridge::store::ballast::path_of(&url).unwrap();
    let kept = ballast.metadata().unwrap().len();
    let was_ready = provider.is_ready().await;

    fill_the_disk(&app).await;
    let is_freed = !ballast.exists();
    // That made room, as it does on a disk.
    make_room(&app).await;
    let refused = provider.post("/Users", &user("omar")).await;
    let renamed = json!([{"op": "replace", "path": "title", "value": "Student"}]);
    let renamed = provider.patch(&format!("/Users/{nina}"), &renamed).await;
    let left = json!([{"op": "replace", "path": "active", "value": false}]);
    let left = provider.patch(&format!("/Users/{nina}"), &left).await;
    app.run_due().await;
    let was_opened = app.system("ehr").account("sam").is_some();
    let is_ready = provider.is_ready().await;
    let has_room = app.store.look_for_room();
    let ready_again = provider.is_ready().await;
    app.run_due().await;

    assert_eq!(kept, size);
    assert!(was_ready && is_freed && !is_ready);
    for refused in [refused, renamed] {
        assert_eq!(refused.status, 503);
        assert_eq!(refused.header("retry-after"), "60");
    }
    assert_eq!(left.status, 200);
    assert!(app.is_green("nina", "ehr").await && !was_opened);
    assert!(has_room && ready_again && ballast.exists());
    assert!(app.is_green("sam", "ehr").await);
}
