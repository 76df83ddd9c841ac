//! Just enough IMAP, SMTP and ManageSieve to be a person with a mail program.

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

/// A connection that is spoken to line by line.
struct Lines(BufReader<TcpStream>);

impl Lines {
    async fn connect(address: &str) -> Self {
        Self(BufReader::new(
            TcpStream::connect(address).await.expect("the mail server"),
        ))
    }

    /// Sends a line; an error is left to the next read.
    async fn send(&mut self, line: &str) {
        let _ = self.0.write_all(format!("{line}\r\n").as_bytes()).await;
    }

    /// The next line, or nothing when the other side has closed.
    async fn next(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line.trim_end().to_owned()),
        }
    }
}

/// An IMAP session.
pub struct Imap(Lines);

impl Imap {
    /// Logs in; `None` when it is refused.
    pub async fn login(address: &str, user: &str, password: &str) -> Option<Self> {
        let mut imap = Self(Lines::connect(address).await);
        imap.0.next().await.expect("a greeting");
        let (done, _) = imap.run(&format!("LOGIN \"{user}\" \"{password}\"")).await;
        done.then_some(imap)
    }

    /// Whether the session still works.
    pub async fn is_open(&mut self) -> bool {
        self.run("NOOP").await.0
    }

    /// Waits until the server closes the session.
    pub async fn closed(mut self) {
        let mut rest = Vec::new();
        let _ = self.0.0.read_to_end(&mut rest).await;
    }

    /// Waits until a message with this subject is in the inbox.
    pub async fn wait_for(&mut self, subject: &str) {
        while self.count(subject).await == 0 {}
    }

    /// How many messages with this subject are in the inbox.
    pub async fn count(&mut self, subject: &str) -> usize {
        assert!(self.run("SELECT INBOX").await.0, "the inbox");
        let (done, lines) = self
            .run(&format!("SEARCH HEADER SUBJECT \"{subject}\""))
            .await;
        assert!(done, "{lines:?}");
        let found = lines.iter().find_map(|line| line.strip_prefix("* SEARCH"));
        found.unwrap_or_default().split_whitespace().count()
    }

    async fn run(&mut self, command: &str) -> (bool, Vec<String>) {
        self.0.send(&format!("a {command}")).await;
        let mut lines = Vec::new();
        while let Some(line) = self.0.next().await {
            if let Some(status) = line.strip_prefix("a ") {
                return (status.starts_with("OK"), lines);
            }
            lines.push(line);
        }
        (false, lines)
    }
}

/// An SMTP session.
pub struct Smtp(Lines);

impl Smtp {
    /// Connects to a port that wants no login.
    pub async fn connect(address: &str) -> Self {
        let mut smtp = Self(Lines::connect(address).await);
        assert!(smtp.answer().await.starts_with("220"));
        assert!(
            smtp.run("EHLO client.practice.test")
                .await
                .starts_with("250")
        );
        smtp
    }

    /// Logs in; `None` when it is refused.
    pub async fn login(address: &str, user: &str, password: &str) -> Option<Self> {
        let mut smtp = Self::connect(address).await;
        let proof = STANDARD.encode(format!("\0{user}\0{password}"));
        let answer = smtp.run(&format!("AUTH PLAIN {proof}")).await;
        answer.starts_with("235").then_some(smtp)
    }

    /// Sends a message, and says whether it was taken.
    pub async fn mail(&mut self, from: &str, to: &str, subject: &str) -> bool {
        self.run(&format!("MAIL FROM:<{from}>"))
            .await
            .starts_with("250")
            && self
                .run(&format!("RCPT TO:<{to}>"))
                .await
                .starts_with("250")
            && self.run("DATA").await.starts_with("354")
            && self
                .run(&format!(
                    "From: <{from}>\r\nSubject: {subject}\r\n\r\nhello\r\n."
                ))
                .await
                .starts_with("250")
    }

    async fn run(&mut self, command: &str) -> String {
        self.0.send(command).await;
        self.answer().await
    }

    /// The last line of an answer; empty when the server has closed.
    async fn answer(&mut self) -> String {
        while let Some(line) = self.0.next().await {
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
        String::new()
    }
}

/// A ManageSieve session.
pub struct ManageSieve(Lines);

impl ManageSieve {
    pub async fn login(address: &str, user: &str, password: &str) -> Self {
        let mut sieve = Self(Lines::connect(address).await);
        sieve.answer().await;
        let proof = STANDARD.encode(format!("\0{user}\0{password}"));
        sieve
            .run(&format!("AUTHENTICATE \"PLAIN\" \"{proof}\""))
            .await;
        sieve
    }

    /// Stores a script and makes it the active one.
    pub async fn activate(&mut self, name: &str, script: &str) {
        let length = script.len();
        self.run(&format!("PUTSCRIPT \"{name}\" {{{length}+}}\r\n{script}"))
            .await;
        self.run(&format!("SETACTIVE \"{name}\"")).await;
    }

    /// The scripts as the server lists them, for example `"rules" ACTIVE`.
    pub async fn list(&mut self) -> Vec<String> {
        self.run("LISTSCRIPTS").await
    }

    async fn run(&mut self, command: &str) -> Vec<String> {
        self.0.send(command).await;
        self.answer().await
    }

    async fn answer(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.0.next().await {
            if line.starts_with("OK") {
                return lines;
            }
            assert!(
                !line.starts_with("NO") && !line.starts_with("BYE"),
                "{line}"
            );
            lines.push(line);
        }
        panic!("the server closed the connection")
    }
}
