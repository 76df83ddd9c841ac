//! Logging in to a Tryton server, and one call.
//!
//! # Source
//! trytond 7.0, `protocols/dispatcher.py` and `protocols/jsonrpc.py`: `POST /<database>/` with `id`,
//! `method` and `params`. Errors of the application come as HTTP 200 with `error`, so the status
//! alone is never a success.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use drawbridge_sdk::{
    BuildContext, CallError, FailureClass, Finality, Receipt, Secret, SettingsError,
    http::{Answer, Deadline, Endpoint, EndpointOptions, Method, Request},
};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::settings::Settings;

/// A server, a database in it, and the bridge's own user.
#[derive(Debug)]
pub struct Client {
    endpoint: Endpoint,
    database: String,
    login: String,
    password: Secret,
    session: Mutex<Option<Session>>,
}

/// The calls of one connector method: one deadline, and the receipts so far.
#[derive(Debug)]
pub struct Conversation<'c> {
    client: &'c Client,
    deadline: Deadline,
    /// One receipt per request made.
    pub receipts: Vec<Receipt>,
}

/// Whether a call changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Does {
    /// It reads.
    Reads,
    /// It changes.
    Changes,
}

/// A session as the header wants it.
#[derive(Debug, Clone)]
struct Session(SecretString);

impl Session {
    fn is(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Client {
    /// A server at the address of these settings; nothing is sent.
    ///
    /// # Errors
    /// When the address may not be called or the password's reference leads nowhere.
    pub fn new(settings: Settings, context: &BuildContext) -> Result<Self, SettingsError> {
        let options = EndpointOptions {
            allow_plain_http: settings.allow_plain_http,
            allow_networks: settings.allow_networks,
            ca_file: settings.ca_file,
            ..EndpointOptions::default()
        };
        Ok(Self {
            endpoint: Endpoint::new(&settings.base_url, options, context)?,
            database: settings.database,
            login: settings.login,
            password: settings.password.bind(&context.base_dir)?,
            session: Mutex::new(None),
        })
    }

    /// When the certificate ends that the server showed last.
    pub fn certificate_ends(&self) -> Option<Timestamp> {
        self.endpoint.certificate_ends()
    }

    /// The bridge's own login.
    pub fn own_login(&self) -> &str {
        &self.login
    }

    /// Begins the calls of one connector method.
    pub fn converse(&self) -> Conversation<'_> {
        Conversation {
            client: self,
            deadline: self.endpoint.deadline(),
            receipts: Vec::new(),
        }
    }
}

impl Conversation<'_> {
    /// Calls a method. As every method wants it, the last parameter is the context.
    ///
    /// A session ends when the server or an administrator says so; a refused one is renewed once.
    /// The refused call did nothing, so a change may be sent again too.
    ///
    /// # Errors
    /// When no answer came, the server refused, or the answer is an error inside a success.
    pub async fn call(
        &mut self,
        step: &str,
        does: Does,
        method: &str,
        params: Vec<Value>,
    ) -> Result<Value, CallError> {
        let known = self.client.session.lock().await.clone();
        let session = match &known {
            Some(session) => session.clone(),
            None => self.session_other_than(None).await?,
        };
        match self.exchange(step, does, method, &params, &session).await {
            Err(error) if known.is_some() && error.class == FailureClass::Credential => {
                self.receipts.extend(error.receipts);
                let fresh = self.session_other_than(Some(&session)).await?;
                self.exchange(step, does, method, &params, &fresh).await
            }
            result => result,
        }
    }

    /// An error with all receipts of this conversation.
    pub fn fail<T>(&mut self, result: Result<T, CallError>) -> Result<T, CallError> {
        result.map_err(|error| error.after(std::mem::take(&mut self.receipts)))
    }

    async fn exchange(
        &mut self,
        step: &str,
        does: Does,
        method: &str,
        params: &[Value],
        session: &Session,
    ) -> Result<Value, CallError> {
        let (endpoint, path) = (&self.client.endpoint, "/{database}/");
        let request = match does {
            Does::Reads => endpoint.read(step, Method::POST, path),
            Does::Changes => endpoint.change(step, Method::POST, path),
        };
        let authorization = format!("Session {}", session.0.expose_secret());
        let request = request.header("Authorization", &authorization);
        let mut answer = self.ask(request, method, &json!(params)).await?.ok()?;
        let reply: Value = answer.json()?;
        if reply.get("error").is_some_and(|error| !error.is_null()) {
            return Err(error_inside(&reply["error"], &answer));
        }
        let Some(result) = reply.get("result").cloned() else {
            return Err(answer.contract(
                "the server's answer has no result: check `base_url` and the server's version",
            ));
        };
        if let Some(receipt) = answer.receipts.last_mut() {
            receipt.excerpt = proof(&result).to_string();
        }
        self.receipts.extend(answer.receipts);
        Ok(result)
    }

