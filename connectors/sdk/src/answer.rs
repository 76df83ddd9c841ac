//! What a connector says happened, and what it saw.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    call::Cursor,
    failure::CallError,
    receipt::Receipt,
    subject::{AccountId, Subject},
};

/// What one open or close did.
///
/// A close reports three things separately: `blocked` and `sessions_ended` here, and the reading
/// that [`crate::Connector::observe`] makes afterwards.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// Whether anything was changed by this call.
    pub change: Change,
    /// Accounts this call touched or created; kept for ever, whatever else happens to the call.
    pub accounts: Vec<AccountId>,
    /// For a close: new logins are refused. For an open: logins are admitted and levels are set.
    pub blocked: Effect,
    /// For a close: sessions that were open have been cut. Also tried when `blocked` was so before.
    pub sessions_ended: Effect,
    /// What stays possible after this call, and for how long.
    pub residual: Vec<Residual>,
    /// One receipt per request made, in order.
    pub receipts: Vec<Receipt>,
}

impl Outcome {
    /// An outcome that touched nothing yet; connectors fill it step by step.
    pub fn new(change: Change) -> Self {
        Self {
            change,
            accounts: Vec::new(),
            blocked: Effect::NotSupported,
            sessions_ended: Effect::NotSupported,
            residual: Vec::new(),
            receipts: Vec::new(),
        }
    }

    /// The first step that failed, if one did.
    pub fn failure(&self) -> Option<&CallError> {
        [&self.blocked, &self.sessions_ended]
            .into_iter()
            .find_map(|effect| match effect {
                Effect::Failed(error) => Some(error),
                _ => None,
            })
    }
}

/// Whether a call changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The system was changed.
    Done,
    /// It already was as wanted. Sessions are ended all the same.
    AlreadyInState,
    /// There is no account of this person here, so there was nothing to change.
    NoAccount,
}

/// What became of one part of a call.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The system's final answer says it is done.
    Done,
    /// It was so before this call.
    AlreadyInState,
    /// The system cannot do it, or cannot be asked.
    NotSupported,
    /// It was tried and failed; the other parts of the call were tried all the same.
    Failed(CallError),
}

impl Effect {
    /// The word that is stored and shown.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::AlreadyInState => "already_in_state",
            Self::NotSupported => "not_supported",
            Self::Failed(_) => "failed",
        }
    }
}

/// What stays possible after a door was closed: an open LDAP connection, a cached Kerberos ticket,
/// an open SMTP session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Residual {
    /// What stays, in plain words.
    pub what: String,
    /// The longest it can last where that is documented; `None` means without a bound, and then only
    /// a person can say that it is over.
    pub longest: Option<Duration>,
}

/// What a system says about one person now.
#[derive(Debug, Clone, Default)]
pub struct Observation {
    /// Every account of this person that was found, whatever its state. A record of somebody else
    /// is never in here.
    pub accounts: Vec<Account>,
    /// Whether the same search also saw the account that is known to exist.
    pub canary: Canary,
    /// What stays possible with the state that was seen.
    pub residual: Vec<Residual>,
    /// One receipt per request made, in order.
    pub receipts: Vec<Receipt>,
}

/// One account as a system shows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The system's immutable id.
    pub id: AccountId,
    /// The name one logs in with.
    pub login: String,
    /// Whether one can log in.
    pub state: AccountState,
    /// What is known of open sessions.
    pub sessions: Sessions,
    /// Levels the account has, in the system's own words.
    pub levels: Vec<String>,
    /// Other identifiers the record bears (e-mail, external id), for matching it to a person.
    pub identifiers: Vec<String>,
}

impl Account {
    /// Says whether this record belongs to the subject: by id once one is known, else by name.
    pub fn belongs_to(&self, subject: &Subject) -> bool {
        subject.owns(self.id.as_str())
            || subject.bears(&self.login)
            || self
                .identifiers
                .iter()
                .any(|identifier| subject.bears(identifier))
    }
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account")
            .field("id", &self.id)
            .field("state", &self.state)
            .field("sessions", &self.sessions)
            .field("levels", &self.levels)
            .finish_non_exhaustive()
    }
}

/// Whether one can log in with an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountState {
    /// New logins are admitted.
    Enabled,
    /// New logins are refused, in the sense the connector's page documents.
    Disabled,
}

/// What is known of an account's open sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sessions {
    /// The system was asked and says there is none.
    None,
    /// The system was asked and shows this many.
    Open(u32),
    /// The system cannot be asked.
    NotReadable,
}

/// Whether a search saw the account that is known to exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Canary {
    /// No canary was named, so this says nothing.
    #[default]
    NotAsked,
    /// The same kind of search saw it: an empty answer means absence.
    Seen,
    /// The search did not see it: the reading is blind.
    Missing,
}

/// One page of an account listing.
#[derive(Debug, Clone, Default)]
pub struct AccountPage {
    /// Accounts on this page, whoever they belong to.
    pub accounts: Vec<Account>,
    /// Where the next page starts; `None` on the last one.
    pub next: Option<Cursor>,
    /// One receipt per request made.
    pub receipts: Vec<Receipt>,
}
