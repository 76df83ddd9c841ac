//! What whoever runs the bridge relies on: metrics, their alerts, and stopping.

use std::{path::Path, time::Duration};

use drawbridge::store::sqlite_path;
use tokio::time::Instant;

use crate::crash::{
    TURN,
    bridge::{PATIENCE, free_address},
    practice::Practice,
};
#[cfg(feature = "real-systems")]
use crate::crash::{bridge::last_words, checker};

/// A practice of two systems with metrics, and where they are.
fn with_metrics() -> (Practice, String) {
    let practice = Practice::new(2, 1, None);
    let address = free_address();
    let file = practice.folder.path().join("practice-0.toml");
    let settings = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("metrics_listen = \"{address}\"\n{settings}")).unwrap();
    (practice, format!("http://{address}/metrics"))
}

async fn read(url: &str) -> String {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.get(url).send().await.unwrap().text().await.unwrap()
}

/// Reads the metrics until they say this, and answers them.
async fn until_they_say(url: &str, line: &str) -> String {
    let began = Instant::now();
    loop {
        let text = read(url).await;
        if text.lines().any(|own| own == line) {
            return text;
        }
        assert!(began.elapsed() < PATIENCE, "never `{line}` in:\n{text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_an_open_door_and_a_dead_system_and_no_person() {
    let _turn = TURN.lock().await;
    let (mut practice, url) = with_metrics();
    practice.start(None);
    let id = practice.hire("nina").await.unwrap();
    until_they_say(&url, "drawbridge_attempts_total{practice=\"elm\",system=\"saas0\",action=\"open\",result=\"done\"} 1").await;
    practice.vendors[0].unplug();
    practice.disable("nina", &id).await;

    let text = until_they_say(
        &url,
        "drawbridge_system_reachable{practice=\"elm\",system=\"saas0\"} 0",
    )
    .await;

    for line in [
        "drawbridge_doors_unclosed{practice=\"elm\",system=\"saas0\"} 1",
        "drawbridge_doors_overdue{practice=\"elm\",system=\"saas0\"} 0",
        "drawbridge_system_reachable{practice=\"elm\",system=\"saas1\"} 1",
        "drawbridge_scim_requests_total{method=\"POST\",status=\"201\"} 1",
        "drawbridge_database_writable 1",
        "drawbridge_opens_wait 0",
        "drawbridge_disk_full 0",
        "drawbridge_second_ledger_holds_records 0",
        "drawbridge_second_ledger_writable 1",
    ] {
        assert!(
            text.lines().any(|own| own == line),
            "no `{line}` in:\n{text}"
        );
    }
    assert!(!text.contains("nina"), "a person in the metrics");
    let oldest = "drawbridge_oldest_unclosed_seconds{practice=\"elm\",system=\"saas0\"} ";
    assert!(
        text.lines()
            .any(|line| line.starts_with(oldest) && !line.ends_with(" 0"))
    );

    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/alerts.yml");
    let rules = std::fs::read_to_string(rules).unwrap();
    let names: Vec<&str> = rules
        .split(|letter: char| !letter.is_ascii_lowercase() && letter != '_')
        .filter(|word| word.starts_with("drawbridge_"))
        .collect();
    assert!(names.len() > 5);
    for name in names {
        assert!(
            text.contains(&format!("# TYPE {name} ")),
            "an alert on `{name}`, which is not told"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_to_stop_it_ends_in_time_and_gives_its_leases_back() {
    let _turn = TURN.lock().await;
    let mut practice = Practice::new(1, 1, None);
    practice.start(None);
    let id = practice.hire("nina").await.unwrap();
    practice.disable("nina", &id).await;

    let began = Instant::now();
    let code = practice.bridges[0].terminate();
    let took = began.elapsed();

    let file = sqlite_path(&practice.database).unwrap();
    let leased: i64 = rusqlite::Connection::open(file)
        .and_then(|database| {
            let count = "SELECT COUNT(*) FROM door WHERE lease_owner IS NOT NULL";
            database.query_row(count, [], |row| row.get(0))
        })
        .unwrap();
    practice.start(None);
    practice
        .wait_until_all_are_out(&[0], Duration::from_secs(30))
        .await;
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(25), "{took:?}");
    assert_eq!(leased, 0);
}

#[cfg(feature = "real-systems")]
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_starts_later_is_waited_for_and_its_restart_loses_nothing() {
    let server = drawbridge_conformance::RealSystem::start("postgres");
    let _turn = TURN.lock().await;
    let mut practice = Practice::new(1, 1, Some(server.var("POSTGRES_URL")));
    server.stop();
    practice.bridges[0].launch(None);
    let began = Instant::now();
    while !last_words(practice.folder.path()).contains("does not answer yet") {
        assert!(began.elapsed() < PATIENCE && !practice.bridges[0].is_dead());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.start_again();
    practice.bridges[0].wait_until_it_listens();
    let id = practice.hire("nina").await.unwrap();

    server.stop();
    let while_it_is_gone = practice.disable("nina", &id).await;
    server.start_again();
    let began = Instant::now();
    while !practice.disable("nina", &id).await {
        assert!(
            began.elapsed() < PATIENCE,
            "the database is back and nobody notices"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    assert!(
        !while_it_is_gone,
        "nothing is acknowledged that is not durable"
    );
    practice
        .wait_until_all_are_out(&[0], Duration::from_secs(60))
        .await;
    checker::check(&practice).await;
}
