//! Logging in to a Tryton server, and one call.
//!
//! # Source
//! Tryton's JSON-RPC: `POST /<database>/` with `{"id", "method", "params"}`. Errors of the application
//! come as HTTP 200 with an `error` member, so the status alone is never a success.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use drawbridge_sdk::{
    CallError, FailureClass, Finality, Receipt, Secret,
    http::{Deadline, Endpoint, Method},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// A server, a database in it, and the bridge's own user.
#[derive(Debug)]
pub struct Client {
    pub(crate) endpoint: Endpoint,
    pub(crate) database: String,
    pub(crate) login: String,
    pub(crate) password: Secret,
    pub(crate) session: Mutex<Option<SecretString>>,
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

impl Client {
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
    /// Calls a method of a model. The empty context that every call ends with is added here.
    ///
    /// A session ends by itself after five idle minutes, so a refused one is renewed once.
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
        let renewed = {
            let mut session = self.client.session.lock().await;
            match session.as_ref() {
                Some(session) => Some(session.clone()),
                None => {
                    let fresh = self.log_in().await?;
                    *session = Some(fresh.clone());
                    None
                }
            }
        };
        let had_one = renewed.is_some();
        match self.exchange(step, does, method, &params).await {
            Err(error) if had_one && error.class == FailureClass::Credential => {
                self.receipts.extend(error.receipts);
                let fresh = self.log_in().await?;
                *self.client.session.lock().await = Some(fresh);
                self.exchange(step, does, method, &params).await
            }
            answer => answer,
        }
        .map_err(|error| error.after(std::mem::take(&mut self.receipts)))
    }

    async fn exchange(
        &mut self,
        step: &str,
        does: Does,
        method: &str,
        params: &[Value],
    ) -> Result<Value, CallError> {
        let session = self.client.session.lock().await.clone();
        let mut params = params.to_vec();
        params.push(json!({}));
        let body = json!({"id": 1, "method": method, "params": params});
        let authorization = session
            .map(|session| format!("Session {}", session.expose_secret()))
            .unwrap_or_default();
        let request = match does {
            Does::Reads => self
                .client
                .endpoint
                .read(step, Method::POST, "/{database}/"),
            Does::Changes => self
                .client
                .endpoint
                .change(step, Method::POST, "/{database}/"),
        };
        let answer = request
            .fill("database", &self.client.database)
            .shown_as(&format!("POST /{{database}}/ {method}"))
            .header("Authorization", &authorization)
            .json(&body)
            .before(self.deadline)
            .send_ok()
            .await?;
        let reply: Value = answer.json()?;
        if reply.get("error").is_some_and(|error| !error.is_null()) {
            return Err(refused_inside(&reply["error"], &answer));
        }
        let Some(result) = reply.get("result") else {
            return Err(answer.contract(
                "the server's answer has no result: check the address and the server's version",
            ));
        };
        let result = result.clone();
        self.receipts.extend(answer.receipts);
        Ok(result)
    }

    /// A new session, as the header wants it.
    async fn log_in(&mut self) -> Result<SecretString, CallError> {
        let client = self.client;
        let password = client.password.read()?;
        let body = json!({
            "id": 1,
            "method": "common.db.login",
            "params": [client.login, {"password": password.expose_secret()}, "en"],
        });
        let answer = client
            .endpoint
            .read("log in", Method::POST, "/{database}/")
            .fill("database", &client.database)
            .shown_as("POST /{database}/ common.db.login")
            .json(&body)
            .before(self.deadline)
            .send_ok()
            .await?;
        let reply: Value = answer.json()?;
        let session = (reply["result"][0].as_i64(), reply["result"][1].as_str());
        let (Some(user), Some(key)) = session else {
            let mut error = CallError::new(
                FailureClass::Credential,
                Finality::NotSent,
                "the server refused the bridge's login: check `login` and `password`, then `drawbridge retry`",
            );
            // The body of a login is never kept: it may hold a session key.
            error.receipts.push(Receipt::new(
                "log in",
                "POST /{database}/ common.db.login",
                Some("200".to_owned()),
                "",
            ));
            return Err(error);
        };
        let receipt = Receipt::new(
            "log in",
            "POST /{database}/ common.db.login",
            Some("200".to_owned()),
            "(session)",
        );
        self.receipts.push(receipt);
        Ok(SecretString::from(
            STANDARD.encode(format!("{}:{user}:{key}", client.login)),
        ))
    }
}

/// An error inside a success. What it names decides the class; its text is only kept redacted.
fn refused_inside(error: &Value, answer: &drawbridge_sdk::http::Answer) -> CallError {
    let kind = error.get(0).and_then(Value::as_str).unwrap_or_default();
    let (class, message) = match kind {
        "LoginException" => (
            FailureClass::Credential,
            "the server asks for another login: check the bridge's user",
        ),
        "ConcurrencyException" => (
            FailureClass::Retryable,
            "somebody else changed the record meanwhile: it is tried again",
        ),
        "UserError" | "UserWarning" | "AccessError" | "AccessButtonError" | "AccessException" => (
            FailureClass::Refused,
            "the server refused the change: look at the user there, and at the bridge's own rights",
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
