//! A server that answers with prepared bytes, one answer for each connection.

use std::{
    env, fs,
    net::SocketAddr,
    path::PathBuf,
    process,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use drawbridge_sdk::{
    BuildContext, Secret, SecretRef, SettingsError,
    http::{Endpoint, EndpointOptions},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What becomes of one connection.
pub enum Reply {
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// Nothing, for as long as the client waits.
    Silence,
    /// These bytes, then one more again and again, for as long as the client listens.
    Dripping(Vec<u8>, u8),
    /// These bytes, then the connection is reset.
    Reset(Vec<u8>),
}

/// A server; the last reply is repeated.
pub struct Server {
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Server {
    pub async fn answering(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                let mut held = Vec::new();
                for number in 0.. {
                    let Ok((mut stream, _)) = listener.accept().await else {
                        return;
                    };
                    let request = read_request(&mut stream).await;
                    seen.lock().expect("no panic").push(request);
                    match &replies[usize::min(number, replies.len() - 1)] {
                        // A client that stops listening is what some tests want.
                        Reply::Bytes(bytes) => drop(stream.write_all(bytes).await),
                        Reply::Silence => held.push(stream),
                        Reply::Dripping(bytes, drop) => drip(stream, bytes, *drop).await,
                        Reply::Reset(bytes) => {
                            let _ = stream.write_all(bytes).await;
                            stream.set_zero_linger().expect("a socket");
                        }
                    }
                }
            }
        });
        Self {
            address,
            seen,
            task,
        }
    }

    /// One answer for everything.
    pub async fn saying(reply: Vec<u8>) -> Self {
        Self::answering(vec![Reply::Bytes(reply)]).await
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// An endpoint at this server.
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint_with(options())
    }

    pub fn endpoint_with(&self, options: EndpointOptions) -> Endpoint {
        endpoint(&self.url(), options).expect("usable settings")
    }

    /// The requests so far, whole.
    pub fn requests(&self) -> Vec<String> {
        self.seen.lock().expect("no panic").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub fn options() -> EndpointOptions {
    EndpointOptions {
        allow_plain_http: true,
        ..EndpointOptions::default()
    }
}

/// A call that is over after a second.
pub fn context() -> BuildContext {
    BuildContext {
        call_timeout: Duration::from_secs(1),
        ..BuildContext::named("ehr")
    }
}

pub fn endpoint(url: &str, options: EndpointOptions) -> Result<Endpoint, SettingsError> {
    Endpoint::new(url, options, &context())
}

/// A whole HTTP answer.
pub fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} Said\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}").into_bytes()
}

pub fn json(body: &str) -> Vec<u8> {
    answer(200, "Content-Type: application/json\r\n", body)
}

/// A secret in a file that can be replaced.
pub struct SecretFile(PathBuf);

impl SecretFile {
    pub fn holding(secret: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let file =
            Self(env::temp_dir().join(format!("drawbridge-sdk-test-{}-{number}", process::id())));
        file.replace_with(secret);
        file
    }

    pub fn replace_with(&self, secret: &str) {
        fs::write(&self.0, secret).expect("written");
    }

    pub fn secret(&self) -> Secret {
        SecretRef::File {
            file: self.0.clone(),
        }
        .bind(&PathBuf::new())
        .expect("readable")
    }

    pub fn path(&self) -> PathBuf {
        self.0.clone()
    }
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Writes one byte after the other until the client has gone.
async fn drip(mut stream: TcpStream, bytes: &[u8], drop: u8) {
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    let mut is_listened_to = stream.write_all(bytes).await.is_ok();
    while is_listened_to {
        pace.tick().await;
        is_listened_to = stream.write_all(&[drop]).await.is_ok();
    }
}

/// Reads head and body of a request.
pub async fn read_request(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> String {
    let mut bytes: Vec<u8> = Vec::new();
    loop {
        // A TLS greeting, to a server that knows none.
        if bytes.first() == Some(&22) {
            return String::new();
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .to_lowercase()
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        match stream.read_buf(&mut bytes).await {
            Ok(read) if read > 0 => {}
            _ => return text,
        }
    }
}
