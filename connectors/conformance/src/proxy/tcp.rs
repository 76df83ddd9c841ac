//! A proxy for any protocol over TCP that produces the faults a network has.

use std::{fmt, net::SocketAddr};

use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
};

use super::gate::Gate;
use crate::fault::Fault;

/// More than one message of a protocol that connectors speak, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// The proxy. It ends when it is dropped.
pub struct TcpProxy {
    gate: Gate,
    fault: watch::Sender<Option<Fault>>,
}

impl TcpProxy {
    /// A proxy before this system. `changes` says whether what a connector just sent asks for a
    /// change: with [`Fault::AnswerLost`] the answer to that is lost, and the connection with it; with
    /// [`Fault::SilentChanges`] the connection stays.
    pub fn start(upstream: SocketAddr, changes: fn(&[u8]) -> bool) -> Self {
        let (fault, faults) = watch::channel(None);
        let gate = Gate::open(move |client| {
            let faults = faults.clone();
            async move {
                // A connection that breaks is what is wanted here.
                let _ = pass(client, upstream, changes, faults).await;
            }
        });
        Self { gate, fault }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.gate.address()
    }

    /// Produces this fault from now on, on open connections too, and says whether it can.
    pub async fn misbehave(&self, fault: Fault) -> bool {
        let can = matches!(
            fault,
            Fault::ConnectionRefused
                | Fault::Silence
                | Fault::AnswerLost
                | Fault::SilentChanges
                | Fault::CutMidAnswer
        );
        if !can {
            return false;
        }
        self.fault.send_replace(Some(fault));
        match fault {
            Fault::ConnectionRefused => self.gate.refuse().await,
            _ => self.gate.listen(),
        }
        true
    }

    /// Hands everything on again.
    pub fn behave(&self) {
        self.fault.send_replace(None);
        self.gate.listen();
    }
}

impl fmt::Debug for TcpProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpProxy")
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}

async fn pass(
    mut client: TcpStream,
    upstream: SocketAddr,
    changes: fn(&[u8]) -> bool,
    mut faults: watch::Receiver<Option<Fault>>,
) -> io::Result<()> {
    let mut system = TcpStream::connect(upstream).await?;
    let (mut asked, mut answered) = (vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]);
    let mut unanswered = None;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let chunk = &asked[..read?];
                let fault = *faults.borrow_and_update();
                if chunk.is_empty() {
                    return Ok(());
                }
                if fault == Some(Fault::Silence) {
                    // Held until it behaves again; what was sent meanwhile is lost, so the connection too.
                    let _ = faults.changed().await;
                    return Ok(());
                }
                if matches!(fault, Some(Fault::AnswerLost | Fault::SilentChanges)) && changes(chunk) {
                    unanswered = fault;
                }
                system.write_all(chunk).await?;
            }
            read = system.read(&mut answered) => {
                let chunk = &answered[..read?];
                if unanswered == Some(Fault::SilentChanges) {
                    let _ = faults.changed().await;
                }
                if chunk.is_empty() || unanswered.is_some() {
                    return Ok(());
                }
                if *faults.borrow() == Some(Fault::CutMidAnswer) {
                    client.write_all(&chunk[..chunk.len() / 2]).await?;
                    return Ok(());
                }
                client.write_all(chunk).await?;
            }
        }
    }
}
