//! How each system did lately.

use std::time::Duration;

use drawbridge::{clock::Clock as _, policy::office::OfficeRole, store::system_calls::SystemCalls};

use crate::support::{TestApp, browser::Page, fake};

const HOUR: Duration = Duration::from_secs(3_600);

async fn of_the_ehr(app: &TestApp) -> SystemCalls {
    let calls = app
        .store
        .list_system_calls(&app.practice(), app.clock.now())
        .await;
    calls.unwrap().remove(&"ehr".into()).unwrap()
}

#[tokio::test]
async fn the_page_of_systems_says_how_many_calls_failed_and_how_soon_doors_are_shut() {
    let app = TestApp::start().await;
    let console = app.console().await;
    let fresh = app
        .sign_in(&console, OfficeRole::Owner)
        .await
        .get("/systems")
        .await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.clock.advance(2 * HOUR);
    app.system("ehr").fail_next([fake::refused()]);
    app.disable(&nina).await;
    app.run_due().await;
    let failed = of_the_ehr(&app).await;
    let page = app
        .sign_in(&console, OfficeRole::Owner)
        .await
        .get("/systems")
        .await;
    app.run_after(5 * 60 * Duration::from_secs(1)).await;
    let after = of_the_ehr(&app).await;
    let proved = app
        .sign_in(&console, OfficeRole::Owner)
        .await
        .get("/systems")
        .await;

    assert!(fresh.says("none asked") && fresh.says("none yet"));
    assert!(!fresh.says("doors are as they shall be"), "there are none");
    assert!(page.says("doors are as they shall be"), "{}", page.text);
    assert!(
        !proved.says("doors are as they shall be"),
        "nothing is left"
    );
    assert!(proved.says("1 <span class=\"soft\">of 1 doors"));
    assert_eq!((failed.hour.failed, failed.hour.all), (1, 1), "{failed:?}");
    assert_eq!(
        (failed.day.failed, failed.day.all),
        (1, 2),
        "she was let in before"
    );
    assert_eq!(failed.proved, None);
    assert!(
        page.says("1 of 1 (100 %)") && page.says("1 of 2 (50 %)"),
        "{}",
        page.text
    );
    assert_eq!((after.hour.failed, after.hour.all), (1, 2), "{after:?}");
    let (time, doors) = after.proved.unwrap();
    assert_eq!(doors, 1);
    assert!(
        time > Duration::ZERO && time <= 5 * Duration::from_secs(60),
        "{time:?}"
    );
    assert!(proved.says("1 door of 30 days"), "{}", proved.text);
}

#[tokio::test]
async fn a_test_that_reaches_nobody_says_nothing_of_the_certificate() {
    let app = TestApp::start().await;
    let console = app.console().await;
    let owner = app.sign_in(&console, OfficeRole::Owner).await;
    let known = async || {
        let kept = app.store.list_certificates(&app.practice()).await;
        kept.unwrap()
            .into_keys()
            .map(|name| name.to_string())
            .collect::<Vec<_>>()
    };
    // What it showed at some time before.
    let ends = app.clock.now() - jiff::Span::new().hours(1);
    app.system("ehr").state().certificate_ends = Some(ends);
    app.system("ehr").fail_next([fake::unreachable()]);

    owner.press("/systems/ehr/test", &[]).await;
    let unreached = known().await;
    app.system("ehr").state().failures.clear();
    owner.press("/systems/ehr/test", &[]).await;

    assert!(unreached.is_empty(), "{unreached:?}");
    assert_eq!(known().await, ["ehr"]);
}

/// The page as the owner sees it, and nothing was asked of a system for it.
async fn page(app: &TestApp) -> Page {
    let console = app.console().await;
    let owner = app.sign_in(&console, OfficeRole::Owner).await;
    let asked = app.system("ehr").journal().len();
    let page = owner.get("/systems").await;
    assert_eq!(app.system("ehr").journal().len(), asked);
    page
}

#[tokio::test]
async fn the_page_of_systems_says_what_ends_soon_or_has_ended_and_what_to_do() {
    // Of the last system of the practice.
    let app =
        TestApp::start_with("", "title = \"Front door\"\ncredential_ends = 2026-12-10\n").await;
    let shows = |system: &str, ends: Option<&str>| {
        app.system(system).state().certificate_ends = ends.map(|ends| ends.parse().unwrap());
    };
    let fresh = page(&app).await;
    shows("ehr", Some("2026-11-30T18:00:00Z"));
    shows("mail", Some("2027-06-01T18:00:00Z"));
    app.rounds.keep_certificates().await.unwrap();
    let near = page(&app).await;
    // It shows none to a bridge that was just started.
    shows("ehr", None);
    app.next_rounds().keep_certificates().await.unwrap();
    app.clock.advance(11 * 24 * HOUR);
    let past = page(&app).await;
    shows("ehr", Some("2027-11-30T18:00:00Z"));
    let console = app.console().await;
    let owner = app.sign_in(&console, OfficeRole::Owner).await;
    owner.press("/systems/ehr/test", &[]).await;
    let renewed = owner.get("/systems").await;
    app.clock.advance(10 * 24 * HOUR);
    let over = page(&app).await;

    assert!(!fresh.says("Certificate ends"), "nothing is known yet");
    assert!(
        fresh.says("The bridge’s credential ends") && fresh.says("make a new one in Front door"),
        "{}",
        fresh.text
    );
    assert!(
        near.says("2026-11-30T18:00:00.000Z UTC") && near.says("in 10 days"),
        "{}",
        near.text
    );
    assert_eq!(near.text.matches("Certificate ends").count(), 2);
    assert_eq!(
        near.text.matches("have whoever runs it renew it").count(),
        1,
        "the one of the mail is good for months"
    );
    assert!(
        past.says("Certificate ended") && past.says("certificate or credential has ended"),
        "{}",
        past.text
    );
    assert!(
        !renewed.says("Certificate ended") && renewed.says("2027-11-30T18:00:00.000Z UTC"),
        "{}",
        renewed.text
    );
    assert!(over.says("credential ended"), "{}", over.text);
}
