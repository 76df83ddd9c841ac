//! The same promises against the real scim2-server.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use drawbridge_conformance::{Canned, Fault, FaultyProxy, Fixture, RealSystem};
use drawbridge_sdk::{
    AccountId, AccountState, Ask, Canary, Change, CloseCall, Connector, Effect, FailureClass,
    OpenCall, Subject, Way,
};
use serde_json::json;
use support::{
    PATIENCE,
    admin::{Real, WRONG_TOKEN},
};
use tokio::sync::OnceCell;

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

const LEVELS: [&str; 2] = ["Nurses", "Front Desk"];

/// One server for all tests; each names its people differently.
async fn shared() -> &'static RealSystem {
    static SERVER: OnceCell<RealSystem> = OnceCell::const_new();
    static PREPARED: OnceCell<()> = OnceCell::const_new();
    let start = || async { RealSystem::start("scim2-server") };
    let server = SERVER.get_or_init(start).await;
    let prepare = || async {
        let real = Real::before(server).await;
        let canary = real
            .add_user("canary", "canary@practice.example", "Canary-Pw-1")
            .await;
        for level in LEVELS {
            real.add_group(level, &canary).await;
        }
    };
    PREPARED.get_or_init(prepare).await;
    server
}

struct Server {
    real: Real,
    number: u32,
}

impl Server {
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
            emails: vec![format!("{name}@practice.example")],
            user_names: vec![name],
            ..Subject::default()
        }
    }
}

#[async_trait]
impl Fixture for Server {
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
            .add_user(&person.user_names[0], &person.emails[0], "Nurse-Pw-1")
            .await;
        person
    }

    fn stranger(&self, name: &str) -> Subject {
        self.person(name)
    }

    async fn can_log_in(&self, _subject: &Subject) -> Option<bool> {
        None
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
        self.real.proxy.misbehave(fault).await
    }

    async fn behave(&self) {
        self.real.proxy.behave();
    }

    fn cannot(&self) -> Vec<(Fault, &'static str)> {
        let own = "the server's own searches work, and tests of their own spoil them";
        [Fault::SomebodyElse, Fault::Blind]
            .map(|fault| (fault, own))
            .into()
    }

    fn proxy(&self) -> Option<&FaultyProxy> {
        Some(&self.real.proxy)
    }

    fn secrets(&self) -> Vec<String> {
        let token = self.real.system().var("TOKEN");
        vec![
            token.to_owned(),
            WRONG_TOKEN.to_owned(),
            "Nurse-Pw-1".to_owned(),
        ]
    }

    fn call_timeout(&self) -> std::time::Duration {
        PATIENCE
    }
}

mod conformance {
    use super::Server;

    drawbridge_conformance::suite!(
        Server,
        claims = [create, set_role, disable, read_back, list_accounts]
    );
}

fn close_call(subject: &Subject) -> CloseCall {
    CloseCall {
        subject: subject.clone(),
        way: Way::Account,
        managed_levels: Vec::new(),
        idempotency_key: "key".to_owned(),
    }
}

#[tokio::test]
async fn a_disable_answered_with_204_is_read_back_before_it_counts() {
    let server = Server::start().await;
    let nurse = server.add_account("nina").await;

    let outcome = server
        .connector()
        .close(&close_call(&nurse))
        .await
        .expect("an outcome");

    assert!(matches!(outcome.blocked, Effect::Done), "{outcome:?}");
    let steps = outcome.receipts.iter().map(|receipt| {
        (
            receipt.request.as_str(),
            receipt.status.as_deref().unwrap_or_default(),
        )
    });
    let steps = &steps.collect::<Vec<_>>()[..];
    assert_eq!(
        &steps[steps.len() - 2..],
        [("PATCH /Users/{id}", "204"), ("GET /Users/{id}", "200")]
    );
    assert_eq!(
        outcome
            .receipts
            .last()
            .map(|last| last.excerpt.contains("\"active\":false")),
        Some(true)
    );
}

