//! The rules every connector is held against, for one that claims nothing.

use std::sync::Arc;

use async_trait::async_trait;
use drawbridge_conformance::{Fault, Fixture};
use drawbridge_sdk::{BuildContext, Connector, Subject, Way};
use serde_json::json;

/// A key cabinet: nothing can be asked of it.
struct Cabinet;

#[async_trait]
impl Fixture for Cabinet {
    async fn start() -> Self {
        Self
    }

    fn connector(&self) -> Arc<dyn Connector> {
        let settings = json!({
            "owner": "Office manager",
            "ways": ["key"],
            "instructions": { "open": "hand out the {way}", "close": "take back the {way}" },
        });
        let built = drawbridge_manual::kind().build(settings, &BuildContext::named("cabinet"));
        built.expect("the settings are right")
    }

    fn connector_with_wrong_credential(&self) -> Arc<dyn Connector> {
        self.connector()
    }

    fn canary(&self) -> String {
        String::new()
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

    fn way(&self) -> Way {
        Way::Key
    }
}

drawbridge_conformance::suite!(Cabinet, claims = [], no_network);
