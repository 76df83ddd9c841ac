//! Accounts for emergencies belong to no person.

use crate::support::TestApp;

#[tokio::test]
async fn an_account_for_emergencies_is_neither_opened_nor_closed() {
    let app = TestApp::start().await;
    let emergency = app.hire("EMERGENCY", "Nurse").await;
    app.run_due().await;
    let at_first = app.doors_of("emergency").await.len();

    app.disable(&emergency).await;
    app.run_due().await;
    let person = app.person("emergency").await;
    app.intake.depart(&app.caller(), &person).await.unwrap();
    app.run_due().await;

    assert_eq!(at_first, 0);
    assert!(app.doors_of("emergency").await.is_empty());
    assert!(app.system("ehr").journal().is_empty());
    let history = app.history("emergency").await;
    assert!(
        history.contains(&"break_glass.left_alone all".to_owned()),
        "{history:?}"
    );
}

#[tokio::test]
async fn nobody_escapes_by_taking_the_name_of_such_an_account() {
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    app.run_due().await;

    app.edit(&nina, |user| {
        user.insert("userName".to_owned(), "emergency".into());
        user.insert("active".to_owned(), false.into());
    })
    .await;
    app.run_due().await;

    let accounts = app.system("ehr").state().accounts.clone();
    assert!(
        accounts.values().all(|account| !account.enabled),
        "{accounts:?}"
    );
}
