//! What closing and opening do to a login: the user table, the cache, the open sessions.

use std::time::Duration;

use drawbridge_sdk::{
    AccountId, AccountState, Ask, Canary, Change, Effect, FailureClass, Finality, Sessions,
    Subject, Way,
};
use serde_json::json;
use support::{Practice, ask, close, connector, failure, nina, open};

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

const NINA: &str = "nina@practice.test";

#[tokio::test]
async fn closing_refuses_the_login_forgets_it_and_cuts_its_sessions() {
    let practice = Practice::start().await;
    practice.doveadm.world().sessions.insert(NINA.to_owned(), 2);
    practice.doveadm.world().cached.push(NINA.to_owned());

    let outcome = practice.close(Way::Account).await;

    assert_eq!(outcome.change, Change::Done);
    assert!(matches!(outcome.blocked, Effect::Done), "{outcome:?}");
    assert!(
        matches!(outcome.sessions_ended, Effect::Done),
        "{outcome:?}"
    );
    assert_eq!(outcome.accounts, [AccountId(NINA.to_owned())]);
    assert_eq!(practice.users.is_enabled(NINA).await, Some(false));
    assert_eq!(
        practice.users.is_enabled("super@practice.test").await,
        Some(true)
    );
    assert!(practice.doveadm.world().cached.is_empty());
    let seen = practice.observe(Way::Account).await;
    assert_eq!(seen.accounts[0].state, AccountState::Disabled);
    assert_eq!(seen.accounts[0].sessions, Sessions::None);
}

#[tokio::test]
async fn closing_again_still_forgets_the_login_and_cuts_its_sessions() {
    let practice = Practice::start().await;
    practice.close(Way::Account).await;
    practice.doveadm.world().sessions.insert(NINA.to_owned(), 1);
    practice.doveadm.world().cached.push(NINA.to_owned());

    let outcome = practice.close(Way::Account).await;

    assert!(
        matches!(outcome.blocked, Effect::AlreadyInState),
        "{outcome:?}"
    );
    assert!(
        matches!(outcome.sessions_ended, Effect::Done),
        "{outcome:?}"
    );
    assert!(practice.doveadm.world().cached.is_empty());
}

