//! A reverse proxy for HTTP/1.1 that produces the faults. One request for each connection.

use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
};

use super::{canned::Canned, gate::Gate, slow, spoiled};
use crate::fault::Fault;

/// Longest request head that is taken, in bytes.
const HEAD_BYTES: usize = 64 * 1024;

/// What a request wants of the system, and so which faults it meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// To be told something.
    Reads,
    /// To change something: only these meet what [`Fault::spares_reads`].
    Changes,
    /// To let the bridge itself in, such as a login of the service account: as [`Asks::Reads`], and
    /// spared by [`Fault::RetryAfter`].
    LogsIn,
}

/// A request as the proxy saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// For example `PATCH`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The body.
    pub body: String,
}

impl Seen {
    /// By method alone: `GET`, `HEAD` and `OPTIONS` read, all others change.
    pub fn by_method(&self) -> Asks {
        match self.method.as_str() {
            "GET" | "HEAD" | "OPTIONS" => Asks::Reads,
            _ => Asks::Changes,
        }
    }
}

type Answering = dyn Fn(&Seen) -> Option<Canned> + Send + Sync;

/// The proxy. It ends when it is dropped.
pub struct FaultyProxy {
    gate: Gate,
    /// A host of somebody else, where nobody has anything to look for.
    elsewhere: Gate,
    seen_elsewhere: Arc<AtomicUsize>,
    fault: watch::Sender<Option<Fault>>,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: SocketAddr,
    judge: fn(&Seen) -> Asks,
    elsewhere: SocketAddr,
    taught: Mutex<HashMap<Fault, Arc<Answering>>>,
    journal: Mutex<Vec<Seen>>,
    /// Requests that are handed on when somebody says so.
    held: Mutex<Vec<Vec<u8>>>,
}

impl FaultyProxy {
    /// A proxy before this system, whose requests read or change by their method.
    pub fn start(upstream: SocketAddr) -> Self {
        Self::start_with(upstream, Seen::by_method)
    }

    /// A proxy before a system whose requests are told apart otherwise, such as JSON-RPC.
    pub fn start_with(upstream: SocketAddr, judge: fn(&Seen) -> Asks) -> Self {
        let seen_elsewhere = Arc::new(AtomicUsize::new(0));
        let elsewhere = Gate::open({
            let seen = Arc::clone(&seen_elsewhere);
            move |_| {
                seen.fetch_add(1, Ordering::Relaxed);
                async {}
            }
        });
        let shared = Arc::new(Shared {
            upstream,
            judge,
            elsewhere: elsewhere.address(),
            taught: Mutex::default(),
            journal: Mutex::default(),
            held: Mutex::default(),
        });
        let (fault, faults) = watch::channel(None);
        let gate = Gate::open({
            let shared = Arc::clone(&shared);
            move |stream| {
                let (shared, faults) = (Arc::clone(&shared), faults.clone());
                async move {
                    // A connection that breaks is what is wanted here.
                    let _ = shared.serve(stream, faults).await;
                }
            }
        });
        Self {
            gate,
            elsewhere,
            seen_elsewhere,
            fault,
            shared,
        }
    }

    /// Teaches it a fault that depends on the system's own language: `SaysYesDoesNothing`,
    /// `SomebodyElse`, `Blind`, `ErrorInsideSuccess`. Requests that `answer` gives nothing for go on
    /// to the system.
    #[must_use]
    pub fn answering(
        self,
        fault: Fault,
        answer: impl Fn(&Seen) -> Option<Canned> + Send + Sync + 'static,
    ) -> Self {
        self.shared
            .taught
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(fault, Arc::new(answer));
        self
    }

