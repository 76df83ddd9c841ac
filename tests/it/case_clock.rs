//! The clock of a case: when the work ended, where the time went, and the card for a person's hand.

use std::time::Duration;

use drawbridge::{cases::cards, clock::Clock as _, policy::office::OfficeRole, store::cards::Card};
use reqwest::StatusCode;
use serde_json::Value;

use crate::support::{
    TestApp,
    browser::{Browser, Console},
    fake,
};

const MINUTE: Duration = Duration::from_secs(60);

async fn record(app: &TestApp, what: &str) -> Value {
    let records = app.store.list_records(&app.practice(), None).await.unwrap();
    let mut records = records
        .iter()
        .rev()
        .map(|record| serde_json::from_str(&record.text).unwrap());
    records
        .find(|record: &Value| record["what"] == what)
        .unwrap_or_default()
}

/// Nina left at two past five, and her EHR answers nothing for so many calls.
async fn nina_left(failures: usize) -> (TestApp, Console, String) {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.system("ehr")
        .fail_next(std::iter::repeat_with(fake::unreachable).take(failures));
    app.disable(&nina).await;
    app.run_due().await;
    let console = app.console().await;
    let case = app.door("nina", "ehr").await.case.unwrap();
    (app, console, format!("/cases/{case}"))
}

/// Dana, who comes to look now and then.
async fn dana(app: &TestApp, console: &Console) -> Browser {
    app.sign_in(console, OfficeRole::Admin).await
}

/// Looks which cards are due, and answers that of the EHR.
async fn card(app: &TestApp) -> Option<Card> {
    let (store, practice) = (&app.store, app.practice());
    cards::open_due(store, &practice, app.clock.now())
        .await
        .unwrap();
    let door = app.door("nina", "ehr").await;
    let all = store.list_cards_of(&practice, &door.id).await.unwrap();
    all.into_iter().next_back()
}

#[tokio::test]
async fn when_the_work_ended_is_said_corrected_and_never_later_than_it_was_learned_of() {
    let (app, console, case) = nina_left(0).await;
    let dana = dana(&app, &console).await;
    let say = format!("{case}/ended");

    // The practice's zone is UTC: she was disabled at 17:02.
    let first = dana
        .press(
            &say,
            &[("ended", "2026-11-20T15:00"), ("note", "e-mail of HR")],
        )
        .await;
    let second = dana
        .press(
            &say,
            &[
                ("ended", "2026-11-20T16:00"),
                ("confirmed", "2026-11-20T16:40"),
            ],
        )
        .await;
    let page = dana.get(&case).await;
    let late = dana.press(&say, &[("ended", "2026-11-20T17:30")]).await;
    let nonsense = dana.press(&say, &[("ended", "at noon")]).await;
    let after = record(&app, "case.ended_said").await;

    assert_eq!(
        first.header("location"),
        format!("{case}?said=ended"),
        "{}",
        first.text
    );
    assert_eq!(second.status, StatusCode::SEE_OTHER);
    assert_eq!(after["who"], "admin:Dana the admin");
    assert_eq!(after["detail"]["ended"], "2026-11-20T16:00:00.000Z");
    assert_eq!(after["detail"]["said_before"], "2026-11-20T15:00:00.000Z");
    for says in [
        "<b>40 min</b> HR: nobody had said it yet",
        "<b>22 min</b> the identity provider",
        "<rect class=\"hr\"",
        "T0 · the work ended",
        "value=\"2026-11-20T16:00\"",
    ] {
        assert!(page.says(says), "{says}: {}", page.text);
    }
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(late.says("cannot have ended later") && late.says("2026-11-20T17:30"));
    assert_eq!(nonsense.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn the_delay_is_the_vendors_while_it_does_not_answer_and_then_somebodys_who_signs() {
    let (app, console, case) = nina_left(50).await;

    for _ in 0..5 {
        app.run_after(5 * MINUTE).await;
    }
    card(&app).await.unwrap();
    let open = dana(&app, &console).await.get(&case).await;
    app.sign("nina", "ehr").await.unwrap();
    app.clock.advance(MINUTE);
    let signed = dana(&app, &console).await.get(&case).await;

    assert!(open.says("<b>25 min</b> the system"), "{}", open.text);
    assert!(open.says("ehr takes the longest"));
    assert!(
        signed.says("until the last door, into ehr, was proved shut"),
        "{}",
        signed.text
    );
}

#[tokio::test]
async fn a_door_that_is_not_proved_after_twenty_minutes_gets_a_card_and_the_bridge_that_is_first_closes_it()
 {
    let (app, console, case) = nina_left(2).await;

    app.clock.advance(19 * MINUTE);
    let before = card(&app).await;
    app.clock.advance(MINUTE);
    let opened = card(&app).await.unwrap();
    let again = card(&app).await.unwrap();
    let browser = dana(&app, &console).await;
    let page = browser.get(&case).await;
    let list = browser.get("/cards").await;
    let inbox = browser.get("/calls").await;
    app.run_due().await;
    app.run_after(MINUTE).await;
    let closed = card(&app).await.unwrap();
    let after = browser.get(&case).await;
    let empty = browser.get("/cards").await;

    assert_eq!(before, None);
    assert!(opened.closed.is_none() && again == opened);
    assert!(page.says("Not proved shut after 20 minutes") && page.says("I did it by hand"));
    assert!(list.says("1 door was") && list.says("ehr") && list.says("nina"));
    assert!(inbox.says("href=\"/cards\""));
    assert!(
        app.is_green("nina", "ehr").await,
        "the retries went on beside it"
    );
    let (_, by, note) = closed.closed.unwrap();
    assert_eq!(by, "bridge");
    assert!(note.contains("the bridge read it shut first"));
    assert_eq!(
        record(&app, "card.closed").await["detail"]["note"],
        note.as_str()
    );
    assert!(after.says("closed by the bridge") && empty.says("Nothing waits for a hand"));
}

#[tokio::test]
async fn whoever_signs_first_closes_the_card_and_the_bridge_goes_on_reading() {
    let (app, _console, _case) = nina_left(2).await;
    app.clock.advance(20 * MINUTE);
    card(&app).await.unwrap();

    app.sign("nina", "ehr").await.unwrap();
    let closed = card(&app).await.unwrap();
    let asked = app.system("ehr").journal().len();
    app.run_after(15 * MINUTE).await;

    let (_, by, note) = closed.closed.unwrap();
    assert_eq!(by, "source:entra");
    assert!(note.contains("signed by hand first"));
    assert!(
        app.system("ehr").journal().len() > asked,
        "and it was asked all the same"
    );
}

#[tokio::test]
async fn a_newer_wish_has_a_card_of_its_own() {
    let (app, _console, _case) = nina_left(50).await;
    app.clock.advance(20 * MINUTE);
    let first = card(&app).await.unwrap();
    let person = app.person("nina").await;

    app.intake.depart(&app.caller(), &person).await.unwrap();
    app.run_due().await;
    let same_wish = card(&app).await.unwrap();
    let user = app.user_of("nina").await;
    app.set_active(&user, true).await;
    let word = drawbridge::intake::returns::Word {
        by: "Dana",
        note: "back",
    };
    app.intake
        .approve_return(&app.caller(), &person, word)
        .await
        .unwrap()
        .unwrap();
    let stale = card(&app).await.unwrap();

    assert_eq!(
        first.generation, same_wish.generation,
        "closing what is being closed is no newer wish"
    );
    assert!(stale.closed.unwrap().2.contains("something else now"));
}
