//! A connector that asks a person keeps the rules that are left for it.

use std::sync::Arc;

use async_trait::async_trait;
use drawbridge_conformance::{Fault, Fixture};
use drawbridge_sdk::{
    AccountPage, Ask, CallError, Capabilities, CloseCall, Connector, Cursor, Health, Observation,
    OpenCall, Outcome, Subject, Way,
};

struct Person;

#[async_trait]
impl Connector for Person {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            ways: vec![Way::Key],
            ..Capabilities::none("the key is back in the drawer")
        }
    }

    async fn check(&self) -> Result<Health, CallError> {
        Ok(Health {
            product: "a person".to_owned(),
            receipts: Vec::new(),
        })
    }

    async fn observe(&self, _: &Ask) -> Result<Observation, CallError> {
        Err(by_hand())
    }

    async fn open(&self, _: &OpenCall) -> Result<Outcome, CallError> {
        Err(by_hand())
    }

    async fn close(&self, _: &CloseCall) -> Result<Outcome, CallError> {
        Err(by_hand())
    }

    async fn list_accounts(&self, _: Option<&Cursor>) -> Result<AccountPage, CallError> {
        Err(by_hand())
    }
}

fn by_hand() -> CallError {
    CallError::needs_human(
        "nobody but a person can look into the drawer: look, and say what is there",
    )
}

struct Drawer;

#[async_trait]
impl Fixture for Drawer {
    async fn start() -> Self {
        Self
    }

    fn connector(&self) -> Arc<dyn Connector> {
        Arc::new(Person)
    }

    fn connector_with_wrong_credential(&self) -> Arc<dyn Connector> {
        Arc::new(Person)
    }

    fn way(&self) -> Way {
        Way::Key
    }

    fn canary(&self) -> String {
        "the spare key".to_owned()
    }

    async fn add_account(&self, name: &str) -> Subject {
        self.stranger(name)
    }

    fn stranger(&self, name: &str) -> Subject {
        Subject {
            user_names: vec![name.to_owned()],
            ..Subject::default()
        }
    }

    async fn can_log_in(&self, _: &Subject) -> Option<bool> {
        None
    }

    async fn is_enabled(&self, _: &Subject) -> Option<bool> {
        None
    }

    async fn open_session(&self, _: &Subject) -> bool {
        false
    }

    async fn open_sessions(&self, _: &Subject) -> Option<u32> {
        None
    }

    fn levels(&self) -> Vec<String> {
        Vec::new()
    }

    async fn levels_of(&self, _: &Subject) -> Vec<String> {
        Vec::new()
    }

    async fn misbehave(&self, _: Fault) -> bool {
        false
    }

    async fn behave(&self) {}

    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }
}

drawbridge_conformance::suite!(Drawer, claims = [], no_network);
