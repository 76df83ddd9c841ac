//! Where a request may go.

use std::{env, process::Command, time::Duration};

use drawbridge_sdk::{
    BuildContext, FailureClass, Finality,
    http::{Endpoint, EndpointOptions, Method},
};

use crate::support::{Server, endpoint, json, options};

#[tokio::test]
async fn a_name_that_leads_to_this_machine_is_not_connected_to() {
    let server = Server::saying(json("{}")).await;
    let url = format!("https://localhost:{}", server.address.port());
    let outside = endpoint(&url, EndpointOptions::default()).expect("a name is resolved later");

    let error = outside
        .change("try", Method::POST, "/")
        .send()
        .await
        .expect_err("blocked");

    assert_eq!(
        (error.class, error.finality),
        (FailureClass::Contract, Finality::NotSent)
    );
    assert!(error.message.contains("allow_networks"), "{error}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_name_of_this_machine_is_connected_to_where_that_is_allowed() {
    let server = Server::saying(json("{}")).await;
    let url = format!("http://localhost:{}/base/", server.address.port());

    let answer = endpoint(&url, options())
        .expect("usable")
        .read("try", Method::GET, "/x")
        .send_ok()
        .await;

    assert_eq!(answer.expect("an answer").status, 200);
    assert!(server.requests()[0].starts_with("GET /base/x HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_name_nobody_knows_is_retryable_and_nothing_was_sent() {
    let context = BuildContext {
        call_timeout: Duration::from_secs(20),
        ..BuildContext::named("ehr")
    };
    let nowhere = Endpoint::new(
        "https://no-such-host.invalid",
        EndpointOptions::default(),
        &context,
    )
    .expect("usable");

    let error = nowhere
        .change("try", Method::POST, "/")
        .send()
        .await
        .expect_err("no such name");

    assert_eq!(
        (error.class, error.finality),
        (FailureClass::Retryable, Finality::NotSent)
    );
    assert!(error.message.contains("resolved"), "{error}");
}

#[test]
fn a_proxy_of_the_environment_is_not_used() {
    let mut again = Command::new(env::current_exe().expect("this test"));
    for name in [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ] {
        again.env(name, "http://127.0.0.1:1");
    }
    again.env_remove("NO_PROXY").env_remove("no_proxy");

    let output = again
        .args(["--exact", "answers::an_answer_and_its_receipt_are_kept"])
        .output()
        .expect("it runs");

    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

#[tokio::test]
async fn a_path_cannot_lead_to_another_host() {
    let server = Server::saying(json("{}")).await;
    let endpoint = server.endpoint();

    for path in [
        "@evil.example/",
        ".evil.example/",
        "/../../x",
        "/a/./b",
        "/a/%2e%2e/b",
        "/a\\..\\b",
        "/a\tb",
        "/a#b",
    ] {
        let error = endpoint
            .change("try", Method::GET, path)
            .send()
            .await
            .expect_err(path);
        assert_eq!(error.finality, Finality::NotSent, "{path}");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_query_may_hold_what_an_address_encodes() {
    let server = Server::saying(json("{}")).await;

    let search = server
        .endpoint()
        .read("find", Method::GET, "/users?filter=name eq '{name}'")
        .fill("name", "o'neil");

    search.send_ok().await.expect("an answer");
    let request = &server.requests()[0];
    assert!(
        request.starts_with("GET /users?filter=name%20eq%20%27o%27neil%27 "),
        "{request}"
    );
}

#[tokio::test]
async fn a_header_with_a_line_break_is_not_sent() {
    let server = Server::saying(json("{}")).await;

    let request = server
        .endpoint()
        .read("try", Method::GET, "/")
        .header("X-Note", "a\r\nX-Admin: yes");
    let error = request.send().await.expect_err("refused");

    assert_eq!(error.finality, Finality::NotSent);
    assert!(server.requests().is_empty());
}

#[test]
fn a_certificate_file_that_holds_none_is_an_error() {
    for file in ["no-such-file.pem", "Cargo.toml"] {
        let options = EndpointOptions {
            ca_file: Some(file.into()),
            ..EndpointOptions::default()
        };
        let error = endpoint("https://ehr.example.org", options).expect_err(file);
        assert!(error.to_string().contains("ca_file"), "{error}");
    }
}
