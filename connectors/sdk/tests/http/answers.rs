//! What is made of an answer.

use std::time::Duration;

use drawbridge_sdk::{
    FailureClass, Finality,
    http::{MAX_ANSWER_BYTES, Method},
};
use serde::Deserialize;
use serde_json::{Value, json as value};

use crate::support::{Server, answer, json};

#[derive(Debug, Deserialize)]
struct Account {
    active: bool,
}

#[tokio::test]
async fn an_answer_and_its_receipt_are_kept() {
    let headers = "Content-Type: application/json\r\nETag: \"v7\"\r\nX-Request-Id: req-42\r\n";
    let server = Server::saying(answer(200, headers, r#"{"active":true}"#)).await;

    let sent = server
        .endpoint()
        .change("enable", Method::PATCH, "/users/{id}")
        .fill("id", "zoë/7")
        .query("q", "nina@x.example");
    let answer = sent
        .json(&value!({ "active": true }))
        .send_ok()
        .await
        .expect("an answer");

    assert!(answer.json::<Account>().expect("an account").active);
    assert_eq!(answer.etag.as_deref(), Some("\"v7\""));
    let receipt = &answer.receipts[0];
    assert_eq!(receipt.step, "enable");
    assert_eq!(receipt.request, "PATCH /users/{id}?q={..}");
    assert_eq!(receipt.status.as_deref(), Some("200"));
    assert_eq!(receipt.vendor_request_id.as_deref(), Some("req-42"));
    let request = &server.requests()[0];
    assert!(
        request.starts_with("PATCH /users/zo%C3%AB%2F7?q=nina%40x.example HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(request.ends_with(r#"{"active":true}"#), "{request}");
}

#[tokio::test]
async fn each_status_has_its_class_and_says_whether_it_is_final() {
    for (status, class, finality) in [
        (202, FailureClass::Retryable, Finality::Unknown),
        (302, FailureClass::Contract, Finality::Answered),
        (400, FailureClass::Refused, Finality::Answered),
        (401, FailureClass::Credential, Finality::Answered),
        (403, FailureClass::Refused, Finality::Answered),
        (404, FailureClass::Gone, Finality::Answered),
        (405, FailureClass::Contract, Finality::Answered),
        (409, FailureClass::Refused, Finality::Answered),
        (410, FailureClass::Gone, Finality::Answered),
        (412, FailureClass::Retryable, Finality::Answered),
        (422, FailureClass::Refused, Finality::Answered),
        (429, FailureClass::Retryable, Finality::Answered),
        (500, FailureClass::Retryable, Finality::Unknown),
        (503, FailureClass::Retryable, Finality::Unknown),
    ] {
        let server = Server::saying(answer(status, "", "")).await;
        let endpoint = server.endpoint();

        let changed = endpoint
            .change("disable", Method::POST, "/")
            .send_ok()
            .await
            .expect_err("no success");
        assert_eq!(
            (changed.class, changed.finality),
            (class, finality),
            "{status}"
        );
        assert_eq!(changed.receipts[0].status, Some(status.to_string()));
        assert!(!changed.message.ends_with('.'), "{changed}");

        let read = endpoint.read("find", Method::GET, "/").send_ok().await;
        match read {
            Ok(_) => assert_eq!(status, 202, "only a reading may be answered with it"),
            Err(read) => assert_eq!(
                (read.class, read.finality),
                (class, Finality::NotSent),
                "{status}"
            ),
        }
    }
}

#[tokio::test]
async fn a_wish_to_be_left_alone_is_kept() {
    for (header, wanted) in [
        ("Retry-After: 120\r\n", Some(120)),
        ("Retry-After: 86400\r\n", Some(3600)),
        (
            "Date: Wed, 21 Oct 2026 07:28:00 GMT\r\nRetry-After: Wed, 21 Oct 2026 07:29:30 GMT\r\n",
            Some(90),
        ),
        ("Retry-After: later\r\n", None),
        ("", None),
    ] {
        let server = Server::saying(answer(429, header, "")).await;

        let error = server
            .endpoint()
            .read("find", Method::GET, "/")
            .send_ok()
            .await
            .expect_err("too many");

        assert_eq!(
            error.retry_after,
            wanted.map(Duration::from_secs),
            "{header}"
        );
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_never_an_answer() {
    for (kind, body) in [
        ("text/html", "<html>Please log in</html>"),
        ("text/html", r#"{"active":true}"#),
        ("application/json", "  <!doctype html>"),
        ("application/json", r#"{"active":tr"#),
        ("application/json", ""),
        ("application/json", r#"{"active":true,"active":false}"#),
        ("application/json", r#"{"active":"yes"}"#),
        ("application/json", r#"{"error":"no"}"#),
        ("application/json", r#"{"active":true} {}"#),
    ] {
        let server = Server::saying(answer(200, &format!("Content-Type: {kind}\r\n"), body)).await;

        let answer = server
            .endpoint()
            .change("enable", Method::PATCH, "/")
            .send_ok()
            .await
            .expect("a status");
        let error = answer.json::<Account>().expect_err(body);

        assert_eq!(
            (error.class, error.finality),
            (FailureClass::Contract, Finality::Answered),
            "{body}"
        );
        assert_eq!(error.receipts.len(), 1, "{body}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::saying(json("{}")).await;
    let location = format!("Location: {}/stolen\r\n", elsewhere.url());
    for status in [301, 302, 303, 307, 308] {
        let server = Server::saying(answer(status, &location, "")).await;

        let error = server
            .endpoint()
            .read("find", Method::GET, "/")
            .send_ok()
            .await
            .expect_err("a redirect");

        assert_eq!(error.class, FailureClass::Contract);
        assert_eq!(server.requests().len(), 1);
    }
    assert!(elsewhere.requests().is_empty());
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_the_end() {
    let just_fits = format!("\"{}\"", "x".repeat(MAX_ANSWER_BYTES - 2));
    let too_long = format!("\"{}\"", "x".repeat(MAX_ANSWER_BYTES - 1));

    let server = Server::saying(json(&just_fits)).await;
    let fits = server
        .endpoint()
        .read("find", Method::GET, "/")
        .send_ok()
        .await
        .expect("an answer");
    assert!(fits.json::<Value>().is_ok());

    let server = Server::saying(json(&too_long)).await;
    let error = server
        .endpoint()
        .read("find", Method::GET, "/")
        .send_ok()
        .await
        .expect_err("too long");
    assert_eq!(error.class, FailureClass::Contract);
    assert!(error.receipts[0].excerpt.len() <= drawbridge_sdk::receipt::EXCERPT_BYTES);
}

#[tokio::test]
async fn a_small_answer_that_unpacks_into_a_huge_one_is_stopped() {
    let bomb = include_bytes!("sixty_four_mebibytes_of_zeros.gz");
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        bomb.len()
    );
    let server = Server::saying([head.as_bytes(), bomb].concat()).await;

    let error = server
        .endpoint()
        .read("find", Method::GET, "/")
        .send_ok()
        .await
        .expect_err("a bomb");

    assert_eq!(error.class, FailureClass::Contract);
}

#[tokio::test]
async fn an_answer_that_cannot_be_unpacked_is_a_contract_failure() {
    let server = Server::saying(answer(
        200,
        "Content-Encoding: gzip\r\n",
        "this is no gzip at all",
    ))
    .await;

    let error = server
        .endpoint()
        .read("find", Method::GET, "/")
        .send_ok()
        .await
        .expect_err("no gzip");

    assert_eq!(error.class, FailureClass::Contract, "{error}");
}
