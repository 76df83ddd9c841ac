//! What a reading proves, and sweeps.

use std::time::Duration;

use drawbridge::{
    clock::Clock as _,
    door::{Assurance, Seen},
};
use drawbridge_sdk::Residual;

use crate::support::{TestApp, fake, spawn_rounds};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_blind_reading_proves_no_absence() {
    let app = TestApp::start().await;
    app.system("vpn").state().sees_canary = false;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;

    app.disable(&nina).await;
    app.run_due().await;
    app.run_after(Duration::from_secs(7_200)).await;

    let vpn = app.door("nina", "vpn").await;
    assert_eq!(
        (vpn.seen, vpn.assurance),
        (Seen::Absent, Assurance::Unproven)
    );
    assert!(!vpn.is_green(app.clock.now()));
    assert!(
        !vpn.is_overdue(app.clock.now()),
        "grey and swept, never overdue"
    );
}

#[tokio::test]
async fn r7_a_door_found_open_again_is_put_right_and_noted() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.disable(&nina).await;
    app.hire("nina2", "Nurse").await;
    app.run_due().await;
    let omar = app.hire("omar", "Nurse").await;
    app.run_due().await;
    app.disable(&omar).await;
    app.run_due().await;
    assert!(app.is_green("omar", "ehr").await);

    app.system("ehr").enable_behind_our_back("omar");
    app.run_after(5 * MINUTE).await;
    app.run_after(MINUTE).await;

    assert!(!app.system("ehr").account("omar").unwrap().enabled);
    assert!(app.is_green("omar", "ehr").await);
    assert!(
        app.history("omar")
            .await
            .contains(&"door.found_changed ehr".to_owned())
    );
}

#[tokio::test]
async fn r7_a_door_found_open_is_told_also_where_a_reading_failed_in_between() {
    let app = TestApp::start().await;
    let omar = app.hire("omar", "Nurse").await;
    app.run_due().await;
    app.disable(&omar).await;
    app.run_due().await;
    assert!(app.is_green("omar", "ehr").await);

    app.system("ehr")
        .state()
        .read_failures
        .push_back(fake::refused());
    app.run_after(5 * MINUTE).await;
    assert!(
        !app.is_green("omar", "ehr").await,
        "its green is gone before"
    );
    app.system("ehr").enable_behind_our_back("omar");
    app.run_after(60 * MINUTE).await;

    assert!(!app.system("ehr").account("omar").unwrap().enabled);
    assert!(
        app.history("omar")
            .await
            .contains(&"door.found_changed ehr".to_owned())
    );
}

#[tokio::test]
async fn r7_a_closed_door_is_read_again_at_each_time_of_the_sweep() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.disable(&nina).await;
    app.run_due().await;
    let before = app.system("ehr").journal().len();

    for wait in [5, 55, 23 * 60, 48 * 60, 96 * 60, 23 * 24 * 60] {
        app.run_after(wait * MINUTE).await;
    }

    assert_eq!(app.system("ehr").journal().len() - before, 6);
    assert!(app.is_green("nina", "ehr").await);
}

#[tokio::test]
async fn a_missed_reading_takes_the_green_away() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.disable(&nina).await;
    app.run_due().await;
    assert!(app.is_green("nina", "ehr").await);

    app.clock.advance(30 * MINUTE);

    assert!(
        !app.is_green("nina", "ehr").await,
        "the reading at five minutes did not happen"
    );
}

#[tokio::test]
async fn r6_verified_waits_until_nothing_opposite_can_still_land() {
    let app = TestApp::start().await;
    app.system("ehr").fail_next([fake::timed_out()]);
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;

    app.disable(&nina).await;
    app.run_due().await;
    let early = app.door("nina", "ehr").await;
    app.run_after(Duration::from_secs(141)).await;

    assert_ne!(
        early.assurance,
        Assurance::Verified,
        "the open that timed out may still land"
    );
    assert!(
        app.is_green("nina", "ehr").await,
        "after answer_by + settle it cannot"
    );
}

#[tokio::test]
async fn an_attestation_never_outranks_a_reading() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.system("ehr").state().lies = true;
    app.disable(&nina).await;
    app.run_due().await;

    let answer = app.sign("nina", "ehr").await;

    assert!(
        answer
            .unwrap_err()
            .contains("the system itself says otherwise")
    );
    assert!(!app.is_green("nina", "ehr").await);
}

