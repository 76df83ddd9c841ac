//! What was tried in vain for long: it is told as long as telling it may help, and fills no ledger.

use drawbridge::{
    alerts::gone,
    clock::Clock as _,
    evidence::Entry,
    ids::{AlertId, PracticeName},
    store::alerts::Alert,
};
use jiff::Timestamp;
use reqwest::StatusCode;

use super::{MINUTE, Office, clock_set};

/// A request that would have shut somebody out, and had to be refused.
fn refused_disable(at: Timestamp) -> Entry {
    let user = serde_json::Map::from_iter([("user".to_owned(), "u1".into())]);
    Entry {
        what: "change.refused_disable",
        detail: user,
        ..clock_set(at)
    }
}

#[tokio::test]
async fn what_became_past_while_the_machine_was_off_is_told_once_it_is_up() {
    let office = Office::start().await;
    let mut tx = office.app.begin().await;
    tx.record(clock_set(tx.now()));
    tx.record(refused_disable(tx.now()));
    tx.commit().await.unwrap();

    // It stopped after it had noted whom to tell, and its network comes up later than it does.
    office.alarm.look().await.unwrap();
    office.mail.refuses(true);
    office.web.answers(Some(StatusCode::SERVICE_UNAVAILABLE));
    let at_once = office.after(3 * 24 * 60).await;
    let still = office.after(1).await;
    office.mail.refuses(false);
    office.web.answers(None);
    office.app.clock.advance(2 * MINUTE);
    office.watch(&office.alarm).await;
    let letters = office.mail.take();
    let posts = office.web.take();

    assert_eq!((at_once, still), ((0, 0), (0, 0)));
    assert_eq!(letters.len(), 1, "that a disable was refused: {letters:?}");
    let of_the_clock = posts.iter().filter(|post| post.text.contains("clock"));
    assert_eq!(of_the_clock.count(), 3, "by each channel that failed");
    assert!(office.waits_for().await.is_empty());
}

#[tokio::test]
async fn a_channel_that_works_again_after_a_day_is_given_what_waits_for_it() {
    let office = Office::start().await;
    let mut tx = office.app.begin().await;
    tx.record(clock_set(tx.now()));
    tx.commit().await.unwrap();
    office.web.answers(Some(StatusCode::SERVICE_UNAVAILABLE));

    for _ in 0..11 {
        office.after(13).await;
    }
    office.web.answers(None);
    let told = office.after(22 * 60).await;

    assert_eq!(told, (0, 3), "its next try comes when the day is over");
}

#[tokio::test]
async fn a_door_found_changed_that_an_earlier_version_noted_is_told_while_it_is_open() {
    let office = Office::start().await;
    let app = &office.app;
    office.nina_left().await;
    let nina = app.person("nina").await;
    // Her mail is shut and proved, her EHR is not.
    for system in ["mail", "ehr"] {
        let mut tx = app.begin().await;
        let alert = Alert {
            practice: app.practice(),
            id: AlertId::generate(),
            kind: "door.found_changed".to_owned(),
            about: format!("door.found_changed/{}", AlertId::generate()),
            case: None,
            person: Some(nina.clone()),
            system: Some(system.into()),
            facts: serde_json::Map::new(),
            raised: tx.now(),
            addressed: None,
            over: None,
        };
        assert!(tx.raise(&alert).await.unwrap());
        tx.commit().await.unwrap();
    }

    app.run_after(25 * 60 * MINUTE).await;
    office.watch(&office.alarm).await;
    let letters = office.mail.take();

    let found: Vec<_> = letters
        .iter()
        .filter(|letter| letter.text.contains("was found changed"))
        .collect();
    assert!(app.is_green("nina", "mail").await);
    assert_eq!(found.len(), 1, "{letters:?}");
    assert!(found[0].text.contains("into ehr"), "{found:?}");
}

#[tokio::test]
async fn a_failure_that_comes_in_two_ways_by_turns_is_recorded_once_an_hour() {
    let office = Office::start().await;
    office.nina_left().await;
    let slack = office.alarm_with(&["slack"]);

    office.app.clock.advance(10 * MINUTE);
    for turn in 0..(24 * 60 / 13) {
        office.web.answers(Some(match turn % 2 {
            0 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::FORBIDDEN,
        }));
        office.watch(&slack).await;
        office.app.clock.advance(13 * MINUTE);
    }
    let said = office.said().await;
    // Only the first step of her case.
    let own = said.iter().filter(|record| record["detail"]["step"] == 1);
    let texts: Vec<_> = own
        .map(|record| record["detail"]["failure_text"].as_str().unwrap())
        .collect();

    assert!((20..=24).contains(&texts.len()), "{}", texts.len());
    assert!(
        texts.windows(2).all(|pair| pair[0] != pair[1]),
        "what is recorded is what is new: {texts:?}"
    );
}

#[tokio::test]
async fn whoever_was_told_by_one_channel_is_not_told_again_by_those_that_come_later() {
    let office = Office::start().await;
    office.nina_left().await;
    office.mail.refuses(true);
    let by_slack = office.after(10).await;
    let waited = office.waits_for().await;

    gone::end_what_waits(&office.app.store, None, office.app.clock.now())
        .await
        .unwrap();
    let waits = office.waits_for().await;
    office.mail.refuses(false);
    let again = office.after(1).await;

    assert_eq!((by_slack, again), ((0, 1), (0, 0)));
    assert_eq!((waited, waits), (vec!["mail".to_owned()], Vec::new()));
}

#[tokio::test]
async fn what_waits_ends_only_in_the_practice_where_nobody_is_told_any_more() {
    let office = Office::start().await;
    let (app, oak) = (&office.app, PracticeName::from("oak"));
    office.nina_left().await;
    office.mail.refuses(true);
    office.web.answers(Some(StatusCode::SERVICE_UNAVAILABLE));
    office.after(10).await;
    let waited = office.waits_for().await;
    let now = app.clock.now();
    let alert = Alert {
        practice: oak.clone(),
        id: AlertId::generate(),
        kind: "clock.set".to_owned(),
        about: "clock.set/1".to_owned(),
        case: None,
        person: None,
        system: None,
        facts: serde_json::Map::new(),
        raised: now,
        addressed: Some(now),
        over: None,
    };
    let mut tx = app.store.begin(&oak, now).await.unwrap();
    assert!(tx.raise(&alert).await.unwrap());
    tx.send_through(&alert.id, &"mail".into(), "owner", None);
    tx.record_channel_state(&"mail".into(), Some("451"));
    tx.commit().await.unwrap();
    let both = app.store.count_failing_channels().await.unwrap();

    gone::end_what_waits(&app.store, Some(&office.alarm), now)
        .await
        .unwrap();
    let waits = office.waits_for().await;
    let failing = app.store.count_failing_channels().await.unwrap();
    let oaks = app.store.list_deliveries(&oak, &alert.id).await.unwrap();

    assert_eq!((waited.len(), both.len()), (4, 2));
    assert_eq!(waits, waited, "elm is told still");
    assert_eq!(failing, [(app.practice(), 4)]);
    assert!(oaks.len() == 1 && oaks[0].ended_in_vain(), "{oaks:?}");
}
