//! A reverse proxy for HTTP/1.1 that produces the faults. One request for each connection.

use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
};

use super::gate::Gate;
use crate::fault::Fault;

/// Longest request head that is taken, in bytes.
const HEAD_BYTES: usize = 64 * 1024;

/// A body far larger than any honest answer, in bytes.
const HUGE_BYTES: usize = 4 * 1024 * 1024;

/// What a request wants of the system, and so which faults it meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// To be told something.
    Reads,
    /// To change something: only these meet [`Fault::Status`], [`Fault::AnswerLost`],
    /// [`Fault::SilentChanges`] and [`Fault::SaysYesDoesNothing`].
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

/// An answer that the proxy gives in place of the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canned {
    /// The status.
    pub status: u16,
    /// Headers besides `Content-Length`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Canned {
    /// A JSON answer.
    pub fn json(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
            body: body.into(),
        }
    }

    fn with_header(mut self, name: &str, value: String) -> Self {
        self.headers.push((name.to_owned(), value));
        self
    }

    fn to_bytes(&self) -> Vec<u8> {
        let headers: String = self
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let length = self.body.len();
        format!("HTTP/1.1 {} Canned\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{}", self.status, self.body)
            .into_bytes()
    }
}

type Answering = dyn Fn(&Seen) -> Option<Canned> + Send + Sync;

/// The proxy. It ends when it is dropped.
pub struct FaultyProxy {
    gate: Gate,
    fault: watch::Sender<Option<Fault>>,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: SocketAddr,
    judge: fn(&Seen) -> Asks,
    canned: Mutex<HashMap<Fault, Arc<Answering>>>,
    journal: Mutex<Vec<Seen>>,
}

impl FaultyProxy {
    /// A proxy before this system, whose requests read or change by their method.
    pub fn start(upstream: SocketAddr) -> Self {
        Self::start_with(upstream, Seen::by_method)
    }

    /// A proxy before a system whose requests are told apart otherwise, such as JSON-RPC.
    pub fn start_with(upstream: SocketAddr, judge: fn(&Seen) -> Asks) -> Self {
        let shared = Arc::new(Shared {
            upstream,
            judge,
            canned: Mutex::default(),
            journal: Mutex::default(),
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
            .canned
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
            .canned
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
            _ => self.gate.listen(),
        }
        true
    }

    /// Hands everything on again.
    pub fn behave(&self) {
        self.fault.send_replace(None);
        self.gate.listen();
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
        let fault = *faults.borrow_and_update();
        let asks = (self.judge)(&seen);
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
            Some(Fault::CutMidAnswer) => {
                let answer = self.forward(&request).await?;
                client.write_all(&answer[..middle(&answer)]).await?;
                client.shutdown().await?;
            }
            fault => {
                let answer = match fault.and_then(|fault| self.canned(fault, asks, &seen)) {
                    Some(canned) => canned.to_bytes(),
                    None => self.forward(&request).await?,
                };
                client.write_all(&answer).await?;
                client.shutdown().await?;
            }
        }
        Ok(())
    }

    fn canned(&self, fault: Fault, asks: Asks, seen: &Seen) -> Option<Canned> {
        let taught = self
            .canned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&fault)
            .cloned();
        if let Some(answer) = taught {
            return answer(seen);
        }
        let error = || r#"{"error":"this is what was asked for"}"#.to_owned();
        match fault {
            Fault::Status(status) if asks == Asks::Changes => Some(Canned::json(status, error())),
            Fault::RetryAfter(status, seconds) if asks != Asks::LogsIn => {
                Some(Canned::json(status, error()).with_header("Retry-After", seconds.to_string()))
            }
            Fault::HtmlPage => Some(Canned {
                status: 200,
                headers: vec![(
                    "Content-Type".to_owned(),
                    "text/html; charset=utf-8".to_owned(),
                )],
                body: "<!doctype html><title>Welcome</title><p>Please sign in.".to_owned(),
            }),
            Fault::TruncatedJson => {
                Some(Canned::json(200, r#"{"users":[{"id":"u-1","active":fal"#))
            }
            Fault::HugeBody => Some(Canned::json(
                200,
                format!(r#"{{"users":"{}"}}"#, "x".repeat(HUGE_BYTES)),
            )),
            Fault::Redirect => {
                Some(Canned::json(302, "").with_header("Location", "/elsewhere".to_owned()))
            }
            _ => None,
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
        if let Some(end) = end_of_head(&bytes) {
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

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map(|at| at + 4)
}

/// The middle of the body, or of the head where there is no body.
fn middle(answer: &[u8]) -> usize {
    match end_of_head(answer) {
        Some(end) if end < answer.len() => end + (answer.len() - end) / 2,
        _ => answer.len() / 2,
    }
}
