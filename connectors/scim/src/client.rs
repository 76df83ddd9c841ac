//! The requests of one call.

use drawbridge_sdk::{
    CallError, FailureClass, Receipt,
    http::{Answer, Deadline, Endpoint, Method, Request},
};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{features::Features, user::text};

/// A provider, and what it said it can do.
#[derive(Debug)]
pub struct Client {
    pub(crate) endpoint: Endpoint,
    pub(crate) features: Mutex<Option<Features>>,
}

/// The requests of one connector method: one deadline, and the receipts so far.
#[derive(Debug)]
pub struct Conversation<'c> {
    pub(crate) client: &'c Client,
    deadline: Deadline,
    /// One receipt per request made.
    pub receipts: Vec<Receipt>,
}

impl Client {
    /// A provider at this address.
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            features: Mutex::new(None),
        }
    }

    /// Begins the requests of one connector method.
    pub fn converse(&self) -> Conversation<'_> {
        let deadline = self.endpoint.deadline();
        Conversation {
            client: self,
            deadline,
            receipts: Vec::new(),
        }
    }

    /// Adds the receipts of the whole conversation to an error. An answer that makes no sense may
    /// come of a provider that was changed, so what it can do is asked again next time.
    pub async fn end<T>(
        &self,
        talk: &mut Conversation<'_>,
        result: Result<T, CallError>,
    ) -> Result<T, CallError> {
        match result {
            Err(error) => {
                if error.class == FailureClass::Contract {
                    *self.features.lock().await = None;
                }
                Err(error.after(std::mem::take(&mut talk.receipts)))
            }
            done => done,
        }
    }
}

impl Conversation<'_> {
    /// What the provider says it can do, asked once in a process.
    ///
    /// # Errors
    /// When it cannot be reached, or answers nonsense. One without this page is tried.
    pub async fn features(&mut self) -> Result<Features, CallError> {
        let mut known = self.client.features.lock().await;
        if let Some(features) = *known {
            return Ok(features);
        }
        let path = "/ServiceProviderConfig";
        let request = self
            .client
            .endpoint
            .read("read what it can do", Method::GET, path);
        let answer = self.ask(request).await?;
        let features = match answer.status {
            400 | 403 | 404 | 405 | 410 | 501 => {
                self.receipts.extend(answer.receipts);
                Features::default()
            }
            _ => Features::of(&self.record(answer)?),
        };
        *known = Some(features);
        Ok(features)
    }

    /// From now on everybody is read and compared: a filter found nobody where somebody is.
    ///
    /// # Errors
    /// As [`Self::features`].
    pub async fn distrust_filters(&mut self) -> Result<(), CallError> {
        let features = self.features().await?;
        let distrusting = Features {
            filter: Some(false),
            ..features
        };
        *self.client.features.lock().await = Some(distrusting);
        Ok(())
    }

    pub(crate) async fn ask(&self, request: Request) -> Result<Answer, CallError> {
        request
            .header("Accept", "application/scim+json, application/json")
            .before(self.deadline)
            .send()
            .await
    }

    /// A record that must have this id.
    pub(crate) fn record_of(&mut self, answer: Answer, id: &str) -> Result<Value, CallError> {
        let answer = answer.ok()?;
        let record: Value = answer.json()?;
        if record.get("id").and_then(text).as_deref() != Some(id) {
            return Err(answer.contract(
                "the system answered with another record than was asked for, or with none: ask \
                 the vendor",
            ));
        }
        self.keep(answer, &shown(&record));
        Ok(record)
    }

    pub(crate) fn record(&mut self, answer: Answer) -> Result<Value, CallError> {
        let answer = answer.ok()?;
        let record: Value = answer.json()?;
        let schemas = record["schemas"].as_array();
        let is_error = schemas.is_some_and(|schemas| schemas.iter().any(|schema| schema == ERROR));
        if is_error || !record.is_object() {
            return Err(answer.contract(
                "the system answered with an error inside a success: look into its log, or ask \
                 the vendor",
            ));
        }
        self.keep(answer, &shown(&record));
        Ok(record)
    }

    /// Keeps the receipt of a success with what proves something; a whole record says far more of a
    /// person than the proof needs.
    pub(crate) fn keep(&mut self, mut answer: Answer, proof: &Value) {
        if let Some(last) = answer.receipts.last_mut() {
            last.excerpt = proof.to_string();
        }
        self.receipts.extend(answer.receipts);
    }
}

const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

fn shown(record: &Value) -> Value {
    let members = record.get("members").and_then(Value::as_array);
    let mut shown = json!({});
    for (key, value) in [
        ("id", record.get("id").cloned()),
        ("active", record.get("active").cloned()),
        ("version", record["meta"].get("version").cloned()),
        ("members", members.map(|members| members.len().into())),
    ] {
        if let Some(value) = value {
            shown[key] = value;
        }
    }
    shown
}
