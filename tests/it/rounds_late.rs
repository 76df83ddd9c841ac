//! Requests that take effect when nobody waits for them any more.

use std::time::Duration;

use drawbridge::door::Assurance;

use crate::support::{TestApp, fake, spawn_rounds};

const MINUTE: Duration = Duration::from_secs(60);

/// Nina's open was given up without an answer, and she was disabled a second later.
async fn an_open_is_on_its_way_while_nina_leaves(app: &TestApp) {
    app.system("ehr").fail_next([fake::timed_out()]);
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.clock.advance(Duration::from_secs(1));
    app.disable(&nina).await;
    app.run_due().await;
}

#[tokio::test]
async fn r6_an_open_that_lands_a_minute_after_it_was_given_up_is_never_green() {
    let app = TestApp::start().await;
    an_open_is_on_its_way_while_nina_leaves(&app).await;
    let before_it_lands = app.door("nina", "ehr").await.assurance;

    app.clock.advance(MINUTE);
    app.system("ehr").an_open_lands("nina");
    let as_it_lands = app.is_green("nina", "ehr").await;
    app.run_after(MINUTE).await;
    let meanwhile = app.is_green("nina", "ehr").await;
    for _ in 0..3 {
        app.run_after(MINUTE).await;
    }

    assert_ne!(before_it_lands, Assurance::Verified);
    assert!(!as_it_lands && !meanwhile);
    assert!(!app.system("ehr").account("nina").unwrap().enabled);
    assert!(app.is_green("nina", "ehr").await, "shut, once it is");
}

#[tokio::test]
async fn r7_an_open_that_lands_later_than_any_system_should_is_an_incident_and_put_right() {
    let app = TestApp::start().await;
    an_open_is_on_its_way_while_nina_leaves(&app).await;
    app.run_after(Duration::from_secs(141)).await;
    assert!(app.is_green("nina", "ehr").await);

    app.system("ehr").an_open_lands("nina");
    app.run_after(3 * MINUTE).await;

    let history = app.history("nina").await;
    assert!(history.contains(&"door.found_changed ehr".to_owned()));
    assert!(!app.system("ehr").account("nina").unwrap().enabled);
    assert!(app.is_green("nina", "ehr").await);
}

#[tokio::test]
async fn r6_an_enable_that_reaches_the_system_after_the_disable_is_seen_as_soon_as_it_is_answered()
{
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.edit(&nina, |user| {
        user.insert("title".to_owned(), "Billing".into());
    })
    .await;
    let enable = app.system("ehr").hold_next_open();
    let enabling = spawn_rounds(&app.rounds);
    let opens = |app: &TestApp| {
        let journal = app.system("ehr").journal();
        journal.iter().filter(|what| *what == "open nina").count()
    };
    app.until(|app| opens(app) == 2).await;

    app.disable(&nina).await;
    app.another_worker().run_due().await.unwrap();
    let shut_first = !app.system("ehr").account("nina").unwrap().enabled;
    let green_too_early = app.is_green("nina", "ehr").await;
    enable.notify_one();
    enabling.await.unwrap().unwrap();
    let open_again = app.system("ehr").account("nina").unwrap().enabled;
    let green_while_open = app.is_green("nina", "ehr").await;
    app.run_after(Duration::from_secs(1)).await;
    app.run_after(Duration::from_secs(10)).await;

    assert!(shut_first && open_again, "the older one came last");
    assert!(!green_too_early && !green_while_open);
    assert!(!app.system("ehr").account("nina").unwrap().enabled);
    assert!(app.is_green("nina", "ehr").await);
}
