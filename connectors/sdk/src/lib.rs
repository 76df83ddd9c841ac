//! What a connector is made of.
//!
//! In reading order:
//!
//! - [`connector`]: the trait, what a connector can do, and how a kind of connector is registered
//! - [`subject`]: whom a call is about
//! - [`call`]: what is asked of a connector
//! - [`answer`]: what it says happened, and what it saw
//! - [`failure`]: what went wrong, in classes the server knows how to handle
//! - [`receipt`]: the redacted proof of each step
//! - [`secret`]: secrets by reference
//! - [`redact`]: what keeps passwords, tokens and patient data out of receipts
//! - [`http`]: the one HTTP client: timeouts, no redirects, a response cap, rustls
//! - [`tls`]: why no TLS connection came about, for other protocols too, and when a certificate ends
//! - `sql` (a feature): a system's own tables
//!
//! A connector makes one try. It never sleeps, retries or schedules: the server does. It says what
//! happened, never more than it saw.

pub mod answer;
pub mod call;
pub mod connector;
pub mod failure;
pub mod http;
pub mod receipt;
pub mod redact;
pub mod secret;
#[cfg(feature = "sql")]
pub mod sql;
mod strict_json;
pub mod subject;
pub mod tls;

pub use answer::{
    Account, AccountPage, AccountState, Canary, Change, Effect, Observation, Outcome, Residual,
    Sessions,
};
pub use call::{Ask, CloseCall, Cursor, OpenCall};
pub use connector::{BuildContext, Capabilities, Connector, Health, Kind, SettingsError};
pub use failure::{CallError, FailureClass, Finality};
pub use receipt::Receipt;
pub use secret::{Secret, SecretRef};
pub use subject::{AccountId, Subject, Way};
