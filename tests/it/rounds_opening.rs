//! Joiners, movers, and what opens.

use std::time::Duration;

use drawbridge::door::{Assurance, Seen};

use crate::support::{TestApp, fake};

#[tokio::test]
async fn a_joiner_gets_what_the_role_names_and_nothing_else() {
    let app = TestApp::start().await;

    app.hire("nina", "Nurse").await;
    app.run_due().await;

    let systems: Vec<_> = app
        .doors_of("nina")
        .await
        .into_iter()
        .map(|door| (door.system.to_string(), door.seen))
        .collect();
    assert_eq!(
        systems,
        [
            ("ehr".to_owned(), Seen::Open),
            ("mail".to_owned(), Seen::Open)
        ]
    );
    assert_eq!(app.system("ehr").account("nina").unwrap().levels, ["nurse"]);
}

#[tokio::test]
async fn somebody_without_a_role_opens_nothing_and_is_listed() {
    let app = TestApp::start().await;

    app.hire("gus", "Gardener").await;
    app.run_due().await;

    assert!(app.doors_of("gus").await.is_empty());
    let needing = app
        .store
        .list_people_who_need_a_role(&app.practice())
        .await
        .unwrap();
    assert_eq!(needing, [app.person("gus").await]);
}

#[tokio::test]
async fn a_mover_closes_before_opening() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.system("mail").fail_next([fake::refused()]);

    app.edit(&nina, |attributes| {
        attributes.insert("title".to_owned(), "Billing".into());
    })
    .await;
    app.run_due().await;

    assert!(
        app.system("billing").account("nina").unwrap().enabled,
        "an open waits for the first try of a close only"
    );
    assert_eq!(app.system("ehr").account("nina").unwrap().levels, ["codes"]);
    app.run_after(Duration::from_secs(7)).await;
    assert!(!app.system("mail").account("nina").unwrap().enabled);
}

#[tokio::test]
async fn an_open_is_not_claimed_before_the_persons_closes_were_tried_once() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    app.edit(&nina, |attributes| {
        attributes.insert("title".to_owned(), "Billing".into());
    })
    .await;

    let before = app.claim("billing").await;
    let mut close = app.claim("mail").await.remove(0);
    let mut tx = app.begin().await;
    close.tries = 1;
    tx.hold(&close, "worker");
    tx.commit().await.unwrap();
    let after = app.claim("billing").await;

    assert_eq!((before.len(), after.len()), (0, 1));
}

#[tokio::test]
async fn deny_is_actively_closed() {
    let app = TestApp::start().await;
    app.system("ehr").state().accounts.insert(
        "sol".to_owned(),
        fake::FakeAccount {
            enabled: true,
            ..Default::default()
        },
    );

    app.hire("sol", "Student").await;
    app.run_due().await;

    assert!(!app.system("ehr").account("sol").unwrap().enabled);
    assert_eq!(app.door("sol", "ehr").await.assurance, Assurance::Verified);
}

#[tokio::test]
async fn losing_every_role_closes_nothing_until_the_grace_has_passed() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;

    app.edit(&nina, |attributes| {
        attributes.remove("title");
    })
    .await;
    app.run_after(Duration::from_secs(14 * 60)).await;
    let during = app.system("ehr").account("nina").unwrap().enabled;
    app.run_after(Duration::from_secs(61)).await;

    assert!(during);
    assert!(!app.system("ehr").account("nina").unwrap().enabled);
}

#[tokio::test]
async fn a_departure_by_name_sticks_although_the_identity_provider_says_active() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;
    let person = app.person("nina").await;

    app.intake.depart(&app.caller(), &person).await.unwrap();
    app.run_due().await;
    app.edit(&nina, |attributes| {
        attributes.insert("title".to_owned(), "Billing".into());
    })
    .await;
    app.run_due().await;

    assert!(!app.system("ehr").account("nina").unwrap().enabled);
    assert!(app.system("billing").account("nina").is_none());
}

#[tokio::test]
async fn an_edit_of_the_roles_moves_no_door_until_it_is_applied() {
    use drawbridge::policy::Roles;
    let app = TestApp::start().await;
    app.hire("nina", "Nurse").await;
    app.run_due().await;
    let text = "[[role]]\nname = \"Nurse\"\nmatches = [\"Nurse\"]\n[role.access]\nehr = \"nurse\"\nvpn = \"remote\"\n";
    let roles = Roles::parse(text).unwrap();

    let preview = app
        .intake
        .preview_roles(&app.caller(), roles.clone())
        .await
        .unwrap();
    app.run_due().await;
    let before = app.doors_of("nina").await.len();
    app.intake.apply_roles(&app.caller(), text).await.unwrap();
    app.run_due().await;

    let moves: Vec<_> = preview
        .iter()
        .map(|moved| (moved.system.as_str(), moved.to.as_str()))
        .collect();
    assert_eq!(moves, [("mail", "closed"), ("vpn", "open: remote")]);
    assert_eq!(before, 2, "a preview writes nothing");
    assert!(app.system("vpn").account("nina").unwrap().enabled);
    assert!(!app.system("mail").account("nina").unwrap().enabled);
}
