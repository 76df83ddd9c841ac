//! A proxy for any protocol over TCP that produces the faults a network has.

use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
};

use super::{gate::Gate, slow};
use crate::fault::Fault;

/// More than one message of a protocol that connectors speak, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// The proxy. It ends when it is dropped.
pub struct TcpProxy {
    gate: Gate,
    fault: watch::Sender<Option<Fault>>,
    held: Held,
}

/// Requests that are handed on when somebody says so, each with the connection it belongs to.
type Held = Arc<Mutex<Vec<(TcpStream, Vec<u8>)>>>;

impl TcpProxy {
    /// A proxy before this system. `changes` says whether what a connector just sent asks for a
    /// change: only that meets what [`Fault::spares_reads`].
    pub fn start(upstream: SocketAddr, changes: fn(&[u8]) -> bool) -> Self {
        let (fault, faults) = watch::channel(None);
        let held = Held::default();
        let gate = Gate::open({
            let held = Arc::clone(&held);
            move |client| {
                let (held, faults) = (Arc::clone(&held), faults.clone());
                async move {
                    // A connection that breaks is what is wanted here.
                    let _ = pass(client, upstream, changes, held, faults).await;
                }
            }
        });
        Self { gate, fault, held }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.gate.address()
    }

    /// Produces this fault from now on, on open connections too, and says whether it can.
    pub async fn misbehave(&self, fault: Fault) -> bool {
        let depends_on_system = matches!(
            fault,
            Fault::SaysYesDoesNothing | Fault::SomebodyElse | Fault::Blind
        );
        if depends_on_system || fault.is_of_http() {
            return false;
        }
        self.fault.send_replace(Some(fault));
        match fault {
            Fault::ConnectionRefused => self.gate.refuse().await,
            Fault::NeverConnects => self.gate.block().await,
            _ => self.gate.listen(),
        }
        true
    }

    /// Hands everything on again.
    pub fn behave(&self) {
        self.fault.send_replace(None);
        self.gate.listen();
    }

    /// Hands on the requests that [`Fault::LateChanges`] held back, waits for what the system says to
    /// each, and gives their number.
    pub async fn deliver(&self) -> usize {
        let held = std::mem::take(&mut *self.held.lock().unwrap_or_else(PoisonError::into_inner));
        let count = held.len();
        for (mut system, request) in held {
            // Nobody is left to hear of it if it fails.
            if system.write_all(&request).await.is_ok() {
                let _ = system.read(&mut [0; CHUNK_BYTES]).await;
            }
        }
        count
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
    held: Held,
    mut faults: watch::Receiver<Option<Fault>>,
) -> io::Result<()> {
    let mut system = TcpStream::connect(upstream).await?;
    let (mut asked, mut answered) = (vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]);
    // What the answer to the last request meets.
    let mut meets = None;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let chunk = &asked[..read?];
                if chunk.is_empty() {
                    return Ok(());
                }
                let fault = match *faults.borrow_and_update() {
                    Some(Fault::OnlyChanges(fault)) => changes(chunk).then_some(*fault),
                    fault => fault.filter(|fault| !fault.spares_reads() || changes(chunk)),
                };
                match fault {
                    Some(Fault::Silence) => {
                        // Held until it behaves again; what was sent meanwhile is lost, so the connection too.
                        let _ = faults.changed().await;
                        return Ok(());
                    }
                    Some(Fault::LateChanges) => {
                        let request = (system, chunk.to_vec());
                        held.lock().unwrap_or_else(PoisonError::into_inner).push(request);
                        slow::until_gone(&mut client, &mut faults).await;
                        return Ok(());
                    }
                    _ => {}
                }
                // The rest of a long request is not told from another: what its beginning met stays.
                meets = fault.or(meets);
                system.write_all(chunk).await?;
            }
            read = system.read(&mut answered) => {
                let chunk = &answered[..read?];
                if chunk.is_empty() {
                    return Ok(());
                }
                let Some(fault) = meets else {
                    client.write_all(chunk).await?;
                    continue;
                };
                return spoil(fault, chunk, client, faults).await;
            }
        }
    }
}

async fn spoil(
    fault: Fault,
    answer: &[u8],
    mut client: TcpStream,
    mut faults: watch::Receiver<Option<Fault>>,
) -> io::Result<()> {
    let half = &answer[..answer.len() / 2];
    match fault {
        Fault::SilentChanges => {
            let _ = faults.changed().await;
        }
        Fault::CutMidAnswer => client.write_all(half).await?,
        Fault::Dripping => slow::drip(&mut client, answer, &mut faults).await,
        Fault::HalfClosed => {
            client.shutdown().await?;
            slow::until_gone(&mut client, &mut faults).await;
        }
        Fault::Reset => {
            client.write_all(half).await?;
            client.set_zero_linger()?;
        }
        // The answer is lost, and the connection with it.
        _ => {}
    }
    Ok(())
}