    /// The session others may have got meanwhile, or a new one.
    async fn session_other_than(
        &mut self,
        refused: Option<&Session>,
    ) -> Result<Session, CallError> {
        let mut kept = self.client.session.lock().await;
        if let Some(session) = kept.as_ref()
            && refused.is_none_or(|refused| !refused.is(session))
        {
            return Ok(session.clone());
        }
        *kept = None;
        let fresh = self.log_in().await.map_err(without_excerpts)?;
        *kept = Some(fresh.clone());
        Ok(fresh)
    }

    async fn log_in(&mut self) -> Result<Session, CallError> {
        let client = self.client;
        let password = client.password.read()?;
        let params = json!([client.login, { "password": password.expose_secret() }, "en"]);
        // It makes a session and changes nothing, so nothing of it can land later.
        let request = client.endpoint.read("log in", Method::POST, "/{database}/");
        let mut answer = self.ask(request, "common.db.login", &params).await?.ok()?;
        let reply: Value = answer.json()?;
        let session = (reply["result"][0].as_i64(), reply["result"][1].as_str());
        let session = match session {
            (Some(user), Some(key)) => STANDARD.encode(format!("{}:{user}:{key}", client.login)),
            _ if reply.get("result").is_some_and(Value::is_null) => {
                return Err(refused_login(&answer));
            }
            _ if reply["error"][0] == "LoginException" => return Err(refused_login(&answer)),
            _ => {
                return Err(answer.contract(
                    "the server answered the bridge's login with an error inside a success: look \
                     into its log",
                ));
            }
        };
        if let Some(receipt) = answer.receipts.last_mut() {
            receipt.excerpt.clear();
        }
        self.receipts.extend(answer.receipts);
        Ok(Session(SecretString::from(session)))
    }

    async fn ask(
        &self,
        request: Request,
        method: &str,
        params: &Value,
    ) -> Result<Answer, CallError> {
        request
            .fill("database", &self.client.database)
            .shown_as(&format!("POST /{{database}}/ {method}"))
            .json(&json!({ "id": 1, "method": method, "params": params }))
            .before(self.deadline)
            .send()
            .await
    }
}

/// What a receipt keeps of a result: a whole record says far more of a person than the proof needs.
fn proof(result: &Value) -> Value {
    match result.as_array().map(Vec::as_slice) {
        Some([Value::Object(record)]) => {
            let proves = |key: &str| ["id", "active", "sessions", "groups", "state"].contains(&key);
            let kept = record.iter().filter(|(key, _)| proves(key));
            kept.map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        }
        Some(records) if records.iter().any(Value::is_object) => {
            json!({ "records": records.len() })
        }
        _ => result.clone(),
    }
}

fn refused_login(answer: &Answer) -> CallError {
    let mut error = answer.contract(
        "the server refused the bridge's login, or wants more than a password: check `login` and \
         `password`",
    );
    error.class = FailureClass::Credential;
    error
}

/// Answers to a login are never kept: they may hold a session's key.
fn without_excerpts(mut error: CallError) -> CallError {
    for receipt in &mut error.receipts {
        receipt.excerpt.clear();
    }
    error.finality = Finality::NotSent;
    error
}

/// An error inside a success. Its kind decides the class; its text is kept redacted in the receipt.
fn error_inside(error: &Value, answer: &Answer) -> CallError {
    let (class, message) = match error[0].as_str().unwrap_or_default() {
        "LoginException" => (
            FailureClass::Credential,
            "the server wants the bridge to log in otherwise: check the bridge's user there",
        ),
        "ConcurrencyException" => (
            FailureClass::Retryable,
            "somebody else changed the record meanwhile: it is tried again",
        ),
        "UserError" | "UserWarning" => (
            FailureClass::Refused,
            "the server refused it (the receipt has its reason): look at the user there, and at \
             the rights of the bridge's own user",
        ),
        _ => (
            FailureClass::Contract,
            "the server answered with an error inside a success: look into its log",
        ),
    };
    let mut failure = answer.contract(message);
    failure.class = class;
    failure
}
