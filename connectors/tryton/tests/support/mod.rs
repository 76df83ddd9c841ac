//! What the tests share: a make-believe server, and connectors to any.

pub mod fake;
pub mod promises;
pub mod real;

use std::{path::Path, sync::Arc, time::Duration};

use drawbridge_conformance::{Canned, SecretFile};
use drawbridge_sdk::{BuildContext, CloseCall, Connector, OpenCall, Subject, Way};
use serde_json::json;

/// How the bridge logs in.
pub struct Credential {
    pub login: String,
    pub password: SecretFile,
}

impl Credential {
    pub fn new(login: &str, password: &str) -> Self {
        Self {
            login: login.to_owned(),
            password: SecretFile::holding(password),
        }
    }
}

/// A connector to this server. It reads the password at each login.
pub fn connector(
    base_url: &str,
    database: &str,
    credential: &Credential,
    call_timeout: Duration,
) -> Arc<dyn Connector> {
    connector_trusting(None, base_url, database, credential, call_timeout)
}

/// The same, which trusts these certificates over TLS.
pub fn connector_trusting(
    ca_file: Option<&Path>,
    base_url: &str,
    database: &str,
    credential: &Credential,
    call_timeout: Duration,
) -> Arc<dyn Connector> {
    let settings = json!({
        "base_url": base_url,
        "ca_file": ca_file,
        "database": database,
        "login": credential.login,
        "password": credential.password.reference(),
        "allow_plain_http": true,
    });
    let context = BuildContext {
        call_timeout,
        ..BuildContext::named("ehr")
    };
    drawbridge_tryton::kind()
        .build(settings, &context)
        .expect("a connector")
}

pub fn close_call(subject: &Subject) -> CloseCall {
    CloseCall {
        subject: subject.clone(),
        way: Way::Account,
        managed_levels: Vec::new(),
        idempotency_key: "key".to_owned(),
    }
}

pub fn open_call(subject: &Subject, levels: &[&str], managed: &[&str]) -> OpenCall {
    let owned = |levels: &[&str]| levels.iter().map(|&level| level.to_owned()).collect();
    OpenCall {
        subject: subject.clone(),
        way: Way::Account,
        levels: owned(levels),
        managed_levels: owned(managed),
        forward_to: None,
        until: None,
        idempotency_key: "key".to_owned(),
    }
}

/// What a real server answers when its own code breaks.
pub fn error_inside_success() -> Canned {
    Canned::json(
        200,
        json!({ "id": 1, "error": ["'NoneType' object has no attribute 'id'", ""] }).to_string(),
    )
}
