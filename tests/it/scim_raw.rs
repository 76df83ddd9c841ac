//! Requests that no HTTP library would send, byte by byte.

use std::time::Duration;

use crate::support::{TestApp, provider::Provider, wire::Wire};

const SHORT: Duration = Duration::from_millis(300);

/// The beginning of a request with a valid token; header lines and the empty line are to follow.
fn head(provider: &Provider, method: &str, path: &str) -> String {
    format!(
        "{method} /scim/v2{path} HTTP/1.1\r\nHost: bridge.example\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/scim+json\r\n",
        provider.token
    )
}

#[tokio::test]
async fn a_body_that_does_not_come_is_waited_for_a_while() {
    let mut app = TestApp::start().await;
    app.settings.limits.waits.body = SHORT;
    let provider = app.provider("entra").await;
    let mut wire = Wire::open(provider.address).await;

    wire.send(head(&provider, "POST", "/Users")).await;
    wire.send("Content-Length: 100\r\n\r\n{\"userName\":").await;

    let answer = wire.answer().await;
    assert_eq!(answer.status, 408);
    assert!(answer.is_scim_error(), "{answer:?}");
    assert!(wire.is_closed().await);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered_all_the_same() {
    let mut app = TestApp::start().await;
    app.settings.limits.waits.request = SHORT;
    let provider = app.provider("entra").await;
    let mut wire = Wire::open(provider.address).await;

    wire.send(head(&provider, "POST", "/Users")).await;
    wire.send("Content-Length: 100\r\n\r\n{\"userName\":").await;

    let answer = wire.answer().await;
    assert_eq!(answer.status, 503);
    assert!(answer.is_scim_error(), "{answer:?}");
    assert!(answer.head.contains("retry-after: 5\r\n"), "{answer:?}");
    assert!(wire.is_closed().await);
}
