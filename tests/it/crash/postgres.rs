//! Several bridges over one PostgreSQL, whatever happens to one of them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use drawbridge_conformance::RealSystem;
use reqwest::Method;
use serde_json::json;
use sqlx::{Connection as _, PgConnection};
use tokio::{
    task::{JoinHandle, block_in_place},
    time::Instant,
};

use super::{
    TURN,
    bridge::PATIENCE,
    checker,
    practice::{Practice, Provider},
};

/// How long a bridge that is held up may keep others from writing.
const HELD_UP: Duration = Duration::from_secs(10);

/// How long a bridge may take to stop.
const STOPS_WITHIN: Duration = Duration::from_secs(25);

/// How many people come and go at a time.
const WORKERS: usize = 4;

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

/// People who come and go, through an identity provider that tries again until it is answered.
struct Load {
    ends: Arc<AtomicBool>,
    gone: Arc<AtomicUsize>,
    workers: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    fn start(provider: &Provider) -> Self {
        let (ends, gone) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let workers = (0..WORKERS)
            .map(|worker| {
                let provider = provider.beginning_with(worker);
                let (ends, gone) = (Arc::clone(&ends), Arc::clone(&gone));
                tokio::spawn(async move {
                    let mut acknowledged = Vec::new();
                    while !ends.load(Ordering::SeqCst) {
                        let login = format!("nurse{worker}-{}", acknowledged.len());
                        come_and_go(&provider, &login).await;
                        acknowledged.push(login);
                        gone.fetch_add(1, Ordering::SeqCst);
                    }
                    acknowledged
                })
            })
            .collect();
        Self {
            ends,
            gone,
            workers,
        }
    }

    /// Waits until so many more have come and gone.
    async fn goes_on(&self, more: usize) {
        let (began, aim) = (Instant::now(), self.gone.load(Ordering::SeqCst) + more);
        while self.gone.load(Ordering::SeqCst) < aim {
            assert!(began.elapsed() < PATIENCE, "nobody is answered any more");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Whose disable was acknowledged.
    async fn end(self) -> Vec<String> {
        self.ends.store(true, Ordering::SeqCst);
        let mut acknowledged = Vec::new();
        for worker in self.workers {
            acknowledged.extend(worker.await.unwrap());
        }
        acknowledged
    }
}

async fn come_and_go(provider: &Provider, login: &str) {
    let began = Instant::now();
    let mut id = None;
    while id.is_none() {
        assert!(began.elapsed() < PATIENCE, "{login} is not hired");
        id = provider.hire(login).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    while !provider.disable(login, id.as_deref().unwrap()).await {
        assert!(began.elapsed() < PATIENCE, "{login} is not disabled");
        tokio::time::sleep(Duration::from_millis(2)).await;
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
    until(
        &mut eye,
        "nothing is left to do for her",
        "SELECT 1 FROM door WHERE assurance = 'verified' AND lease_owner IS NULL",
    )
    .await;

    // Somebody else is in the way of its last statement, until it is held up: then all is written, and
    // locked, and only the commit is missing.
    let mut in_the_way = other.begin().await.unwrap();
    sqlx::query("LOCK TABLE evidence IN EXCLUSIVE MODE")
        .execute(&mut *in_the_way)
        .await
        .unwrap();
    let held_up = practice.provider.only(0);
    let ghost = tokio::spawn(async move {
        let body = json!({"userName": "ghost", "title": "Nurse", "active": true,
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"]});
        held_up.ask(Method::POST, "/Users", Some(body)).await
    });
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
    let second = practice.provider.only(1);
    while second.hire("sam").await.is_none() {
        assert!(began.elapsed() < PATIENCE, "nobody else can write");
    }
    let took = began.elapsed();
    practice.bridges[0].go_on();
    let ghost = ghost.await.unwrap().map(|(status, _)| status);
    let is_there = practice.provider.find("ghost").await.is_some();

    assert!(took < HELD_UP, "{took:?}");
    assert_eq!(ghost, Some(503), "it is told what became of it");
    assert!(!is_there, "what it wrote was never committed");
    assert!(practice.hire("ghost").await.is_some());
    assert!(practice.disable("nina", &nina).await);
    practice
        .wait_until_all_are_out(&[0], Duration::from_secs(60))
        .await;
    checker::check(&practice).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_under_load_loses_nothing() {
    let server = RealSystem::start("postgres");
    let _turn = TURN.lock().await;
    let mut practice = Practice::new(1, 2, Some(server.var("POSTGRES_URL")));
    practice.start(None);

    let load = Load::start(&practice.provider);
    let mut ends = Vec::new();
    for bridge in [0, 1, 0, 1] {
        load.goes_on(20).await;
        let began = Instant::now();
        let code = block_in_place(|| practice.bridges[bridge].terminate());
        ends.push((code, began.elapsed() < STOPS_WITHIN));
        load.goes_on(10).await;
        block_in_place(|| practice.bridges[bridge].start(None));
    }
    load.goes_on(20).await;
    practice.acknowledged = load.end().await;
    let took = practice
        .wait_until_all_are_out(&[0], Duration::from_secs(60))
        .await;

    assert_eq!(ends, [(Some(0), true); 4], "each ends well, and in time");
    checker::check(&practice).await;
    println!(
        "{} people came and went meanwhile; the last door was proved shut {took:?} after the last answer",
        practice.acknowledged.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_cut_again_and_again_lose_nothing_and_write_nothing_twice() {
    let server = RealSystem::start("postgres");
    let _turn = TURN.lock().await;
    let mut practice = Practice::new(1, 2, Some(server.var("POSTGRES_URL")));
    practice.start(None);
    let mut eye = connect(&server).await;

    let load = Load::start(&practice.provider);
    let mut cut = 0;
    for _ in 0..15 {
        load.goes_on(8).await;
        let connections = sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        );
        cut += connections.fetch_all(&mut eye).await.unwrap().len();
    }
    load.goes_on(8).await;
    practice.acknowledged = load.end().await;
    practice
        .wait_until_all_are_out(&[0], Duration::from_secs(60))
        .await;

    assert!(cut >= 15, "{cut}");
    checker::check(&practice).await;
    println!(
        "{cut} connections were cut while {} people came and went",
        practice.acknowledged.len()
    );
}
