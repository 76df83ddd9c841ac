//! The first steps of a practice, as the board shows them.

use drawbridge::{clock::Clock as _, evidence::Entry, store::begun::Begun};

use crate::support::TestApp;

pub async fn the_first_steps_are_seen_as_soon_as_they_are_taken(app: &TestApp) {
    let look = async || app.store.find_begun(&app.practice()).await.unwrap();
    let seen = |people, has_departure, has_exported| Begun {
        people,
        has_departure,
        has_exported,
    };

    let at_first = look().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    let hired = look().await;
    app.disable(&nina).await;
    let left = look().await;
    app.run_due().await;
    let proved = look().await;
    let mut tx = app.begin().await;
    tx.record(Entry {
        at: app.clock.now(),
        who: "admin:Dana Ruiz".to_owned(),
        what: "evidence.exported",
        person: None,
        system: None,
        detail: serde_json::Map::new(),
    });
    tx.commit().await.unwrap();
    let exported = look().await;
    app.run_after(std::time::Duration::from_secs(3_600)).await;

    assert_eq!(at_first, seen(0, false, false));
    assert_eq!(hired, seen(1, false, false));
    assert_eq!(left, seen(1, true, false), "her doors are not proved yet");
    assert_eq!(proved, seen(1, true, false));
    assert_eq!(exported, seen(1, true, true));
    assert_eq!(look().await, exported, "and for ever");
}
