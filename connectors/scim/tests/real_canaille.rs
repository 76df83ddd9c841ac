//! The same promises against the real Canaille, whose login page says who gets in.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use drawbridge_conformance::{Fault, FaultyProxy, Fixture, RealSystem};
use drawbridge_sdk::{Ask, Canary, CloseCall, Connector, Effect, OpenCall, Sessions, Subject, Way};
use serde_json::json;
use support::{
    PATIENCE,
    admin::{Real, WRONG_TOKEN},
    web::Browser,
};
use tokio::sync::OnceCell;

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

const LEVELS: [&str; 2] = ["Nurses", "Front Desk"];
const PASSWORD: &str = "Nurse-Pw-1";

/// One server for all tests; each names its people differently.
async fn shared() -> &'static RealSystem {
    static SERVER: OnceCell<RealSystem> = OnceCell::const_new();
    static PREPARED: OnceCell<()> = OnceCell::const_new();
    let start = || async { RealSystem::start("canaille") };
    let server = SERVER.get_or_init(start).await;
    let prepare = || async {
        let real = Real::before(server).await;
        let canary = real
            .add_user("canary", "canary@example.org", PASSWORD)
            .await;
        for level in LEVELS {
            real.add_group(level, &canary).await;
        }
    };
    PREPARED.get_or_init(prepare).await;
    server
}

struct Canaille {
    real: Real,
    number: u32,
}

impl Canaille {
    async fn start() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        Self {
            real: Real::before(shared().await).await,
            number: COUNT.fetch_add(1, Ordering::Relaxed),
        }
    }

    fn person(&self, name: &str) -> Subject {
        let name = format!("{name}-{}", self.number);
        Subject {
            // It refuses addresses in reserved domains such as `.test`.
            emails: vec![format!("{name}@example.org")],
            user_names: vec![name],
            ..Subject::default()
        }
    }

    async fn browser_of(&self, subject: &Subject) -> Option<Browser> {
        Browser::log_in(
            self.real.system().var("URL"),
            subject.user_name()?,
            PASSWORD,
        )
        .await
    }

    async fn close(&self, subject: &Subject) -> drawbridge_sdk::Outcome {
        let call = CloseCall {
            subject: subject.clone(),
            way: Way::Account,
            managed_levels: LEVELS.map(str::to_owned).to_vec(),
            idempotency_key: "key".to_owned(),
        };
        self.connector().close(&call).await.expect("an outcome")
    }
}

#[async_trait]
impl Fixture for Canaille {
    async fn start() -> Self {
        Self::start().await
    }

    fn connector(&self) -> Arc<dyn Connector> {
        self.real.connector()
    }

    fn connector_with_wrong_credential(&self) -> Arc<dyn Connector> {
        self.real.connector_with_wrong_token()
    }

    fn canary(&self) -> String {
        "canary".to_owned()
    }

    async fn add_account(&self, name: &str) -> Subject {
        let person = self.person(name);
        self.real
            .add_user(&person.user_names[0], &person.emails[0], PASSWORD)
            .await;
        person
    }

    fn stranger(&self, name: &str) -> Subject {
        self.person(name)
    }

    async fn can_log_in(&self, subject: &Subject) -> Option<bool> {
        self.real.find(subject).await?;
        Some(self.browser_of(subject).await.is_some())
    }

    async fn is_enabled(&self, subject: &Subject) -> Option<bool> {
        Some(self.real.find(subject).await?["active"] != false)
    }

    async fn open_session(&self, _subject: &Subject) -> bool {
        false
    }

    async fn open_sessions(&self, _subject: &Subject) -> Option<u32> {
        None
    }

    fn levels(&self) -> Vec<String> {
        LEVELS.map(str::to_owned).to_vec()
    }

    async fn levels_of(&self, subject: &Subject) -> Vec<String> {
        self.real.groups_of(subject).await
    }

    async fn misbehave(&self, fault: Fault) -> bool {
        // It ignores every filter as it is.
        fault == Fault::SomebodyElse || self.real.proxy.misbehave(fault).await
    }

