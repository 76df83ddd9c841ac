//! What went wrong, in classes the server knows how to handle.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::receipt::Receipt;

/// What kind of failure it was, and so what happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// Connect, timeout, 408, 412, 425, 429, 5xx: tried again on the schedule.
    Retryable,
    /// The system refused the bridge's own credential (401).
    Credential,
    /// The system understood and refused (400, 403, 409, 422).
    Refused,
    /// The account was not found (404, 410). To be proved by a reading.
    Gone,
    /// The answer makes no sense: 3xx, 405, a 2xx with a wrong body, an error inside a 200, a record
    /// of somebody else. Never success.
    Contract,
    /// The system has no API for this: a person must do it.
    NeedsHuman,
}

impl FailureClass {
    /// The name as it is stored and printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retryable => "retryable",
            Self::Credential => "credential",
            Self::Refused => "refused",
            Self::Gone => "gone",
            Self::Contract => "contract",
            Self::NeedsHuman => "needs_human",
        }
    }

    /// The class with this stored name.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::Retryable,
            Self::Credential,
            Self::Refused,
            Self::Gone,
            Self::Contract,
            Self::NeedsHuman,
        ]
        .into_iter()
        .find(|class| class.as_str() == name)
    }

    /// The class of an HTTP status that is not a success.
    pub const fn of_status(status: u16) -> Self {
        match status {
            401 => Self::Credential,
            404 | 410 => Self::Gone,
            408 | 412 | 425 | 429 | 500..=599 => Self::Retryable,
            400 | 402 | 403 | 406 | 407 | 409 | 411 | 413..=424 | 426..=428 | 430..=499 => {
                Self::Refused
            }
            _ => Self::Contract,
        }
    }
}

impl fmt::Display for FailureClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether what was sent can still take effect after the call returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finality {
    /// No byte of a changing request left: nothing can land.
    NotSent,
    /// The system gave its final synchronous answer: nothing more can land.
    Answered,
    /// A timeout, a 5xx, a 202, a broken connection: it may still land.
    Unknown,
}

/// A call that did not do what it was asked.
///
/// `Display` is one plain sentence for a person, lower case, without a final stop, ending with the
/// way out. It holds no secret, no name of a person and no body of the system.
#[derive(Clone, Serialize, Deserialize)]
pub struct CallError {
    /// What kind of failure.
    pub class: FailureClass,
    /// The sentence.
    pub message: String,
    /// Whether a changing request of this call can still take effect.
    pub finality: Finality,
    /// How long the system asked to be left alone (Retry-After), if it did.
    pub retry_after: Option<Duration>,
    /// One receipt per request made before and including the failed one.
    pub receipts: Vec<Receipt>,
}

impl CallError {
    /// A failure of this class.
    pub fn new(class: FailureClass, finality: Finality, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
            finality,
            retry_after: None,
            receipts: Vec::new(),
        }
    }

    /// The system's answer makes no sense. Its final answer was received.
    pub fn contract(message: impl Into<String>) -> Self {
        Self::new(FailureClass::Contract, Finality::Answered, message)
    }

    /// A person must do it; nothing was sent.
    pub fn needs_human(message: impl Into<String>) -> Self {
        Self::new(FailureClass::NeedsHuman, Finality::NotSent, message)
    }

    /// The only account that bears a name of this person is somebody else's, so it is not opened;
    /// nothing was sent. See [`crate::Subject::accounts_of_others`].
    pub fn anothers_account() -> Self {
        Self::needs_human(
            "an account that bears a name of this person is somebody else's, so it is left as it is: \
             take the name off it there, or make them an account of their own by hand, which is found \
             by itself",
        )
    }

    /// The same failure with the receipts of the steps before it put in front.
    #[must_use]
    pub fn after(mut self, earlier: Vec<Receipt>) -> Self {
        let own = std::mem::replace(&mut self.receipts, earlier);
        self.receipts.extend(own);
        self
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallError")
            .field("class", &self.class)
            .field("finality", &self.finality)
            .field("message", &self.message)
            .field("receipts", &self.receipts)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for CallError {}
