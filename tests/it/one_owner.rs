//! Two people bear one name, and an account that it leads to is one of theirs (rule R11).

use std::time::Duration;

use drawbridge::door::{Assurance, Seen};
use drawbridge_sdk::FailureClass;
use serde_json::{Value, json};

use crate::support::{TestApp, fake::FakeAccount, spawn_rounds};

const FRONT_DESK: &str = "frontdesk@elm.example";
const A_QUARTER: Duration = Duration::from_secs(15 * 60);

/// Somebody of the front desk, who has its e-mail address beside their own.
async fn hire_for_the_front_desk(app: &TestApp, user_name: &str, display: &str) {
    let user = app.hire(user_name, "Gardener").await;
    let display = display.to_owned();
    let emails = json!([{"value": format!("{user_name}@elm.example"), "primary": true}, {"value": FRONT_DESK}]);
    app.edit(&user, |attributes| {
        attributes.insert("displayName".to_owned(), Value::from(display));
        attributes.insert("emails".to_owned(), emails);
    })
    .await;
}

async fn promote(app: &TestApp, user_name: &str) {
    let user = app.user_of(user_name).await;
    app.edit(&user, |attributes| {
        attributes.insert("title".to_owned(), Value::from("Nurse"));
    })
    .await;
}

/// Kim has an account in the EHR, and its login is the front desk's address, which Lee has too.
async fn kim_and_lee() -> TestApp {
    let app = TestApp::start().await;
    hire_for_the_front_desk(&app, "kim", "Kim Lee").await;
    promote(&app, "kim").await;
    app.run_due().await;
    app.system("ehr").rename("kim", FRONT_DESK);
    hire_for_the_front_desk(&app, "lee", "Lee Ng").await;
    app.run_due().await;
    assert!(app.is_green("kim", "ehr").await);
    app
}

fn front_desk(app: &TestApp) -> FakeAccount {
    app.system("ehr").account(FRONT_DESK).unwrap()
}

#[tokio::test]
async fn r11_a_close_shuts_no_account_that_is_somebody_elses() {
    let app = kim_and_lee().await;
    let lee = app.user_of("lee").await;

    app.disable(&lee).await;
    app.run_due().await;
    let door = app.door("lee", "ehr").await;
    let signed = app.sign("lee", "ehr").await;
    app.run_after(Duration::from_secs(600)).await;
    let stays_signed = app.door("lee", "ehr").await.assurance;
    app.system("ehr").rename(FRONT_DESK, "kim");
    app.run_after(Duration::from_secs(3_600)).await;

    let failure = door.failure.unwrap();
    assert_eq!(failure.class, FailureClass::NeedsHuman);
    assert!(
        failure.text.contains("also belongs to Kim Lee"),
        "{}",
        failure.text
    );
    assert_eq!(
        (door.seen, door.assurance),
        (Seen::Absent, Assurance::Unproven)
    );
    assert!(app.system("ehr").account("kim").unwrap().enabled);
    assert!(app.is_green("kim", "ehr").await);
    assert_eq!((signed, stays_signed), (Ok(()), Assurance::Attested));
    let after = app.door("lee", "ehr").await;
    assert_eq!(
        (after.seen, after.assurance),
        (Seen::Absent, Assurance::Verified)
    );
}

#[tokio::test]
async fn r11_an_open_lets_nobody_into_an_account_that_is_somebody_elses() {
    let app = kim_and_lee().await;
    let kim = app.user_of("kim").await;
    app.disable(&kim).await;
    app.run_due().await;
    let was_shut = !front_desk(&app).enabled;

    promote(&app, "lee").await;
    app.run_due().await;
    app.run_after(A_QUARTER).await;
    let door = app.door("lee", "ehr").await;
    let is_shut = !front_desk(&app).enabled;
    // Somebody makes an account by hand.
    let by_hand = FakeAccount {
        id: "id-lee".to_owned(),
        ..FakeAccount::default()
    };
    app.system("ehr").add("lee", by_hand);
    app.run_after(A_QUARTER).await;

    let failure = door.failure.unwrap();
    assert_eq!(failure.class, FailureClass::NeedsHuman);
    assert!(
        failure.text.contains("also belongs to Kim Lee"),
        "{}",
        failure.text
    );
    assert!(was_shut && is_shut);
    assert!(app.system("ehr").account("lee").unwrap().enabled);
    assert!(app.is_green("lee", "ehr").await && app.is_green("kim", "ehr").await);
    assert!(!front_desk(&app).enabled);
}

