//! Stubs of vendors, each built from the documentation its vendor file names.
//!
//! They answer as documented and keep state, so that a close can be seen to have closed. They are not the
//! vendor: what the documentation does not say, they do not know.

#![expect(dead_code, reason = "each test binary uses a part of it")]

pub mod acme;
pub mod brivo;
pub mod openmrs;

use std::{
    net::SocketAddr,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use axum::Router;
use drawbridge_sdk::{Ask, BuildContext, CloseCall, OpenCall, Subject, Way};

/// Serves until the test ends.
pub async fn serve(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Writes a secret where a settings file can refer to it, and gives the reference.
pub fn secret(value: &str) -> serde_json::Value {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("secret-{}-{number}", std::process::id()));
    std::fs::write(&file, value).expect("the secret can be written");
    serde_json::json!({ "file": file })
}

/// How long a call may take, short so that silence is tested quickly.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// A context for a test.
pub fn context() -> BuildContext {
    BuildContext {
        call_timeout: CALL_TIMEOUT,
        ..BuildContext::named("test")
    }
}

/// A person of this name.
pub fn person(name: &str) -> Subject {
    Subject {
        person: format!("person-{name}"),
        user_names: vec![name.to_owned()],
        emails: vec![format!("{name}@practice.example")],
        given_name: Some("Given".to_owned()),
        family_name: Some("Family".to_owned()),
        ..Subject::default()
    }
}

/// A reading.
pub fn ask(subject: &Subject, way: Way, canary: Option<&str>) -> Ask {
    Ask {
        subject: subject.clone(),
        way,
        canary: canary.map(str::to_owned),
    }
}

/// A close that takes no levels.
pub fn close(subject: &Subject, way: Way) -> CloseCall {
    CloseCall {
        subject: subject.clone(),
        way,
        managed_levels: Vec::new(),
        idempotency_key: "key".to_owned(),
    }
}

/// An open.
pub fn open(subject: &Subject, way: Way, levels: &[&str], managed: &[&str]) -> OpenCall {
    let texts = |levels: &[&str]| levels.iter().map(|&level| level.to_owned()).collect();
    OpenCall {
        subject: subject.clone(),
        way,
        levels: texts(levels),
        managed_levels: texts(managed),
        forward_to: None,
        until: None,
        idempotency_key: "key".to_owned(),
    }
}
