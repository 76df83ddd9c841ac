//! A departure, from the accepted change to doors that are proved shut.

use std::time::Duration;

use drawbridge::{
    door::{Assurance, Seen},
    people::Attributes,
};
use drawbridge_sdk::{FailureClass, Residual};

use crate::support::{TestApp, fake, spawn_rounds};

#[tokio::test]
async fn a_departure_closes_every_system_and_each_is_read_back() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    assert!(app.system("ehr").account("nina").unwrap().enabled);

    app.disable(&nina).await;
    app.run_due().await;

    assert!(!app.system("ehr").account("nina").unwrap().enabled);
    let doors = app.doors_of("nina").await;
    assert_eq!(doors.len(), 4, "also systems the role never had");
    for door in doors {
        assert_eq!(door.assurance, Assurance::Verified, "{}", door.system);
        let expected = if ["ehr", "mail"].contains(&door.system.as_str()) {
            Seen::Closed
        } else {
            Seen::Absent
        };
        assert_eq!(door.seen, expected, "{}", door.system);
    }
    assert_eq!(app.history("nina").await.last().unwrap(), "case.closed all");
}

#[tokio::test]
async fn one_systems_failure_never_delays_another() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.system("ehr").fail_next(vec![fake::unreachable(); 50]);

    app.disable(&nina).await;
    app.run_due().await;

    assert!(app.is_green("nina", "mail").await);
    let ehr = app.door("nina", "ehr").await;
    assert_eq!(ehr.failure.as_ref().unwrap().class, FailureClass::Retryable);
    assert!(ehr.failure.unwrap().text.contains("cannot reach"));
}

#[tokio::test]
async fn a_door_closes_as_soon_as_its_system_is_back() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.system("ehr").fail_next(vec![fake::unreachable(); 50]);
    app.disable(&nina).await;
    for _ in 0..6 {
        app.run_after(Duration::from_secs(20)).await;
    }
    assert!(!app.is_green("nina", "ehr").await);

    app.system("ehr").state().failures.clear();
    app.run_after(Duration::from_secs(15)).await;

    assert!(
        app.is_green("nina", "ehr").await,
        "the probe every 15 seconds makes waiting doors due"
    );
}

#[tokio::test]
async fn a_system_that_says_yes_and_does_nothing_is_never_green() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.system("ehr").state().lies = true;

    app.disable(&nina).await;
    for _ in 0..10 {
        app.run_after(Duration::from_secs(60)).await;
        assert!(!app.is_green("nina", "ehr").await);
    }

    let door = app.door("nina", "ehr").await;
    assert_eq!(
        (door.seen, door.assurance),
        (Seen::Open, Assurance::Unknown)
    );
    assert!(door.tries > 3, "it is never given up: {} tries", door.tries);
    assert!(door.round > 3, "each contradicted answer raises the round");
}

#[tokio::test]
async fn deleting_a_user_is_a_departure_and_the_evidence_stays() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;

    app.delete(&nina).await;
    app.run_due().await;

    assert!(
        app.store
            .find_user(&app.practice(), &nina)
            .await
            .unwrap()
            .is_none()
    );
    assert!(app.is_green("nina", "ehr").await);
    assert!(
        app.history("nina")
            .await
            .contains(&"change.departed all".to_owned())
    );
}

#[tokio::test]
async fn deleting_after_disabling_adds_evidence_and_no_second_case() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.disable(&nina).await;
    app.run_due().await;

    app.delete(&nina).await;
    app.run_due().await;

    let history = app.history("nina").await;
    assert_eq!(
        history
            .iter()
            .filter(|what| *what == "case.opened all")
            .count(),
        2,
        "joiner and leaver: {history:?}"
    );
    assert_eq!(history.last().unwrap(), "change.repeated_disable all");
}

#[tokio::test]
async fn r5_a_close_is_sent_at_once_while_an_open_is_still_waiting_for_its_turn() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;

    app.disable(&nina).await;
    app.run_due().await;

    let journal = app.system("ehr").journal();
    assert!(
        !journal.iter().any(|what| what.starts_with("open")),
        "the unsent open is void: {journal:?}"
    );
    assert!(app.is_green("nina", "ehr").await);
}

#[tokio::test]
async fn r5_a_call_that_was_written_down_is_not_sent_once_a_newer_wish_came() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    // Both wait for the database behind this, and share a commit: the claim first, then the disable.
    let before = app.begin().await;
    let opening = spawn_rounds(&app.rounds);
    tokio::task::yield_now().await;

    let go_on = async { before.commit().await.unwrap() };
    tokio::join!(app.disable(&nina), go_on);
    opening.await.unwrap().unwrap();

    let attempts = app.store.list_attempts(&app.practice(), false, 100).await;
    let void = attempts.unwrap().into_iter().rfind(|attempt| {
        attempt.action == "open"
            && attempt.failure_text.as_deref() == Some("a newer wish came first")
    });
    assert!(void.is_some_and(|attempt| attempt.resolved));
    let journal = app.system("ehr").journal();
    assert!(
        !journal.iter().any(|what| what.starts_with("open")),
        "{journal:?}"
    );
    app.run_after(Duration::from_secs(1)).await;
    assert!(app.is_green("nina", "ehr").await);
}

