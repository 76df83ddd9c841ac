//! What came back.

use std::{fmt, time::Duration};

use reqwest::{
    Response,
    header::{CONTENT_TYPE, DATE, ETAG, HeaderMap, HeaderName, RETRY_AFTER},
};
use serde::de::DeserializeOwned;

use super::{MAX_ANSWER_BYTES, request::Sends, retry_after};
use crate::{
    failure::{CallError, FailureClass},
    receipt::Receipt,
    strict_json,
};

/// Where vendors put their id of a request, the commonest first.
const REQUEST_ID_HEADERS: [&str; 5] = [
    "x-request-id",
    "request-id",
    "x-correlation-id",
    "x-okta-request-id",
    "x-amzn-requestid",
];

/// A whole answer of a system.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, at most [`MAX_ANSWER_BYTES`].
    pub body: Vec<u8>,
    /// The record's version, where the system gives one.
    pub etag: Option<String>,
    /// How long the system asks to be left alone.
    pub retry_after: Option<Duration>,
    /// One receipt per request that was made for this answer, the last one its own.
    pub receipts: Vec<Receipt>,
    headers: HeaderMap,
    sends: Sends,
}

impl Answer {
    /// Reads a response to its end.
    ///
    /// The outer error is a connection that broke, the inner one an answer that is too long.
    pub(super) async fn receive(
        mut response: Response,
        sends: Sends,
        step: &str,
        line: &str,
        strip: impl Fn(&str) -> String,
    ) -> Result<Result<Self, CallError>, reqwest::Error> {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let mut body = Vec::new();
        let mut is_too_long = false;
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                is_too_long = true;
                break;
            }
            body.extend_from_slice(&chunk);
        }
        let text = strip(&String::from_utf8_lossy(&body));
        let mut receipt = Receipt::new(step, line, Some(status.to_string()), &text);
        receipt.vendor_request_id = REQUEST_ID_HEADERS
            .iter()
            .find_map(|name| header(&headers, &HeaderName::from_static(name)))
            .map(|id| crate::redact::excerpt(&strip(id), 200));
        let answer = Self {
            status,
            etag: header(&headers, &ETAG).map(str::to_owned),
            retry_after: header(&headers, &RETRY_AFTER)
                .and_then(|value| retry_after::parse(value, header(&headers, &DATE))),
            body,
            receipts: vec![receipt],
            headers,
            sends,
        };
        if is_too_long {
            return Ok(Err(answer.contract(
                "the system's answer is far longer than any honest one: check `base_url`",
            )));
        }
        Ok(Ok(answer))
    }

    /// Whether the status is a success that settles the request. A 202 to a change settles nothing.
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.status) && !(self.status == 202 && self.sends == Sends::Changes)
    }

    /// The answer, if its status is a success that settles the request.
    ///
    /// # Errors
    /// Every other status, as [`FailureClass::of_status`] has it.
    pub fn ok(self) -> Result<Self, CallError> {
        if self.is_ok() {
            Ok(self)
        } else {
            Err(self.failure())
        }
    }

    /// The body as JSON of this shape.
    ///
    /// # Errors
    /// `contract` when it is a page for people, cut off, ambiguous (a key twice), or of another shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        if self.is_for_people() {
            return Err(self.contract(
                "the system answered with a web page instead of data: check `base_url`, and whether a login page or a proxy is in between",
            ));
        }
        let value = strict_json::parse(&self.body).map_err(|_| {
            self.contract("the system's answer is not whole JSON: check `base_url`, and its version against this connector's page")
        })?;
        serde_json::from_value(value).map_err(|_| {
            self.contract("the system's answer has another shape than documented: check its version against this connector's page")
        })
    }

    /// The body as text, for excerpts and for systems that answer in plain words.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header, if it is there once and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.get_all(name).iter();
        let value = all.next()?.to_str().ok()?;
        all.next().is_none().then_some(value)
    }

    /// What this answer means where it is not a success, in plain words, with its receipts.
    pub fn failure(&self) -> CallError {
        // "Later" is neither success nor failure: it is read back and asked again.
        let class = match self.status {
            202 => FailureClass::Retryable,
            status => FailureClass::of_status(status),
        };
        let mut error = CallError::new(
            class,
            self.sends.after_status(self.status),
            self.sentence(class),
        );
        error.retry_after = self.retry_after;
        error.receipts.clone_from(&self.receipts);
        error
    }

    /// This answer makes no sense, for the reason given, with its receipts.
    pub fn contract(&self, message: impl Into<String>) -> CallError {
        let finality = self.sends.after_status(self.status);
        let mut error = CallError::new(FailureClass::Contract, finality, message);
        error.receipts.clone_from(&self.receipts);
        error
    }

    pub(super) fn after(mut self, mut earlier: Vec<Receipt>) -> Self {
        earlier.append(&mut self.receipts);
        self.receipts = earlier;
        self
    }

    fn is_for_people(&self) -> bool {
        let says_html =
            header(&self.headers, &CONTENT_TYPE).is_some_and(|kind| kind.contains("html"));
        says_html || self.body.trim_ascii_start().starts_with(b"<")
    }

    fn sentence(&self, class: FailureClass) -> String {
        let status = self.status;
        match (class, status) {
            (_, 202) => "the system took the order for later (202): it is read back and tried again".to_owned(),
            (_, 300..=399) => format!(
                "the system answered with a redirect ({status}), which is never followed: set `base_url` to its final address"
            ),
            (_, 403) => "the system does not let the service account do this (403): give it the rights this connector's page lists".to_owned(),
            (_, 412) => "the record was changed by somebody else meanwhile (412): it is read and tried again".to_owned(),
            (_, 429) => "the system asks the bridge to slow down (429): it is tried again later".to_owned(),
            (FailureClass::Retryable, _) => {
                format!("the system cannot do it now ({status}): it is tried again; look at the system's own log if it goes on")
            }
            (FailureClass::Credential, _) => {
                format!("the system refused the bridge's credential ({status}): store a valid one for this system")
            }
            (FailureClass::Gone, _) => {
                format!("the system knows nothing at this address ({status}): check `base_url` if this is said of everybody")
            }
            (FailureClass::Refused, _) => {
                format!("the system refused the request ({status}): the receipt has its reason")
            }
            (FailureClass::Contract | FailureClass::NeedsHuman, _) => {
                format!("the system's answer ({status}) is not one of this interface: check `base_url`")
            }
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .field("receipts", &self.receipts)
            .finish_non_exhaustive()
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