    async fn behave(&self) {
        self.real.proxy.behave();
    }

    fn cannot(&self) -> Vec<(Fault, &'static str)> {
        vec![(Fault::Blind, "its searches work, whatever is asked for")]
    }

    fn proxy(&self) -> Option<&FaultyProxy> {
        Some(&self.real.proxy)
    }

    fn secrets(&self) -> Vec<String> {
        let token = self.real.system().var("TOKEN");
        vec![
            token.to_owned(),
            WRONG_TOKEN.to_owned(),
            PASSWORD.to_owned(),
        ]
    }

    fn call_timeout(&self) -> Duration {
        PATIENCE
    }
}

mod conformance {
    use super::Canaille;

    drawbridge_conformance::suite!(
        Canaille,
        claims = [create, set_role, disable, read_back, list_accounts]
    );
}

#[tokio::test]
async fn a_web_login_that_worked_is_refused_and_nobody_else_is_touched_although_filters_are_ignored()
 {
    let canaille = Canaille::start().await;
    let nurse = canaille.add_account("nina").await;
    let colleague = canaille.add_account("bob").await;
    assert!(canaille.browser_of(&nurse).await.is_some());

    let outcome = canaille.close(&nurse).await;

    assert!(matches!(outcome.blocked, Effect::Done), "{outcome:?}");
    assert!(
        canaille.browser_of(&nurse).await.is_none(),
        "her login is refused"
    );
    assert!(
        canaille.browser_of(&colleague).await.is_some(),
        "his still works"
    );
    let canary = Subject {
        user_names: vec!["canary".to_owned()],
        ..Subject::default()
    };
    assert_eq!(canaille.is_enabled(&canary).await, Some(true));
}

/// Canaille cuts it; SCIM can neither see nor promise that, so the connector never says so.
#[tokio::test]
async fn an_open_web_session_ends_and_the_connector_still_calls_sessions_a_residual() {
    let canaille = Canaille::start().await;
    let nurse = canaille.add_account("nina").await;
    let mut browser = canaille.browser_of(&nurse).await.expect("a session");
    let name = nurse.user_names[0].as_str();
    assert!(browser.is_let_in(name).await);

    let outcome = canaille.close(&nurse).await;
    let ask = Ask {
        subject: nurse.clone(),
        way: Way::Account,
        canary: Some("canary".to_owned()),
    };
    let seen = canaille.connector().observe(&ask).await.expect("a reading");

    assert!(!browser.is_let_in(name).await);
    assert!(matches!(outcome.sessions_ended, Effect::NotSupported));
    assert_eq!(outcome.residual.len(), 1);
    assert_eq!(
        (seen.residual, seen.canary),
        (outcome.residual, Canary::Seen)
    );
    assert_eq!(seen.accounts[0].sessions, Sessions::NotReadable);
}

#[tokio::test]
async fn somebody_hired_gets_an_account_with_a_level_in_one_call() {
    let canaille = Canaille::start().await;
    let nurse = Subject {
        given_name: Some("Nina".to_owned()),
        family_name: Some("Nurse".to_owned()),
        external_ids: vec!["hr-0042".to_owned()],
        ..canaille.person("hired")
    };
    let call = OpenCall {
        subject: nurse.clone(),
        way: Way::Account,
        levels: vec!["nurses".to_owned()],
        managed_levels: LEVELS.map(str::to_owned).to_vec(),
        forward_to: None,
        until: None,
        idempotency_key: "key".to_owned(),
    };

    let outcome = canaille.connector().open(&call).await.expect("an outcome");

    assert!(matches!(outcome.blocked, Effect::Done), "{outcome:?}");
    assert_eq!(canaille.levels_of(&nurse).await, ["Nurses"]);
    let record = canaille.real.find(&nurse).await.expect("a record");
    assert_eq!(record["name"]["formatted"], json!("Nina Nurse"));
}