#[tokio::test]
async fn an_attested_door_that_is_read_open_later_is_not_green() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.system("ehr").fail_next(vec![fake::refused(); 2]);
    app.disable(&nina).await;
    app.run_due().await;
    app.system("ehr").state().accounts.remove("nina");
    // Read as absent once, signed, then somebody brings the account back.
    app.run_after(Duration::from_secs(6)).await;
    app.system("ehr").state().accounts.insert(
        "nina".to_owned(),
        fake::FakeAccount {
            enabled: true,
            ..Default::default()
        },
    );
    app.system("ehr").state().lies = true;
    let _ = app.sign("nina", "ehr").await;

    app.run_after(Duration::from_secs(3_600)).await;

    assert!(!app.is_green("nina", "ehr").await);
}

#[tokio::test]
async fn r6_an_open_that_lands_while_a_reading_is_on_its_way_makes_that_reading_worthless() {
    let app = TestApp::start().await;
    let open = app.system("ehr").hold_next_open();
    let nina = app.hire("nina", "Nurse").await;
    let opening = spawn_rounds(&app.rounds);
    app.until(|app| !app.system("ehr").journal().is_empty())
        .await;
    app.disable(&nina).await;
    let reading = app.system("ehr").hold_next_reading();
    let closing = spawn_rounds(&app.another_worker());
    app.until(|app| {
        app.system("ehr")
            .journal()
            .iter()
            .any(|what| what == "read nina")
    })
    .await;

    open.notify_one();
    opening.await.unwrap().unwrap();
    reading.notify_one();
    closing.await.unwrap().unwrap();

    assert!(
        app.system("ehr").account("nina").unwrap().enabled,
        "the open landed after the reading had looked"
    );
    assert!(!app.is_green("nina", "ehr").await);
    app.run_after(Duration::from_secs(1)).await;
    app.run_after(Duration::from_secs(10)).await;
    assert!(!app.system("ehr").account("nina").unwrap().enabled);
    assert!(app.is_green("nina", "ehr").await);
}

#[tokio::test]
async fn a_door_found_open_again_is_closed_at_once_however_long_after_the_deadline() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.disable(&nina).await;
    app.run_due().await;
    for wait in [5, 55, 23 * 60] {
        app.run_after(wait * MINUTE).await;
    }

    app.system("ehr").enable_behind_our_back("nina");
    app.run_after(48 * 60 * MINUTE).await;

    assert!(
        !app.system("ehr").account("nina").unwrap().enabled,
        "in the same minute as the sweep that saw it"
    );
    assert!(app.is_green("nina", "ehr").await);
}

#[tokio::test]
async fn residual_access_is_counted_anew_when_an_account_was_open_again() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    let ticket = Residual {
        what: "tickets already issued".to_owned(),
        longest: Some(Duration::from_secs(3_600)),
    };
    app.system("ehr").state().residual = vec![ticket];
    app.disable(&nina).await;
    app.run_due().await;
    app.run_after(61 * MINUTE).await;
    assert!(app.is_green("nina", "ehr").await);

    app.system("ehr").enable_behind_our_back("nina");
    app.run_after(24 * 60 * MINUTE).await;

    assert!(
        !app.is_green("nina", "ehr").await,
        "whoever was let in again may hold a new ticket"
    );
    app.run_after(61 * MINUTE).await;
    assert!(app.is_green("nina", "ehr").await);
}

#[tokio::test]
async fn a_signature_survives_a_call_that_was_under_way() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.disable(&nina).await;
    let residual = Residual {
        what: "an open connection".to_owned(),
        longest: None,
    };
    app.system("ehr").state().residual = vec![residual];
    let reading = app.system("ehr").hold_next_reading();
    let rounds = spawn_rounds(&app.rounds);
    app.until(|app| {
        app.system("ehr")
            .journal()
            .last()
            .is_some_and(|what| what == "read nina")
    })
    .await;

    app.sign("nina", "ehr").await.unwrap();
    reading.notify_one();
    rounds.await.unwrap().unwrap();

    assert!(app.is_green("nina", "ehr").await);
}

#[tokio::test]
async fn a_signature_for_an_older_wish_is_refused() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    let seen = app.door("nina", "ehr").await.generation;
    app.disable(&nina).await;

    let answer = app.sign_for("nina", "ehr", seen).await;

    assert!(answer.unwrap_err().contains("newer wish"));
}
