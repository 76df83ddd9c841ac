//! What moved is unproven (rule R12).

use std::time::Duration;

use drawbridge::{clock::Clock as _, ids::SystemName, intake::moved::Stock, store::Store};

use crate::support::TestApp;

const MONTH: Duration = Duration::from_secs(30 * 24 * 3_600);

/// The four systems, with the EHR at this address.
fn stock(ehr: &str) -> Stock {
    let at = |name: &str, place: &str| (SystemName::from(name), place.to_owned());
    Stock {
        in_use: vec![
            at("billing", "here"),
            at("ehr", ehr),
            at("mail", "here"),
            at("vpn", "here"),
        ],
        hold_for: MONTH,
        ..Stock::default()
    }
}

async fn take_stock(app: &TestApp, stock: &Stock) -> Vec<String> {
    app.intake.take_stock(&app.caller(), stock).await.unwrap()
}

async fn nina_has_left(app: &TestApp) {
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.disable(&nina).await;
    app.run_due().await;
}

#[tokio::test]
async fn r12_a_system_that_moved_is_green_again_only_when_it_was_read() {
    let app = TestApp::start().await;
    take_stock(&app, &stock("https://old.example")).await;
    nina_has_left(&app).await;
    let unmoved = take_stock(&app, &stock("https://old.example")).await;
    let before = app.is_green("nina", "ehr").await;

    let told = take_stock(&app, &stock("https://new.example")).await;
    let moved = (
        app.is_green("nina", "ehr").await,
        app.is_green("nina", "mail").await,
    );
    app.run_due().await;

    assert!(unmoved.is_empty() && before);
    assert!(told[0].contains("ehr"), "{told:?}");
    assert_eq!(moved, (false, true), "the EHR alone has lost it");
    assert!(app.is_green("nina", "ehr").await);
}

#[tokio::test]
async fn r12_a_system_that_moved_has_shown_no_certificate_there() {
    let app = TestApp::start().await;
    take_stock(&app, &stock("https://old.example")).await;
    for system in ["ehr", "mail"] {
        let ends = app.clock.now() - jiff::Span::new().hours(1);
        app.system(system).state().certificate_ends = Some(ends);
    }
    app.rounds.keep_certificates().await.unwrap();
    let known = async || {
        let kept = app.store.list_certificates(&app.practice()).await.unwrap();
        kept.into_keys()
            .map(|name| name.to_string())
            .collect::<Vec<_>>()
    };

    take_stock(&app, &stock("https://old.example")).await;
    let unmoved = known().await;
    take_stock(&app, &stock("http://127.0.0.1:8080")).await;
    let moved = known().await;
    // As a bridge starts: nothing was shown to it yet, and plain http shows nothing.
    app.system("ehr").state().certificate_ends = None;
    app.next_rounds().keep_certificates().await.unwrap();
    let later = known().await;

    assert_eq!(unmoved, ["ehr", "mail"]);
    assert_eq!(
        (moved, later),
        (vec!["mail".to_owned()], vec!["mail".to_owned()])
    );
}

#[tokio::test]
async fn r12_a_system_that_moved_and_lets_a_leaver_in_is_closed_there() {
    let app = TestApp::start().await;
    take_stock(&app, &stock("https://old.example")).await;
    nina_has_left(&app).await;
    if let Some(account) = app.system("ehr").state().accounts.get_mut("nina") {
        account.enabled = true;
    }

    take_stock(&app, &stock("https://new.example")).await;
    app.run_due().await;
    app.run_after(Duration::from_secs(10)).await;

    assert!(!app.system("ehr").state().accounts["nina"].enabled);
    assert!(app.is_green("nina", "ehr").await);
}

#[tokio::test]
async fn r12_a_signature_does_not_outlive_the_system_it_was_given_for() {
    let app = TestApp::start().await;
    take_stock(&app, &stock("https://old.example")).await;
    app.system("ehr").state().sees_canary = false;
    let nina = app.hire("nina", "Nurse").await;
    app.disable(&nina).await;
    app.run_due().await;
    app.sign("nina", "ehr").await.unwrap();
    let signed = app.is_green("nina", "ehr").await;

    take_stock(&app, &stock("https://new.example")).await;

    assert!(signed && !app.is_green("nina", "ehr").await);
}

#[tokio::test]
async fn r12_a_new_system_gets_a_door_for_everybody_who_left_lately() {
    let app = TestApp::start().await;
    let mut without_vpn = stock("here");
    without_vpn.in_use.pop();
    take_stock(&app, &without_vpn).await;
    let nina = app.hire("nina", "Nurse").await;
    app.disable(&nina).await;
    let mut tx = app.begin().await;
    tx.execute_for_tests("DELETE FROM door WHERE system = 'vpn'")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let doors = app.doors_of("nina").await.len();

    take_stock(&app, &stock("here")).await;
    app.run_after(Duration::from_secs(1)).await;

    assert_eq!(app.doors_of("nina").await.len(), doors + 1);
    assert!(app.door("nina", "vpn").await.wanted.is_closed());
    assert!(
        app.is_green("nina", "vpn").await,
        "its account is absent, and that is proved"
    );
}

#[tokio::test]
async fn r12_after_a_restore_nothing_is_green_until_it_was_read_and_opens_wait_for_a_signature() {
    let app = TestApp::start().await;
    take_stock(&app, &stock("here")).await;
    nina_has_left(&app).await;
    app.hire("sam", "Nurse").await;

    app.store.have_opens_wait(app.clock.now()).await.unwrap();
    let restored = Stock {
        restored: Some("the ledger is shorter".to_owned()),
        ..stock("here")
    };
    take_stock(&app, &restored).await;
    let lost = !app.is_green("nina", "ehr").await;
    app.run_due().await;
    let waits = !app.system("ehr").state().accounts.contains_key("sam");
    app.intake
        .let_opens_go_on(&[app.caller()], "Dana Ruiz", "compared with Entra")
        .await
        .unwrap();
    app.run_due().await;

    assert!(lost && waits);
    assert!(app.is_green("nina", "ehr").await);
    assert!(app.system("ehr").state().accounts["sam"].enabled);
}

#[tokio::test]
async fn r12_a_ledger_that_is_shorter_than_it_was_is_noticed_and_so_is_a_copy() {
    let app = TestApp::start().await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let url = |name: &str| format!("sqlite://{}", path(name).display());
    app.hire("nina", "Nurse").await;
    app.store.backup(&path("yesterday.db")).await.unwrap();
    app.hire("sam", "Nurse").await;
    app.store.backup(&path("today.db")).await.unwrap();

    let store = Store::open(&url("today.db")).await.unwrap();
    let is_a_copy = store.find_restore().await.unwrap();
    store.forget_that_it_is_a_copy().await.unwrap();
    store.note_progress().await.unwrap();
    let unchanged = store.find_restore().await.unwrap();
    store.close().await;
    let store = Store::open(&url("yesterday.db")).await.unwrap();
    store.forget_that_it_is_a_copy().await.unwrap();
    store.close().await;
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(path(&format!("today.db{end}")));
    }
    std::fs::rename(path("yesterday.db"), path("today.db")).unwrap();
    let store = Store::open(&url("today.db")).await.unwrap();
    let is_older = store.find_restore().await.unwrap();

    assert!(is_a_copy.unwrap().contains("copy"));
    assert_eq!(unchanged, None);
    assert!(is_older.unwrap().contains("was at"));
}
