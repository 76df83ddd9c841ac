//! When no whole answer comes.

use std::time::Duration;

use drawbridge_sdk::{CallError, FailureClass, Finality, http::Method};
use tokio::{
    net::TcpSocket,
    time::{Instant, timeout},
};

use crate::support::{Reply, Server, answer, endpoint, options};

/// The failures of a reading and of a change.
async fn both(server: &Server) -> (CallError, CallError) {
    let endpoint = server.endpoint();
    let read = endpoint
        .read("find", Method::GET, "/users/{id}")
        .fill("id", "nina")
        .send_ok()
        .await;
    let changed = endpoint
        .change("disable", Method::PATCH, "/users/{id}")
        .fill("id", "nina")
        .send_ok()
        .await;
    (
        read.expect_err("a failed reading"),
        changed.expect_err("a failed change"),
    )
}

fn may_still_land((read, changed): &(CallError, CallError)) {
    assert_eq!(
        (read.class, read.finality),
        (FailureClass::Retryable, Finality::NotSent),
        "{read}"
    );
    assert_eq!(
        (changed.class, changed.finality),
        (FailureClass::Retryable, Finality::Unknown),
        "{changed}"
    );
    assert_eq!(changed.receipts[0].request, "PATCH /users/{id}");
    assert_eq!(changed.receipts[0].status, None);
    assert!(!format!("{changed:?}").contains("nina"), "{changed:?}");
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_sent() {
    // Bound and never listening: the port stays ours, and nobody is there.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind(([127, 0, 0, 1], 0).into())
        .expect("a free port");
    let url = format!("http://{}", socket.local_addr().expect("an address"));
    let endpoint = endpoint(&url, options()).expect("usable settings");

    let error = endpoint
        .change("disable", Method::POST, "/")
        .send()
        .await
        .expect_err("nobody");

    assert_eq!(
        (error.class, error.finality),
        (FailureClass::Retryable, Finality::NotSent)
    );
    assert!(error.message.contains("firewall"), "{error}");
}

#[tokio::test]
async fn silence_ends_in_time_and_may_still_land() {
    let server = Server::answering(vec![Reply::Silence]).await;

    let failures = timeout(Duration::from_secs(4), both(&server))
        .await
        .expect("within two calls");

    may_still_land(&failures);
    assert!(failures.1.message.contains("in time"), "{}", failures.1);
}

#[tokio::test]
async fn the_requests_of_one_call_share_its_time() {
    let server = Server::answering(vec![Reply::Silence]).await;
    let endpoint = server.endpoint();
    let deadline = endpoint.deadline();
    let begun = Instant::now();

    for _ in 0..3 {
        let error = endpoint
            .read("find", Method::GET, "/")
            .before(deadline)
            .send()
            .await
            .expect_err("silence");
        assert_eq!(error.class, FailureClass::Retryable);
    }

    assert!(
        begun.elapsed() < Duration::from_millis(1_900),
        "three requests took the time of more than one call"
    );
}

#[tokio::test]
async fn an_answer_that_is_lost_may_have_landed() {
    let server = Server::saying(Vec::new()).await;

    may_still_land(&both(&server).await);
    assert_eq!(server.requests().len(), 2, "nothing is sent a second time");
}

#[tokio::test]
async fn an_answer_cut_in_the_middle_may_have_landed() {
    let whole = answer(
        200,
        "Content-Type: application/json\r\n",
        r#"{"active":false}"#,
    );
    for cut in [10, whole.len() - 5] {
        let server = Server::saying(whole[..cut].to_vec()).await;

        may_still_land(&both(&server).await);
    }
}

#[tokio::test]
async fn an_answer_that_drips_ends_in_time_and_may_have_landed() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
    for (said, drop) in [
        // A body byte by byte, and a header that never ends.
        (format!("{head}Content-Length: 100000\r\n\r\n{{"), b' '),
        (format!("{head}X-More: "), b'x'),
    ] {
        let server = Server::answering(vec![Reply::Dripping(said.into_bytes(), drop)]).await;

        let failures = timeout(Duration::from_secs(4), both(&server))
            .await
            .expect("within two calls");

        may_still_land(&failures);
    }
}

#[tokio::test]
async fn a_connection_that_is_reset_may_have_landed() {
    let whole = answer(
        200,
        "Content-Type: application/json\r\n",
        r#"{"active":false}"#,
    );
    for sent in [0, 10, whole.len() - 5] {
        let server = Server::answering(vec![Reply::Reset(whole[..sent].to_vec())]).await;

        may_still_land(&both(&server).await);
    }
}

#[tokio::test]
async fn what_is_no_http_may_have_landed() {
    let server = Server::saying(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()).await;

    may_still_land(&both(&server).await);
}
