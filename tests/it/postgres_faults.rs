//! PostgreSQL says no: locks of others, deadlocks, another isolation than ours; what bridges over one
//! database say to each other, and what more than one database would need.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use drawbridge::{
    app,
    clock::{Clock, MockClock},
    evidence::Entry,
    ids::UserId,
    intake::{Caller, Intake},
    rounds::{Rounds, System, Systems, systems::SystemOptions},
    store::{Store, StoreError, WriteTx},
};
use drawbridge_conformance::RealSystem;
use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};

use crate::support::{FRIDAY, TestApp, fake::FakeSystem, person, spawn_rounds};

/// When a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

async fn connect(server: &RealSystem) -> PgConnection {
    let url = server.var("POSTGRES_URL");
    PgConnection::connect(url).await.unwrap()
}

async fn run(database: &mut PgConnection, statement: &'static str) {
    sqlx::query(statement).execute(database).await.unwrap();
}

/// Waits until a query answers so many rows.
async fn until_rows(database: &mut PgConnection, rows: usize, query: &'static str) {
    let began = Instant::now();
    loop {
        let found = sqlx::query(query).fetch_all(&mut *database).await.unwrap();
        if found.len() == rows {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "{query}: {}", found.len());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// What the ledger says of a kind; the chain holds.
async fn records(store: &Store, what: &str) -> usize {
    let records = store.list_records(&"elm".into(), None).await.unwrap();
    let checked = store.check_chain(&"elm".into()).await.unwrap();
    checked.expect("the chain holds");
    let what = format!("\"{what}\"");
    let is_one = |text: &&str| text.contains(&what);
    records
        .iter()
        .map(|record| record.text.as_str())
        .filter(is_one)
        .count()
}

const WAITING: &str = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'";

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_ends_in_a_deadlock_is_begun_anew_and_written_once() {
    let server = RealSystem::start("postgres");
    let (mut other, mut eye) = (connect(&server).await, connect(&server).await);
    // The bridge looks for a deadlock first, so that it is the one to give way.
    run(
        &mut eye,
        "ALTER ROLE drawbridge SET deadlock_timeout = '3s'",
    )
    .await;
    run(&mut other, "SET deadlock_timeout = '60s'").await;
    let app = TestApp::on(server.var("POSTGRES_URL")).await;
    let nina = app.hire("nina", "Nurse").await;

    // The doors first and the practice then: the bridge goes the other way.
    let mut crossing = other.begin().await.unwrap();
    run(&mut crossing, "SELECT id FROM door FOR UPDATE").await;
    tokio::join!(app.disable(&nina), async {
        until_rows(&mut eye, 1, WAITING).await;
        run(&mut crossing, "SELECT name FROM practice FOR UPDATE").await;
        crossing.commit().await.unwrap();
    });
    app.run_due().await;

    let log = std::fs::read_to_string(server.dir().join("log/postgres.log")).unwrap();
    assert!(log.contains("deadlock detected"), "it was one");
    assert_eq!(records(&app.store, "change.departed").await, 1);
    assert!(app.is_green("nina", "ehr").await);
    app.store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_practice_locked_by_somebody_else_is_told_within_ten_seconds_and_recovers() {
    let server = RealSystem::start("postgres");
    let mut other = connect(&server).await;
    let app = TestApp::on(server.var("POSTGRES_URL")).await;
    let provider = app.provider("entra").await;
    let nina = app.hire("nina", "Nurse").await;
    let path = format!("/Users/{nina}");
    let disable: Value = json!([{"op": "replace", "path": "active", "value": false}]);

    let mut in_the_way = other.begin().await.unwrap();
    run(&mut in_the_way, "SELECT name FROM practice FOR UPDATE").await;
    let began = Instant::now();
    let refused = join_all((0..4).map(|_| provider.patch(&path, &disable))).await;
    let took = began.elapsed();
    let shown = provider.get(&path).await;
    let departed = records(&app.store, "change.departed").await;
    in_the_way.commit().await.unwrap();
    let accepted = provider.patch(&path, &disable).await;

    for answer in refused {
        assert_eq!(answer.status, 503);
        assert!(!answer.header("retry-after").is_empty());
    }
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!((shown.body["active"].as_bool(), departed), (Some(true), 0));
    assert_eq!(accepted.status, 200);
    assert_eq!(records(&app.store, "change.departed").await, 1);
    app.store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_asks_for_more_isolation_refuses_nobody() {
    let server = RealSystem::start("postgres");
    let mut eye = connect(&server).await;
    run(
        &mut eye,
        "ALTER ROLE drawbridge SET default_transaction_isolation = 'serializable'",
    )
    .await;
    let url = server.var("POSTGRES_URL");
    let bridges = [TestApp::on(url).await, TestApp::on(url).await];

    let hiring = (0..80).map(|number| {
        let bridge = &bridges[number % 2];
        async move { bridge.hire(&format!("nurse{number}"), "Nurse").await }
    });
    join_all(hiring).await;

    assert_eq!(records(&bridges[0].store, "change.joined").await, 80);
    for bridge in bridges {
        bridge.store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_bridge_does_not_take_another_takes_at_once() {
    let server = RealSystem::start("postgres");
    let mut eye = connect(&server).await;
    let app = TestApp::on(server.var("POSTGRES_URL")).await;
    // It looks by itself once an hour, so that what it finds it was told of.
    let other = app.another_bridge(Duration::from_secs(3_600)).await;
    until_rows(&mut eye, 1, LISTENING).await;

    // A command has no rounds at all, and a bridge that is about to stop takes nothing any more.
    comes_and_goes(&app, "nina").await;
    comes_and_goes(&app, "omar").await;
    app.intake.first_tries_by(&app::first_tries(&app.rounds));
    comes_and_goes(&app, "sara").await;
    comes_and_goes(&app, "tess").await;
    // Whoever listens was cut off, and listens again.
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'";
    run(&mut eye, cut).await;
    until_rows(&mut eye, 1, LISTENING).await;
    comes_and_goes(&app, "uma").await;
    other.stop().await;
    app.store.close().await;
}

/// Writes a record, and under a name which transaction of PostgreSQL that was.
async fn leave_a_trace(mut tx: WriteTx, statement: &'static str) -> Result<(), StoreError> {
    tx.record(Entry {
        at: tx.now(),
        who: "test".to_owned(),
        what: "trace",
        person: None,
        system: None,
        detail: serde_json::Map::new(),
    });
    tx.execute_for_tests(statement).await?;
    tx.commit().await
}

/// Has it begin, and answers whether it waits for something now.
async fn waits<T>(next: &mut Pin<&mut impl Future<Output = T>>) -> bool {
    poll_fn(|context| Poll::Ready(next.as_mut().poll(context).is_pending())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loser_fails_alone_in_a_commit_that_others_share() {
    const HERS: &str = "INSERT INTO install (key, value) VALUES ('hers', txid_current()::text)";
    const HIS: &str = "INSERT INTO install (key, value) VALUES ('his', txid_current()::text)";
    let server = RealSystem::start("postgres");
    let mut eye = connect(&server).await;
    let app = TestApp::on(server.var("POSTGRES_URL")).await;

    let won = app.begin().await;
    let mut lost = pin!(async { leave_a_trace(app.begin().await, HERS).await });
    let mut last = pin!(async { leave_a_trace(app.begin().await, HIS).await });
    assert!(
        waits(&mut lost).await && waits(&mut last).await,
        "both stand in line behind the first"
    );
    let (won, lost, last) = tokio::join!(leave_a_trace(won, HERS), lost, last);

    let query = "SELECT value FROM install WHERE key IN ('hers', 'his')";
    let transactions: Vec<(String,)> = sqlx::query_as(query).fetch_all(&mut eye).await.unwrap();
    assert!(matches!(lost, Err(StoreError::Taken(_))), "{lost:?}");
    assert!(won.is_ok() && last.is_ok(), "{won:?} {last:?}");
    assert_eq!(transactions.len(), 2);
    assert_eq!(transactions[0], transactions[1], "one commit for both");
    assert_eq!(records(&app.store, "trace").await, 2);
    app.store.close().await;
}

/// Two practices over one database, each with an EHR of its own.
struct Neighbours {
    intake: Intake,
    rounds: Arc<Rounds>,
    ehrs: [FakeSystem; 2],
    store: Store,
    _folder: TempDir,
}

const NEIGHBOURS: [&str; 2] = ["elm", "oak"];

impl Neighbours {
    async fn over(server: &RealSystem) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = server.var("POSTGRES_URL");
        let mut text = format!("database = \"{url}\"\n");
        for practice in NEIGHBOURS {
            text.push_str(&format!(
                "[[practice]]\nname = \"{practice}\"\nroles = \"roles.toml\"\n[[practice.source]]\nname = \"entra\"\n\
                 [[practice.system]]\nname = \"ehr\"\ncategory = \"ehr\"\nconnector = \"sandbox\"\ncanary = \"canary\"\n"
            ));
        }
        let roles =
            "[[role]]\nname = \"Nurse\"\nmatches = [\"Nurse\"]\n[role.access]\nehr = \"nurse\"\n";
        std::fs::write(folder.path().join("roles.toml"), roles).unwrap();
        let file = folder.path().join("practices.toml");
        std::fs::write(&file, text).unwrap();
        let settings = app::load_settings(&file).unwrap();
        let store = app::open_store(&settings).await.unwrap();
        let clock: Arc<dyn Clock> = Arc::new(MockClock::at(FRIDAY.parse().unwrap()));
        let wake = Arc::new(Notify::new());
        let intake = app::intake(&settings, &store, Arc::clone(&clock), Arc::clone(&wake));
        let intake = intake.await.unwrap();
        let ehrs = [FakeSystem::default(), FakeSystem::default()];
        let systems = NEIGHBOURS.iter().zip(&ehrs).map(|(practice, ehr)| {
            let options = SystemOptions {
                settle: Duration::from_secs(120),
                call_timeout: Duration::from_secs(20),
                canary: Some("canary".to_owned()),
                managed_levels: vec!["nurse".to_owned()],
                concurrency: 4,
            };
            System::new(
                (*practice).into(),
                "ehr".into(),
                Arc::new(ehr.clone()),
                options,
            )
        });
        let rounds = Rounds::new(store.clone(), clock, Systems::new(systems), wake);
        Self {
            intake,
            rounds: Arc::new(rounds),
            ehrs,
            store,
            _folder: folder,
        }
    }

    /// Nina has worked in both practices, and has left both.
    async fn nina_leaves_both(&self) {
        let mut ids = Vec::new();
        for practice in NEIGHBOURS {
            ids.push(self.say(practice, None, true).await);
        }
        self.rounds.run_due().await.unwrap();
        for (practice, id) in NEIGHBOURS.into_iter().zip(&ids) {
            self.say(practice, Some(id), false).await;
        }
    }

    /// The identity provider of a practice says whether Nina may get in.
    async fn say(&self, practice: &str, id: Option<&UserId>, active: bool) -> UserId {
        let caller = Caller {
            practice: practice.into(),
            actor: "source:entra".to_owned(),
            request_id: "request-1".to_owned(),
        };
        let nina = person("nina", "Nurse", active);
        let said = self
            .intake
            .change_user::<()>(&caller, id, move |_| Ok(Some(nina.clone())));
        said.await.unwrap().unwrap().id
    }

    fn is_out(&self, at: usize) -> bool {
        !self.ehrs[at].account("nina").unwrap().enabled
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_practice_that_is_locked_keeps_no_other_from_closing() {
    let server = RealSystem::start("postgres");
    let mut other = connect(&server).await;
    let neighbours = Neighbours::over(&server).await;
    neighbours.nina_leaves_both().await;

    let mut in_the_way = other.begin().await.unwrap();
    let lock = "SELECT name FROM practice WHERE name = 'oak' FOR UPDATE";
    run(&mut in_the_way, lock).await;
    let rounds = spawn_rounds(&neighbours.rounds);
    // Less than a claim waits for its turn.
    let closed = timeout(Duration::from_secs(4), async {
        while !neighbours.is_out(0) {
            tokio::task::yield_now().await;
        }
    });
    let in_time = closed.await.is_ok();
    let is_oak_untouched = !neighbours.is_out(1);
    in_the_way.commit().await.unwrap();
    rounds.await.unwrap().unwrap();
    neighbours.rounds.run_due().await.unwrap();

    assert!(in_time, "elm's close waited for oak's claim");
    assert!(is_oak_untouched);
    assert!(neighbours.is_out(0) && neighbours.is_out(1));
    neighbours.store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_practice_comes_first_in_every_key() {
    let server = RealSystem::start("postgres");
    let mut eye = connect(&server).await;
    let app = TestApp::on(server.var("POSTGRES_URL")).await;

    let first_columns = "SELECT t.relname::text, c.attname::text FROM pg_index i
         JOIN pg_class t ON t.oid = i.indrelid
         JOIN pg_attribute c ON c.attrelid = t.oid AND c.attnum = i.indkey[0]
         WHERE i.indisunique AND t.relnamespace = 'public'::regnamespace
         UNION SELECT t.relname::text, c.attname::text FROM pg_constraint f
         JOIN pg_class t ON t.oid = f.conrelid
         JOIN pg_attribute c ON c.attrelid = t.oid AND c.attnum = f.conkey[1]
         WHERE f.contype = 'f' AND t.relnamespace = 'public'::regnamespace
         ORDER BY 1";
    let found: Vec<(String, String)> = sqlx::query_as(first_columns)
        .fetch_all(&mut eye)
        .await
        .unwrap();
    let (by_practice, others): (Vec<_>, Vec<_>) =
        found.iter().partition(|(_, column)| column == "practice");

    assert!(by_practice.len() > 10, "{by_practice:?}");
    let others: Vec<&str> = others.iter().map(|(table, _)| table.as_str()).collect();
    // What belongs to no practice, the practices themselves, and what says which practice it is about:
    // tokens, and an admin's links, passkeys and sessions.
    let expected = [
        "_sqlx_migrations",
        "admin_invitation",
        "admin_passkey",
        "admin_session",
        "install",
        "practice",
        "token",
        "token_use",
    ];
    assert_eq!(others, expected);
    app.store.close().await;
}

const LISTENING: &str =
    "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND state = 'idle'";

/// Somebody gets an account and loses it, through a bridge that calls no system itself.
async fn comes_and_goes(app: &TestApp, name: &str) {
    let done = timeout(PATIENCE, async {
        let id = app.hire(name, "Nurse").await;
        app.until(|app| app.system("ehr").account(name).is_some())
            .await;
        app.disable(&id).await;
        app.until(|app| !app.system("ehr").account(name).unwrap().enabled)
            .await;
    });
    assert!(done.await.is_ok(), "{name}: nobody told the other bridge");
}
