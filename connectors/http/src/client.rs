//! One request at a time: a step of the vendor file sent, and its answer judged.

use std::fmt;

use drawbridge_sdk::{
    Account, AccountState, BuildContext, CallError, FailureClass, Finality, Receipt, SettingsError,
    http::{self, Deadline, Endpoint, EndpointOptions, Request},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    credentials,
    settings::Settings,
    values::Filling,
    vendor::{
        VendorFile, body::FilledBody, paging::below, request::Filled, step::Step,
        template::Unfillable,
    },
    verdict::{Verdict, verdict},
};

/// One vendor's interface.
pub struct Vendor {
    /// What is known of it.
    pub file: VendorFile,
    endpoint: Endpoint,
}

/// The requests of one call. They share its time.
pub struct Client<'a> {
    /// The vendor file.
    pub file: &'a VendorFile,
    endpoint: &'a Endpoint,
    deadline: Deadline,
}

/// What a step came to, where it did not fail.
pub enum Reply {
    /// It is done, or here is what was asked for.
    Yes(Answer),
    /// It was so before.
    Already(Answer),
    /// There is no such account; only for steps that say how that looks.
    Absent(Answer),
}

/// An answer that makes sense.
pub struct Answer {
    /// What it says; null when it is empty.
    pub body: Value,
    http: http::Answer,
}

impl Vendor {
    /// A vendor at the address of these settings. Nothing is sent.
    ///
    /// # Errors
    /// When the vendor file, the address or a credential cannot be used.
    pub fn new(settings: &Settings, context: &BuildContext) -> Result<Self, SettingsError> {
        let file = settings.vendor_file(context)?;
        let options = EndpointOptions {
            allow_plain_http: settings.allow_plain_http,
            allow_networks: settings.allow_networks.clone(),
            ca_file: settings.ca_file.clone(),
            auth: credentials::auth(settings, &file, context)?,
            headers: file.headers.clone().into_iter().collect(),
        };
        let endpoint = Endpoint::new(settings.address(&file)?.as_str(), options, context)?;
        Ok(Self { file, endpoint })
    }

    /// When the certificate ends that it showed last.
    pub fn certificate_ends(&self) -> Option<Timestamp> {
        self.endpoint.certificate_ends()
    }

    /// For one call, whose time begins now.
    pub fn client(&self) -> Client<'_> {
        Client {
            file: &self.file,
            endpoint: &self.endpoint,
            deadline: self.endpoint.deadline(),
        }
    }
}

