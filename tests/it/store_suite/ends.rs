//! How cases end whose doors went to a newer one.

use std::time::Duration;

use drawbridge::{
    clock::Clock as _,
    door::aside::{Kind, SetAside},
    ids::{CaseId, PersonId},
    intake::{aside, moved::Stock, returns::Word},
    store::cases::KeptCase,
};
use serde_json::Value;

use crate::support::{TestApp, fake};

const DAY: Duration = Duration::from_secs(24 * 3_600);

const DANA: Word<'static> = Word {
    by: "Dana Ruiz",
    note: "back from leave",
};

const SYSTEMS: [&str; 4] = ["ehr", "mail", "billing", "vpn"];

/// Nina at work, and who she is.
async fn nina(app: &TestApp) -> PersonId {
    app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.person("nina").await
}

fn is_down(app: &TestApp, system: &str) {
    let failures = std::iter::repeat_with(fake::unreachable).take(50);
    app.system(system).fail_next(failures);
}

/// Has every system answer, and gives the doors the time to be proved.
async fn all_are_back(app: &TestApp) {
    for system in SYSTEMS {
        app.system(system).state().failures.clear();
    }
    for _ in 0..3 {
        app.run_after(Duration::from_secs(60)).await;
    }
}

/// Has her leave, and answers the case.
async fn leaves(app: &TestApp, person: &PersonId) -> CaseId {
    let said = drawbridge::intake::departures::Said::default();
    let departed = app
        .intake
        .depart_said(&app.caller(), person, said)
        .await
        .unwrap();
    app.run_due().await;
    departed.unwrap().case.unwrap()
}

async fn comes_back(app: &TestApp, person: &PersonId) {
    let approved = app.intake.approve_return(&app.caller(), person, DANA).await;
    assert!(!approved.unwrap().unwrap().is_empty());
    app.run_due().await;
}

async fn find(app: &TestApp, case: &CaseId) -> KeptCase {
    let found = app.store.find_case(&app.practice(), case).await.unwrap();
    found.unwrap()
}

/// What the ledger says of how this case ended.
async fn ends_of(app: &TestApp, case: &CaseId) -> Vec<Value> {
    let records = app.store.list_records(&app.practice(), None).await.unwrap();
    records
        .iter()
        .map(|record| serde_json::from_str::<Value>(&record.text).unwrap())
        .filter(|record| record["detail"]["case"] == case.as_str())
        .filter(|record| {
            ["case.closed", "case.superseded"].contains(&record["what"].as_str().unwrap())
        })
        .collect()
}

pub async fn a_case_whose_doors_went_to_a_newer_one_ends_and_names_it(app: &TestApp) {
    let person = nina(app).await;
    for system in SYSTEMS {
        is_down(app, system);
    }

    let first = leaves(app, &person).await;
    comes_back(app, &person).await;
    let second = leaves(app, &person).await;
    let gave_way = find(app, &first).await;
    all_are_back(app).await;
    let proved = find(app, &second).await;
    // Long after: nothing holds her out that was over long ago.
    app.run_after(60 * DAY).await;
    let user = app.user_of("nina").await;
    app.set_active(&user, false).await;
    app.run_due().await;
    app.run_after(60 * DAY).await;
    app.set_active(&user, true).await;
    let waiting = app.store.list_held_returns(&app.practice()).await.unwrap();

    assert_eq!(gave_way.gave_way_to(), Some(&second));
    assert_eq!(gave_way.proved(), None, "not every door of it was proved");
    let ends = ends_of(app, &first).await;
    assert_eq!(ends.len(), 1, "{ends:?}");
    assert_eq!(ends[0]["what"], "case.superseded");
    assert_eq!(ends[0]["detail"]["superseded_by"], second.as_str());
    assert!(proved.proved().is_some() && proved.superseded_by.is_none());
    assert!(waiting.is_empty(), "{waiting:?}");
}

