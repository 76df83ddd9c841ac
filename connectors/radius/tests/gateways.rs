//! What closing does to open sessions when gateways obey, refuse, lie or are silent.

use std::time::Duration;

use drawbridge_sdk::{AccountState, Change, Effect, FailureClass, Finality, Sessions, Subject};
use serde_json::json;
use support::{Practice, ask, close, failure, gateway::Mood, nina};

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

#[tokio::test]
async fn closing_refuses_sign_in_and_cuts_every_session() {
    let practice = Practice::start().await;
    practice.tables.add_to_group("nina", "vpn-staff").await;
    practice.tables.add_to_group("nina", "printers").await;
    practice
        .tables
        .start_session("nina", "S1", "127.0.0.1")
        .await;
    practice
        .tables
        .start_session("nina", "S2", "127.0.0.1")
        .await;

    let outcome = practice.close().await;

    assert_eq!(outcome.change, Change::Done);
    assert!(matches!(outcome.blocked, Effect::Done), "{outcome:?}");
    assert!(
        matches!(outcome.sessions_ended, Effect::Done),
        "{outcome:?}"
    );
    assert_eq!(practice.tables.refusing_rows("nina").await, 1);
    assert_eq!(practice.tables.open_sessions("nina").await, 0);
    assert_eq!(practice.tables.groups("nina").await, ["printers"]);
    let seen = practice
        .connector()
        .observe(&ask(nina()))
        .await
        .expect("a reading");
    assert_eq!(seen.accounts[0].state, AccountState::Disabled);
    assert_eq!(seen.accounts[0].sessions, Sessions::None);
}

#[tokio::test]
async fn closing_again_adds_no_second_row_and_still_ends_sessions() {
    let practice = Practice::start().await;
    practice.close().await;
    practice
        .tables
        .start_session("nina", "S3", "127.0.0.1")
        .await;

    let outcome = practice.close().await;

    assert!(
        matches!(outcome.blocked, Effect::AlreadyInState),
        "{outcome:?}"
    );
    assert!(
        matches!(outcome.sessions_ended, Effect::Done),
        "{outcome:?}"
    );
    assert_eq!(practice.tables.refusing_rows("nina").await, 1);
    assert_eq!(practice.tables.open_sessions("nina").await, 0);
}

#[tokio::test]
async fn a_silent_gateway_is_a_failure_and_never_no_session() {
    let practice = Practice::start().await;
    practice
        .tables
        .start_session("nina", "S1", "127.0.0.1")
        .await;
    practice.gateway.set_mood(Mood::Silent);

    let outcome = practice.close().await;

    assert!(
        matches!(outcome.blocked, Effect::Done),
        "sign-in is refused all the same"
    );
    let failure = failure(&outcome.sessions_ended);
    assert_eq!(failure, (FailureClass::Retryable, Finality::Unknown));
    let taken = practice.gateway.taken();
    assert_eq!(taken.len(), 3);
    assert!(
        taken.iter().all(|packet| *packet == taken[0]),
        "one request, sent again"
    );
    let seen = practice
        .connector()
        .observe(&ask(nina()))
        .await
        .expect("a reading");
    assert_eq!(seen.accounts[0].sessions, Sessions::Open(1));
}

