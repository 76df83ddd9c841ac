//! The database is locked while somebody's last door is open, and the bridge is killed over it.

use std::{path::PathBuf, time::Duration};

use drawbridge::{failpoint::Point, store::sqlite_path};
use rusqlite::Connection;
use serde_json::Value;
use tokio::time::Instant;

use super::{
    bridge::{Death, PATIENCE},
    checker,
    practice::Practice,
    vendor::Trap,
};

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn database(practice: &Practice) -> Connection {
    let database = Connection::open(sqlite_path(&practice.database).unwrap()).unwrap();
    database.busy_timeout(PATIENCE).unwrap();
    database
}

fn second_ledger(practice: &Practice) -> PathBuf {
    practice.folder.path().join("bridge.db.second")
}

/// How many lines the second ledger has.
fn lines(practice: &Practice) -> usize {
    let text = std::fs::read_to_string(second_ledger(practice)).unwrap_or_default();
    text.matches('\n').count()
}

/// Nina has left, and the first try to close her door failed. Then somebody locks the database, and her
/// system is back.
async fn her_door_is_due_and_the_database_locked(practice: &mut Practice) -> Connection {
    let id = practice.hire("nina").await.unwrap();
    until("she has an account", || {
        practice.vendors[0].is_active("nina") == Some(true)
    })
    .await;
    practice.vendors[0].unplug();
    assert!(practice.disable("nina", &id).await);
    let other = database(practice);
    until("the first try is over", || {
        let failed = "SELECT COUNT(*) FROM attempt WHERE action = 'close' AND failure IS NOT NULL";
        let failed: i64 = other.query_row(failed, [], |row| row.get(0)).unwrap();
        failed > 0
    })
    .await;
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    practice.vendors[0].plug_in();
    other
}

/// What the evidence says was written into the second ledger first.
async fn late(practice: &Practice) -> Vec<String> {
    let store = practice.store().await;
    let records = store.list_records(&"elm".into(), None).await.unwrap();
    store.close().await;
    let records = records
        .iter()
        .map(|record| serde_json::from_str::<Value>(&record.text).unwrap());
    records
        .filter(|record| record["detail"]["written_first_in"] == "second_ledger")
        .map(|record| record["what"].as_str().unwrap().to_owned())
        .collect()
}

async fn goes_on_and_ends_well(practice: &mut Practice, lock: &Connection) {
    lock.execute_batch("ROLLBACK").unwrap();
    practice.start(None);
    practice
        .wait_until_all_are_out(&[0], Duration::from_secs(60))
        .await;
    checker::check(practice).await;
    assert_eq!(lines(practice), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_close_that_landed_before_the_kill_is_on_record_as_sent_and_proved_after() {
    let mut practice = Practice::new(1, 1, None);
    practice.start(None);
    let victim = practice.bridges[0].pid().unwrap();

    let lock = her_door_is_due_and_the_database_locked(&mut practice).await;
    practice.vendors[0].set_trap(Trap::BeforeAnswer, victim);
    let refused = practice.hire("sam").await;
    until("it is killed", || practice.bridges[0].is_dead()).await;
    let landed = practice.vendors[0].is_active("nina") == Some(false);
    let on_record = lines(&practice);
    goes_on_and_ends_well(&mut practice, &lock).await;

    assert!(landed && refused.is_none());
    assert_eq!(on_record, 1);
    assert_eq!(late(&practice).await, ["attempt.sent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_close_that_was_never_sent_is_sent_after_the_next_start() {
    let mut practice = Practice::new(1, 1, None);
    practice.start(Some(Death {
        point: Point::AfterSecondRecord,
        passings: 1,
    }));

    let lock = her_door_is_due_and_the_database_locked(&mut practice).await;
    until("it is killed", || practice.bridges[0].is_dead()).await;
    let is_in = practice.vendors[0].is_active("nina") == Some(true);
    goes_on_and_ends_well(&mut practice, &lock).await;

    assert!(is_in, "on record and not sent");
    assert_eq!(late(&practice).await, ["attempt.sent"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_killed_before_the_second_ledger_is_emptied_imports_nothing_twice() {
    let mut practice = Practice::new(1, 1, None);
    practice.start(None);

    let lock = her_door_is_due_and_the_database_locked(&mut practice).await;
    until("her door is closed, and that is on record", || {
        lines(&practice) == 2
    })
    .await;
    practice.bridges[0].kill();
    lock.execute_batch("ROLLBACK; BEGIN").unwrap();
    practice.bridges[0].start(Some(Death {
        point: Point::AfterImport,
        passings: 1,
    }));
    let died = practice.bridges[0].is_dead();
    let in_both = (lines(&practice), late(&practice).await.len());
    goes_on_and_ends_well(&mut practice, &lock).await;

    assert!(died);
    assert_eq!(in_both, (2, 2));
    assert_eq!(late(&practice).await, ["attempt.sent", "attempt.answered"]);
}
