//! Failed calls that somebody looks at later.

use std::time::Duration;

use drawbridge::policy::office::OfficeRole;
use reqwest::StatusCode;

use crate::support::{
    TestApp,
    browser::{Browser, Console, Page},
    fake,
};

const MINUTE: Duration = Duration::from_secs(60);

/// Nina and Lee left, and the EHR refuses to close either.
async fn two_left() -> (TestApp, Console, Browser) {
    let app = TestApp::start().await;
    let mut left = Vec::new();
    for name in ["lee", "nina"] {
        left.push(app.hire(name, "Nurse").await);
    }
    app.run_due().await;
    app.system("ehr")
        .fail_next(std::iter::repeat_with(fake::refused).take(500));
    for user in &left {
        app.disable(user).await;
    }
    app.run_due().await;
    let console = app.console().await;
    let dana = app.sign_in(&console, OfficeRole::Owner).await;
    (app, console, dana)
}

async fn snooze(app: &TestApp, by: &Browser, who: &str, minutes: &str) -> Page {
    let door = app.door(who, "ehr").await.id;
    let path = format!("/doors/{door}/snooze");
    by.press(&path, &[("minutes", minutes)]).await
}

/// Where the first row of this person stands on the page.
fn place(page: &Page, who: &str) -> usize {
    page.text.find(&format!(">{who}<")).unwrap_or(usize::MAX)
}

#[tokio::test]
async fn what_is_snoozed_stands_last_says_until_when_and_goes_on_being_tried() {
    let (app, _console, dana) = two_left().await;
    let before = dana.get("/calls").await;
    let form = dana
        .get(&format!("/doors/{}", app.door("lee", "ehr").await.id))
        .await;

    let snoozed = snooze(&app, &dana, "lee", "15").await;
    let shown = dana.get("/calls").await;
    let hidden = dana.get("/calls?awake=1").await;
    let tries = app.door("lee", "ehr").await.tries;
    app.run_after(14 * MINUTE).await;
    let tried = app.door("lee", "ehr").await.tries;
    let board = dana.get("/").await;
    app.clock.advance(MINUTE);
    let back = dana.get("/calls?awake=1").await;

    assert!(place(&before, "lee") < place(&before, "nina"));
    assert!(form.says("Look at it later") && form.says("goes on trying"));
    assert_eq!(
        snoozed.header("location"),
        "/calls?said=snoozed",
        "{}",
        snoozed.text
    );
    assert!(place(&shown, "nina") < place(&shown, "lee"));
    assert!(shown.says("snoozed until") && shown.says("Take it up now"));
    assert_eq!(place(&hidden, "lee"), usize::MAX);
    assert!(hidden.says("keep it as a bookmark"), "{}", hidden.text);
    assert!(tried > tries, "{tries} {tried}");
    assert!(board.says(">lee<"), "the board knows no snoozing");
    assert!(place(&back, "lee") < place(&back, "nina"));
    assert!(!back.says("snoozed until"));
}

#[tokio::test]
async fn a_leavers_door_comes_back_when_its_time_is_over_and_never_waits_beyond() {
    let (app, console, _dana) = two_left().await;
    app.clock.advance(50 * MINUTE);
    let dana = app.sign_in(&console, OfficeRole::Owner).await;

    snooze(&app, &dana, "nina", "4320").await;
    let door = app.door("nina", "ehr").await;
    let practice = app.practice();
    let snoozed = app
        .store
        .find_snoozed(&practice, &[&door], door.wanted_at)
        .await
        .unwrap();
    app.clock.advance(10 * MINUTE);
    let after = dana.get("/calls").await;
    let again = snooze(&app, &dana, "nina", "15").await;
    let form = dana.get(&format!("/doors/{}", door.id)).await;

    assert_eq!(snoozed[&door.id], door.deadline.unwrap());
    assert!(!after.says("snoozed until"), "{}", after.text);
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.says("it cannot wait any longer"), "{}", again.text);
    assert!(!form.says("Look at it later"));
}

#[tokio::test]
async fn it_is_taken_up_by_hand_and_by_a_new_wish_and_all_of_it_is_on_record() {
    let (app, console, dana) = two_left().await;
    let auditor = app.sign_in(&console, OfficeRole::Auditor).await;
    let door = app.door("lee", "ehr").await.id;
    let shows = async || dana.get("/calls").await.says("snoozed until");

    snooze(&app, &dana, "lee", "30").await;
    let first = shows().await;
    let woken = dana.press(&format!("/doors/{door}/wake"), &[]).await;
    let second = shows().await;
    let not_theirs = snooze(&app, &auditor, "lee", "30").await;
    let not_so_long = snooze(&app, &dana, "lee", "1000000").await;
    let nothing_failed = {
        let door = app.door("lee", "mail").await.id;
        dana.press(&format!("/doors/{door}/snooze"), &[("minutes", "15")])
            .await
    };
    let said = dana.get("/ledger").await;

    assert!(first && !second);
    assert_eq!(woken.header("location"), "/calls?said=woken");
    assert_eq!(not_theirs.status, StatusCode::FORBIDDEN);
    assert_eq!(not_so_long.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(nothing_failed.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        said.says("Looked at later, at the latest on") && said.says("Taken up before its time")
    );
}
