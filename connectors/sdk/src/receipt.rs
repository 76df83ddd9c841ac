//! The redacted proof of each step.

use serde::{Deserialize, Serialize};

use crate::redact;

/// Longest excerpt of a system's answer kept in a receipt, in bytes. Long enough for an error page,
/// short enough that a mistaken export of patients is not stored.
pub const EXCERPT_BYTES: usize = 2_000;

/// One request and what came back, safe to store and to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// What the step was for, for example `disable` or `end sessions`.
    pub step: String,
    /// The request line without secrets, for example `PATCH /Users/{id}`.
    pub request: String,
    /// The system's answer in its own terms, for example `200` or `ldap 0`. `None` when none came.
    pub status: Option<String>,
    /// The system's own id of the request, where it gives one.
    pub vendor_request_id: Option<String>,
    /// What came back, redacted and capped at [`EXCERPT_BYTES`].
    pub excerpt: String,
}

impl Receipt {
    /// A receipt of one step. The excerpt passes the redactor and is capped.
    pub fn new(
        step: &str,
        request: impl Into<String>,
        status: Option<String>,
        answer: &str,
    ) -> Self {
        Self {
            step: step.to_owned(),
            request: request.into(),
            status,
            vendor_request_id: None,
            excerpt: redact::excerpt(answer, EXCERPT_BYTES),
        }
    }
}
