//! The fixture: this is all a connector over HTTP needs.

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use drawbridge_conformance::{
    Canned, FakeVendor, Fault, FaultyProxy, Fixture, Place, SecretFile,
    vendor::{CANARY, PASSWORD, TOKEN},
};
use drawbridge_sdk::{BuildContext, Connector, Subject};
use serde_json::json;

use super::clinic;

/// A vendor, the proxy before it, and the habit of the connector to it.
pub struct Clinic<const HABIT: usize> {
    vendor: FakeVendor,
    proxy: FaultyProxy,
    token: SecretFile,
    wrong_token: SecretFile,
}

const HABITS: [&str; 16] = [
    "good",
    "trusts_any_answer",
    "deletes",
    "forgets_sessions",
    "ignores_identity",
    "leaks_its_token",
    "hides_disabled",
    "stops_at_the_first_page",
    "believes_itself",
    "takes_its_time",
    "calls_it_settled",
    "forgets_wishes",
    "believes_every_wish",
    "creates_blindly",
    "follows_redirects",
    "downgrades",
];

impl<const HABIT: usize> Clinic<HABIT> {
    fn build(&self, token: &SecretFile) -> Arc<dyn Connector> {
        self.build_at(&self.proxy.url(), None, token)
    }

    fn build_at(
        &self,
        base_url: &str,
        ca_file: Option<&Path>,
        token: &SecretFile,
    ) -> Arc<dyn Connector> {
        let context = BuildContext {
            call_timeout: Duration::from_secs(2),
            ..BuildContext::named("clinic")
        };
        let settings = json!({
            "base_url": base_url,
            "ca_file": ca_file,
            "token": token.reference(),
            "habit": HABITS[HABIT],
        });
        clinic::kind()
            .build(settings, &context)
            .expect("usable settings")
    }
}

#[async_trait]
impl<const HABIT: usize> Fixture for Clinic<HABIT> {
    async fn start() -> Self {
        let vendor = FakeVendor::start().await;
        let proxy = FaultyProxy::start(vendor.address())
            .answering(Fault::ErrorInsideSuccess, |_| {
                Some(Canned::json(200, r#"{"error":"database is down"}"#))
            });
        Self {
            vendor,
            proxy,
            token: SecretFile::holding(TOKEN),
            wrong_token: SecretFile::holding("wrong-token-77aa"),
        }
    }

    fn connector(&self) -> Arc<dyn Connector> {
        self.build(&self.token)
    }

    fn connector_with_wrong_credential(&self) -> Arc<dyn Connector> {
        self.build(&self.wrong_token)
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
            person: format!("p-{name}"),
            user_names: vec![name.to_owned()],
            emails: vec![format!("{name}@practice.example")],
            ..Subject::default()
        }
    }

    async fn can_log_in(&self, subject: &Subject) -> Option<bool> {
        let login = subject.user_name()?;
        let before = self.vendor.records().user(login)?.sessions;
        let is_let_in = self.vendor.records().log_in(login, PASSWORD);
        self.vendor
            .records()
            .edit(login, |user| user.sessions = before);
        Some(is_let_in)
    }

    async fn is_enabled(&self, subject: &Subject) -> Option<bool> {
        Some(self.vendor.records().user(subject.user_name()?)?.active)
    }

    async fn open_session(&self, subject: &Subject) -> bool {
        self.vendor
            .records()
            .log_in(subject.user_name().unwrap_or_default(), PASSWORD)
    }

    async fn open_sessions(&self, subject: &Subject) -> Option<u32> {
        Some(self.vendor.records().user(subject.user_name()?)?.sessions)
    }

    fn levels(&self) -> Vec<String> {
        vec!["nurse".to_owned(), "front desk".to_owned()]
    }

    async fn levels_of(&self, subject: &Subject) -> Vec<String> {
        let user = self
            .vendor
            .records()
            .user(subject.user_name().unwrap_or_default());
        user.map_or_else(Vec::new, |user| user.roles)
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
        let url = format!("https://{}", place.host);
        Some(self.build_at(&url, Some(&place.ca_file), &self.token))
    }

    fn secrets(&self) -> Vec<String> {
        vec![
            TOKEN.to_owned(),
            "wrong-token-77aa".to_owned(),
            PASSWORD.to_owned(),
        ]
    }

    async fn block_by_hand(&self, subject: &Subject) -> bool {
        self.vendor
            .records()
            .edit(subject.user_name().unwrap_or_default(), |user| {
                user.active = false
            })
    }
}
