//! Several bridges over one PostgreSQL, whatever happens to one of them.

use std::time::Duration;

use drawbridge_conformance::RealSystem;
use reqwest::Method;
use sqlx::{Connection as _, PgConnection};
use tokio::time::Instant;

use super::{
    TURN,
    bridge::PATIENCE,
    checker,
    practice::{Practice, nurse},
};

/// How long a bridge that is held up may keep others from writing.
const HELD_UP: Duration = Duration::from_secs(10);

async fn connect(server: &RealSystem) -> PgConnection {
    let url = server.var("POSTGRES_URL");
    PgConnection::connect(url).await.unwrap()
}

/// Waits until a query answers a row.
async fn until(database: &mut PgConnection, what: &str, query: &'static str) {
    let began = Instant::now();
    while sqlx::query(query)
        .fetch_optional(&mut *database)
        .await
        .unwrap()
        .is_none()
    {
        assert!(began.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_held_up_inside_a_transaction_keeps_others_waiting_for_seconds_only() {
    let server = RealSystem::start("postgres");
    let _turn = TURN.lock().await;
    let mut practice = Practice::new(1, 2, Some(server.var("POSTGRES_URL")));
    practice.bridges[0].start(None);
    let nina = practice.hire("nina").await.unwrap();
    let (mut eye, mut other) = (connect(&server).await, connect(&server).await);

    // Somebody else is in the way of its last statement, until it is held up: then all is written, and
    // locked, and only the commit is missing.
    let mut in_the_way = other.begin().await.unwrap();
    sqlx::query("LOCK TABLE evidence IN EXCLUSIVE MODE")
        .execute(&mut *in_the_way)
        .await
        .unwrap();
    let hire = practice.request(&practice.bridges[0], Method::POST, "/Users");
    let ghost = tokio::spawn(hire.json(&nurse("ghost")).send());
    until(
        &mut eye,
        "it writes its evidence",
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO evidence%'",
    )
    .await;
    practice.bridges[0].hold_up();
    in_the_way.commit().await.unwrap();
    until(
        &mut eye,
        "it is held up inside a transaction",
        "SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction'",
    )
    .await;
    let began = Instant::now();
    practice.bridges[1].start(None);
    let mut sam = None;
    while sam.is_none() {
        sam = practice.hire_at(1, "sam").await;
    }
    let took = began.elapsed();
    practice.bridges[0].go_on();
    let ghost = ghost.await.unwrap().unwrap().status();
    let is_there = practice.find("ghost").await.is_some();

    assert!(took < HELD_UP, "{took:?}");
    assert_eq!(ghost, 503, "it is told what became of it");
    assert!(!is_there, "what it wrote was never committed");
    assert!(practice.hire("ghost").await.is_some());
    assert!(practice.disable("nina", &nina).await);
    practice
        .wait_until_all_are_out(&[0], Duration::from_secs(60))
        .await;
    checker::check(&practice).await;
}
