//! What is asked of a connector.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::subject::{Subject, Way};

/// A reading: which accounts does this person have here, and what do they say?
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Whose accounts to look for, by every account id and identifier in it.
    pub subject: Subject,
    /// Which way in to look at.
    pub way: Way,
    /// An account known to exist. The same search must see it, or an empty answer proves nothing.
    pub canary: Option<String>,
}

/// Opens a door: creates the account where there is none, enables it, sets its levels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCall {
    /// Whose door.
    pub subject: Subject,
    /// Which way in.
    pub way: Way,
    /// Levels the account must have afterwards, in the system's own words (group, role, profile).
    pub levels: Vec<String>,
    /// Every level the practice manages in this system. Of these, the account keeps only `levels`;
    /// what is not named here is left alone.
    pub managed_levels: Vec<String>,
    /// Where mail goes, for [`Way::Forwarding`].
    pub forward_to: Option<String>,
    /// When what is opened must end by itself, for [`Way::Forwarding`].
    pub until: Option<Timestamp>,
    /// The same on each retry of one round, another otherwise. Sent to systems that know
    /// idempotency keys.
    pub idempotency_key: String,
}

/// Closes a door: blocks new logins and ends open sessions. Never deletes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseCall {
    /// Whose door.
    pub subject: Subject,
    /// Which way in.
    pub way: Way,
    /// Levels to take away on closing; an empty list takes none.
    pub managed_levels: Vec<String>,
    /// As in [`OpenCall::idempotency_key`]. A fence must never stop a close, so a connector never
    /// sends a precondition with it.
    pub idempotency_key: String,
}

/// Where the next page of an account listing starts. Opaque: only the connector that made it reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);