impl fmt::Debug for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vendor")
            .field("title", &self.file.title)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl Client<'_> {
    /// Sends a step that changes nothing. `absent` are the statuses that mean "no such account".
    ///
    /// # Errors
    /// When it was not sent, not answered, or not answered as the vendor file has it.
    pub async fn read(
        &self,
        name: &str,
        step: &Step,
        filling: &Filling<'_>,
        absent: &[u16],
    ) -> Result<Reply, CallError> {
        let filled = step
            .request
            .fill(filling)
            .map_err(|error| self.unfillable(name, &error))?;
        let request = self
            .endpoint
            .read(name, filled.method.clone(), &filled.path_and_query);
        self.send(request, step, &filled, filling, absent).await
    }

    /// Sends a step that changes something.
    ///
    /// # Errors
    /// As [`Client::read`].
    pub async fn change(
        &self,
        name: &str,
        step: &Step,
        filling: &Filling<'_>,
    ) -> Result<Reply, CallError> {
        let filled = step
            .request
            .fill(filling)
            .map_err(|error| self.unfillable(name, &error))?;
        let mut request = self
            .endpoint
            .change(name, filled.method.clone(), &filled.path_and_query);
        if let (Some(header), Some(key)) = (&self.file.idempotency_header, filling.idempotency_key)
        {
            request = request.header(header, key);
        }
        self.send(request, step, &filled, filling, &[]).await
    }

    /// Reads the page a link leads to.
    ///
    /// # Errors
    /// As [`Client::read`], and when the link leads to another host.
    pub async fn follow(&self, name: &str, step: &Step, link: &str) -> Result<Reply, CallError> {
        let path_and_query = below(self.endpoint.base_url(), link)
            .map_err(|problem| CallError::contract(format!("{} {problem}", self.file.title)))?;
        let filled = Filled {
            method: http::Method::GET,
            path_and_query,
            body: FilledBody::None,
        };
        let request = self
            .endpoint
            .read(name, http::Method::GET, &filled.path_and_query);
        self.send(request, step, &filled, &Filling::default(), &[])
            .await
    }

    async fn send(
        &self,
        request: Request,
        step: &Step,
        filled: &Filled,
        filling: &Filling<'_>,
        absent: &[u16],
    ) -> Result<Reply, CallError> {
        let request = request.shown_as(&step.request.line).before(self.deadline);
        let request = match &filled.body {
            FilledBody::None => request,
            FilledBody::Json(body) => request.json(body),
            FilledBody::Form(fields) => {
                let fields: Vec<(&str, &str)> = fields
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                request.form(&fields)
            }
        };
        let mut http = request.send().await?;
        // No body says nothing, which is not the same as saying something that makes no sense.
        let body = if http.body.trim_ascii().is_empty() {
            Ok(Value::Null)
        } else {
            http.json::<Value>()
        };
        match verdict(
            self.file,
            step,
            absent,
            http.status,
            &http.text(),
            body.as_ref().ok(),
            filling.account_id,
        ) {
            Verdict::Yes => {
                let body = if step.expects_text() {
                    body.unwrap_or_default()
                } else {
                    body?
                };
                if let Some(last) = http.receipts.last_mut() {
                    last.excerpt = self.proof(step, &body);
                }
                Ok(Reply::Yes(Answer { body, http }))
            }
            Verdict::Already => Ok(Reply::Already(Answer {
                body: body.unwrap_or_default(),
                http,
            })),
            Verdict::Absent => Ok(Reply::Absent(Answer {
                body: body.unwrap_or_default(),
                http,
            })),
            Verdict::No { class, says } => {
                let mut error = http.failure();
                error.class = class;
                error.message = says;
                Err(error)
            }
        }
    }

    /// What a receipt keeps of a success: the account it shows, or else the values that were checked. The
    /// record of a person holds far more than the proof needs. What failed is kept as it came, redacted.
    fn proof(&self, step: &Step, body: &Value) -> String {
        if let Ok(account) = self.file.record.read(body) {
            return summary(std::slice::from_ref(&account));
        }
        let checked: serde_json::Map<String, Value> = step
            .expect
            .iter()
            .filter_map(|condition| condition.checked(body))
            .collect();
        if checked.is_empty() {
            String::new()
        } else {
            Value::Object(checked).to_string()
        }
    }

    /// Reads a record that came with this answer.
    ///
    /// # Errors
    /// When it cannot be read as the vendor file has it.
    pub fn record(&self, record: &Value, answer: &Answer) -> Result<Account, CallError> {
        let read = self.file.record.read(record);
        read.map_err(|problem| {
            self.contract(&format!("answered with a record that {problem}"), answer)
        })
    }

    /// The error for an answer that makes no sense, for the reason given.
    pub fn contract(&self, problem: &str, answer: &Answer) -> CallError {
        answer
            .http
            .contract(format!("{} {problem}", self.file.title))
    }

    fn unfillable(&self, name: &str, error: &Unfillable) -> CallError {
        let message = format!(
            "the step `{name}` for {} was not sent: {error}",
            self.file.title
        );
        CallError::new(FailureClass::Refused, Finality::NotSent, message)
    }
}

impl Answer {
    /// Its receipts, as they are.
    pub fn into_receipts(self) -> Vec<Receipt> {
        self.http.receipts
    }

    /// Its receipts, the last of which says which accounts were read.
    pub fn into_receipts_of(self, accounts: &[Account]) -> Vec<Receipt> {
        let mut receipts = self.http.receipts;
        if let Some(last) = receipts.last_mut() {
            last.excerpt = summary(accounts);
        }
        receipts
    }
}

fn summary(accounts: &[Account]) -> String {
    match accounts {
        [account] => {
            let state = match account.state {
                AccountState::Enabled => "enabled",
                AccountState::Disabled => "disabled",
            };
            json!({ "account": account.id, "state": state, "levels": account.levels, "sessions": account.sessions }).to_string()
        }
        _ => json!({ "accounts": accounts.len() }).to_string(),
    }
}
