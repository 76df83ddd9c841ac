//! One request, and what became of it.

use std::sync::Arc;

use reqwest::{Method, header::CONTENT_TYPE};
use serde::Serialize;
use url::{Position, Url};

use super::{
    answer::Answer,
    auth::{Presented, header_name, header_value},
    endpoint::{Deadline, Inner},
    target::Target,
    trouble,
};
use crate::{
    failure::{CallError, FailureClass, Finality},
    receipt::Receipt,
};

/// Whether a request can change anything, and so whether it can still land when no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sends {
    /// It changes nothing: a search, a login of the bridge itself.
    Reads,
    /// It may change something.
    Changes,
}

impl Sends {
    /// Whether the request can still land after a failure without a final answer.
    pub const fn without_answer(self) -> Finality {
        match self {
            Self::Reads => Finality::NotSent,
            Self::Changes => Finality::Unknown,
        }
    }

    /// Whether the request can still land after this status: a 202 and a 5xx settle nothing.
    pub const fn after_status(self, status: u16) -> Finality {
        match (self, status) {
            (Self::Reads, _) => Finality::NotSent,
            (Self::Changes, 202 | 500..=599) => Finality::Unknown,
            (Self::Changes, _) => Finality::Answered,
        }
    }
}

/// A request being put together.
#[must_use = "nothing is sent before `send`"]
pub struct Request {
    inner: Arc<Inner>,
    sends: Sends,
    step: String,
    method: Method,
    target: Target,
    shown: Option<String>,
    headers: Vec<(String, String)>,
    body: Option<(String, Vec<u8>)>,
    deadline: Option<Deadline>,
}

impl Request {
    pub(super) fn new(
        inner: Arc<Inner>,
        sends: Sends,
        step: &str,
        method: Method,
        path: &str,
    ) -> Self {
        Self {
            inner,
            sends,
            step: step.to_owned(),
            method,
            target: Target::new(path),
            shown: None,
            headers: Vec::new(),
            body: None,
            deadline: None,
        }
    }

    /// Fills `{place}` of the path, percent-encoded. The receipt keeps showing `{place}`.
    pub fn fill(mut self, place: &str, value: &str) -> Self {
        self.target.fill(place, value);
        self
    }

    /// Adds `name=value` to the query, percent-encoded. The receipt shows the name only.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.target.query(name, value);
        self
    }

    /// Shows this line in the receipt instead of method and path, for a path that was filled elsewhere.
    pub fn shown_as(mut self, line: &str) -> Self {
        self.shown = Some(line.to_owned());
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends this as JSON.
    pub fn json(self, body: &impl Serialize) -> Self {
        self.json_as("application/json", body)
    }

    /// Sends this as JSON under another name, for example `application/scim+json`.
    pub fn json_as(self, content_type: &str, body: &impl Serialize) -> Self {
        // A value that is no JSON (a map with keys that are not text) is a slip that every test finds.
        self.body(content_type, serde_json::to_vec(body).unwrap_or_default())
    }

    /// Sends these fields as a form.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.body("application/x-www-form-urlencoded", body.into_bytes())
    }

    /// Sends these bytes.
    pub fn body(mut self, content_type: &str, bytes: Vec<u8>) -> Self {
        self.body = Some((content_type.to_owned(), bytes));
        self
    }

    /// Ends with the call it is a part of, instead of having the whole time for itself.
    pub fn before(mut self, deadline: Deadline) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sends it and gives a success with its body; every other status is an error.
    ///
    /// # Errors
    /// As [`Self::send`] and [`Answer::ok`].
    pub async fn send_ok(self) -> Result<Answer, CallError> {
        self.send().await?.ok()
    }

    /// Sends it and gives the answer, whatever its status.
    ///
    /// After a 401 the secrets are read again; if one changed meanwhile, it is sent once more.
    ///
    /// # Errors
    /// When no whole answer came, or the request could not be made.
    pub async fn send(self) -> Result<Answer, CallError> {
        let deadline = self.deadline.unwrap_or_else(|| self.inner.deadline());
        let mut receipts = Vec::new();
        match self.send_with_receipts(deadline, &mut receipts).await {
            Ok(answer) => Ok(answer.after(receipts)),
            Err(error) => Err(error.after(receipts)),
        }
    }

    async fn send_with_receipts(
        &self,
        deadline: Deadline,
        receipts: &mut Vec<Receipt>,
    ) -> Result<Answer, CallError> {
        let auth = &self.inner.auth;
        let presented = Presented::of(auth, deadline, receipts).await?;
        let answer = self.send_once(&presented, deadline).await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        presented.refused(auth).await;
        // A credential that cannot be had anew leaves the refusal as it was.
        let Ok(fresh) = Presented::of(auth, deadline, receipts).await else {
            return Ok(answer);
        };
        if fresh == presented {
            return Ok(answer);
        }
        receipts.extend(answer.receipts);
        self.send_once(&fresh, deadline).await
    }

    async fn send_once(
        &self,
        presented: &Presented,
        deadline: Deadline,
    ) -> Result<Answer, CallError> {
        let request = self.build(presented)?.timeout(deadline.remaining());
        let response = request
            .send()
            .await
            .map_err(|error| self.no_answer(&error))?;
        self.inner.note_certificate(&response);
        Answer::receive(response, self.sends, &self.step, &self.line(), |text| {
            presented.strip(text)
        })
        .await
        .map_err(|error| self.no_answer(&error))?
    }

    fn build(&self, presented: &Presented) -> Result<reqwest::RequestBuilder, CallError> {
        let mut request = self.inner.client.request(self.method.clone(), self.url()?);
        let headers = self.inner.headers.iter().chain(&self.headers);
        for (name, value) in headers {
            request = request.header(header_name(name)?, header_value(value)?);
        }
        for (name, value) in presented.headers() {
            request = request.header(name, value);
        }
        if let Some((content_type, bytes)) = &self.body {
            request = request
                .header(CONTENT_TYPE, header_value(content_type)?)
                .body(bytes.clone());
        }
        Ok(request)
    }

    fn url(&self) -> Result<Url, CallError> {
        let elsewhere = || {
            CallError::new(
                FailureClass::Refused,
                Finality::NotSent,
                "the request's path leads away from the system's address: report this as a fault of the connector",
            )
        };
        let base = &self.inner.base;
        let sent = self.target.sent()?;
        let url = Url::parse(&format!("{base}{sent}")).map_err(|_| elsewhere())?;
        // A path that reads differently from how it was put together goes elsewhere: dots in it, or
        // no `/` before it, which makes the host longer.
        let path = sent.split('?').next().unwrap_or_default();
        let whole = format!("{base}{path}");
        let is_below = url[..Position::AfterPath] == whole
            || url[..Position::AfterPath] == format!("{whole}/");
        if is_below && url.fragment().is_none() {
            Ok(url)
        } else {
            Err(elsewhere())
        }
    }

    fn line(&self) -> String {
        self.shown
            .clone()
            .unwrap_or_else(|| format!("{} {}", self.method, self.target.shown()))
    }

    fn no_answer(&self, error: &reqwest::Error) -> CallError {
        let mut error = trouble::of(error, self.sends);
        error.receipts = vec![Receipt::new(&self.step, self.line(), None, "")];
        error
    }
}
