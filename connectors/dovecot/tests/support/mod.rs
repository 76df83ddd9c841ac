//! A user table and a doveadm, for tests without any outside system.

pub mod doveadm;
pub mod mail;
pub mod users;

use std::{path::Path, sync::Arc, time::Duration};

use drawbridge_sdk::{
    Ask, BuildContext, CloseCall, Connector, Effect, FailureClass, Finality, OpenCall, Outcome,
    Subject, Way,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use doveadm::Doveadm;
use users::Users;

pub const API_KEY: &str = "doveadm-api-key";

/// A practice's mail server with nina and super, who may log in.
pub struct Practice {
    pub folder: TempDir,
    pub users: Users,
    pub doveadm: Doveadm,
}

impl Practice {
    pub async fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let users = Users::create(&folder.path().join("users.db")).await;
        users.add("nina@practice.test", "pw1").await;
        users.add("super@practice.test", "pw2").await;
        std::fs::write(folder.path().join("key"), API_KEY).expect("the key");
        Self {
            folder,
            users,
            doveadm: Doveadm::start(API_KEY).await,
        }
    }

    pub fn settings(&self) -> Value {
        json!({
            "doveadm_url": self.doveadm.url(),
            "api_key": { "file": "key" },
            "allow_plain_http": true,
            "user_database": "sqlite://users.db",
        })
    }

    pub fn connector(&self) -> Arc<dyn Connector> {
        connector(self.settings(), self.folder.path())
    }

    pub async fn close(&self, way: Way) -> Outcome {
        self.connector()
            .close(&close(nina(), way))
            .await
            .expect("an outcome")
    }

    pub async fn observe(&self, way: Way) -> drawbridge_sdk::Observation {
        self.connector()
            .observe(&ask(nina(), way))
            .await
            .expect("a reading")
    }
}

pub fn connector(settings: Value, folder: &Path) -> Arc<dyn Connector> {
    let context = BuildContext {
        base_dir: folder.to_owned(),
        call_timeout: Duration::from_secs(20),
        ..BuildContext::named("mail")
    };
    drawbridge_dovecot::kind()
        .build(settings, &context)
        .expect("usable settings")
}

pub fn nina() -> Subject {
    Subject {
        person: "p1".to_owned(),
        user_names: vec!["nina".to_owned()],
        emails: vec!["Nina@practice.test".to_owned()],
        ..Subject::default()
    }
}

pub fn close(subject: Subject, way: Way) -> CloseCall {
    CloseCall {
        subject,
        way,
        managed_levels: Vec::new(),
        idempotency_key: "k1".to_owned(),
    }
}

pub fn ask(subject: Subject, way: Way) -> Ask {
    Ask {
        subject,
        way,
        canary: None,
    }
}

pub fn open(subject: Subject) -> OpenCall {
    OpenCall {
        subject,
        way: Way::Account,
        levels: Vec::new(),
        managed_levels: Vec::new(),
        forward_to: None,
        until: None,
        idempotency_key: "k1".to_owned(),
    }
}

/// Forwards to super until this day.
pub fn forward(subject: Subject, until: &str) -> OpenCall {
    OpenCall {
        way: Way::Forwarding,
        forward_to: Some("super@practice.test".to_owned()),
        until: Some(until.parse().expect("a time")),
        ..open(subject)
    }
}

/// The failure that a part of a call must have met.
#[track_caller]
pub fn failure(effect: &Effect) -> (FailureClass, Finality) {
    match effect {
        Effect::Failed(error) => (error.class, error.finality),
        other => panic!("expected a failure, got {other:?}"),
    }
}
