//! The conformance suite, against a make-believe server.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use drawbridge_conformance::{
    FakeVendor, Fault, FaultyProxy, Fixture, Place,
    vendor::{CANARY, PASSWORD as NURSES_PASSWORD},
};
use drawbridge_sdk::{CallError, Connector, Effect, FailureClass, Finality, Subject};
use support::{
    Credential, close_call, connector, connector_trusting, error_inside_success,
    fake::{DATABASE, GROUPS, LOGIN, PASSWORD, Server, asks},
    open_call,
};

#[expect(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "other tests use the rest of it"
)]
mod support;

const CALL_TIMEOUT: Duration = Duration::from_secs(2);
const WRONG_PASSWORD: &str = "wrong-Passw0rd-93af";

struct Health {
    vendor: FakeVendor,
    server: Server,
    proxy: FaultyProxy,
    credential: Credential,
    wrong_credential: Credential,
}

impl Health {
    fn connector_with(&self, credential: &Credential) -> Arc<dyn Connector> {
        connector(&self.proxy.url(), DATABASE, credential, CALL_TIMEOUT)
    }
}

#[async_trait]
impl Fixture for Health {
    async fn start() -> Self {
        let mut server = None;
        let vendor =
            FakeVendor::start_with(|records| server.insert(Server::over(records)).routes()).await;
        let proxy = FaultyProxy::start_with(vendor.address(), asks)
            .answering(Fault::ErrorInsideSuccess, |_| Some(error_inside_success()));
        Self {
            vendor,
            server: server.expect("a server"),
            proxy,
            credential: Credential::new(LOGIN, PASSWORD),
            wrong_credential: Credential::new(LOGIN, WRONG_PASSWORD),
        }
    }

    fn connector(&self) -> Arc<dyn Connector> {
        self.connector_with(&self.credential)
    }

    fn connector_with_wrong_credential(&self) -> Arc<dyn Connector> {
        self.connector_with(&self.wrong_credential)
    }

    fn canary(&self) -> String {
        CANARY.to_owned()
    }

    async fn add_account(&self, name: &str) -> Subject {
        self.vendor.records().add(name);
        self.stranger(name)
    }

    fn stranger(&self, name: &str) -> Subject {
        Subject {
            user_names: vec![name.to_owned()],
            emails: vec![format!("{name}@practice.example")],
            ..Subject::default()
        }
    }

    async fn can_log_in(&self, _subject: &Subject) -> Option<bool> {
        None
    }

    async fn is_enabled(&self, subject: &Subject) -> Option<bool> {
        self.vendor
            .records()
            .user(subject.user_name()?)
            .map(|user| user.active)
    }

    async fn open_session(&self, subject: &Subject) -> bool {
        subject
            .user_name()
            .is_some_and(|login| self.vendor.records().log_in(login, NURSES_PASSWORD))
    }

    async fn open_sessions(&self, subject: &Subject) -> Option<u32> {
        self.vendor
            .records()
            .user(subject.user_name()?)
            .map(|user| user.sessions)
    }

    fn levels(&self) -> Vec<String> {
        GROUPS.map(str::to_owned).to_vec()
    }

    async fn levels_of(&self, subject: &Subject) -> Vec<String> {
        let login = subject.user_name().unwrap_or_default();
        self.vendor
            .records()
            .user(login)
            .map(|user| user.roles)
            .unwrap_or_default()
    }

    async fn misbehave(&self, fault: Fault) -> bool {
        self.vendor.misbehave(fault) || self.proxy.misbehave(fault).await
    }

    async fn behave(&self) {
        self.vendor.behave();
        self.proxy.behave();
    }

    fn proxy(&self) -> Option<&FaultyProxy> {
        Some(&self.proxy)
    }

    fn connector_at(&self, place: &Place) -> Option<Arc<dyn Connector>> {
        let (url, ca_file) = (
            format!("https://{}", place.host),
            Some(place.ca_file.as_path()),
        );
        let credential = &self.credential;
        Some(connector_trusting(
            ca_file,
            &url,
            DATABASE,
            credential,
            CALL_TIMEOUT,
        ))
    }

    fn secrets(&self) -> Vec<String> {
        vec![
            PASSWORD.to_owned(),
            WRONG_PASSWORD.to_owned(),
            "session-key-of-the-bridge".to_owned(),
        ]
    }

    async fn block_by_hand(&self, subject: &Subject) -> bool {
        let login = subject.user_name().unwrap_or_default();
        self.vendor
            .records()
            .edit(login, |user| user.active = false)
    }
}

drawbridge_conformance::suite!(
    Health,
    claims = [
        create,
        set_role,
        disable,
        end_sessions,
        read_back,
        read_sessions,
        list_accounts
    ],
    http
);

fn refusal(result: Result<drawbridge_sdk::Outcome, CallError>) -> CallError {
    result.expect_err("a refusal")
}

#[tokio::test]
async fn an_ended_session_of_the_bridge_is_renewed_once_within_the_call() {
    let health = Health::start().await;
    let nurse = health.add_account("nina").await;
    let connector = health.connector();
    connector.check().await.expect("works");
    connector.check().await.expect("works");
    assert_eq!(health.server.logins(), 1, "one session serves all calls");

    health.server.end_bridges_session();
    let outcome = connector
        .close(&close_call(&nurse))
        .await
        .expect("an outcome");

    assert!(matches!(outcome.blocked, Effect::Done), "{outcome:?}");
    assert_eq!(health.server.logins(), 2);
}

#[tokio::test]
async fn a_login_that_is_refused_is_tried_once_and_never_taken_for_an_ended_session() {
    let health = Health::start().await;
    let nurse = health.add_account("nina").await;

    let error = refusal(
        health
            .connector_with_wrong_credential()
            .close(&close_call(&nurse))
            .await,
    );

    assert_eq!(
        (error.class, error.finality),
        (FailureClass::Credential, Finality::NotSent)
    );
    assert_eq!(health.proxy.seen().len(), 1);
}

#[tokio::test]
async fn levels_that_are_no_groups_are_refused_before_anything_is_changed() {
    let health = Health::start().await;
    let stranger = health.stranger("new");

    let call = open_call(&stranger, &["Health Wizard"], &[]);
    let error = refusal(health.connector().open(&call).await);

    assert_eq!(
        (error.class, error.finality),
        (FailureClass::Refused, Finality::NotSent)
    );
    assert!(error.message.contains("Health Wizard"), "{error}");
    assert_eq!(health.is_enabled(&stranger).await, None);
}

#[tokio::test]
async fn a_level_changed_while_working_ends_no_session() {
    let health = Health::start().await;
    let nurse = health.add_account("nina").await;
    health.open_session(&nurse).await;

    let call = open_call(&nurse, &[GROUPS[0]], &GROUPS);
    health.connector().open(&call).await.expect("an outcome");

    assert_eq!(health.levels_of(&nurse).await, [GROUPS[0]]);
    assert_eq!(health.open_sessions(&nurse).await, Some(1));
}

#[tokio::test]
async fn a_yes_is_not_believed_before_it_is_read_back() {
    let health = Health::start().await;
    let nurse = health.add_account("nina").await;
    health.open_session(&nurse).await;
    let connector = health.connector();
    health.misbehave(Fault::SaysYesDoesNothing).await;

    let outcome = connector
        .close(&close_call(&nurse))
        .await
        .expect("an outcome");

    for part in [outcome.blocked, outcome.sessions_ended] {
        let Effect::Failed(error) = part else {
            panic!("believed: {part:?}")
        };
        assert_eq!(
            (error.class, error.finality),
            (FailureClass::Contract, Finality::Answered)
        );
    }
}