#[tokio::test]
async fn r10_a_close_is_tried_about_twelve_times_within_the_hour_and_goes_on_after_it() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    // A refused setting, so that the breaker stays out of it.
    app.system("ehr").fail_next(
        (0..200).map(|_| drawbridge_sdk::CallError::contract("the answer makes no sense")),
    );

    app.disable(&nina).await;
    for _ in 0..360 {
        app.run_after(Duration::from_secs(10)).await;
    }
    let within_the_hour = app.door("nina", "ehr").await.tries;
    for _ in 0..60 {
        app.run_after(Duration::from_secs(60)).await;
    }

    assert!(
        (10..=15).contains(&within_the_hour),
        "{within_the_hour} tries"
    );
    let after = app.door("nina", "ehr").await;
    assert!(
        after.tries >= within_the_hour + 3,
        "every 15 minutes beside its task: {}",
        after.tries
    );
    assert!(after.is_overdue(drawbridge::clock::Clock::now(&app.clock)));
}

#[tokio::test]
async fn r11_a_resource_created_again_under_a_known_identity_joins_its_person() {
    let app = TestApp::start().await;
    let first = app.hire("nina", "Nurse").await;
    let person = app.person("nina").await;
    app.delete(&first).await;
    app.run_due().await;

    app.hire("nina", "Nurse").await;

    assert_eq!(app.person("nina").await, person);
    assert_eq!(
        app.doors_of("nina").await.len(),
        4,
        "the same doors, not new ones"
    );
}

#[tokio::test]
async fn an_account_is_found_by_its_id_once_seen_whatever_it_is_called() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.system("ehr").rename("nina", "n.okafor-married");

    app.disable(&nina).await;
    app.run_due().await;

    assert!(
        !app.system("ehr")
            .account("n.okafor-married")
            .unwrap()
            .enabled
    );
    assert_eq!(app.door("nina", "ehr").await.seen, Seen::Closed);
}

#[tokio::test]
async fn a_name_once_borne_is_searched_for_too() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Gardener").await;
    let forgotten = fake::FakeAccount {
        id: "7".to_owned(),
        enabled: true,
        ..Default::default()
    };
    app.system("vpn")
        .state()
        .accounts
        .insert("nina".to_owned(), forgotten);
    app.edit(&nina, |attributes: &mut Attributes| {
        attributes.insert("userName".to_owned(), "nina.okafor".into());
    })
    .await;

    app.disable(&nina).await;
    app.run_due().await;

    assert!(!app.system("vpn").account("nina").unwrap().enabled);
}

#[tokio::test]
async fn r3_an_answer_that_comes_after_a_newer_wish_is_kept_and_changes_no_state() {
    let app = TestApp::start().await;
    let gate = app.system("ehr").hold_next_open();
    let nina = app.hire("nina", "Nurse").await;
    let slow = {
        let rounds = app.rounds.clone();
        tokio::spawn(async move { rounds.run_due().await })
    };
    while app.system("ehr").journal().is_empty() {
        tokio::task::yield_now().await;
    }

    app.disable(&nina).await;
    let other = app.another_worker();
    other.run_due().await.unwrap();
    let closed_by_the_other = app.door("nina", "ehr").await;
    gate.notify_one();
    slow.await.unwrap().unwrap();

    let after = app.door("nina", "ehr").await;
    assert!(closed_by_the_other.wanted.is_closed());
    assert_eq!(after.generation, closed_by_the_other.generation);
    assert!(
        !app.is_green("nina", "ehr").await,
        "the open may have landed after the reading"
    );
    app.run_after(Duration::from_secs(200)).await;
    app.run_after(Duration::from_secs(10)).await;
    assert!(
        !app.system("ehr").account("nina").unwrap().enabled,
        "the open that landed late is put right"
    );
    assert!(app.is_green("nina", "ehr").await);
}

#[tokio::test]
async fn residual_access_with_an_end_is_amber_until_then_and_green_after() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    let ticket = Residual {
        what: "tickets already issued".to_owned(),
        longest: Some(Duration::from_secs(600)),
    };
    app.system("ehr").state().residual = vec![ticket];

    app.disable(&nina).await;
    app.run_due().await;
    let during = app.door("nina", "ehr").await;
    let amber = app.is_green("nina", "ehr").await;
    app.run_after(Duration::from_secs(300)).await;
    let still_amber = app.is_green("nina", "ehr").await;
    app.run_after(Duration::from_secs(301)).await;

    assert!(!amber && !still_amber);
    assert_eq!(during.seen, Seen::Closed);
    assert_eq!(
        during.residual_text().unwrap(),
        "tickets already issued until 2026-11-20T17:12:00.001Z"
    );
    assert!(app.is_green("nina", "ehr").await);
}

#[tokio::test]
async fn residual_access_without_an_end_waits_for_a_person() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.system("ehr").state().residual = vec![Residual {
        what: "an open connection".to_owned(),
        longest: None,
    }];

    app.disable(&nina).await;
    app.run_due().await;
    app.run_after(Duration::from_secs(24 * 3_600)).await;
    assert!(!app.is_green("nina", "ehr").await);
    app.sign("nina", "ehr").await.unwrap();

    assert!(app.is_green("nina", "ehr").await);
    app.run_after(Duration::from_secs(2 * 24 * 3_600)).await;
    assert!(
        app.is_green("nina", "ehr").await,
        "the next sweep sees the same and does not take it back"
    );
}
