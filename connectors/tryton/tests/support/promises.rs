//! Promises about a real server that the suite does not make.

use drawbridge_conformance::Fixture;
use drawbridge_sdk::{
    AccountState, Ask, Canary, Effect, FailureClass, Finality, Observation, Sessions, Subject, Way,
};

use super::{
    Credential, close_call, open_call,
    real::{PASSWORD, Real, Target},
};

async fn seen<T: Target>(real: &Real<T>, subject: &Subject) -> Observation {
    let canary = Some(real.canary());
    let ask = Ask {
        subject: subject.clone(),
        way: Way::Account,
        canary,
    };
    real.connector().observe(&ask).await.expect("a reading")
}

pub async fn the_login_is_refused_and_the_old_session_too<T: Target>() {
    let real = Real::<T>::new().await;
    let nurse = real.add_account("nina").await;
    let old = real.browser_of(&nurse).await.expect("her login");
    assert!(old.is_let_in().await);
    assert_eq!(
        seen(&real, &nurse).await.accounts[0].sessions,
        Sessions::Open(1)
    );

    let outcome = real
        .connector()
        .close(&close_call(&nurse))
        .await
        .expect("an outcome");

    assert!(matches!(outcome.blocked, Effect::Done), "{outcome:?}");
    assert!(
        matches!(outcome.sessions_ended, Effect::Done),
        "{outcome:?}"
    );
    assert!(
        real.browser_of(&nurse).await.is_none(),
        "a new login is refused"
    );
    assert!(!old.is_let_in().await, "the old session is refused");
    let after = seen(&real, &nurse).await;
    assert_eq!(after.accounts[0].state, AccountState::Disabled);
    assert_eq!(
        (after.accounts[0].sessions, after.canary),
        (Sessions::None, Canary::Seen)
    );
}

/// The server asks a session for nothing but its key: it outlives a user who was made inactive
/// behind the server's back.
pub async fn a_session_that_outlived_an_earlier_block_is_ended<T: Target>() {
    let real = Real::<T>::new().await;
    let nurse = real.add_account("nina").await;
    let old = real.browser_of(&nurse).await.expect("her login");
    real.block_by_hand(&nurse).await;
    assert!(old.is_let_in().await, "the hole this closes");

    let outcome = real
        .connector()
        .close(&close_call(&nurse))
        .await
        .expect("an outcome");

    assert!(
        matches!(outcome.blocked, Effect::AlreadyInState),
        "{outcome:?}"
    );
    assert!(
        matches!(outcome.sessions_ended, Effect::Done),
        "{outcome:?}"
    );
    assert!(!old.is_let_in().await);
}

pub async fn groups_are_roles<T: Target>() {
    let real = Real::<T>::new().await;
    let nurse = real.add_account("nina").await;
    let [first, second] = T::LEVELS;
    let connector = real.connector();

    for level in [first, second] {
        connector
            .open(&open_call(&nurse, &[level], &T::LEVELS))
            .await
            .expect("an outcome");
        assert_eq!(real.levels_of(&nurse).await, [level]);
        assert_eq!(seen(&real, &nurse).await.accounts[0].levels, [level]);
    }
    connector
        .open(&open_call(&nurse, &[], &[]))
        .await
        .expect("an outcome");
    assert_eq!(
        real.levels_of(&nurse).await,
        [second],
        "what is not managed is left alone"
    );
}

/// The server answers 200 with "You are not allowed to access "User"".
pub async fn an_error_inside_200_is_a_refusal<T: Target>() {
    let real = Real::<T>::new().await;
    let nurse = real.add_account("nina").await;
    let weak = real.add_account("weak").await;
    let weak = Credential::new(&weak.user_names[0], PASSWORD);

    let error = real
        .connector_as(&weak)
        .close(&close_call(&nurse))
        .await
        .expect_err("a refusal");

    assert_eq!(
        (error.class, error.finality),
        (FailureClass::Refused, Finality::Answered)
    );
    assert_eq!(
        error
            .receipts
            .last()
            .and_then(|last| last.status.as_deref()),
        Some("200")
    );
    assert_eq!(real.is_enabled(&nurse).await, Some(true));
}

pub async fn a_session_of_the_bridge_that_was_ended_is_renewed_within_the_call<T: Target>() {
    let real = Real::<T>::new().await;
    let nurse = real.add_account("nina").await;
    let own = real
        .admin
        .create_user("bridge-2", PASSWORD, &serde_json::json!([["add", [1]]]))
        .await;
    let credential = Credential::new("bridge-2", PASSWORD);
    let connector = real.connector_as(&credential);
    connector.check().await.expect("works");
    real.server
        .sql(&format!("delete from ir_session where create_uid = {own}"));

    let outcome = connector
        .close(&close_call(&nurse))
        .await
        .expect("an outcome");

    let logins = outcome
        .receipts
        .iter()
        .filter(|receipt| receipt.step == "log in")
        .count();
    assert_eq!(logins, 1);
    assert!(matches!(outcome.blocked, Effect::Done), "{outcome:?}");
}

/// The server asks an application's key for nothing but itself: it outlives its user.
pub async fn application_keys_are_cancelled_and_a_forgotten_one_is_told<T: Target>() {
    let real = Real::<T>::new().await;
    let nurse = real.add_account("nina").await;
    let id = real.id_of(&nurse).await;
    real.server.sql(&format!(
        "insert into res_user_application (user, key, application, state) \
         values ({id}, 'key-{id}', 'scanner', 'validated')"
    ));
    real.block_by_hand(&nurse).await;
    assert_eq!(
        seen(&real, &nurse).await.residual.len(),
        1,
        "a key that still works is told"
    );

    let outcome = real
        .connector()
        .close(&close_call(&nurse))
        .await
        .expect("an outcome");

    assert!(outcome.failure().is_none(), "{outcome:?}");
    let states = real.server.sql(&format!(
        "select state from res_user_application where user = {id}"
    ));
    assert_eq!(states, "[('cancelled',)]");
    assert_eq!(seen(&real, &nurse).await.residual, []);
}

pub async fn somebody_is_found_whatever_the_case_and_by_the_signs_in_their_name<T: Target>() {
    let real = Real::<T>::new().await;
    for name in ["O'Neil_Pat", "50%_pat"] {
        let account = real.add_account(name).await;
        let id = real.id_of(&account).await.to_string();
        let known_as = |name: String| Subject {
            user_names: vec![name],
            ..Subject::default()
        };

        let exact = seen(&real, &known_as(account.user_names[0].clone())).await;
        assert_eq!(exact.accounts.len(), 1, "{name}");
        assert_eq!(exact.accounts[0].id.as_str(), id);

        if !name.contains('%') {
            let other_case = seen(&real, &known_as(account.user_names[0].to_uppercase())).await;
            assert_eq!(other_case.accounts.len(), 1, "{name}");
        }
    }
}

/// Makes a test of every promise.
macro_rules! promises {
    ($target:ty: $($promise:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $promise() {
                support::promises::$promise::<$target>().await;
            }
        )*
    };
    ($target:ty) => {
        promises!(
            $target:
            the_login_is_refused_and_the_old_session_too,
            a_session_that_outlived_an_earlier_block_is_ended,
            groups_are_roles,
            an_error_inside_200_is_a_refusal,
            a_session_of_the_bridge_that_was_ended_is_renewed_within_the_call,
            application_keys_are_cancelled_and_a_forgotten_one_is_told,
            somebody_is_found_whatever_the_case_and_by_the_signs_in_their_name,
        );
    };
}
pub(crate) use promises;
