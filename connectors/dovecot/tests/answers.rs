//! What is said of a call when doveadm or the database fails, lies or answers nonsense.

use drawbridge_sdk::{Effect, FailureClass, Finality, Sessions, Way};
use serde_json::json;
use support::{API_KEY, Practice, ask, close, connector, doveadm::exit, failure, nina};

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

const NINA: &str = "nina@practice.test";

#[tokio::test]
async fn the_login_is_refused_even_while_doveadm_is_down() {
    let practice = Practice::start().await;
    let mut settings = practice.settings();
    let stopped = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = stopped.local_addr().expect("an address");
    drop(stopped);
    settings["doveadm_url"] = json!(format!("http://{address}/doveadm/v1"));

    let outcome = connector(settings, practice.folder.path())
        .close(&close(nina(), Way::Account))
        .await
        .expect("an outcome");

    assert_eq!(practice.users.is_enabled(NINA).await, Some(false));
    assert_eq!(
        failure(&outcome.blocked).0,
        FailureClass::Retryable,
        "the cache may let her in"
    );
    assert_eq!(failure(&outcome.sessions_ended).0, FailureClass::Retryable);
}

#[tokio::test]
async fn an_error_inside_a_success_is_a_failure() {
    for (code, class) in [
        (75, FailureClass::Retryable),
        (67, FailureClass::Gone),
        (64, FailureClass::Contract),
        (77, FailureClass::Refused),
    ] {
        let practice = Practice::start().await;
        practice.doveadm.world().answers.insert("kick", exit(code));

        let outcome = practice.close(Way::Account).await;

        assert_eq!(
            failure(&outcome.sessions_ended),
            (class, Finality::Answered),
            "{code}"
        );
        assert!(matches!(outcome.blocked, Effect::Done), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_cache_that_was_not_flushed_is_not_blocked() {
    let practice = Practice::start().await;
    practice
        .doveadm
        .world()
        .answers
        .insert("authCacheFlush", exit(75));

    let outcome = practice.close(Way::Account).await;

    assert_eq!(failure(&outcome.blocked).0, FailureClass::Retryable);
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_never_success() {
    for body in [
        "[]",
        "{}",
        "[[\"doveadmResponse\",[],\"another\"]]",
        "[[\"doveadmResponse\",{},\"drawbridge\"]]",
        "[[\"something\",[],\"drawbridge\"]]",
        // What Dovecot 2.3.19 writes after a command it does not know: a comma is missing.
        "[[\"error\",{\"type\":\"unknownMethod\", \"exitCode\":0},\"x\"][\"doveadmResponse\",[],\"y\"]]",
        "<html>Welcome</html>",
        "",
    ] {
        let practice = Practice::start().await;
        practice.doveadm.world().body = Some(body.to_owned());

        let outcome = practice.close(Way::Account).await;

        assert_eq!(
            failure(&outcome.sessions_ended).0,
            FailureClass::Contract,
            "{body}"
        );
        let seen = practice
            .connector()
            .observe(&ask(nina(), Way::Account))
            .await;
        assert_eq!(
            seen.expect_err("no reading").class,
            FailureClass::Contract,
            "{body}"
        );
    }
}

#[tokio::test]
async fn ending_somebody_elses_sessions_is_never_success() {
    let practice = Practice::start().await;
    let kicked = json!([{ "result": "super@practice.test" }]);
    practice.doveadm.world().answers.insert("kick", kicked);

    let outcome = practice.close(Way::Account).await;

    assert_eq!(failure(&outcome.sessions_ended).0, FailureClass::Contract);
}

#[tokio::test]
async fn sessions_of_others_are_not_counted() {
    let practice = Practice::start().await;
    let connected = json!([
        { "username": "super@practice.test", "connections": "3", "service": "imap" },
        { "username": "nina@practice.test", "connections": "1", "service": "imap" },
        { "username": "nina@practice.test", "connections": "2", "service": "sieve" },
    ]);
    practice.doveadm.world().answers.insert("who", connected);

    let seen = practice.observe(Way::Account).await;

    assert_eq!(seen.accounts[0].sessions, Sessions::Open(3));
}

#[tokio::test]
async fn a_kick_that_did_nothing_is_seen_when_reading() {
    let practice = Practice::start().await;
    practice.doveadm.world().sessions.insert(NINA.to_owned(), 1);
    practice.doveadm.world().idle.push("kick");

    practice.close(Way::Account).await;

    let seen = practice.observe(Way::Account).await;
    assert_eq!(seen.accounts[0].sessions, Sessions::Open(1));
}

#[tokio::test]
async fn a_refused_key_is_a_credential_failure() {
    let practice = Practice::start().await;
    std::fs::write(practice.folder.path().join("key"), "rotated away").expect("the key");

    let checked = practice.connector().check().await.expect_err("refused");
    let closed = practice.close(Way::Account).await;

    assert_eq!(checked.class, FailureClass::Credential);
    assert_eq!(failure(&closed.sessions_ended).0, FailureClass::Credential);
}

#[tokio::test]
async fn an_unreachable_database_is_tried_again() {
    let practice = Practice::start().await;
    let mut settings = practice.settings();
    settings["user_database"] = json!("sqlite://elsewhere.db");

    let error = connector(settings, practice.folder.path())
        .close(&close(nina(), Way::Account))
        .await
        .expect_err("no database");

    assert_eq!(
        (error.class, error.finality),
        (FailureClass::Retryable, Finality::NotSent)
    );
}

#[tokio::test]
async fn no_receipt_names_anybody_or_holds_a_secret() {
    let practice = Practice::start().await;
    practice.doveadm.world().sessions.insert(NINA.to_owned(), 1);
    let script = "redirect \"me@home.test\";".to_owned();
    let scripts = [("private".to_owned(), script)].into_iter().collect();
    practice
        .doveadm
        .world()
        .scripts
        .insert(NINA.to_owned(), scripts);
    practice
        .doveadm
        .world()
        .active
        .insert(NINA.to_owned(), "private".to_owned());

    let mut written = String::new();
    for way in [Way::Account, Way::Forwarding] {
        written += &format!("{:?}", practice.observe(way).await.receipts);
        written += &format!("{:?}", practice.close(way).await.receipts);
    }
    practice.doveadm.world().body = Some(format!("[[\"doveadmResponse\",\"{NINA}\",\"x\"]]"));
    let failed = practice
        .connector()
        .observe(&ask(nina(), Way::Account))
        .await;
    written += &format!("{failed:?}");

    for secret in [API_KEY, "pw1", "nina@", "me@home.test", "redirect"] {
        assert!(!written.contains(secret), "{secret} in {written}");
    }
}
