//! What the tests share: a make-believe provider, real ones, and connectors to any.

pub mod admin;
pub mod fake;
pub mod host;
pub mod web;

use std::{sync::Arc, time::Duration};

use drawbridge_conformance::Canned;
use drawbridge_sdk::{BuildContext, Connector};
use serde_json::json;
use tempfile::TempDir;

/// Short, so that silence is tested quickly.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// A connector to this provider with this token, which is kept as the practice would: in a file.
pub fn connector(base_url: &str, token: &str, call_timeout: Duration) -> Arc<dyn Connector> {
    let folder = TempDir::new().expect("a folder");
    // The connector reads it at each request, so it stays until the test's process ends.
    let folder = folder.keep();
    std::fs::write(folder.join("token"), token).expect("the token");
    let settings = json!({
        "base_url": base_url,
        "token": { "file": "token" },
        "allow_plain_http": true,
    });
    let context = BuildContext {
        base_dir: folder,
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
