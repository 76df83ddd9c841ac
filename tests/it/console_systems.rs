//! How each system did lately.

use std::time::Duration;

use drawbridge::{clock::Clock as _, policy::office::OfficeRole, store::system_calls::SystemCalls};

use crate::support::{TestApp, fake};

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