    /// The address a connector is given.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.gate.address()
    }

    /// Produces this fault from now on, and says whether it can.
    pub async fn misbehave(&self, fault: Fault) -> bool {
        let is_taught = self
            .shared
            .taught
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains_key(&fault);
        let depends_on_system = matches!(
            fault,
            Fault::SaysYesDoesNothing
                | Fault::SomebodyElse
                | Fault::Blind
                | Fault::ErrorInsideSuccess
        );
        if depends_on_system && !is_taught {
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
        let held = std::mem::take(
            &mut *self
                .shared
                .held
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        for request in &held {
            // Nobody is left to hear of it if it fails.
            let _ = self.shared.forward(request).await;
        }
        held.len()
    }

    /// Where a host of somebody else is, to which redirects lead.
    pub fn elsewhere(&self) -> SocketAddr {
        self.elsewhere.address()
    }

    /// How often somebody came there.
    pub fn seen_elsewhere(&self) -> usize {
        self.seen_elsewhere.load(Ordering::Relaxed)
    }

    /// Requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared
            .journal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl fmt::Debug for FaultyProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyProxy")
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}

impl Shared {
    async fn serve(
        &self,
        mut client: TcpStream,
        mut faults: watch::Receiver<Option<Fault>>,
    ) -> io::Result<()> {
        let Some((request, seen)) = read_request(&mut client).await? else {
            return Ok(());
        };
        self.journal
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(seen.clone());
        let asks = (self.judge)(&seen);
        let fault = match *faults.borrow_and_update() {
            Some(Fault::OnlyChanges(fault)) => (asks == Asks::Changes).then_some(*fault),
            fault => fault,
        };
        match fault {
            Some(Fault::Silence) => {
                // Held until it behaves again, or the connection or the proxy ends.
                let _ = faults.changed().await;
            }
            Some(Fault::AnswerLost) if asks == Asks::Changes => {
                self.forward(&request).await?;
            }
            Some(Fault::SilentChanges) if asks == Asks::Changes => {
                self.forward(&request).await?;
                let _ = faults.changed().await;
            }
            Some(Fault::LateChanges) if asks == Asks::Changes => {
                self.held
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(request);
                slow::until_gone(&mut client, &mut faults).await;
            }
            Some(Fault::CutMidAnswer) => {
                let answer = self.forward(&request).await?;
                client
                    .write_all(&answer[..spoiled::middle(&answer)])
                    .await?;
                client.shutdown().await?;
            }
            Some(Fault::Dripping) => {
                let answer = self.forward(&request).await?;
                slow::drip(&mut client, &answer, &mut faults).await;
            }
            Some(Fault::EndlessHead) => {
                let answer = self.forward(&request).await?;
                slow::head_without_end(&mut client, &answer).await;
            }
            Some(Fault::HalfClosed) => {
                self.forward(&request).await?;
                client.shutdown().await?;
                slow::until_gone(&mut client, &mut faults).await;
            }
            Some(Fault::Reset) => {
                let answer = self.forward(&request).await?;
                client
                    .write_all(&answer[..spoiled::middle(&answer)])
                    .await?;
                client.set_zero_linger()?;
            }
            Some(Fault::HugeBody) => {
                spoiled::flood(&mut client).await?;
                slow::until_gone(&mut client, &mut faults).await;
            }
            Some(Fault::GzipBomb) => {
                spoiled::bomb(&mut client).await?;
                slow::until_gone(&mut client, &mut faults).await;
            }
            fault => {
                let answer = self.answer(fault, asks, &seen, &request).await?;
                client.write_all(&answer).await?;
                client.shutdown().await?;
            }
        }
        Ok(())
    }

    async fn answer(
        &self,
        fault: Option<Fault>,
        asks: Asks,
        seen: &Seen,
        request: &[u8],
    ) -> io::Result<Vec<u8>> {
        let Some(fault) = fault else {
            return self.forward(request).await;
        };
        if let Some(canned) = self.canned(fault, asks, seen) {
            return Ok(canned.to_bytes());
        }
        let honest = self.forward(request).await?;
        Ok(match fault {
            Fault::DuplicateKeys => spoiled::with_a_key_twice(honest),
            Fault::WrongCharset => spoiled::with_wrong_charset(honest),
            Fault::DoneBut(status) if asks == Asks::Changes => Canned::error(status).to_bytes(),
            _ => honest,
        })
    }

    fn canned(&self, fault: Fault, asks: Asks, seen: &Seen) -> Option<Canned> {
        let taught = self
            .taught
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&fault)
            .cloned();
        match taught {
            Some(answer) => answer(seen),
            None => Canned::of(fault, asks, &self.elsewhere.to_string()),
        }
    }

    async fn forward(&self, request: &[u8]) -> io::Result<Vec<u8>> {
        let mut system = TcpStream::connect(self.upstream).await?;
        system.write_all(request).await?;
        let mut answer = Vec::new();
        system.read_to_end(&mut answer).await?;
        Ok(answer)
    }
}

/// Reads one request and gives it as it is sent on: asking for the connection to be closed after it.
async fn read_request(client: &mut TcpStream) -> io::Result<Option<(Vec<u8>, Seen)>> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = spoiled::end_of_head(&bytes) {
            break end;
        }
        if bytes.len() > HEAD_BYTES || client.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let mut lines = head.trim_end().split("\r\n");
    let mut words = lines
        .next()
        .unwrap_or_default()
        .split(' ')
        .map(str::to_owned);
    let headers: Vec<&str> = lines.collect();
    let length = headers
        .iter()
        .find_map(|line| header(line, "content-length"))
        .and_then(|text| text.parse().ok());
    let body_end = head_end + length.unwrap_or(0);
    while bytes.len() < body_end {
        if client.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
    let (method, path) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let kept = headers
        .iter()
        .filter(|line| header(line, "connection").is_none());
    let headers: String = kept.map(|line| format!("{line}\r\n")).collect();
    let mut request =
        format!("{method} {path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n").into_bytes();
    request.extend_from_slice(&bytes[head_end..body_end]);
    let body = String::from_utf8_lossy(&bytes[head_end..body_end]).into_owned();
    Ok(Some((request, Seen { method, path, body })))
}

fn header<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split_once(':')
        .filter(|(own, _)| own.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}
