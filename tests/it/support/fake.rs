//! A system in memory that does, or fails, as a test says, and keeps a journal.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use drawbridge_sdk::{
    Account, AccountId, AccountPage, AccountState, Ask, CallError, Canary, Capabilities, Change,
    CloseCall, Connector, Cursor, Effect, FailureClass, Finality, Health, Observation, OpenCall,
    Outcome, Residual, Sessions, Subject, Way,
};
use jiff::Timestamp;
use tokio::sync::Notify;

/// A fake system; clones share one state.
#[derive(Clone, Default)]
pub struct FakeSystem(Arc<Mutex<State>>);

pub struct State {
    pub accounts: BTreeMap<String, FakeAccount>,
    /// What was asked, in order: `open nina`, `close nina`, `read nina`, `check`.
    pub journal: Vec<String>,
    /// Errors of the next changing calls, before any effect.
    pub failures: VecDeque<CallError>,
    /// Errors of the next readings.
    pub read_failures: VecDeque<CallError>,
    /// Says yes to closes and does nothing.
    pub lies: bool,
    /// Whether readings see the canary.
    pub sees_canary: bool,
    /// Whether sessions can be read, and ended.
    pub has_sessions: bool,
    /// What stays possible after a close.
    pub residual: Vec<Residual>,
    /// Whether it has no way to read an account back.
    pub cannot_be_read: bool,
    /// When the certificate ends that it showed last.
    pub certificate_ends: Option<Timestamp>,
    /// The next open waits here before it takes effect, as a slow system does.
    pub gate: Option<Arc<Notify>>,
    /// The next close waits here before it takes effect.
    pub close_gate: Option<Arc<Notify>>,
    /// The next reading waits here after it has looked.
    pub read_gate: Option<Arc<Notify>>,
}

#[derive(Debug, Clone, Default)]
pub struct FakeAccount {
    /// The system's own id, which never changes.
    pub id: String,
    pub enabled: bool,
    pub sessions: u32,
    pub levels: Vec<String>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            accounts: BTreeMap::new(),
            journal: Vec::new(),
            failures: VecDeque::new(),
            read_failures: VecDeque::new(),
            lies: false,
            sees_canary: true,
            has_sessions: true,
            residual: Vec::new(),
            cannot_be_read: false,
            certificate_ends: None,
            gate: None,
            close_gate: None,
            read_gate: None,
        }
    }
}

/// The system is down: nothing was sent.
pub fn unreachable() -> CallError {
    CallError::new(
        FailureClass::Retryable,
        Finality::NotSent,
        "cannot reach the system at its address",
    )
}

/// The request was sent and no answer came.
pub fn timed_out() -> CallError {
    CallError::new(
        FailureClass::Retryable,
        Finality::Unknown,
        "no answer within 20 seconds",
    )
}

/// The system refused the bridge's own credential.
pub fn credential_refused() -> CallError {
    CallError::new(
        FailureClass::Credential,
        Finality::Answered,
        "the service account was refused",
    )
}

/// The system understood and refused.
pub fn refused() -> CallError {
    CallError::new(
        FailureClass::Refused,
        Finality::Answered,
        "the system refused the change",
    )
}

impl FakeSystem {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("the fake's state")
    }

    /// The account, if there is one.
    pub fn account(&self, login: &str) -> Option<FakeAccount> {
        self.state().accounts.get(login).cloned()
    }

    /// Somebody at the system makes an account.
    pub fn add(&self, login: &str, account: FakeAccount) {
        let mut state = self.state();
        state.accounts.insert(login.to_owned(), account);
    }

    /// Somebody at the system changes an account behind the bridge's back.
    pub fn enable_behind_our_back(&self, login: &str) {
        self.state()
            .accounts
            .get_mut(login)
            .expect("an account")
            .enabled = true;
    }

    /// Somebody at the system gives an account another login name.
    pub fn rename(&self, from: &str, to: &str) {
        let mut state = self.state();
        let account = state.accounts.remove(from).expect("an account");
        state.accounts.insert(to.to_owned(), account);
    }

    /// An open that nobody waits for any more takes effect.
    pub fn an_open_lands(&self, login: &str) {
        let mut state = self.state();
        let account = state.accounts.entry(login.to_owned()).or_default();
        account.id = format!("id-{login}");
        account.enabled = true;
        account.sessions = 1;
    }

    /// The next open takes effect only when the gate is rung.
    pub fn hold_next_open(&self) -> Arc<Notify> {
        let gate = Arc::new(Notify::new());
        self.state().gate = Some(Arc::clone(&gate));
        gate
    }

    /// The next close takes effect only when the gate is rung.
    pub fn hold_next_close(&self) -> Arc<Notify> {
        let gate = Arc::new(Notify::new());
        self.state().close_gate = Some(Arc::clone(&gate));
        gate
    }

    /// The next changing call fails so.
    pub fn fail_next(&self, errors: impl IntoIterator<Item = CallError>) {
        self.state().failures.extend(errors);
    }

    pub fn journal(&self) -> Vec<String> {
        self.state().journal.clone()
    }
}

impl FakeSystem {
    /// What is there at this moment, and the gate the answer waits at.
    fn look(&self, ask: &Ask) -> (Result<Observation, CallError>, Option<Arc<Notify>>) {
        let mut state = self.state();
        let gate = state.read_gate.take();
        (state.show(ask), gate)
    }

