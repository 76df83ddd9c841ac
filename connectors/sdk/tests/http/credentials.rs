//! Who is asking.

use drawbridge_sdk::{
    FailureClass, Finality,
    http::{Auth, EndpointOptions, Method},
};

use crate::support::{Reply, SecretFile, Server, answer, json, options};

fn with(auth: Vec<Auth>) -> EndpointOptions {
    EndpointOptions { auth, ..options() }
}

#[tokio::test]
async fn each_way_of_saying_who_asks_is_sent() {
    let server = Server::saying(json("{}")).await;
    let (password, key) = (SecretFile::holding("p:w d"), SecretFile::holding("k-1"));
    let options = with(vec![
        Auth::Basic {
            user: "bridge".into(),
            password: password.secret(),
        },
        Auth::Header {
            name: "X-Api-Key".to_owned(),
            prefix: "Key ".to_owned(),
            value: key.secret(),
        },
    ]);

    server
        .endpoint_with(options)
        .read("check", Method::GET, "/")
        .send_ok()
        .await
        .expect("an answer");

    let request = &server.requests()[0];
    assert!(
        request.contains("authorization: Basic YnJpZGdlOnA6dyBk\r\n"),
        "{request}"
    );
    assert!(request.contains("x-api-key: Key k-1\r\n"), "{request}");
}

#[tokio::test]
async fn a_rotated_secret_is_picked_up_within_the_call() {
    let secret = SecretFile::holding("old-token");
    let server = Server::answering(vec![
        Reply::Bytes(answer(401, "", "")),
        Reply::Bytes(json("{}")),
    ])
    .await;
    let endpoint = server.endpoint_with(with(vec![Auth::Bearer(secret.secret())]));

    // Polled first, the request reads its secret at once; it is rotated while the answer is awaited.
    let request = endpoint.change("disable", Method::POST, "/");
    let rotating = async { secret.replace_with("new-token") };
    let (sent, ()) = tokio::join!(request.send(), rotating);

    let answer = sent.expect("an answer");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.receipts.len(), 2, "both requests leave a receipt");
    let requests = server.requests();
    assert!(
        requests[0].contains("Bearer old-token") && requests[1].contains("Bearer new-token"),
        "{requests:?}"
    );
}

#[tokio::test]
async fn a_refused_secret_that_did_not_change_is_not_tried_again() {
    let secret = SecretFile::holding("old-token");
    let server = Server::saying(answer(401, "", "")).await;

    let error = server
        .endpoint_with(with(vec![Auth::Bearer(secret.secret())]))
        .change("disable", Method::POST, "/")
        .send_ok()
        .await
        .expect_err("refused");

    assert_eq!(
        (error.class, error.finality),
        (FailureClass::Credential, Finality::Answered)
    );
    assert_eq!(
        server.requests().len(),
        1,
        "the service account must not be locked"
    );
}

#[tokio::test]
async fn a_system_that_repeats_the_secret_does_not_get_it_into_a_receipt() {
    let secret = SecretFile::holding("tok 12-ab");
    let server = Server::saying(answer(
        403,
        "X-Request-Id: for tok 12-ab\r\n",
        "you sent tok 12-ab, friend",
    ))
    .await;

    let error = server
        .endpoint_with(with(vec![Auth::Bearer(secret.secret())]))
        .read("find", Method::GET, "/")
        .send_ok()
        .await
        .expect_err("refused");

    assert!(!format!("{error:?}").contains("tok 12-ab"), "{error:?}");
    assert!(error.receipts[0].excerpt.contains("friend"), "{error:?}");
}

#[tokio::test]
async fn a_secret_that_no_header_can_hold_is_told_without_being_shown() {
    let secret = SecretFile::holding("two\nlines");
    let server = Server::saying(json("{}")).await;

    let error = server
        .endpoint_with(with(vec![Auth::Bearer(secret.secret())]))
        .read("find", Method::GET, "/")
        .send()
        .await
        .expect_err("unusable");

    assert_eq!(
        (error.class, error.finality),
        (FailureClass::Credential, Finality::NotSent)
    );
    assert!(!error.message.contains("two") && server.requests().is_empty());
}

#[tokio::test]
async fn a_secret_that_is_gone_is_a_credential_failure() {
    let file = SecretFile::holding("token");
    let secret = file.secret();
    drop(file);
    let server = Server::saying(json("{}")).await;

    let error = server
        .endpoint_with(with(vec![Auth::Bearer(secret)]))
        .read("find", Method::GET, "/")
        .send()
        .await;

    assert_eq!(
        error.expect_err("no secret").class,
        FailureClass::Credential
    );
}
