//! What the proxy says in the system's place.

use super::http::Asks;
use crate::fault::{Fault, SAID_AT, Towards};

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

    fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// What a system says that does not do it.
    pub(super) fn error(status: u16) -> Self {
        Self::json(status, r#"{"error":"this is what was asked for"}"#)
    }

    /// What a fault says that needs nothing of the system. `elsewhere` is a host of somebody else.
    pub(super) fn of(fault: Fault, asks: Asks, elsewhere: &str) -> Option<Self> {
        match fault {
            Fault::Status(status) if asks == Asks::Changes => Some(Self::error(status)),
            Fault::Outage(status) => Some(Self::error(status)),
            Fault::RetryAfter(status, wish) if asks != Asks::LogsIn => Some(
                Self::error(status)
                    .with_header("Date", SAID_AT)
                    .with_header("Retry-After", wish),
            ),
            Fault::HtmlPage => Some(Self {
                status: 200,
                headers: vec![(
                    "Content-Type".to_owned(),
                    "text/html; charset=utf-8".to_owned(),
                )],
                body: "<!doctype html><title>Welcome</title><p>Please sign in.".to_owned(),
            }),
            Fault::TruncatedJson => Some(Self::json(200, r#"{"users":[{"id":"u-1","active":fal"#)),
            Fault::NoContent => Some(Self {
                status: 204,
                headers: Vec::new(),
                body: String::new(),
            }),
            Fault::Redirect => Some(Self::json(302, "").with_header("Location", "/elsewhere")),
            Fault::RedirectTo(status, Towards::OtherHost) => Some(
                Self::json(status, "").with_header("Location", format!("http://{elsewhere}/users")),
            ),
            Fault::RedirectTo(status, Towards::Metadata) => {
                Some(Self::json(status, "").with_header(
                    "Location",
                    "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
                ))
            }
            _ => None,
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let headers: String = self
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let length = match self.status {
            204 => String::new(),
            _ => format!("Content-Length: {}\r\n", self.body.len()),
        };
        format!(
            "HTTP/1.1 {} Canned\r\n{headers}{length}Connection: close\r\n\r\n{}",
            self.status, self.body
        )
        .into_bytes()
    }
}
