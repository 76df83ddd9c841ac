//! The first try of a close leaves with its wish, and nothing leaves without one.

use drawbridge::store::attempts::AttemptRow;

use crate::support::TestApp;

async fn closes(app: &TestApp) -> Vec<AttemptRow> {
    let attempts = app.store.list_attempts(&app.practice(), false, 100).await;
    let mut attempts = attempts.unwrap();
    attempts.retain(|attempt| attempt.action == "close");
    attempts
}

fn is_shut(app: &TestApp, login: &str) -> bool {
    ["ehr", "mail"]
        .iter()
        .all(|system| !app.system(system).account(login).unwrap().enabled)
}

#[tokio::test]
async fn a_close_is_written_down_with_its_wish_and_sent_once() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    let running = app.run().await;

    app.disable(&nina).await;
    let written = closes(&app).await;
    app.until(|app| is_shut(app, "nina")).await;
    running.stop().await;

    let doors = app.doors_of("nina").await;
    assert_eq!(
        written.len(),
        doors.len(),
        "each before the provider was answered"
    );
    assert_eq!(closes(&app).await.len(), doors.len(), "each once");
    for door in doors {
        assert!(
            door.is_green(drawbridge::clock::Clock::now(&app.clock)),
            "{door:?}"
        );
        assert_eq!(door.tries, 1);
    }
}

#[tokio::test]
async fn more_than_there_are_places_for_are_all_shut() {
    let app = TestApp::start().await;
    let mut nurses = Vec::new();
    for number in 0..40 {
        nurses.push(app.hire(&format!("nurse{number}"), "Nurse").await);
    }
    let running = app.run().await;
    app.until(|app| app.system("mail").account("nurse39").is_some())
        .await;
    app.until(|app| app.system("ehr").account("nurse39").is_some())
        .await;

    // Four of forty are no wave; the gates hold places while the others come.
    let gate = app.system("ehr").hold_next_reading();
    for nurse in &nurses[..5] {
        app.disable(nurse).await;
    }
    gate.notify_one();
    app.until(|app| (0..5).all(|number| is_shut(app, &format!("nurse{number}"))))
        .await;
    running.stop().await;
}

#[tokio::test]
async fn what_the_brake_holds_is_not_sent() {
    let app = TestApp::start().await;
    let mut nurses = Vec::new();
    for number in 0..8 {
        nurses.push(app.hire(&format!("nurse{number}"), "Nurse").await);
    }
    while !(0..8).all(|number| {
        app.system("mail")
            .account(&format!("nurse{number}"))
            .is_some()
    }) {
        app.run_due().await;
    }
    let running = app.run().await;

    for nurse in &nurses {
        app.disable(nurse).await;
    }
    let sent = closes(&app).await;
    running.stop().await;

    let held = app.door("nurse7", "ehr").await;
    assert!(held.failure.is_some());
    assert!(sent.iter().all(|attempt| attempt.door != held.id));
    assert!(app.system("ehr").account("nurse7").unwrap().enabled);
}

#[tokio::test]
async fn rounds_that_were_stopped_take_nothing() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.run().await.stop().await;

    app.disable(&nina).await;

    assert!(closes(&app).await.is_empty());
    assert!(app.system("ehr").account("nina").unwrap().enabled);
    app.run_due().await;
    assert!(is_shut(&app, "nina"), "whoever runs next finds it");
}
