//! The accounts and sessions of a sandbox system.

use std::collections::BTreeMap;

use drawbridge_sdk::{Account, AccountId, AccountState, Sessions, Subject};

/// One account.
#[derive(Debug, Clone)]
pub struct Login {
    /// Whether one can log in.
    pub enabled: bool,
    /// Open sessions.
    pub sessions: u32,
    /// Levels.
    pub levels: Vec<String>,
}

/// Accounts by login name, which never changes here.
#[derive(Debug, Default)]
pub struct Accounts(BTreeMap<String, Login>);

impl Accounts {
    /// The login name of this person's account, if there is one that may be acted on.
    pub fn find(&self, subject: &Subject) -> Option<String> {
        self.named(subject)
            .find(|login| subject.may_act_on(login))
            .cloned()
    }

    /// Whether an account that bears the person's name is there, and is somebody else's.
    pub fn has_only_others(&self, subject: &Subject) -> bool {
        self.named(subject).next().is_some() && self.find(subject).is_none()
    }

    fn named(&self, subject: &Subject) -> impl Iterator<Item = &String> {
        self.0
            .keys()
            .filter(|login| subject.owns(login) || subject.bears(login))
    }

    /// The account with this login name.
    pub fn get_mut(&mut self, login: &str) -> Option<&mut Login> {
        self.0.get_mut(login)
    }

    /// Makes an account, or changes it, so that one can log in with these levels. Whoever can log in
    /// is taken to be logged in.
    pub fn enable(&mut self, login: &str, levels: &[String]) {
        let account = self.0.entry(login.to_owned()).or_insert(Login {
            enabled: false,
            sessions: 0,
            levels: Vec::new(),
        });
        account.enabled = true;
        account.sessions = account.sessions.max(1);
        account.levels = levels.to_vec();
    }

    /// The accounts as a reading shows them.
    pub fn show(&self) -> impl Iterator<Item = Account> + '_ {
        self.0.iter().map(|(login, account)| Account {
            id: AccountId(login.clone()),
            login: login.clone(),
            state: if account.enabled {
                AccountState::Enabled
            } else {
                AccountState::Disabled
            },
            sessions: if account.sessions == 0 {
                Sessions::None
            } else {
                Sessions::Open(account.sessions)
            },
            levels: account.levels.clone(),
            identifiers: Vec::new(),
        })
    }
}
