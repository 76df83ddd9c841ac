//! What the clock of a case keeps: alerts, cards, departures to come, and what an undo may open.

use std::{sync::Arc, time::Duration};

use drawbridge::{
    app,
    cases::cards,
    clock::{Clock, after},
    door::Wanted,
    ids::AlertId,
    intake::{Intake, returns::Word},
    store::{Dialect, Store, alerts::Alert},
};
use serde_json::Map;
use tokio::sync::Notify;

use crate::support::{TestApp, fake};

/// The archive and the reception of another bridge over the same PostgreSQL. A SQLite file has one server:
/// there it is the same one, asked twice at once.
async fn another_bridge(app: &TestApp) -> (Store, Intake) {
    if app.store.dialect() == Dialect::Sqlite {
        return (app.store.clone(), app.intake.clone());
    }
    let store = app::open_store(&app.settings).await.unwrap();
    let clock: Arc<dyn Clock> = Arc::new(app.clock.clone());
    let wake = Arc::new(Notify::new());
    let intake = app::intake(&app.settings, &store, clock, wake)
        .await
        .unwrap();
    (store, intake)
}

pub async fn an_alert_is_noted_once_and_given_to_a_channel_by_one_bridge(app: &TestApp) {
    let now = app.clock.now();
    let alert = |about: &str| Alert {
        practice: app.practice(),
        id: AlertId::generate(),
        kind: "case.time".to_owned(),
        about: about.to_owned(),
        case: None,
        person: None,
        system: None,
        facts: Map::new(),
        raised: now,
        addressed: None,
        over: None,
    };
    let (first, second) = (alert("case/c1/10/owner"), alert("case/c1/10/owner"));
    let lease = Duration::from_secs(60);
    let mail = "mail".into();
    let elm = app.practice();
    let these = [&elm];

    let mut tx = app.begin().await;
    let noted = tx.raise(&first).await.unwrap();
    let noted_again = tx.raise(&second).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = app.begin().await;
    let taken = tx.address_alert(&first.id).await.unwrap();
    let taken_again = tx.address_alert(&first.id).await.unwrap();
    tx.send_through(&first.id, &mail, "owner", None);
    tx.commit().await.unwrap();
    let (store, _) = another_bridge(app).await;
    let (here, there) = tokio::join!(
        app.store.claim_deliveries(&these, now, lease),
        store.claim_deliveries(&these, now, lease)
    );
    let claimed = [here.unwrap(), there.unwrap()].concat();
    let mut tx = app.begin().await;
    tx.postpone_delivery(&claimed[0], after(now, lease), "busy");
    tx.record_failure_told(&claimed[0], "busy");
    tx.record_channel_state(&mail, Some("busy"));
    tx.commit().await.unwrap();
    let failing = app.store.count_failing_channels().await.unwrap();
    let again = app
        .store
        .claim_deliveries(&these, after(now, lease), lease)
        .await
        .unwrap();
    let mut tx = app.begin().await;
    tx.settle_delivery(&again[0]);
    tx.record_channel_state(&mail, None);
    tx.end_alert("case/c1/10/owner");
    tx.commit().await.unwrap();
    let mut tx = app.begin().await;
    let comes_back = tx.raise(&second).await.unwrap();
    tx.commit().await.unwrap();

    assert!(noted && !noted_again && taken && !taken_again && comes_back);
    assert_eq!((claimed.len(), again.len(), again[0].tries), (1, 1, 1));
    assert_eq!(again[0].failure_told.as_deref(), Some("busy"));
    assert_eq!(again[0].failure_recorded, Some(now));
    assert_eq!(failing, [(app.practice(), 1)]);
    let ways = app
        .store
        .list_deliveries(&app.practice(), &first.id)
        .await
        .unwrap();
    assert!(ways[0].sent.is_some() && ways[0].next_try.is_none());
    let states = app
        .store
        .list_channel_states(&app.practice())
        .await
        .unwrap();
    assert_eq!((states.len(), &states[0].failing), (1, &None));
}

pub async fn a_departure_to_come_is_started_by_one_of_several_bridges(app: &TestApp) {
    for name in ["nina", "fay", "sam"] {
        app.hire(name, "Nurse").await;
    }
    app.run_due().await;
    let at = after(app.clock.now(), Duration::from_secs(60));
    for name in ["nina", "fay", "sam"] {
        let person = app.person(name).await;
        app.intake
            .depart_later(&app.caller(), &person, at, "")
            .await
            .unwrap()
            .unwrap();
    }
    let (_, other) = another_bridge(app).await;
    app.clock.advance(Duration::from_secs(60));

    let (one, two) = tokio::join!(app.intake.depart_due(), other.depart_due());

    assert_eq!(one.unwrap() + two.unwrap(), 3);
    for name in ["nina", "fay", "sam"] {
        assert_eq!(app.door(name, "ehr").await.wanted, Wanted::Closed);
        let started = app.history(name).await;
        let times = started
            .iter()
            .filter(|what| what.starts_with("change.departed"))
            .count();
        assert_eq!(times, 1, "{name}");
    }
    assert!(
        app.store
            .list_scheduled(&app.practice())
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn a_card_is_opened_once_and_closed_by_whoever_is_first(app: &TestApp) {
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.system("ehr")
        .fail_next(std::iter::repeat_with(fake::refused).take(50));
    app.disable(&nina).await;
    app.run_due().await;
    app.clock.advance(Duration::from_secs(20 * 60));
    let (store, _) = another_bridge(app).await;
    let (practice, now) = (app.practice(), app.clock.now());

    let (one, two) = tokio::join!(
        cards::open_due(&app.store, &practice, now),
        cards::open_due(&store, &practice, now)
    );
    let opened = one.unwrap() + two.unwrap();
    let open = app.store.list_open_cards(&practice).await.unwrap();
    // Somebody shuts it by hand where the bridge can read it.
    app.system("ehr").state().failures.clear();
    app.run_due().await;
    let door = app.door("nina", "ehr").await;
    let cards = app.store.list_cards_of(&practice, &door.id).await.unwrap();

    assert_eq!((opened, open.len()), (1, 1));
    assert_eq!(open[0].1.id, door.id);
    assert!(
        cards[0]
            .closed
            .as_ref()
            .is_some_and(|(_, by, _)| by == "bridge"),
        "{cards:?}"
    );
    assert!(
        app.store
            .list_open_cards(&practice)
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn what_a_departure_closed_is_kept_and_undone_once(app: &TestApp) {
    app.hire("nina", "Nurse").await;
    app.run_due().await;
    let person = app.person("nina").await;
    app.intake.depart(&app.caller(), &person).await.unwrap();
    app.run_due().await;
    let case = app.door("nina", "ehr").await.case.unwrap();
    let word = Word {
        by: "Dana Ruiz",
        note: "the wrong Nina",
    };

    let before = app
        .store
        .find_closed_by(&app.practice(), &case)
        .await
        .unwrap()
        .unwrap();
    let undone = app
        .intake
        .undo_departure(&app.caller(), &person, word)
        .await
        .unwrap()
        .unwrap();
    let after = app
        .store
        .find_closed_by(&app.practice(), &case)
        .await
        .unwrap()
        .unwrap();

    assert_eq!(
        (before.doors.len(), before.is_undone, after.is_undone),
        (2, false, true)
    );
    assert_eq!(undone.restored.len(), 2);
    assert!(app.door("nina", "mail").await.wanted != Wanted::Closed);
}
