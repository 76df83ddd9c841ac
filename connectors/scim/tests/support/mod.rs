//! What the tests share: a make-believe provider, real ones, and connectors to any.

pub mod admin;
pub mod fake;
pub mod host;
pub mod web;

use std::{path::Path, sync::Arc, time::Duration};

use drawbridge_conformance::{Canned, SecretFile};
use drawbridge_sdk::{BuildContext, Connector};
use serde_json::json;

/// Short, so that silence is tested quickly.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// A connector to this provider with this token, which it reads at each request.
pub fn connector(base_url: &str, token: &SecretFile, call_timeout: Duration) -> Arc<dyn Connector> {
    connector_trusting(None, base_url, token, call_timeout)
}

/// The same, which trusts these certificates over TLS.
pub fn connector_trusting(
    ca_file: Option<&Path>,
    base_url: &str,
    token: &SecretFile,
    call_timeout: Duration,
) -> Arc<dyn Connector> {
    let settings = json!({
        "base_url": base_url,
        "token": token.reference(),
        "allow_plain_http": true,
        "ca_file": ca_file,
    });
    let context = BuildContext {
        call_timeout,
        ..BuildContext::named("saas")
    };
    drawbridge_scim::kind()
        .build(settings, &context)
        .expect("a connector")
}

/// An error that says 200.
pub fn error_inside_success() -> Canned {
    let error = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": "500",
        "detail": "it did not work",
    });
    Canned::json(200, error.to_string())
}

/// For real providers on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(8);
