//! The one HTTP client.
//!
//! - [`endpoint`]: where a system is, checked once when the settings are read
//! - [`address`]: which addresses may be connected to
//! - [`target`]: person data in paths and queries
//! - [`request`]: one request, and what became of it
//! - [`answer`]: what came back
//! - [`trouble`]: what it means when nothing came back
//! - [`auth`], [`oauth`], [`jwt`]: how the bridge says who it is
//!
//! No redirect is followed, no proxy is taken from the environment, no answer is longer than
//! [`MAX_ANSWER_BYTES`], and a name is resolved once for the check and the connection.
//!
//! ```no_run
//! use drawbridge_sdk::{BuildContext, CallError, Secret, SettingsError};
//! use drawbridge_sdk::http::{Auth, Endpoint, EndpointOptions, Method};
//! use serde_json::{Value, json};
//!
//! fn endpoint(token: Secret, context: &BuildContext) -> Result<Endpoint, SettingsError> {
//!     let options = EndpointOptions { auth: vec![Auth::Bearer(token)], ..EndpointOptions::default() };
//!     Endpoint::new("https://ehr.example.org/api", options, context)
//! }
//!
//! async fn block(endpoint: &Endpoint, id: &str) -> Result<(), CallError> {
//!     let deadline = endpoint.deadline();
//!     let answer = endpoint
//!         .read("find account", Method::GET, "/users/{id}")
//!         .fill("id", id)
//!         .before(deadline)
//!         .send_ok()
//!         .await?;
//!     let user: Value = answer.json()?;
//!     endpoint
//!         .change("disable", Method::PATCH, "/users/{id}")
//!         .fill("id", id)
//!         .json(&json!({ "version": user["version"], "active": false }))
//!         .before(deadline)
//!         .send_ok()
//!         .await?;
//!     Ok(())
//! }
//! ```

pub mod address;
pub mod answer;
pub mod auth;
pub mod endpoint;
pub mod jwt;
pub mod oauth;
pub mod request;
mod resolver;
mod retry_after;
pub mod target;
mod token_server;
pub mod trouble;

pub use answer::Answer;
pub use auth::{Auth, Credential};
pub use endpoint::{Deadline, Endpoint, EndpointOptions};
pub use jwt::JwtKey;
pub use oauth::{ClientAuth, Grant, OAuth};
pub use request::{Request, Sends};
pub use reqwest::Method;

/// Longest answer that is read, in bytes, after decompression.
pub const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Makes `ring` the process's TLS provider, unless one was chosen already.
///
/// Called by every [`Endpoint`]; whoever uses rustls otherwise may call it as well.
pub fn install_tls_provider() {
    // The only failure is that there is a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
