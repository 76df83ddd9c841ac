//! Answers that never come to their end.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time::interval,
};

use crate::fault::Fault;

/// Between two bytes. Many of them fit into the time of a call, so that each could be taken for life.
const PACE: Duration = Duration::from_millis(20);

/// Waits until the client has gone, or the system behaves again.
pub async fn until_gone(client: &mut TcpStream, faults: &mut watch::Receiver<Option<Fault>>) {
    let mut said = [0; 1024];
    loop {
        tokio::select! {
            read = client.read(&mut said) => if matches!(read, Ok(0) | Err(_)) {
                return;
            },
            _ = faults.changed() => return,
        }
    }
}

/// Gives an answer byte by byte. The last one never comes.
pub async fn drip(
    client: &mut TcpStream,
    answer: &[u8],
    faults: &mut watch::Receiver<Option<Fault>>,
) {
    let mut pace = interval(PACE);
    for byte in &answer[..answer.len().saturating_sub(1)] {
        pace.tick().await;
        if client.write_all(&[*byte]).await.is_err() {
            return;
        }
    }
    until_gone(client, faults).await;
}

/// Gives the first line of an answer and then one header after the other.
pub async fn head_without_end(client: &mut TcpStream, answer: &[u8]) {
    let first = answer.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let mut pace = interval(PACE);
    let mut is_taken = client.write_all(&answer[..=first]).await.is_ok();
    while is_taken {
        pace.tick().await;
        is_taken = client.write_all(b"X-And-More: to come\r\n").await.is_ok();
    }
}
