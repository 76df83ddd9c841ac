//! Clients that ask as fast as they are answered, each over one connection that stays open.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::Instant,
};

use crate::Failure;

/// Makes the request of a number: method, path with query, and body.
pub type Make = Arc<dyn Fn(u64) -> Ask + Send + Sync>;

/// A request.
pub struct Ask {
    pub method: &'static str,
    pub path: String,
    pub body: Option<String>,
}

/// How long to ask.
#[derive(Debug, Clone, Copy)]
pub enum Until {
    Passed(Duration),
    Asked(u64),
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Sample {
    pub answers: u64,
    pub seconds: f64,
    /// How long each answer took, in seconds, in order.
    pub waits: Vec<f64>,
    /// The ids of what was created, where the answers name one.
    pub ids: Vec<String>,
}

impl Sample {
    pub fn per_second(&self) -> f64 {
        self.answers as f64 / self.seconds
    }

    /// The time within which this share of the answers came, in seconds.
    pub fn within(&self, share: f64) -> f64 {
        let at = (self.waits.len() as f64 * share) as usize;
        let at = at.min(self.waits.len().saturating_sub(1));
        self.waits.get(at).copied().unwrap_or(f64::NAN)
    }
}

/// One connection.
pub struct Client {
    stream: TcpStream,
    head: String,
    buffer: Vec<u8>,
}

/// An answer: its status and body.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Client {
    pub async fn connect(address: SocketAddr, token: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            head: format!("Host: {address}\r\nAuthorization: Bearer {token}\r\n"),
            buffer: Vec::new(),
        })
    }

    pub async fn ask(&mut self, ask: &Ask) -> Result<Answer, Failure> {
        let body = ask.body.as_deref().unwrap_or_default();
        let mut request = format!(
            "{} /scim/v2{} HTTP/1.1\r\n{}",
            ask.method, ask.path, self.head
        );
        if ask.body.is_some() {
            request.push_str("Content-Type: application/scim+json\r\n");
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        request.push_str(body);
        self.stream.write_all(request.as_bytes()).await?;
        self.answer().await
    }

    async fn answer(&mut self) -> Result<Answer, Failure> {
        self.buffer.clear();
        let end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await?;
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).to_ascii_lowercase();
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .ok_or("an answer without status")?;
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .map_or(Ok(0), |length| length.trim().parse())?;
        while self.buffer.len() < end + length {
            self.more().await?;
        }
        Ok(Answer {
            status,
            body: self.buffer[end..end + length].to_vec(),
        })
    }

    async fn more(&mut self) -> Result<(), Failure> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err("the server closed the connection".into()),
            _ => Ok(()),
        }
    }
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|part| part == wanted)
}

/// Asks with so many clients. Requests are numbered from `first` on, each number once.
pub async fn run(
    address: SocketAddr,
    token: &str,
    clients: usize,
    until: Until,
    first: &Arc<AtomicU64>,
    make: Make,
) -> Result<Sample, Failure> {
    let mut open = Vec::new();
    for _ in 0..clients {
        open.push(Client::connect(address, token).await?);
    }
    let began = Instant::now();
    let asked = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for mut client in open {
        let (first, asked, make) = (Arc::clone(first), Arc::clone(&asked), Arc::clone(&make));
        tasks.spawn(async move {
            let mut sample = Sample::default();
            loop {
                let is_over = match until {
                    Until::Passed(time) => began.elapsed() >= time,
                    Until::Asked(most) => asked.fetch_add(1, Ordering::Relaxed) >= most,
                };
                if is_over {
                    return Ok::<_, Failure>(sample);
                }
                let ask = make(first.fetch_add(1, Ordering::Relaxed));
                let sent = Instant::now();
                let answer = client.ask(&ask).await?;
                sample.waits.push(sent.elapsed().as_secs_f64());
                if !(200..300).contains(&answer.status) {
                    let body = String::from_utf8_lossy(&answer.body).into_owned();
                    let (method, path) = (ask.method, &ask.path);
                    return Err(format!("{method} {path}: {} {body}", answer.status).into());
                }
                if answer.status == 201 {
                    sample.ids.extend(id_in(&answer.body));
                }
            }
        });
    }
    let mut all = Sample::default();
    while let Some(done) = tasks.join_next().await {
        let mut sample = done??;
        all.waits.append(&mut sample.waits);
        all.ids.append(&mut sample.ids);
    }
    all.seconds = began.elapsed().as_secs_f64();
    all.answers = all.waits.len() as u64;
    all.waits.sort_by(f64::total_cmp);
    Ok(all)
}

/// The `id` in an answer.
fn id_in(body: &[u8]) -> Option<String> {
    let at = find(body, b"\"id\":\"")? + 6;
    let end = body[at..].iter().position(|byte| *byte == b'"')?;
    Some(String::from_utf8_lossy(&body[at..at + end]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_found_in_an_answer() {
        assert_eq!(id_in(br#"{"a":1,"id":"x1","b":2}"#).as_deref(), Some("x1"));
        assert_eq!(id_in(br#"{"a":1}"#), None);
    }

    #[test]
    fn the_share_of_answers_is_told() {
        let sample = Sample {
            waits: (1..=100).map(f64::from).collect(),
            ..Sample::default()
        };
        assert_eq!(sample.within(0.99), 100.0);
        assert_eq!(sample.within(0.5), 51.0);
    }
}
