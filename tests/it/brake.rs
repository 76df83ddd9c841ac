//! A wave of people who lose their doors is held for a look.

use std::time::Duration;

use drawbridge::{
    ids::UserId,
    intake::{human, returns::Word},
};

use crate::support::{TestApp, fake};

const TEN_MINUTES: Duration = Duration::from_secs(10 * 60);

/// So many nurses whose doors are open.
async fn nurses(app: &TestApp, count: usize) -> Vec<UserId> {
    let mut nurses = Vec::new();
    for number in 0..count {
        nurses.push(app.hire(&format!("nurse{number}"), "Nurse").await);
    }
    while app.rounds.run_due().await.is_ok() && !has_ehr(app, count - 1) {}
    nurses
}

fn has_ehr(app: &TestApp, number: usize) -> bool {
    let account = app.system("ehr").account(&format!("nurse{number}"));
    account.is_some_and(|account| account.enabled)
}

/// Which of them can still get into the EHR.
fn inside(app: &TestApp, count: usize) -> Vec<usize> {
    (0..count).filter(|number| has_ehr(app, *number)).collect()
}

#[tokio::test]
async fn the_first_five_leave_at_once_and_the_rest_waits_ten_minutes() {
    let app = TestApp::start().await;
    let nurses = nurses(&app, 8).await;

    for nurse in &nurses {
        app.disable(nurse).await;
    }
    app.run_due().await;
    let at_first = inside(&app, 8);
    let held = app.door("nurse7", "ehr").await;
    app.run_after(TEN_MINUTES).await;

    assert_eq!(at_first, [5, 6, 7]);
    assert!(held.failure.unwrap().text.contains("held until"));
    assert!(held.deadline.is_some(), "the clock runs");
    assert!(inside(&app, 8).is_empty());
    assert!(
        app.history("nurse7")
            .await
            .contains(&"brake.held all".to_owned())
    );
    assert!(
        !app.history("nurse0")
            .await
            .contains(&"brake.held all".to_owned())
    );
}

#[tokio::test]
async fn a_few_of_many_are_no_wave_and_neither_are_those_who_leave_one_after_the_other() {
    let app = TestApp::start().await;
    let nurses = nurses(&app, 40).await;

    for nurse in &nurses[..8] {
        app.disable(nurse).await;
    }
    app.run_due().await;
    let a_fifth = inside(&app, 8);
    for nurse in &nurses[8..20] {
        app.clock.advance(Duration::from_secs(5 * 60));
        app.disable(nurse).await;
    }
    app.run_due().await;

    assert!(a_fifth.is_empty());
    assert!(inside(&app, 20).is_empty());
}

#[tokio::test]
async fn whatever_takes_the_doors_away_counts() {
    let app = TestApp::start().await;
    let nurses = nurses(&app, 8).await;

    for nurse in &nurses {
        app.edit(nurse, |user| {
            user.insert("title".to_owned(), "Student".into());
        })
        .await;
    }
    app.run_due().await;

    assert_eq!(inside(&app, 8), [5, 6, 7]);
}

#[tokio::test]
async fn a_departure_by_name_is_never_held_and_lets_one_that_was_go_on() {
    let app = TestApp::start().await;
    let nurses = nurses(&app, 8).await;
    for nurse in &nurses[..7] {
        app.disable(nurse).await;
    }
    for name in ["nurse6", "nurse7"] {
        let person = app.person(name).await;
        app.intake.depart(&app.caller(), &person).await.unwrap();
    }

    app.run_due().await;

    assert_eq!(inside(&app, 8), [5]);
}

#[tokio::test]
async fn trying_a_whole_system_again_lets_nobody_go_on_who_is_held() {
    let app = TestApp::start().await;
    let nurses = nurses(&app, 8).await;
    app.system("ehr").fail_next([fake::refused()]);
    for nurse in &nurses {
        app.disable(nurse).await;
    }
    app.run_due().await;

    let now = drawbridge::clock::Clock::now(&app.clock);
    let tried = human::retry_system(&app.store, &app.caller(), &"ehr".into(), now).await;
    app.run_due().await;

    assert_eq!(tried.unwrap(), 1, "the one that was refused");
    assert_eq!(inside(&app, 8), [5, 6, 7]);
}

#[tokio::test]
async fn one_who_is_held_can_be_let_go_on_or_kept() {
    let app = TestApp::start().await;
    let nurses = nurses(&app, 8).await;
    for nurse in &nurses {
        app.disable(nurse).await;
    }
    app.run_due().await;

    let (goes, stays) = (app.person("nurse5").await, app.person("nurse6").await);
    human::retry(
        &app.store,
        &app.caller(),
        &goes,
        None,
        drawbridge::clock::Clock::now(&app.clock),
    )
    .await
    .unwrap();
    app.set_active(&nurses[6], true).await;
    let word = Word {
        by: "Dana Ruiz",
        note: "a wrong filter",
    };
    let kept = app
        .intake
        .approve_return(&app.caller(), &stays, word)
        .await
        .unwrap();
    app.run_due().await;
    let now = inside(&app, 8);
    app.run_after(TEN_MINUTES).await;

    assert!(kept.is_ok());
    assert_eq!(now, [6, 7]);
    assert_eq!(inside(&app, 8), [6]);
}
