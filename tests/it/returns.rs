//! A departure sticks (rule R9).

use std::time::Duration;

use drawbridge::{door::Wanted, ids::UserId, intake::returns::Word};

use crate::support::{TestApp, person};

const DAY: Duration = Duration::from_secs(24 * 3_600);

const DANA: Word<'static> = Word {
    by: "Dana Ruiz",
    note: "back from leave",
};

/// Nina, a nurse whose doors were opened and closed again.
async fn nina_has_left(app: &TestApp) -> UserId {
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.disable(&nina).await;
    app.run_due().await;
    nina
}

/// Whether the EHR shall let her in.
async fn may_get_in(app: &TestApp) -> bool {
    app.door("nina", "ehr").await.wanted != Wanted::Closed
}

async fn waiting(app: &TestApp) -> usize {
    let returns = app.store.list_held_returns(&app.practice()).await;
    returns.unwrap().len()
}

/// What the ledger says of her returns.
async fn said(app: &TestApp) -> Vec<String> {
    let mut history = app.history("nina").await;
    history.retain(|what| what.starts_with("return."));
    history
}

#[tokio::test]
async fn r9_a_return_waits_until_somebody_approves_it() {
    let app = TestApp::start().await;
    let nina = nina_has_left(&app).await;

    app.set_active(&nina, true).await;
    app.run_due().await;
    let while_waiting = (may_get_in(&app).await, waiting(&app).await);
    let shown = app
        .store
        .find_user(&app.practice(), &nina)
        .await
        .unwrap()
        .unwrap();
    let approved = app
        .intake
        .approve_return(&app.caller(), &shown.person, DANA)
        .await
        .unwrap();
    app.run_due().await;

    assert_eq!(while_waiting, (false, 1));
    assert!(shown.active(), "the source sees what it wrote");
    assert!(!approved.unwrap().is_empty());
    assert!(app.system("ehr").account("nina").unwrap().enabled);
    assert_eq!(waiting(&app).await, 0);
    assert_eq!(said(&app).await, ["return.held all", "return.approved all"]);
}

#[tokio::test]
async fn r9_nothing_else_that_happens_to_a_held_person_opens_a_door() {
    let app = TestApp::start().await;
    let nina = nina_has_left(&app).await;
    app.set_active(&nina, true).await;

    app.edit(&nina, |user| {
        user.insert("title".to_owned(), "Billing".into());
    })
    .await;
    app.run_after(Duration::from_secs(3_600)).await;

    let doors = app.doors_of("nina").await;
    assert!(doors.iter().all(|door| door.wanted == Wanted::Closed));
    assert_eq!(waiting(&app).await, 1);
}

#[tokio::test]
async fn r9_whoever_is_created_again_with_a_new_id_waits_too() {
    for known_by in ["userName", "externalId", "emails", "employee number"] {
        let app = TestApp::start().await;
        let nina = app.hire("nina", "Nurse").await;
        app.edit(&nina, |user| {
            user.insert(
                "emails".to_owned(),
                serde_json::json!([{"value": "nina@elm.example"}]),
            );
            let enterprise = serde_json::json!({"employeeNumber": "4711"});
            user.insert(drawbridge::people::ENTERPRISE_USER.to_owned(), enterprise);
        })
        .await;
        app.run_due().await;
        app.delete(&nina).await;
        app.run_due().await;

        let mut again = person("n.weiss", "Nurse", true);
        again.shift_remove("emails");
        match known_by {
            "userName" => again.insert("userName".to_owned(), "NINA".into()),
            "externalId" => again.insert("externalId".to_owned(), "ext-nina".into()),
            "emails" => again.insert(
                "emails".to_owned(),
                serde_json::json!([{"value": "Nina@elm.example"}]),
            ),
            _ => again.insert(
                drawbridge::people::ENTERPRISE_USER.to_owned(),
                serde_json::json!({"employeeNumber": "4711"}),
            ),
        };
        let made = app
            .intake
            .change_user::<()>(&app.caller(), None, move |_| Ok(Some(again.clone())))
            .await;

        assert!(made.is_ok(), "the source may create them");
        assert!(!may_get_in(&app).await, "known by {known_by}");
        assert_eq!(waiting(&app).await, 1, "known by {known_by}");
    }
}

#[tokio::test]
async fn r9_somebody_who_bears_the_names_of_two_leavers_waits_as_the_later_one() {
    let app = TestApp::start().await;
    for name in ["nora", "nina"] {
        let id = app.hire(name, "Nurse").await;
        app.run_due().await;
        app.delete(&id).await;
        app.run_after(Duration::from_secs(60)).await;
    }
    let nina = app.person("nina").await;

    let mut both = person("nina", "Nurse", true);
    both.insert("externalId".to_owned(), "ext-nora".into());
    let made = app
        .intake
        .change_user::<()>(&app.caller(), None, move |_| Ok(Some(both.clone())))
        .await;

    assert_eq!(made.unwrap().unwrap().person, nina);
    assert_eq!(waiting(&app).await, 1);
}

