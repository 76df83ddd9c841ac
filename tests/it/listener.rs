//! Connections that take too long, or are too many.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, extract::Request, routing::any};
use drawbridge::{
    config::{Limits, Tls, Waits},
    listener, tls,
};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time};
use tokio_rustls::TlsAcceptor;

use crate::support::wire::Wire;

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const HALF_A_POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab";
const SHORT: Duration = Duration::from_millis(300);

/// A listener before something that answers "ok" once it has the body.
struct Bound {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

async fn listen(connections: usize, waits: Waits) -> Bound {
    bind(connections, waits, None).await
}

async fn bind(connections: usize, waits: Waits, tls: Option<TlsAcceptor>) -> Bound {
    let limits = Limits {
        requests_per_second: None,
        concurrency: 100,
        body_bytes: 1024,
        connections,
        waits,
    };
    let router = Router::new().route(
        "/",
        any(async |request: Request| {
            let body = axum::body::to_bytes(request.into_body(), 1024).await;
            body.map_or("cut off", |_| "ok")
        }),
    );
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let server = tokio::spawn(async move {
        listener::serve(socket, tls, &limits, router, stopped).await;
    });
    Bound {
        address,
        stop,
        server,
    }
}

impl Bound {
    async fn open(&self) -> Wire {
        Wire::open(self.address).await
    }

    /// A connection that was answered once and now waits.
    async fn idle(&self) -> Wire {
        let mut wire = self.open().await;
        assert_eq!(ask(&mut wire).await, "ok");
        wire
    }

    async fn stopped(self) {
        self.stop.send(true).unwrap();
        self.ended().await;
    }

    async fn ended(self) {
        let end = time::timeout(Duration::from_secs(20), self.server).await;
        end.expect("it stops in time").unwrap();
    }
}

async fn ask(wire: &mut Wire) -> String {
    wire.send(GET).await;
    wire.answer().await.body
}

#[tokio::test]
async fn a_header_that_never_ends_closes_the_connection() {
    let waits = Waits {
        head: SHORT,
        ..Waits::default()
    };
    let bound = listen(10, waits).await;

    let mut silent = bound.open().await;
    let mut slow = bound.open().await;
    slow.send("GET / HTTP/1.1\r\nHost: a\r\nX-Long: ").await;
    let mut second_time = bound.idle().await;
    second_time.send("GET / HT").await;

    assert!(silent.is_closed().await);
    assert!(slow.is_closed().await);
    assert!(second_time.is_closed().await);
}

#[tokio::test]
async fn a_connection_may_wait_between_two_requests_but_not_for_ever() {
    let patient = listen(10, Waits::default()).await;
    let waits = Waits {
        idle: SHORT,
        ..Waits::default()
    };
    let hurried = listen(10, waits).await;

    let mut kept = patient.idle().await;
    let mut dropped = hurried.idle().await;

    assert!(dropped.is_closed().await);
    assert_eq!(ask(&mut kept).await, "ok");
}

#[tokio::test]
async fn no_request_lasts_for_ever() {
    let waits = Waits {
        bulk: SHORT,
        ..Waits::default()
    };
    let bound = listen(10, waits).await;
    let mut wire = bound.open().await;

    wire.send(HALF_A_POST).await;

    assert!(wire.is_closed().await);
}

#[tokio::test]
async fn connections_above_the_limit_wait_and_those_inside_are_served() {
    let bound = listen(2, Waits::default()).await;
    let mut first = bound.idle().await;
    let mut second = bound.idle().await;
    let mut third = bound.open().await;
    third.send(GET).await;

    assert_eq!(ask(&mut first).await, "ok");
    assert_eq!(ask(&mut second).await, "ok");
    let nothing = third.stream.try_read(&mut [0; 1]).unwrap_err();
    assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);

    drop(first);
    assert_eq!(third.answer().await.body, "ok");
}

/// A thousand, or as many as the limit of open files lets in beside the tests that run meanwhile: each
/// takes two, for this process holds both ends.
fn largest_crowd() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let files = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|line| line.split_whitespace().next())
        .and_then(|files| files.parse().ok())
        .unwrap_or(512_usize);
    (files.saturating_sub(300) / 2).clamp(20, 1_000)
}

#[tokio::test]
async fn a_crowd_that_says_nothing_keeps_nobody_out() {
    let bound = listen(1_024, Waits::default()).await;
    let mut crowd = Vec::new();
    for _ in 0..largest_crowd() {
        crowd.push(bound.open().await);
    }

    let mut inside = bound.idle().await;

    assert_eq!(ask(&mut inside).await, "ok");
    drop(crowd);
}

#[tokio::test]
async fn stopping_closes_what_is_idle_and_finishes_what_was_begun() {
    let bound = listen(10, Waits::default()).await;
    let mut silent = bound.open().await;
    let mut idle = bound.idle().await;
    let mut busy = bound.open().await;
    busy.send(HALF_A_POST).await;
    // Answered only after the others were taken in.
    drop(bound.idle().await);

    bound.stop.send(true).unwrap();

    assert!(silent.is_closed().await);
    assert!(idle.is_closed().await);
    busy.send("cd").await;
    let last = busy.answer().await;
    assert_eq!(last.body, "ok");
    assert!(last.head.contains("connection: close\r\n"), "{last:?}");
    bound.ended().await;
}

#[tokio::test]
async fn nobody_can_keep_the_bridge_from_stopping() {
    let waits = Waits {
        drain: SHORT,
        ..Waits::default()
    };
    let bound = listen(10, waits).await;
    let mut half_a_head = bound.open().await;
    half_a_head.send("GET / HT").await;
    let mut half_a_body = bound.open().await;
    half_a_body.send(HALF_A_POST).await;
    drop(bound.idle().await);

    bound.stopped().await;

    assert!(half_a_head.is_closed().await);
    assert!(half_a_body.is_closed().await);
}

#[tokio::test]
async fn the_limits_hold_with_tls_too() {
    let folder = tempfile::tempdir().unwrap();
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let files = Tls {
        certificate: folder.path().join("chain.pem"),
        key: folder.path().join("key.pem"),
    };
    std::fs::write(&files.certificate, cert.pem()).unwrap();
    std::fs::write(&files.key, signing_key.serialize_pem()).unwrap();
    let waits = Waits {
        head: Duration::from_secs(2),
        ..Waits::default()
    };
    let bound = bind(10, waits, Some(tls::acceptor(&files).unwrap())).await;
    drawbridge_sdk::http::install_tls_provider();
    let trusted = reqwest::Certificate::from_pem(cert.pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([trusted])
        .build()
        .unwrap();

    let mut silent = bound.open().await;
    let url = format!("https://localhost:{}/", bound.address.port());
    let answer = client.get(url).send().await.unwrap();

    assert_eq!(answer.version(), reqwest::Version::HTTP_11);
    assert_eq!(answer.text().await.unwrap(), "ok");
    assert!(silent.is_closed().await);
    bound.stopped().await;
}