#[tokio::test]
async fn a_packet_lost_on_the_way_is_sent_again() {
    let practice = Practice::start().await;
    practice
        .tables
        .start_session("nina", "S1", "127.0.0.1")
        .await;
    practice.gateway.set_mood(Mood::LosesTheFirst);

    let outcome = practice.close().await;

    assert!(
        matches!(outcome.sessions_ended, Effect::Done),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_stopped_gateway_is_a_failure() {
    let practice = Practice::start().await;
    practice
        .tables
        .start_session("nina", "S1", "127.0.0.1")
        .await;
    let stopped = tokio::net::UdpSocket::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let port = stopped.local_addr().expect("an address").port();
    drop(stopped);
    let connector = practice.connector_with(json!({
        "database": "sqlite://radius.db",
        "coa_secret": { "file": "secret" },
        "coa_port": port,
    }));

    let outcome = connector.close(&close(nina())).await.expect("an outcome");

    let failure = failure(&outcome.sessions_ended);
    assert_eq!(failure, (FailureClass::Retryable, Finality::NotSent));
}

#[tokio::test]
async fn a_wrong_secret_is_a_failure() {
    let practice = Practice::start().await;
    practice
        .tables
        .start_session("nina", "S1", "127.0.0.1")
        .await;
    std::fs::write(practice.folder.path().join("secret"), "rotated").expect("the secret");

    let outcome = practice.close().await;

    assert_eq!(failure(&outcome.sessions_ended).0, FailureClass::Retryable);
    assert_eq!(practice.tables.open_sessions("nina").await, 1);
}

#[tokio::test]
async fn an_answer_signed_by_somebody_else_counts_as_silence() {
    let practice = Practice::start().await;
    practice
        .tables
        .start_session("nina", "S1", "127.0.0.1")
        .await;
    practice.gateway.set_mood(Mood::AnswersUnsigned);

    let outcome = practice.close().await;

    assert_eq!(failure(&outcome.sessions_ended).0, FailureClass::Retryable);
}

#[tokio::test]
async fn a_session_the_gateway_does_not_know_has_ended() {
    let practice = Practice::start().await;
    practice
        .tables
        .start_session("nina", "S1", "127.0.0.1")
        .await;
    practice.gateway.set_mood(Mood::Refuses(503));

    let outcome = practice.close().await;

    assert!(
        matches!(outcome.sessions_ended, Effect::Done),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_gateway_that_refuses_is_a_failure_with_its_reason() {
    let practice = Practice::start().await;
    practice
        .tables
        .start_session("nina", "S1", "127.0.0.1")
        .await;
    practice.gateway.set_mood(Mood::Refuses(501));

    let outcome = practice.close().await;

    let failure = failure(&outcome.sessions_ended);
    assert_eq!(failure, (FailureClass::Refused, Finality::Answered));
    assert!(format!("{outcome:?}").contains("Error-Cause 501"));
}

#[tokio::test]
async fn only_named_gateways_are_sent_anything() {
    let practice = Practice::start().await;
    practice
        .tables
        .start_session("nina", "S1", "127.0.0.1")
        .await;
    let connector = practice.connector_with(json!({
        "database": "sqlite://radius.db",
        "coa_secret": { "file": "secret" },
        "gateways": { "10.8.0.1": { "coa_address": practice.gateway.address } },
    }));

    let outcome = connector.close(&close(nina())).await.expect("an outcome");

    assert_eq!(
        failure(&outcome.sessions_ended),
        (FailureClass::Refused, Finality::NotSent)
    );
    assert!(practice.gateway.taken().is_empty());
}

#[tokio::test]
async fn a_gateway_is_asked_where_the_settings_say() {
    let practice = Practice::start().await;
    practice
        .tables
        .start_session("nina", "S1", "10.8.0.1")
        .await;
    std::fs::write(practice.folder.path().join("other"), "not this one").expect("a secret");
    let connector = practice.connector_with(json!({
        "database": "sqlite://radius.db",
        "coa_secret": { "file": "other" },
        "gateways": { "10.8.0.1": {
            "coa_address": practice.gateway.address, "coa_secret": { "file": "secret" },
        } },
    }));

    let outcome = connector.close(&close(nina())).await.expect("an outcome");

    assert!(
        matches!(outcome.sessions_ended, Effect::Done),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_user_who_is_only_connected_is_found_and_refused() {
    let practice = Practice::start().await;
    practice
        .tables
        .start_session("omar", "S9", "127.0.0.1")
        .await;
    let omar = Subject {
        user_names: vec!["omar".to_owned()],
        ..Subject::default()
    };

    let outcome = practice
        .connector()
        .close(&close(omar))
        .await
        .expect("an outcome");

    assert!(
        matches!(outcome.sessions_ended, Effect::Done),
        "{outcome:?}"
    );
    assert_eq!(practice.tables.refusing_rows("omar").await, 1);
}

#[tokio::test]
async fn a_wifi_key_that_lives_on_is_named_as_residual() {
    let practice = Practice::start().await;
    let connector = practice.connector_with(json!({
        "database": "sqlite://radius.db",
        "coa_secret": { "file": "secret" },
        "wifi_key_seconds": 43_200,
    }));

    let outcome = connector.close(&close(nina())).await.expect("an outcome");

    assert_eq!(
        outcome.residual[0].longest,
        Some(Duration::from_secs(43_200))
    );
}
