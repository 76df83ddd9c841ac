//! Where a PostgreSQL should be, for connectors that read a system's own tables.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
};

use crate::proxy::Gate;

/// How the thing that answers at the database's address behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseFault {
    /// Nobody listens.
    ConnectionRefused,
    /// The connection is neither taken nor refused.
    NeverConnects,
    /// It takes the connection and never answers.
    Silence,
    /// It closes the connection in the middle of its greeting.
    CutMidAnswer,
    /// It is a PostgreSQL that refuses the login.
    RefusesLogin,
    /// It is a web server.
    HtmlPage,
}

/// A database that is of no use to anybody. Gone when dropped.
#[derive(Debug)]
pub struct FaultyDatabase {
    address: SocketAddr,
    task: Option<JoinHandle<()>>,
    /// Keeps the port ours while nobody listens on it.
    _reserved: Option<TcpSocket>,
    /// Keeps it blocked.
    _gate: Option<Gate>,
}

impl FaultyDatabase {
    /// Starts one on loopback.
    ///
    /// # Panics
    /// If there is no free port.
    pub async fn start(fault: DatabaseFault) -> Self {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        if fault == DatabaseFault::NeverConnects {
            let gate = Gate::open(|_| async {});
            gate.block().await;
            return Self {
                address: gate.address(),
                task: None,
                _reserved: None,
                _gate: Some(gate),
            };
        }
        if fault == DatabaseFault::ConnectionRefused {
            let reserved =
                TcpSocket::new_v4().and_then(|socket| socket.bind(free).map(|()| socket));
            let reserved = reserved.unwrap_or_else(|error| panic!("no free port: {error}"));
            let address = reserved
                .local_addr()
                .unwrap_or_else(|error| panic!("no address: {error}"));
            return Self {
                address,
                task: None,
                _reserved: Some(reserved),
                _gate: None,
            };
        }
        let listener = TcpListener::bind(free)
            .await
            .unwrap_or_else(|error| panic!("no free port: {error}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|error| panic!("no address: {error}"));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, fault));
            }
        });
        Self {
            address,
            task: Some(task),
            _reserved: None,
            _gate: None,
        }
    }

    /// Its address, with a login that any such address has.
    pub fn url(&self) -> String {
        format!(
            "postgres://bridge:wrong-database-password@{}/practice",
            self.address
        )
    }
}

impl Drop for FaultyDatabase {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Says what a server says first, until the client goes.
///
/// # Source
/// PostgreSQL's documentation, "Message Formats": SSLRequest is answered by one byte, and the startup
/// message here by AuthenticationOk or ErrorResponse.
async fn answer(mut stream: TcpStream, fault: DatabaseFault) {
    let mut asked = [0; 1024];
    let mut has_declined_tls = false;
    loop {
        match stream.read(&mut asked).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let said: &[u8] = match fault {
            DatabaseFault::ConnectionRefused
            | DatabaseFault::NeverConnects
            | DatabaseFault::Silence => continue,
            DatabaseFault::HtmlPage => b"HTTP/1.1 400 Bad Request\r\n\r\n<html>what?</html>",
            DatabaseFault::CutMidAnswer | DatabaseFault::RefusesLogin if !has_declined_tls => {
                has_declined_tls = true;
                b"N"
            }
            DatabaseFault::CutMidAnswer => b"R\0\0",
            DatabaseFault::RefusesLogin => {
                b"E\0\0\0\x35SFATAL\0VFATAL\0C28P01\0Mthe password does not fit\0\0"
            }
        };
        if stream.write_all(said).await.is_err() || (said != b"N".as_slice()) {
            return;
        }
    }
}
