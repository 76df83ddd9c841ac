//! FreeRADIUS's tables and a gateway, for tests without any outside system.

pub mod gateway;
pub mod tables;

use std::{sync::Arc, time::Duration};

use drawbridge_sdk::{
    Ask, BuildContext, CloseCall, Connector, Effect, FailureClass, Finality, OpenCall, Outcome,
    Subject, Way,
};
use gateway::Gateway;
use serde_json::json;
use tables::Tables;
use tempfile::TempDir;

const SECRET: &str = "gateway-secret";
const CALL_TIMEOUT: Duration = Duration::from_secs(4);

/// FreeRADIUS's tables and a gateway.
pub struct Practice {
    pub folder: TempDir,
    pub tables: Tables,
    pub gateway: Gateway,
}

impl Practice {
    /// FreeRADIUS's tables with nina, who may sign in, and a gateway.
    pub async fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let tables = Tables::create(&folder.path().join("radius.db")).await;
        tables.add_user("nina", "pw1").await;
        std::fs::write(folder.path().join("secret"), SECRET).expect("the secret");
        let gateway = Gateway::start(tables.clone(), SECRET).await;
        Self {
            folder,
            tables,
            gateway,
        }
    }

    pub fn connector(&self) -> Arc<dyn Connector> {
        self.connector_with(json!({
            "database": "sqlite://radius.db",
            "coa_secret": { "file": "secret" },
            "coa_port": self.gateway.address.port(),
        }))
    }

    pub fn connector_with(&self, settings: serde_json::Value) -> Arc<dyn Connector> {
        let context = BuildContext {
            base_dir: self.folder.path().to_owned(),
            // A silent gateway is given up on after half of it.
            call_timeout: CALL_TIMEOUT,
            ..BuildContext::named("vpn")
        };
        drawbridge_radius::kind()
            .build(settings, &context)
            .expect("usable settings")
    }

    pub async fn close(&self) -> Outcome {
        self.connector()
            .close(&close(nina()))
            .await
            .expect("an outcome")
    }
}

pub fn nina() -> Subject {
    Subject {
        person: "p1".to_owned(),
        user_names: vec!["nina".to_owned()],
        ..Subject::default()
    }
}

pub fn close(subject: Subject) -> CloseCall {
    CloseCall {
        subject,
        way: Way::Account,
        managed_levels: vec!["vpn-staff".to_owned()],
        idempotency_key: "k1".to_owned(),
    }
}

pub fn open(subject: Subject) -> OpenCall {
    OpenCall {
        subject,
        way: Way::Account,
        levels: vec!["vpn-staff".to_owned()],
        managed_levels: vec!["vpn-staff".to_owned(), "vpn-admins".to_owned()],
        forward_to: None,
        until: None,
        idempotency_key: "k1".to_owned(),
    }
}

pub fn ask(subject: Subject) -> Ask {
    Ask {
        subject,
        way: Way::Account,
        canary: None,
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
