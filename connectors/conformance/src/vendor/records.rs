//! The accounts of a make-believe vendor, and how it misbehaves with them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::PASSWORD;
use crate::fault::Fault;

/// One account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Never changes.
    pub id: String,
    /// The name one logs in with.
    pub login: String,
    /// The e-mail address.
    pub email: String,
    /// Whether one can log in.
    pub active: bool,
    /// Levels.
    pub roles: Vec<String>,
    /// Open sessions.
    pub sessions: u32,
}

/// The accounts, shared by the routes and the fixture.
///
/// `search`, `get`, `change` and `delete` are for routes and misbehave on demand. `user`, `log_in`,
/// `add` and `edit` are for fixtures and always say and do the truth.
#[derive(Debug, Clone, Default)]
pub struct Records {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    users: Vec<User>,
    numbers_given: u32,
    fault: Option<Fault>,
    journal: Vec<String>,
}

impl Records {
    /// Makes an enabled account, or gives the one there is.
    pub fn add(&self, login: &str) -> User {
        if let Some(user) = self.user(login) {
            return user;
        }
        let mut state = self.state();
        state.numbers_given += 1;
        let user = User {
            id: format!("u-{}", state.numbers_given),
            login: login.to_owned(),
            email: format!("{login}@practice.example"),
            active: true,
            roles: Vec::new(),
            sessions: 0,
        };
        state.users.push(user.clone());
        user
    }

    /// The account with this login, whatever the vendor would answer.
    pub fn user(&self, login: &str) -> Option<User> {
        self.state()
            .users
            .iter()
            .find(|user| user.login.eq_ignore_ascii_case(login))
            .cloned()
    }

    /// Changes the account with this login as an administrator would, and says whether there is one.
    pub fn edit(&self, login: &str, change: impl FnOnce(&mut User)) -> bool {
        let mut state = self.state();
        let user = state
            .users
            .iter_mut()
            .find(|user| user.login.eq_ignore_ascii_case(login));
        user.map(change).is_some()
    }

    /// Opens a session, if the account is active and the password right.
    pub fn log_in(&self, login: &str, password: &str) -> bool {
        let is_admitted = self.user(login).is_some_and(|user| user.active) && password == PASSWORD;
        is_admitted && self.edit(login, |user| user.sessions += 1)
    }

    /// Requests so far, as `GET /users/7`.
    pub fn journal(&self) -> Vec<String> {
        self.state().journal.clone()
    }

    pub(super) fn write_down(&self, line: String) {
        self.state().journal.push(line);
    }

    pub(super) fn misbehave(&self, fault: Fault) -> bool {
        let can = matches!(
            fault,
            Fault::SaysYesDoesNothing | Fault::SomebodyElse | Fault::Blind
        );
        if can {
            self.state().fault = Some(fault);
        }
        can
    }

    pub(super) fn behave(&self) {
        self.state().fault = None;
    }

    /// The accounts a search finds: none when it is blind, everybody when it ignores the filter.
    pub fn search(&self, matches: impl Fn(&User) -> bool) -> Vec<User> {
        let state = self.state();
        let sees = |user: &&User| match state.fault {
            Some(Fault::Blind) => false,
            Some(Fault::SomebodyElse) => true,
            _ => matches(user),
        };
        state.users.iter().filter(sees).cloned().collect()
    }

    /// The account with this id; another one when the vendor answers with somebody else.
    pub fn get(&self, id: &str) -> Option<User> {
        let is_other = self.state().fault == Some(Fault::SomebodyElse);
        self.search(|user| user.id == id)
            .into_iter()
            .find(|user| (user.id == id) != is_other)
    }

    /// Changes the account with this id, unless the vendor only says so. `None` when there is none.
    pub fn change(&self, id: &str, change: impl FnOnce(&mut User)) -> Option<User> {
        let mut state = self.state();
        let only_says_so = state.fault == Some(Fault::SaysYesDoesNothing);
        let user = state.users.iter_mut().find(|user| user.id == id)?;
        if only_says_so {
            // What it answers is what was asked for.
            let mut said = user.clone();
            change(&mut said);
            return Some(said);
        }
        change(user);
        Some(user.clone())
    }

    /// Deletes the account with this id, which no connector may ask for.
    pub fn delete(&self, id: &str) {
        self.state().users.retain(|user| user.id != id);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