pub async fn what_is_left_of_a_case_is_still_waited_for_before_it_gives_way(app: &TestApp) {
    let person = nina(app).await;
    is_down(app, "ehr");
    is_down(app, "vpn");

    let case = leaves(app, &person).await;
    comes_back(app, &person).await;
    let waits = find(app, &case).await;
    all_are_back(app).await;
    let over = find(app, &case).await;
    let newer = app.door("nina", "ehr").await.case;

    assert!(waits.closed.is_none(), "the vpn is not proved shut");
    assert!(over.closed.is_some());
    assert_eq!(over.gave_way_to(), newer.as_ref());
    let ends = ends_of(app, &case).await;
    assert_eq!(ends.len(), 1, "{ends:?}");
    assert_eq!(ends[0]["what"], "case.superseded");
    let last = app.store.find_last_departure(&app.practice()).await;
    assert_eq!(last.unwrap(), None, "no departure was proved");
}

pub async fn a_case_that_an_earlier_version_left_without_doors_ends_at_the_next_start(
    app: &TestApp,
) {
    let person = nina(app).await;
    for system in SYSTEMS {
        is_down(app, system);
    }
    let first = leaves(app, &person).await;
    comes_back(app, &person).await;
    let next = app.door("nina", "ehr").await.case;
    let second = leaves(app, &person).await;
    let mut tx = app.begin().await;
    tx.execute_for_tests(
        "UPDATE departure_case SET closed = NULL, superseded_by = NULL WHERE superseded_by IS NOT NULL",
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();

    let left = find(app, &first).await;
    let start = async || {
        app.intake
            .take_stock(&app.caller(), &Stock::default())
            .await
            .unwrap()
    };
    let told = start().await;
    let ended = find(app, &first).await;
    let told_again = start().await;

    assert!(left.closed.is_none());
    assert!(next.is_some() && next.as_ref() != Some(&second));
    assert_eq!(ended.gave_way_to(), next.as_ref());
    assert_eq!((told.len(), told_again.len()), (1, 0), "{told:?}");
    assert!(
        find(app, &second).await.closed.is_none(),
        "that one still waits for its doors"
    );
}

pub async fn what_an_older_bridge_did_not_count_as_set_aside_is_counted_at_the_next_start(
    app: &TestApp,
) {
    app.hire("sam", "Nurse").await;
    app.run_due().await;
    let sam = app.person("sam").await;
    let proved = leaves(app, &sam).await;
    all_are_back(app).await;
    let person = nina(app).await;
    app.system("vpn").state().sees_canary = false;
    let by_word = leaves(app, &person).await;
    all_are_back(app).await;
    set_aside(app, "nina", "vpn").await;
    let counted = find(app, &by_word).await;
    // Long after it was proved: it cannot be read any more, and somebody answers for it.
    app.run_after(Duration::from_secs(7_200)).await;
    set_aside(app, "sam", "vpn").await;
    // A bridge of before knows nothing of the count, and leaves it as it is made.
    let mut tx = app.begin().await;
    tx.execute_for_tests("UPDATE departure_case SET set_aside = 0")
        .await
        .unwrap();
    tx.commit().await.unwrap();

    let uncounted = find(app, &by_word).await;
    app.intake
        .take_stock(&app.caller(), &Stock::default())
        .await
        .unwrap();

    assert!(counted.closed.is_some() && counted.has_aside);
    assert!(uncounted.proved().is_some(), "that is not so");
    assert_eq!(find(app, &by_word).await, counted);
    let proved = find(app, &proved).await;
    assert!(
        proved.proved().is_some(),
        "what was set aside later was proved until then: {proved:?}"
    );
}

/// Has somebody say that a door is none.
async fn set_aside(app: &TestApp, user_name: &str, system: &str) {
    let door = app.door(user_name, system).await;
    let aside = SetAside {
        kind: Kind::NotApplicable,
        reason: "nobody ever had one".to_owned(),
        signed_by: "Dr. Weiss".to_owned(),
        signed: app.clock.now(),
        until: None,
    };
    let wish = (door.generation, aside);
    let done = aside::put_aside(&app.store, &app.caller(), &door.id, wish).await;
    assert_eq!(done.unwrap(), Ok(()));
}