#[tokio::test]
async fn r9_any_later_disable_voids_the_return_that_waits() {
    let app = TestApp::start().await;
    let nina = nina_has_left(&app).await;
    app.set_active(&nina, true).await;

    app.disable(&nina).await;
    let shown = app.person("nina").await;
    let approved = app
        .intake
        .approve_return(&app.caller(), &shown, DANA)
        .await
        .unwrap();

    assert!(approved.unwrap_err().contains("not active"));
    assert!(!may_get_in(&app).await);
    assert_eq!(waiting(&app).await, 0);
    assert_eq!(said(&app).await, ["return.held all", "return.voided all"]);
}

#[tokio::test]
async fn r9_a_refused_return_stays_out_and_may_be_asked_for_again() {
    let app = TestApp::start().await;
    let nina = nina_has_left(&app).await;
    app.set_active(&nina, true).await;
    let person = app.person("nina").await;

    let refused = app
        .intake
        .refuse_return(&app.caller(), &person, DANA)
        .await
        .unwrap();
    let twice = app
        .intake
        .refuse_return(&app.caller(), &person, DANA)
        .await
        .unwrap();
    let after = (may_get_in(&app).await, waiting(&app).await);
    app.disable(&nina).await;
    app.set_active(&nina, true).await;

    assert_eq!((refused, after), (Ok(()), (false, 0)));
    assert!(twice.unwrap_err().contains("no return"));
    assert_eq!(waiting(&app).await, 1);
}

#[tokio::test]
async fn r9_after_the_hold_period_whoever_comes_back_gets_in() {
    let app = TestApp::start().await;
    let nina = nina_has_left(&app).await;
    app.run_after(31 * DAY).await;

    app.set_active(&nina, true).await;

    assert!(may_get_in(&app).await);
    assert_eq!(waiting(&app).await, 0);
}

#[tokio::test]
async fn r9_a_departure_that_is_not_done_holds_however_long_ago_it_was() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.system("mail").state().lies = true;
    app.disable(&nina).await;
    app.run_due().await;
    app.run_after(31 * DAY).await;

    app.set_active(&nina, true).await;

    assert!(!may_get_in(&app).await);
    assert_eq!(waiting(&app).await, 1);
}

#[tokio::test]
async fn r9_whoever_was_never_active_returns_from_nowhere() {
    let app = TestApp::start().await;
    let made = app
        .intake
        .change_user::<()>(&app.caller(), None, |_| {
            Ok(Some(person("nina", "Nurse", false)))
        })
        .await;
    app.run_due().await;

    app.set_active(&made.unwrap().unwrap().id, true).await;

    assert!(
        may_get_in(&app).await,
        "a new nurse whose account was prepared"
    );
    assert_eq!(waiting(&app).await, 0);
}

#[tokio::test]
async fn r9_a_departure_by_name_is_undone_by_approval() {
    let app = TestApp::start().await;
    app.hire("nina", "Nurse").await;
    let person = app.person("nina").await;
    app.intake.depart(&app.caller(), &person).await.unwrap();
    app.run_due().await;

    let approved = app
        .intake
        .approve_return(&app.caller(), &person, DANA)
        .await
        .unwrap();
    let twice = app
        .intake
        .approve_return(&app.caller(), &person, DANA)
        .await
        .unwrap();

    assert!(approved.is_ok());
    assert!(twice.unwrap_err().contains("has not left"));
    assert!(may_get_in(&app).await);
}

#[tokio::test]
async fn r9_a_second_user_of_somebody_who_is_kept_out_waits_too() {
    for by_name in [true, false] {
        let app = TestApp::start().await;
        let nina = app.hire("nina", "Nurse").await;
        app.run_due().await;
        let leaver = app.person("nina").await;
        if by_name {
            app.intake.depart(&app.caller(), &leaver).await.unwrap();
        } else {
            app.disable(&nina).await;
            app.set_active(&nina, true).await;
        }

        let mut second = person("n.weiss", "Nurse", true);
        second.insert(
            "emails".to_owned(),
            serde_json::json!([{"value": "nina@elm.example"}]),
        );
        let made = app
            .intake
            .change_user::<()>(&app.caller(), None, move |_| Ok(Some(second.clone())))
            .await;

        assert_eq!(made.unwrap().unwrap().person, leaver);
        assert!(!may_get_in(&app).await);
        assert_eq!(waiting(&app).await, 1);
    }
}
