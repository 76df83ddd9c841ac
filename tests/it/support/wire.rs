//! A connection of which the test says every byte.

use std::{net::SocketAddr, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time,
};

/// When a test gives up on a listener that does not do what it must.
const PATIENCE: Duration = Duration::from_secs(20);

/// One end of a connection; the listener has the other.
pub struct Wire {
    pub stream: TcpStream,
    /// What came after the answer that was read last.
    read: Vec<u8>,
}

/// An answer as it came.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    /// All header lines, names in small letters.
    pub head: String,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// Whether it is a refusal as SCIM says it.
    pub fn is_scim_error(&self) -> bool {
        self.head
            .contains("content-type: application/scim+json\r\n")
            && self.json()["status"].as_str() == Some(&self.head["http/1.1 ".len()..][..3])
            && self.json()["schemas"][0] == "urn:ietf:params:scim:api:messages:2.0:Error"
    }
}

impl Wire {
    pub async fn open(address: SocketAddr) -> Self {
        Self {
            stream: TcpStream::connect(address).await.expect("a connection"),
            read: Vec::new(),
        }
    }

    /// Sends as much as the listener takes: it may have answered and closed before the end.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// The next answer.
    pub async fn answer(&mut self) -> Reply {
        let end = loop {
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            assert!(self.read_more().await, "closed without an answer");
        };
        let head = String::from_utf8_lossy(&self.read[..end]).to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().expect("a length"));
        while self.read.len() < end + length {
            assert!(self.read_more().await, "closed within an answer");
        }
        let body = String::from_utf8_lossy(&self.read[end..end + length]).into_owned();
        self.read.drain(..end + length);
        Reply {
            status: head["http/1.1 ".len()..][..3].parse().expect("a status"),
            head,
            body,
        }
    }

    /// Whether the listener closes without a word more.
    pub async fn is_closed(&mut self) -> bool {
        self.read.is_empty() && !self.read_more().await
    }

    /// False when the listener closed the connection, in whatever way.
    async fn read_more(&mut self) -> bool {
        let read = time::timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await;
        matches!(read.expect("something happens in time"), Ok(1..))
    }
}