#[tokio::test]
async fn r11_one_persons_file_does_not_name_whose_account_it_is() {
    let app = kim_and_lee().await;
    let lee = app.user_of("lee").await;

    app.disable(&lee).await;
    app.run_due().await;

    let person = app.person("lee").await;
    let records = app
        .store
        .list_records(&app.practice(), Some(&person))
        .await
        .unwrap();
    let own: Vec<&String> = records
        .iter()
        .filter(|record| record.is_theirs)
        .map(|record| &record.text)
        .collect();
    assert!(
        own.iter()
            .any(|text| text.contains("account.has_another_owner"))
    );
    assert!(own.iter().all(|text| !text.contains("Kim")));
}

#[tokio::test]
async fn r11_a_door_whose_account_another_call_acted_on_is_read_again_and_put_right() {
    let app = TestApp::start().await;
    hire_for_the_front_desk(&app, "lee", "Lee Ng").await;
    hire_for_the_front_desk(&app, "kim", "Kim Lee").await;
    app.run_due().await;
    // Nobody's yet, as far as the ledger says.
    let shared = FakeAccount {
        id: "id-desk".to_owned(),
        enabled: true,
        ..FakeAccount::default()
    };
    app.system("ehr").add(FRONT_DESK, shared);
    let lee = app.user_of("lee").await;

    let gate = app.system("ehr").hold_next_close();
    app.disable(&lee).await;
    let rounds = spawn_rounds(&app.rounds);
    let lees_close = |app: &TestApp| {
        app.system("ehr")
            .journal()
            .contains(&"close lee".to_owned())
    };
    app.until(lees_close).await;
    promote(&app, "kim").await;
    app.run_due().await;
    let was_kims = app.is_green("kim", "ehr").await;
    gate.notify_one();
    rounds.await.unwrap().unwrap();
    app.run_due().await;
    let is_kims_again = app.is_green("kim", "ehr").await;
    let is_enabled = front_desk(&app).enabled;
    app.run_after(A_QUARTER).await;

    assert!(was_kims);
    assert!(
        is_enabled && is_kims_again,
        "what Lee's close did to Kim is put right"
    );
    let lees = app.door("lee", "ehr").await.failure.unwrap();
    assert_eq!(lees.class, FailureClass::NeedsHuman);
    assert!(front_desk(&app).enabled);
}

#[tokio::test]
async fn r11_what_was_read_before_another_call_acted_on_the_account_counts_no_more() {
    let app = TestApp::start().await;
    hire_for_the_front_desk(&app, "lee", "Lee Ng").await;
    hire_for_the_front_desk(&app, "kim", "Kim Lee").await;
    app.run_due().await;
    let shared = FakeAccount {
        id: "id-desk".to_owned(),
        enabled: true,
        ..FakeAccount::default()
    };
    app.system("ehr").add(FRONT_DESK, shared);
    let lee = app.user_of("lee").await;
    let noted = |what: &'static str| {
        move |app: &TestApp| app.system("ehr").journal().contains(&what.to_owned())
    };

    let close = app.system("ehr").hold_next_close();
    app.disable(&lee).await;
    let lees = spawn_rounds(&app.rounds);
    app.until(noted("close lee")).await;
    promote(&app, "kim").await;
    // It has looked, and its answer is on its way for long.
    let reading = app.system("ehr").hold_next_reading();
    let kims = spawn_rounds(&app.rounds);
    app.until(noted("read kim")).await;
    close.notify_one();
    app.until(noted("read lee")).await;
    reading.notify_one();
    lees.await.unwrap().unwrap();
    kims.await.unwrap().unwrap();
    let is_believed = app.is_green("kim", "ehr").await;
    let is_so = front_desk(&app).enabled;
    app.run_after(Duration::from_secs(60)).await;

    assert!(is_so || !is_believed, "what was read before is not so");
    assert!(front_desk(&app).enabled, "and it is put right");
    assert!(app.is_green("kim", "ehr").await);
}
