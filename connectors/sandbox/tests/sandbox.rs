//! A sandbox system keeps its word, or breaks it as it was told to.

use drawbridge_sandbox::{Behaviour, Sandbox, Settings};
use drawbridge_sdk::{
    AccountState, Ask, BuildContext, Canary, Change, CloseCall, Connector, FailureClass, OpenCall,
    Sessions, Subject, Way,
};

fn nina() -> Subject {
    Subject {
        person: "p1".to_owned(),
        user_names: vec!["nina".to_owned()],
        ..Subject::default()
    }
}

fn ask() -> Ask {
    Ask {
        subject: nina(),
        way: Way::Account,
        canary: Some("canary".to_owned()),
    }
}

fn close() -> CloseCall {
    CloseCall {
        subject: nina(),
        way: Way::Account,
        managed_levels: vec!["nurse".to_owned()],
        idempotency_key: "1".to_owned(),
    }
}

async fn with_nina(settings: Settings) -> Sandbox {
    let system = Sandbox::new(Settings {
        canary: Some("canary".to_owned()),
        ..settings
    });
    let call = OpenCall {
        subject: nina(),
        way: Way::Account,
        levels: vec!["nurse".to_owned()],
        managed_levels: vec!["nurse".to_owned()],
        forward_to: None,
        until: None,
        idempotency_key: "1".to_owned(),
    };
    system.open(&call).await.expect("an account");
    system
}

#[tokio::test]
async fn an_honest_close_blocks_the_account_and_ends_its_sessions() {
    let system = with_nina(Settings::default()).await;
    let before = system.observe(&ask()).await.unwrap().accounts.remove(0);

    let outcome = system.close(&close()).await.unwrap();
    let after = system.observe(&ask()).await.unwrap().accounts.remove(0);
    let again = system.close(&close()).await.unwrap();

    assert_eq!(
        (before.state, before.sessions),
        (AccountState::Enabled, Sessions::Open(1))
    );
    assert_eq!(
        (after.state, after.sessions),
        (AccountState::Disabled, Sessions::None)
    );
    assert!(after.levels.is_empty());
    assert_eq!(
        (outcome.change, again.change),
        (Change::Done, Change::AlreadyInState)
    );
}

#[tokio::test]
async fn a_liar_says_done_and_its_reading_shows_otherwise() {
    let system = with_nina(Settings {
        behaviour: Behaviour::Lies,
        ..Settings::default()
    })
    .await;

    let outcome = system.close(&close()).await.unwrap();
    let after = system.observe(&ask()).await.unwrap().accounts.remove(0);

    assert_eq!(outcome.change, Change::Done);
    assert_eq!(after.state, AccountState::Enabled);
}

#[tokio::test]
async fn the_first_closes_fail_as_an_overloaded_system_does() {
    let system = with_nina(Settings {
        failing_closes: 1,
        ..Settings::default()
    })
    .await;

    let first = system.close(&close()).await.unwrap_err();
    let second = system.close(&close()).await.unwrap();

    assert_eq!(first.class, FailureClass::Retryable);
    assert_eq!(second.change, Change::Done);
}

#[tokio::test]
async fn a_stranger_has_no_account_and_the_canary_is_seen() {
    let system = Sandbox::new(Settings {
        canary: Some("canary".to_owned()),
        ..Settings::default()
    });

    let seen = system.observe(&ask()).await.unwrap();
    let outcome = system.close(&close()).await.unwrap();

    assert!(seen.accounts.is_empty());
    assert_eq!(
        (seen.canary, outcome.change),
        (Canary::Seen, Change::NoAccount)
    );
}

#[test]
fn an_unknown_setting_is_refused() {
    let settings = serde_json::json!({"behavior": "honest"});

    let error = drawbridge_sandbox::kind()
        .build(settings, &BuildContext::named("ehr"))
        .err()
        .unwrap();

    assert!(error.to_string().contains("behavior"), "{error}");
}