#[tokio::test]
async fn a_renamed_person_is_found_by_each_identifier_they_ever_bore() {
    let server = Server::start().await;
    let id = server
        .real
        .add_user("old-name", "old@practice.example", "Nurse-Pw-1")
        .await;
    let external = json!({ "op": "replace", "path": "externalId", "value": "hr-0042" });
    server.real.patch_user(&id, external).await;
    let number = json!({
        "op": "add",
        "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
        "value": "E-77",
    });
    server.real.patch_user(&id, number).await;
    let known = |change: fn(&mut Subject)| {
        let mut subject = Subject::default();
        change(&mut subject);
        subject
    };

    for subject in [
        known(|subject| subject.user_names = vec!["new".to_owned(), "OLD-name".to_owned()]),
        known(|subject| subject.external_ids = vec!["hr-0042".to_owned()]),
        known(|subject| subject.emails = vec!["Old@practice.example".to_owned()]),
        known(|subject| subject.employee_numbers = vec!["E-77".to_owned()]),
    ] {
        let ask = Ask {
            subject,
            way: Way::Account,
            canary: Some("canary".to_owned()),
        };
        let seen = server.connector().observe(&ask).await.expect("a reading");
        let ids: Vec<&str> = seen
            .accounts
            .iter()
            .map(|account| account.id.as_str())
            .collect();
        assert_eq!((ids, seen.canary), (vec![id.as_str()], Canary::Seen));
    }
}

#[tokio::test]
async fn an_open_computed_from_an_older_record_is_refused_and_a_close_never_is() {
    let system = shared().await;
    let admin = Real::before(system).await;
    let id = admin
        .add_user("stale", "stale@practice.example", "Nurse-Pw-1")
        .await;
    admin
        .patch_user(
            &id,
            json!({ "op": "replace", "path": "active", "value": false }),
        )
        .await;
    let old = admin.user(&id).await;
    admin
        .patch_user(
            &id,
            json!({ "op": "replace", "path": "title", "value": "Nurse" }),
        )
        .await;
    let list = json!({ "totalResults": 1, "Resources": [old] }).to_string();
    let port = system.var("PORT").parse().expect("a port");
    let proxy = FaultyProxy::start(([127, 0, 0, 1], port).into());
    let proxy = proxy.answering(Fault::SomebodyElse, move |seen| {
        seen.path
            .contains("filter=")
            .then(|| Canned::json(200, list.clone()))
    });
    let late = Real::behind(system, proxy);
    assert!(late.proxy.misbehave(Fault::SomebodyElse).await);
    let subject = Subject {
        user_names: vec!["stale".to_owned()],
        ..Subject::default()
    };
    let call = OpenCall {
        subject: subject.clone(),
        way: Way::Account,
        levels: Vec::new(),
        managed_levels: Vec::new(),
        forward_to: None,
        until: None,
        idempotency_key: "key".to_owned(),
    };

    let refused = late
        .connector()
        .open(&call)
        .await
        .expect_err("another version");
    late.proxy.behave();
    let opened = late.connector().open(&call).await.expect("an outcome");
    let closed = late
        .connector()
        .close(&close_call(&subject))
        .await
        .expect("an outcome");

    assert_eq!(refused.class, FailureClass::Retryable, "{refused:?}");
    assert!(matches!(opened.blocked, Effect::Done), "{opened:?}");
    assert!(matches!(closed.blocked, Effect::Done), "{closed:?}");
}

#[tokio::test]
async fn an_id_that_leads_nowhere_any_more_is_no_account_and_no_namesake_is_closed() {
    let server = Server::start().await;
    let nurse = server.add_account("nina").await;
    let gone = Subject {
        account_ids: vec![AccountId("gone".to_owned())],
        ..nurse.clone()
    };
    let ask = Ask {
        subject: gone.clone(),
        way: Way::Account,
        canary: None,
    };

    let outcome = server
        .connector()
        .close(&close_call(&gone))
        .await
        .expect("an outcome");
    let seen = server.connector().observe(&ask).await.expect("a reading");

    assert_eq!(outcome.change, Change::NoAccount);
    assert_eq!(seen.accounts.len(), 1, "the namesake is shown");
    assert_eq!(seen.accounts[0].state, AccountState::Enabled);
}
