//! What a sandbox system answers.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use drawbridge_sdk::{
    AccountId, AccountPage, Ask, CallError, Canary, Capabilities, Change, CloseCall, Connector,
    Cursor, Effect, FailureClass, Finality, Health, Observation, OpenCall, Outcome, Receipt, Way,
};

use crate::{
    settings::{Behaviour, Settings},
    system::Accounts,
};

/// A sandbox system and the connector to it in one.
#[derive(Debug)]
pub struct Sandbox {
    settings: Settings,
    accounts: Mutex<Accounts>,
    closes_to_fail: Mutex<u32>,
}

impl Sandbox {
    /// A system with nobody in it but the canary.
    pub fn new(settings: Settings) -> Self {
        let mut accounts = Accounts::default();
        if let Some(canary) = &settings.canary {
            accounts.enable(canary, &[]);
        }
        Self {
            closes_to_fail: Mutex::new(settings.failing_closes),
            accounts: Mutex::new(accounts),
            settings,
        }
    }

    /// The accounts, to look at or change from outside.
    pub fn accounts(&self) -> MutexGuard<'_, Accounts> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take_its_time(&self) {
        tokio::time::sleep(Duration::from_millis(self.settings.answer_after_ms)).await;
    }

    /// Counts down the closes that fail; the error of one that does.
    fn overloaded(&self) -> Option<CallError> {
        let mut left = self
            .closes_to_fail
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *left = left.checked_sub(1)?;
        let mut error = CallError::new(
            FailureClass::Retryable,
            Finality::Unknown,
            "the system is overloaded (503): it is tried again",
        );
        error.receipts = vec![Receipt::new(
            "disable",
            "disable {account}",
            Some("503".to_owned()),
            "service unavailable",
        )];
        Some(error)
    }
}

#[async_trait]
impl Connector for Sandbox {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            ways: vec![Way::Account],
            create: true,
            set_role: true,
            disable: true,
            end_sessions: true,
            read_back: true,
            read_sessions: true,
            list_accounts: true,
            ..Capabilities::none("new logins are refused; nothing real is behind it")
        }
    }

    async fn check(&self) -> Result<Health, CallError> {
        self.take_its_time().await;
        Ok(Health {
            product: "sandbox".to_owned(),
            receipts: vec![receipt("check", "ok")],
        })
    }

    async fn observe(&self, ask: &Ask) -> Result<Observation, CallError> {
        self.take_its_time().await;
        let accounts = self.accounts();
        let canary = match &ask.canary {
            None => Canary::NotAsked,
            Some(name) if accounts.show().any(|account| account.login == *name) => Canary::Seen,
            Some(_) => Canary::Missing,
        };
        let own: Vec<_> = accounts
            .show()
            .filter(|account| account.belongs_to(&ask.subject))
            .collect();
        let receipt = receipt("read back", &format!("{} accounts", own.len()));
        Ok(Observation {
            accounts: own,
            canary,
            residual: Vec::new(),
            receipts: vec![receipt],
        })
    }

    async fn open(&self, call: &OpenCall) -> Result<Outcome, CallError> {
        self.take_its_time().await;
        let mut accounts = self.accounts();
        if accounts.has_only_others(&call.subject) {
            return Err(CallError::anothers_account());
        }
        let found = accounts.find(&call.subject);
        let Some(login) = found
            .clone()
            .or_else(|| call.subject.user_name().map(str::to_owned))
        else {
            return Err(CallError::new(
                FailureClass::Refused,
                Finality::NotSent,
                "the person has no userName to make an account of: give them one at the identity provider",
            ));
        };
        let as_wanted = found.is_some()
            && accounts
                .get_mut(&login)
                .is_some_and(|account| account.enabled && account.levels == call.levels);
        accounts.enable(&login, &call.levels);
        Ok(Outcome {
            accounts: vec![AccountId(login)],
            blocked: if as_wanted {
                Effect::AlreadyInState
            } else {
                Effect::Done
            },
            receipts: vec![receipt("enable", "ok")],
            ..Outcome::new(if as_wanted {
                Change::AlreadyInState
            } else {
                Change::Done
            })
        })
    }

    async fn close(&self, call: &CloseCall) -> Result<Outcome, CallError> {
        self.take_its_time().await;
        if let Some(error) = self.overloaded() {
            return Err(error);
        }
        let mut accounts = self.accounts();
        let Some(login) = accounts.find(&call.subject) else {
            return Ok(Outcome::new(Change::NoAccount));
        };
        let lies = self.settings.behaviour == Behaviour::Lies;
        let Some(account) = accounts.get_mut(&login) else {
            return Ok(Outcome::new(Change::NoAccount));
        };
        let was_enabled = account.enabled;
        if !lies {
            account.enabled = false;
            account.sessions = 0;
            account
                .levels
                .retain(|level| !call.managed_levels.contains(level));
        }
        Ok(Outcome {
            accounts: vec![AccountId(login)],
            blocked: if was_enabled {
                Effect::Done
            } else {
                Effect::AlreadyInState
            },
            sessions_ended: Effect::Done,
            receipts: vec![receipt("disable", "ok"), receipt("end sessions", "ok")],
            ..Outcome::new(if was_enabled {
                Change::Done
            } else {
                Change::AlreadyInState
            })
        })
    }

    async fn list_accounts(&self, _page: Option<&Cursor>) -> Result<AccountPage, CallError> {
        self.take_its_time().await;
        Ok(AccountPage {
            accounts: self.accounts().show().collect(),
            next: None,
            receipts: vec![receipt("list", "ok")],
        })
    }
}

fn receipt(step: &str, answer: &str) -> Receipt {
    Receipt::new(
        step,
        format!("{step} {{account}}"),
        Some("200".to_owned()),
        answer,
    )
}
