//! The proxy for protocols that are not HTTP does what its faults say.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use drawbridge_conformance::{Fault, TcpProxy};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// Long enough to be sure that no answer comes.
const NEVER: Duration = Duration::from_millis(200);

type Heard = Arc<Mutex<Vec<String>>>;

/// A system that answers `ok:` and what it heard.
async fn system() -> (SocketAddr, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let heard = Heard::default();
    let hears = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let hears = Arc::clone(&hears);
            tokio::spawn(async move {
                let mut chunk = [0; 100];
                while let Ok(read @ 1..) = stream.read(&mut chunk).await {
                    let said = String::from_utf8_lossy(&chunk[..read]).into_owned();
                    hears.lock().expect("no panic").push(said.clone());
                    if stream
                        .write_all(format!("ok:{said}").as_bytes())
                        .await
                        .is_err()
                    {
                        return;
                    }
                }
            });
        }
    });
    (address, heard)
}

async fn proxied() -> (TcpProxy, Heard) {
    let (address, heard) = system().await;
    (
        TcpProxy::start(address, |bytes| bytes.starts_with(b"change")),
        heard,
    )
}

async fn connect(proxy: &TcpProxy) -> TcpStream {
    TcpStream::connect(proxy.address())
        .await
        .expect("a connection")
}

/// What comes back; nothing when the connection ends.
async fn say(stream: &mut TcpStream, what: &str) -> String {
    let mut answer = [0; 100];
    let read = match stream.write_all(what.as_bytes()).await {
        Ok(()) => stream.read(&mut answer).await.unwrap_or(0),
        Err(_) => 0,
    };
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

/// Whether the connection stays open and silent.
async fn says_in_vain(stream: &mut TcpStream, what: &str) -> bool {
    timeout(NEVER, say(stream, what)).await.is_err()
}

#[tokio::test]
async fn without_a_fault_everything_is_handed_on() {
    let (proxy, _) = proxied().await;
    let mut stream = connect(&proxy).await;

    assert_eq!(say(&mut stream, "read").await, "ok:read");
    assert_eq!(say(&mut stream, "change").await, "ok:change");
}

#[tokio::test]
async fn a_refused_connection_comes_back_at_the_same_address() {
    let (proxy, _) = proxied().await;
    let mut open = connect(&proxy).await;
    assert_eq!(say(&mut open, "read").await, "ok:read");

    assert!(proxy.misbehave(Fault::ConnectionRefused).await);

    let refused = TcpStream::connect(proxy.address())
        .await
        .expect_err("nobody listens");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    assert!(
        say(&mut open, "read").await.is_empty(),
        "an open connection breaks"
    );

    proxy.behave();
    assert_eq!(say(&mut connect(&proxy).await, "read").await, "ok:read");
}

#[tokio::test]
async fn silence_hands_nothing_on() {
    let (proxy, heard) = proxied().await;
    assert!(proxy.misbehave(Fault::Silence).await);

    assert!(says_in_vain(&mut connect(&proxy).await, "change").await);

    assert!(heard.lock().expect("no panic").is_empty());
}

#[tokio::test]
async fn a_lost_answer_was_heard_by_the_system() {
    let (proxy, heard) = proxied().await;
    let mut stream = connect(&proxy).await;
    assert!(proxy.misbehave(Fault::AnswerLost).await);

    assert_eq!(say(&mut stream, "read").await, "ok:read", "reading goes on");
    assert_eq!(say(&mut stream, "change").await, "", "the connection ends");

    assert_eq!(*heard.lock().expect("no panic"), ["read", "change"]);
}

#[tokio::test]
async fn a_change_that_is_never_answered_was_heard_by_the_system() {
    let (proxy, heard) = proxied().await;
    assert!(proxy.misbehave(Fault::SilentChanges).await);

    assert!(
        says_in_vain(&mut connect(&proxy).await, "change").await,
        "the connection ended"
    );

    assert_eq!(*heard.lock().expect("no panic"), ["change"]);
}

#[tokio::test]
async fn an_answer_is_cut_in_the_middle() {
    let (proxy, _) = proxied().await;
    assert!(proxy.misbehave(Fault::CutMidAnswer).await);
    let mut stream = connect(&proxy).await;

    assert_eq!(say(&mut stream, "abc").await, "ok:");
    assert_eq!(stream.read(&mut [0; 10]).await.expect("an end"), 0);
}

#[tokio::test]
async fn a_blocked_port_takes_no_connection_and_is_there_again_afterwards() {
    let (proxy, _) = proxied().await;

    assert!(proxy.misbehave(Fault::NeverConnects).await);

    let connecting = TcpStream::connect(proxy.address());
    assert!(timeout(NEVER, connecting).await.is_err(), "it was taken");
    proxy.behave();
    assert_eq!(say(&mut connect(&proxy).await, "read").await, "ok:read");
}

#[tokio::test]
async fn a_late_change_is_heard_only_when_it_is_delivered() {
    let (proxy, heard) = proxied().await;
    assert!(proxy.misbehave(Fault::LateChanges).await);
    let mut stream = connect(&proxy).await;
    assert_eq!(say(&mut stream, "read").await, "ok:read", "reading goes on");
    assert!(says_in_vain(&mut stream, "change").await);
    drop(stream);
    assert_eq!(*heard.lock().expect("no panic"), ["read"]);

    assert_eq!(proxy.deliver().await, 1);

    assert_eq!(*heard.lock().expect("no panic"), ["read", "change"]);
    assert_eq!(proxy.deliver().await, 0, "nothing is delivered twice");
}

#[tokio::test]
async fn an_answer_drips_and_never_ends() {
    let (proxy, _) = proxied().await;
    assert!(proxy.misbehave(Fault::OnlyChanges(&Fault::Dripping)).await);
    let mut stream = connect(&proxy).await;
    assert_eq!(say(&mut stream, "read").await, "ok:read", "reading goes on");

    assert_eq!(say(&mut stream, "change").await, "o");
    let mut rest = [0; 7];
    stream.read_exact(&mut rest).await.expect("byte by byte");
    assert_eq!(&rest, b"k:chang");
    let more = timeout(NEVER, stream.read(&mut [0; 10])).await;
    assert!(more.is_err(), "the last byte never comes: {more:?}");
}

#[tokio::test]
async fn a_reset_is_no_end() {
    let (proxy, heard) = proxied().await;
    assert!(proxy.misbehave(Fault::Reset).await);
    let mut stream = connect(&proxy).await;

    stream.write_all(b"change").await.expect("it listens");
    let mut answer = Vec::new();
    let error = stream.read_to_end(&mut answer).await.expect_err("no end");

    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(*heard.lock().expect("no panic"), ["change"]);
}

#[tokio::test]
async fn a_half_closed_connection_ends_on_one_side() {
    let (proxy, heard) = proxied().await;
    assert!(proxy.misbehave(Fault::HalfClosed).await);
    let mut stream = connect(&proxy).await;

    assert_eq!(say(&mut stream, "change").await, "");

    stream.write_all(b"more").await.expect("it still listens");
    assert_eq!(*heard.lock().expect("no panic"), ["change"]);
}

#[tokio::test]
async fn what_only_http_has_is_not_produced() {
    let (proxy, _) = proxied().await;

    assert!(!proxy.misbehave(Fault::HtmlPage).await);

    assert_eq!(say(&mut connect(&proxy).await, "read").await, "ok:read");
}