#[tokio::test]
async fn nobody_connected_is_no_failure() {
    let practice = Practice::start().await;

    let outcome = practice.close(Way::Account).await;

    assert!(
        matches!(outcome.sessions_ended, Effect::AlreadyInState),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_login_whose_row_is_gone_is_still_cut_off() {
    let practice = Practice::start().await;
    practice.users.remove(NINA).await;
    practice.doveadm.world().sessions.insert(NINA.to_owned(), 1);

    let before = practice.observe(Way::Account).await;
    let outcome = practice.close(Way::Account).await;
    let after = practice.observe(Way::Account).await;

    assert_eq!(before.accounts[0].sessions, Sessions::Open(1));
    assert_eq!(before.accounts[0].state, AccountState::Disabled);
    assert!(
        matches!(outcome.sessions_ended, Effect::Done),
        "{outcome:?}"
    );
    assert!(after.accounts.is_empty());
}

#[tokio::test]
async fn no_account_is_no_error() {
    let practice = Practice::start().await;
    let omar = Subject {
        emails: vec!["omar@practice.test".to_owned()],
        ..Subject::default()
    };

    let outcome = practice
        .connector()
        .close(&close(omar.clone(), Way::Account))
        .await
        .expect("an outcome");

    assert_eq!(outcome.change, Change::NoAccount);
    assert!(outcome.accounts.is_empty());
    let seen = practice
        .connector()
        .observe(&ask(omar, Way::Account))
        .await
        .expect("a reading");
    assert!(seen.accounts.is_empty());
}

#[tokio::test]
async fn a_known_login_is_acted_on_alone_but_a_namesake_is_seen() {
    let practice = Practice::start().await;
    practice.users.add("nina@old.test", "pw1").await;
    let subject = Subject {
        account_ids: vec![AccountId("nina@old.test".to_owned())],
        ..nina()
    };

    let outcome = practice
        .connector()
        .close(&close(subject.clone(), Way::Account))
        .await
        .expect("an outcome");

    assert_eq!(outcome.accounts, [AccountId("nina@old.test".to_owned())]);
    assert_eq!(practice.users.is_enabled(NINA).await, Some(true));
    let seen = practice
        .connector()
        .observe(&ask(subject, Way::Account))
        .await
        .expect("a reading");
    assert_eq!(seen.accounts.len(), 2);
}

#[tokio::test]
async fn a_name_that_means_other_logins_too_is_never_sent() {
    let practice = Practice::start().await;
    for hostile in ["*", "127.0.0.1", "*@practice.test"] {
        practice.users.add(hostile, "pw").await;
        let subject = Subject {
            user_names: vec![hostile.to_owned()],
            ..Subject::default()
        };

        let outcome = practice
            .connector()
            .close(&close(subject, Way::Account))
            .await
            .expect("an outcome");

        assert_eq!(practice.users.is_enabled(hostile).await, Some(false));
        assert_eq!(
            failure(&outcome.sessions_ended),
            (FailureClass::Refused, Finality::NotSent)
        );
        assert!(practice.doveadm.world().taken.is_empty(), "{hostile}");
    }
    assert_eq!(practice.users.is_enabled(NINA).await, Some(true));
}

#[tokio::test]
async fn opening_admits_the_login_and_forgets_its_refusal() {
    let practice = Practice::start().await;
    practice.close(Way::Account).await;
    practice.doveadm.world().cached.push(NINA.to_owned());

    let outcome = practice
        .connector()
        .open(&open(nina()))
        .await
        .expect("an outcome");
    let again = practice
        .connector()
        .open(&open(nina()))
        .await
        .expect("an outcome");

    assert!(matches!(outcome.blocked, Effect::Done), "{outcome:?}");
    assert_eq!(again.change, Change::AlreadyInState);
    assert_eq!(practice.users.is_enabled(NINA).await, Some(true));
    assert_eq!(practice.users.password(NINA).await.as_deref(), Some("pw1"));
    assert!(practice.doveadm.world().cached.is_empty());
}

#[tokio::test]
async fn a_mailbox_is_created_only_where_the_settings_say_so() {
    let practice = Practice::start().await;
    let omar = Subject {
        emails: vec!["Omar@practice.test".to_owned()],
        ..Subject::default()
    };
    let mut settings = practice.settings();
    settings["create"] = json!(true);
    let creating = connector(settings, practice.folder.path());

    let refused = practice
        .connector()
        .open(&open(omar.clone()))
        .await
        .expect_err("nobody");
    let created = creating.open(&open(omar)).await.expect("an outcome");

    assert_eq!(refused.class, FailureClass::NeedsHuman);
    assert_eq!(
        created.accounts,
        [AccountId("omar@practice.test".to_owned())]
    );
    assert_eq!(
        practice.users.is_enabled("omar@practice.test").await,
        Some(true)
    );
    let password = practice.users.password("omar@practice.test").await;
    assert_eq!(
        password.as_deref(),
        Some("{CRYPT}!"),
        "a password nothing fits"
    );
    assert!(creating.capabilities().create);
    assert!(!practice.connector().capabilities().create);
}

#[tokio::test]
async fn an_open_smtp_session_is_named_with_its_bound_or_without() {
    let practice = Practice::start().await;
    let with = |seconds: u64| {
        let mut settings = practice.settings();
        settings["smtp_session_longest"] = json!(seconds);
        connector(settings, practice.folder.path())
    };
    let call = close(nina(), Way::Account);

    let unbound = practice.close(Way::Account).await;
    let bound = with(3600).close(&call).await.expect("an outcome");
    let nobody_sends = with(0).close(&call).await.expect("an outcome");

    assert_eq!(unbound.residual[0].longest, None);
    assert_eq!(bound.residual[0].longest, Some(Duration::from_secs(3600)));
    assert!(nobody_sends.residual.is_empty());
    assert_eq!(
        practice.observe(Way::Account).await.residual,
        unbound.residual
    );
}

#[tokio::test]
async fn the_canary_is_searched_for_like_anybody() {
    let practice = Practice::start().await;
    let with = |name: &str| Ask {
        canary: Some(name.to_owned()),
        ..ask(nina(), Way::Account)
    };

    let seen = practice
        .connector()
        .observe(&with("super@practice.test"))
        .await
        .expect("a reading");
    let missing = practice
        .connector()
        .observe(&with("ghost@practice.test"))
        .await
        .expect("one");

    assert_eq!(seen.canary, Canary::Seen);
    assert_eq!(missing.canary, Canary::Missing);
}

#[tokio::test]
async fn every_mailbox_is_listed_once_over_all_pages() {
    let practice = Practice::start().await;
    for number in 0..60 {
        practice
            .users
            .add(&format!("User{number:03}@practice.test"), "pw")
            .await;
    }
    let connector = practice.connector();

    let first = connector.list_accounts(None).await.expect("a page");
    let second = connector
        .list_accounts(first.next.as_ref())
        .await
        .expect("a page");

    assert_eq!(first.accounts.len(), 50);
    assert_eq!(second.accounts.len(), 12);
    assert_eq!(second.next, None);
    assert_eq!(second.accounts[11].login, "user059@practice.test");
}

#[tokio::test]
async fn the_check_finds_a_wrong_column_and_a_wrong_server() {
    let practice = Practice::start().await;
    let fine = practice.connector().check().await.expect("healthy");

    practice.users.break_table().await;
    let wrong_column = practice
        .connector()
        .check()
        .await
        .expect_err("a wrong column");

    assert_eq!(fine.product, "Dovecot with Sieve");
    assert_eq!(wrong_column.class, FailureClass::Refused);
}

#[test]
fn a_column_name_cannot_carry_a_statement() {
    for hostile in ["users; DROP TABLE users", "a b", "1st", "", "a\"b", "a.b"] {
        let settings = json!({
            "doveadm_url": "http://127.0.0.1:1/doveadm/v1",
            "api_key": { "file": "key" },
            "allow_plain_http": true,
            "user_database": "sqlite://users.db",
            "users_table": hostile,
        });
        let context = drawbridge_sdk::BuildContext::named("mail");

        let built = drawbridge_dovecot::kind().build(settings, &context);

        let Err(error) = built else {
            panic!("{hostile} was taken")
        };
        assert!(
            error
                .to_string()
                .contains("letters, digits and underscores"),
            "{error}"
        );
    }
}
