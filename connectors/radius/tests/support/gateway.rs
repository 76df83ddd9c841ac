//! A gateway that takes Disconnect-Request. It reads and signs packets with code of its own, so that
//! a mistake in the connector's packets is not repeated here.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use tokio::{net::UdpSocket, task::JoinHandle};

use super::tables::Tables;

/// How the gateway answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// As RFC 5176 has it.
    Obedient,
    /// Takes packets and never answers.
    Silent,
    /// Does what it is told and never says so.
    LosesAnswers,
    /// Throws the first packet away, as a bad line would.
    LosesTheFirst,
    /// Refuses with this Error-Cause.
    Refuses(u32),
    /// Says that the session is cut, signed with another secret.
    AnswersUnsigned,
}

/// A gateway on loopback. It stops when dropped.
pub struct Gateway {
    pub address: SocketAddr,
    mood: Arc<Mutex<Mood>>,
    taken: Arc<Mutex<Vec<Vec<u8>>>>,
    task: JoinHandle<()>,
}

impl Gateway {
    /// Starts a gateway whose sessions are those of the accounting tables.
    pub async fn start(tables: Tables, secret: &'static str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        let address = socket.local_addr().expect("an address");
        let mood = Arc::new(Mutex::new(Mood::Obedient));
        let taken = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(serve(socket, tables, secret, mood.clone(), taken.clone()));
        Self {
            address,
            mood,
            taken,
            task,
        }
    }

    pub fn set_mood(&self, mood: Mood) {
        *self.mood.lock().expect("the mood") = mood;
    }

    /// Every datagram that came in.
    pub fn taken(&self) -> Vec<Vec<u8>> {
        self.taken.lock().expect("the datagrams").clone()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    socket: UdpSocket,
    tables: Tables,
    secret: &'static str,
    mood: Arc<Mutex<Mood>>,
    taken: Arc<Mutex<Vec<Vec<u8>>>>,
) {
    let mut buffer = [0; 4096];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut buffer).await else {
            return;
        };
        let request = &buffer[..length];
        let is_first = {
            let mut taken = taken.lock().expect("the datagrams");
            taken.push(request.to_vec());
            taken.len() == 1
        };
        let mood = *mood.lock().expect("the mood");
        let Some((user, session)) = read_request(request, secret.as_bytes()) else {
            continue;
        };
        let answer = match mood {
            Mood::Silent => continue,
            Mood::LosesAnswers => {
                tables.stop_session(&user, &session).await;
                continue;
            }
            Mood::LosesTheFirst if is_first => continue,
            Mood::Refuses(cause) => answer(request, 42, Some(cause), secret.as_bytes()),
            Mood::AnswersUnsigned => answer(request, 41, None, b"somebody else's"),
            Mood::Obedient | Mood::LosesTheFirst => {
                if tables.stop_session(&user, &session).await {
                    answer(request, 41, None, secret.as_bytes())
                } else {
                    answer(request, 42, Some(503), secret.as_bytes())
                }
            }
        };
        let _ = socket.send_to(&answer, from).await;
    }
}

/// User and session of a Disconnect-Request; `None` unless both signatures are right.
fn read_request(packet: &[u8], secret: &[u8]) -> Option<(String, String)> {
    if packet[0] != 40 || usize::from(u16::from_be_bytes([packet[2], packet[3]])) != packet.len() {
        return None;
    }
    let mut unsigned = packet.to_vec();
    unsigned[4..20].fill(0);
    let authenticator = Md5::new()
        .chain_update(&unsigned)
        .chain_update(secret)
        .finalize();
    if authenticator[..] != packet[4..20] {
        return None;
    }
    let (mut user, mut session, mut is_signed) = (None, None, false);
    let mut at = 20;
    while at < packet.len() {
        let end = at + usize::from(packet[at + 1]);
        let value = &packet[at + 2..end];
        match packet[at] {
            1 => user = String::from_utf8(value.to_vec()).ok(),
            44 => session = String::from_utf8(value.to_vec()).ok(),
            80 => {
                unsigned[at + 2..end].fill(0);
                let mut mac = Hmac::<Md5>::new_from_slice(secret).expect("a key");
                mac.update(&unsigned);
                is_signed = mac.verify_slice(value).is_ok();
            }
            _ => {}
        }
        at = end;
    }
    is_signed.then_some((user?, session?))
}

fn answer(request: &[u8], code: u8, cause: Option<u32>, secret: &[u8]) -> Vec<u8> {
    let mut packet = vec![code, request[1], 0, 20];
    packet.extend(&request[4..20]);
    if let Some(cause) = cause {
        packet.extend([101, 6]);
        packet.extend(cause.to_be_bytes());
        packet[3] = 26;
    }
    let authenticator = Md5::new()
        .chain_update(&packet)
        .chain_update(secret)
        .finalize();
    packet[4..20].copy_from_slice(&authenticator);
    packet
}
