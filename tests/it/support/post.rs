//! Whoever takes alerts: a mail server that speaks SMTP with STARTTLS, and addresses that take a POST.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    body::Bytes,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use drawbridge::{config::Tls, tls};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader},
    net::TcpListener,
};

/// A letter as the server took it.
#[derive(Debug, Clone)]
pub struct Letter {
    /// As whom the sender signed in; empty for nobody.
    pub login: String,
    pub was_encrypted: bool,
    pub to: Vec<String>,
    /// Header and body, as they were sent.
    pub text: String,
}

/// A mail server on a free port, which ends with the test.
#[derive(Clone)]
pub struct MailServer {
    pub port: u16,
    letters: Arc<Mutex<Vec<Letter>>>,
    refuses: Arc<AtomicBool>,
}

impl MailServer {
    /// A server whose certificate is written into this folder as `mail.pem`.
    pub async fn start(folder: &Path) -> Self {
        drawbridge_sdk::http::install_tls_provider();
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let files = Tls {
            certificate: folder.join("mail.pem"),
            key: folder.join("mail-key.pem"),
        };
        std::fs::write(&files.certificate, cert.pem()).unwrap();
        std::fs::write(&files.key, signing_key.serialize_pem()).unwrap();
        let acceptor = tls::acceptor(&files).unwrap();
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            port: socket.local_addr().unwrap().port(),
            letters: Arc::default(),
            refuses: Arc::default(),
        };
        let own = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                let (own, acceptor) = (own.clone(), acceptor.clone());
                tokio::spawn(async move {
                    let mut plain = BufReader::new(stream);
                    plain.write_all(b"220 localhost ESMTP\r\n").await.unwrap();
                    if own.talk(&mut plain, false).await {
                        let secret = acceptor.accept(plain.into_inner()).await;
                        if let Ok(secret) = secret {
                            own.talk(&mut BufReader::new(secret), true).await;
                        }
                    }
                });
            }
        });
        server
    }

    /// Says no to every letter from now on, or takes them again.
    pub fn refuses(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    /// The letters since the last time.
    pub fn take(&self) -> Vec<Letter> {
        std::mem::take(&mut self.letters.lock().unwrap())
    }

    /// Talks until the other side hangs up, or wants TLS: then it answers true.
    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: &mut BufReader<S>,
        is_encrypted: bool,
    ) -> bool {
        let mut letter = Letter {
            login: String::new(),
            was_encrypted: is_encrypted,
            to: Vec::new(),
            text: String::new(),
        };
        let mut line = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).await.unwrap_or_default() == 0 {
                return false;
            }
            let said = line.trim_end();
            let word = said.split([' ', ':']).next().unwrap_or_default();
            let answer = match word.to_ascii_uppercase().as_str() {
                "EHLO" if is_encrypted => "250-localhost\r\n250 AUTH PLAIN".to_owned(),
                "EHLO" => "250-localhost\r\n250 STARTTLS".to_owned(),
                "STARTTLS" => {
                    stream.write_all(b"220 go ahead\r\n").await.unwrap();
                    return true;
                }
                "AUTH" => {
                    let proof = said.rsplit(' ').next().unwrap_or_default();
                    let proof = BASE64_STANDARD.decode(proof).unwrap_or_default();
                    letter.login = String::from_utf8_lossy(&proof).replace('\0', ":");
                    "235 welcome".to_owned()
                }
                "MAIL" if self.refuses.load(Ordering::SeqCst) => "451 not now".to_owned(),
                "RCPT" => {
                    letter.to.push(said.to_owned());
                    "250 ok".to_owned()
                }
                "DATA" => {
                    stream.write_all(b"354 go ahead\r\n").await.unwrap();
                    letter.text = read_letter(stream).await;
                    self.letters.lock().unwrap().push(letter.clone());
                    "250 taken".to_owned()
                }
                "QUIT" => {
                    let _ = stream.write_all(b"221 bye\r\n").await;
                    return false;
                }
                _ => "250 ok".to_owned(),
            };
            if stream
                .write_all(format!("{answer}\r\n").as_bytes())
                .await
                .is_err()
            {
                return false;
            }
        }
    }
}

async fn read_letter<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut BufReader<S>) -> String {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        let read = stream.read_line(&mut line).await.unwrap_or_default();
        if read == 0 || line == ".\r\n" {
            return text;
        }
        text.push_str(&line);
    }
}

/// An address that takes a POST, on a free port.
#[derive(Clone, Default)]
pub struct Taker {
    pub origin: String,
    inbox: Arc<Mutex<Inbox>>,
}

#[derive(Default)]
struct Inbox {
    answers: Option<StatusCode>,
    taken: Vec<Taken>,
}

/// A POST as it came.
#[derive(Debug, Clone)]
pub struct Taken {
    pub path: String,
    pub headers: HeaderMap,
    pub text: String,
}

impl Taken {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

impl Taker {
    pub async fn start() -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let taker = Self {
            origin: format!("http://{}", socket.local_addr().unwrap()),
            inbox: Arc::default(),
        };
        let take = async |State(taker): State<Self>,
                          OriginalUri(uri): OriginalUri,
                          headers: HeaderMap,
                          body: Bytes| {
            let mut inbox = taker.inbox.lock().unwrap();
            if let Some(status) = inbox.answers {
                return (status, "no");
            }
            inbox.taken.push(Taken {
                path: uri.to_string(),
                headers,
                text: String::from_utf8_lossy(&body).into_owned(),
            });
            (StatusCode::OK, "ok")
        };
        let router = Router::new()
            .route("/{*path}", post(take))
            .with_state(taker.clone());
        tokio::spawn(async move { axum::serve(socket, router).await });
        taker
    }

    /// Answers this from now on, or takes what comes again.
    pub fn answers(&self, status: Option<StatusCode>) {
        self.inbox.lock().unwrap().answers = status;
    }

    /// What came since the last time.
    pub fn take(&self) -> Vec<Taken> {
        std::mem::take(&mut self.inbox.lock().unwrap().taken)
    }
}