    /// The next reading's answer comes only when the gate is rung.
    pub fn hold_next_reading(&self) -> Arc<Notify> {
        let gate = Arc::new(Notify::new());
        self.state().read_gate = Some(Arc::clone(&gate));
        gate
    }
}

impl State {
    fn show(&mut self, ask: &Ask) -> Result<Observation, CallError> {
        let state = self;
        state.note("read", &ask.subject);
        if let Some(error) = state.read_failures.pop_front() {
            return Err(error);
        }
        let accounts = state
            .accounts
            .iter()
            .filter(|(login, account)| ask.subject.owns(&account.id) || ask.subject.bears(login))
            .map(|(login, account)| Account {
                id: AccountId(account.id.clone()),
                login: login.clone(),
                state: if account.enabled {
                    AccountState::Enabled
                } else {
                    AccountState::Disabled
                },
                sessions: match account.sessions {
                    _ if !state.has_sessions => Sessions::NotReadable,
                    0 => Sessions::None,
                    open => Sessions::Open(open),
                },
                levels: account.levels.clone(),
                identifiers: Vec::new(),
            })
            .collect();
        let canary = if state.sees_canary {
            Canary::Seen
        } else {
            Canary::Missing
        };
        Ok(Observation {
            accounts,
            canary,
            residual: state.residual.clone(),
            receipts: Vec::new(),
        })
    }

    fn find(&self, subject: &Subject) -> Option<String> {
        self.named(subject)
            .find(|(_, account)| subject.may_act_on(&account.id))
            .map(|(login, _)| login.clone())
    }

    /// Every account that is or could be this person's.
    fn named(&self, subject: &Subject) -> impl Iterator<Item = (&String, &FakeAccount)> {
        self.accounts
            .iter()
            .filter(|(login, account)| subject.owns(&account.id) || subject.bears(login))
    }

    fn note(&mut self, what: &str, subject: &Subject) {
        let name = subject.user_name().unwrap_or("?").to_owned();
        self.journal.push(format!("{what} {name}"));
    }
}

#[async_trait]
impl Connector for FakeSystem {
    fn capabilities(&self) -> Capabilities {
        let (has_sessions, cannot_be_read) = {
            let state = self.state();
            (state.has_sessions, state.cannot_be_read)
        };
        Capabilities {
            ways: vec![Way::Account],
            create: true,
            set_role: true,
            disable: true,
            end_sessions: has_sessions,
            read_back: !cannot_be_read,
            read_sessions: has_sessions,
            list_accounts: false,
            ..Capabilities::none("logins are refused")
        }
    }

    async fn check(&self) -> Result<Health, CallError> {
        let mut state = self.state();
        state.journal.push("check".to_owned());
        match state.failures.front() {
            Some(error) if error.class == FailureClass::Retryable => Err(error.clone()),
            _ => Ok(Health {
                product: "fake".to_owned(),
                receipts: Vec::new(),
            }),
        }
    }

    async fn observe(&self, ask: &Ask) -> Result<Observation, CallError> {
        let (seen, gate) = self.look(ask);
        if let Some(gate) = gate {
            gate.notified().await;
        }
        seen
    }

    async fn open(&self, call: &OpenCall) -> Result<Outcome, CallError> {
        let gate = {
            let mut state = self.state();
            state.note("open", &call.subject);
            state.gate.take()
        };
        if let Some(gate) = gate {
            gate.notified().await;
        }
        let mut state = self.state();
        if let Some(error) = state.failures.pop_front() {
            return Err(error);
        }
        let found = state.find(&call.subject);
        if found.is_none() && state.named(&call.subject).next().is_some() {
            return Err(CallError::anothers_account());
        }
        let login = found
            .or_else(|| call.subject.user_name().map(str::to_owned))
            .expect("a login");
        let account = state.accounts.entry(login.clone()).or_default();
        account.enabled = true;
        account.sessions = 1;
        account.levels.clone_from(&call.levels);
        if account.id.is_empty() {
            account.id = format!("id-{login}");
        }
        let id = account.id.clone();
        Ok(Outcome {
            accounts: vec![AccountId(id)],
            blocked: Effect::Done,
            ..Outcome::new(Change::Done)
        })
    }

    async fn close(&self, call: &CloseCall) -> Result<Outcome, CallError> {
        let gate = {
            let mut state = self.state();
            state.note("close", &call.subject);
            state.close_gate.take()
        };
        if let Some(gate) = gate {
            gate.notified().await;
        }
        let mut state = self.state();
        if let Some(error) = state.failures.pop_front() {
            return Err(error);
        }
        let Some(login) = state.find(&call.subject) else {
            return Ok(Outcome::new(Change::NoAccount));
        };
        let (lies, has_sessions) = (state.lies, state.has_sessions);
        let account = state.accounts.get_mut(&login).expect("an account");
        let was_enabled = account.enabled;
        if !lies {
            account.enabled = false;
            account.sessions = 0;
        }
        let id = account.id.clone();
        Ok(Outcome {
            accounts: vec![AccountId(id)],
            blocked: if was_enabled {
                Effect::Done
            } else {
                Effect::AlreadyInState
            },
            sessions_ended: if has_sessions {
                Effect::Done
            } else {
                Effect::NotSupported
            },
            ..Outcome::new(if was_enabled {
                Change::Done
            } else {
                Change::AlreadyInState
            })
        })
    }

    async fn list_accounts(&self, _page: Option<&Cursor>) -> Result<AccountPage, CallError> {
        Ok(AccountPage::default())
    }

    fn certificate_ends(&self) -> Option<Timestamp> {
        self.state().certificate_ends
    }
}
