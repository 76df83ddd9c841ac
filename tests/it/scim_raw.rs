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

#[tokio::test]
async fn a_body_with_two_lengths_is_read_in_chunks_and_nothing_after_it_is_a_request() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let body = r#"{"userName": "nina"}"#;
    let second = head(&provider, "DELETE", "/Users/none");

    for lengths in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
    ] {
        let mut wire = Wire::open(provider.address).await;
        let post = head(&provider, "POST", "/Users");
        let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        wire.send(format!("{post}{lengths}{chunk}{second}\r\n"))
            .await;

        let answer = wire.answer().await;
        assert!([201, 409].contains(&answer.status), "{answer:?}");
        assert!(answer.head.contains("connection: close\r\n"), "{answer:?}");
        assert!(wire.is_closed().await);
    }
    let found = provider.get("/Users?filter=userName+eq+%22nina%22").await;
    assert_eq!(found.body["totalResults"], 1);
}

#[tokio::test]
async fn a_body_of_unknown_length_is_refused() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;

    for lengths in [
        "Content-Length: 5\r\nContent-Length: 20\r\n",
        "Content-Length: 5, 20\r\n",
        "Content-Length: +20\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x14\r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n",
    ] {
        refused_at_once(&provider, &format!("{lengths}\r\n"), 400).await;
    }
}

#[tokio::test]
async fn a_header_that_can_be_read_two_ways_is_refused() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;

    for lines in [
        "X-Folded: a\r\n b\r\n",
        "X-Space : a\r\n",
        " X-Leading: a\r\n",
        "X-Nul: a\0b\r\n",
        "X-Bare: a\rb\r\n",
        "X Y: a\r\n",
        "no colon\r\n",
    ] {
        refused_at_once(&provider, &format!("{lines}\r\n"), 400).await;
    }
}

#[tokio::test]
async fn a_header_that_is_too_large_is_refused() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let many: String = (0..200).map(|n| format!("X-{n}: a\r\n")).collect();
    let large = format!("X-Large: {}\r\n", "a".repeat(1_000_000));

    refused_at_once(&provider, &format!("{many}\r\n"), 431).await;
    refused_at_once(&provider, &format!("{large}\r\n"), 431).await;
    let mut wire = Wire::open(provider.address).await;
    let path = format!("/Users?{}", "a".repeat(65_536));
    wire.send(head(&provider, "GET", &path) + "\r\n").await;
    assert_eq!(wire.answer().await.status, 414);
    assert!(wire.is_closed().await);
}

/// The HTTP library refuses these itself: without a body, and the connection ends.
async fn refused_at_once(provider: &Provider, rest: &str, status: u16) {
    let mut wire = Wire::open(provider.address).await;
    wire.send(head(provider, "POST", "/Users") + rest).await;
    let answer = wire.answer().await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (status, ""),
        "{rest}"
    );
    assert!(wire.is_closed().await, "{rest}");
}

#[tokio::test]
async fn broken_chunks_are_a_refusal_and_the_end() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;

    for chunks in [
        "zz\r\n{}\r\n0\r\n\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}x\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        "2\n{}\n0\n\n",
    ] {
        let mut wire = Wire::open(provider.address).await;
        wire.send(head(&provider, "POST", "/Users")).await;
        wire.send(format!("Transfer-Encoding: chunked\r\n\r\n{chunks}"))
            .await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, 400, "{chunks:?}");
        assert!(answer.is_scim_error(), "{chunks:?}");
        assert!(wire.is_closed().await, "{chunks:?}");
    }
}

/// RFC 9112 section 2.2 lets a server read a lone LF as the end of a line, and this one does: no
/// proxy before it may read the same bytes as something else. If this fails, the HTTP library has
/// become strict, which is as good.
#[tokio::test]
async fn a_line_may_end_with_lf_alone() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let mut wire = Wire::open(provider.address).await;

    let get = head(&provider, "GET", "/Users") + "\r\n";
    wire.send(get.replace("\r\n", "\n")).await;

    assert_eq!(wire.answer().await.status, 200);
}

#[tokio::test]
async fn what_is_not_http_1_is_turned_away() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;

    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET /scim/v2/Users\r\n\r\n",
        b"GET /scim/v2/Users HTTP/3.0\r\n\r\n",
        b"\0\0\0\0\0\0\0\0",
    ] {
        let mut wire = Wire::open(provider.address).await;
        wire.send(bytes).await;
        let text = String::from_utf8_lossy(bytes);
        assert_eq!(wire.answer().await.status, 400, "{text:?}");
        assert!(wire.is_closed().await, "{text:?}");
    }
    let mut http_2 = Wire::open(provider.address).await;
    http_2.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(http_2.is_closed().await);
}

#[tokio::test]
async fn two_requests_in_one_go_are_answered_in_order() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let mut wire = Wire::open(provider.address).await;

    let first = head(&provider, "GET", "/Users/none");
    let second = head(&provider, "GET", "/Users");
    wire.send(format!("{first}\r\n{second}\r\n")).await;

    assert_eq!(wire.answer().await.status, 404);
    assert_eq!(wire.answer().await.status, 200);
}

#[tokio::test]
async fn who_sends_too_much_hears_of_it() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let body = "a".repeat(3_000_000);

    for begin in [
        format!("Content-Length: {}\r\n\r\n", body.len()),
        format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n", body.len()),
    ] {
        let mut wire = Wire::open(provider.address).await;
        wire.send(head(&provider, "POST", "/Users") + &begin).await;
        wire.send(&body).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, 413, "{begin}");
        assert!(answer.is_scim_error(), "{answer:?}");
        assert!(wire.is_closed().await);
    }
    // Who asks first need not send at all.
    let mut wire = Wire::open(provider.address).await;
    wire.send(head(&provider, "POST", "/Users")).await;
    wire.send("Content-Length: 3000000\r\nExpect: 100-continue\r\n\r\n")
        .await;
    assert_eq!(wire.answer().await.status, 413);
}

#[tokio::test]
async fn a_token_outside_its_header_opens_nothing() {
    let app = TestApp::start().await;
    let provider = app.provider("entra").await;
    let token = &provider.token;

    for request in [
        format!("GET /scim/v2/Users?access_token={token} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET /scim/v2/Users?Authorization=Bearer+{token} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET http://x:{token}@a/scim/v2/Users HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET /scim/v2/Users HTTP/1.1\r\nHost: a\r\nCookie: token={token}\r\n\r\n"),
        format!(
            "GET /scim/v2/Users HTTP/1.1\r\nHost: a\r\nX-Authorization: Bearer {token}\r\n\r\n"
        ),
        format!(
            "POST /scim/v2/Users HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\nTrailer: Authorization\r\n\r\n0\r\nAuthorization: Bearer {token}\r\n\r\n"
        ),
    ] {
        let mut wire = Wire::open(provider.address).await;
        wire.send(&request).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, 401, "{request}");
        assert!(answer.is_scim_error(), "{answer:?}");
        assert!(!answer.body.contains(token));
    }
}
