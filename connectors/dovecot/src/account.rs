//! The login: refuse it, make Dovecot forget what it cached, cut what is open.

use drawbridge_sdk::{
    Account, AccountId, AccountState, CallError, Change, CloseCall, Effect, FailureClass, Finality,
    OpenCall, Outcome, Receipt, Sessions, Subject,
};
use sqlx::AnyConnection;

use crate::{
    client::{DoveadmCall, names_one_login},
    connector::Dovecot,
    sieve,
    users::User,
};

impl Dovecot {
    /// Every login of this person. One whose row is gone is in here while it is still connected.
    pub(crate) async fn observe_accounts(
        &self,
        subject: &Subject,
    ) -> Result<(Vec<Account>, Vec<Receipt>), CallError> {
        let doveadm = self.doveadm.call();
        let mut connection = self.users.connect().await?;
        let users = self.users.find(&mut connection, subject).await?;
        let mut receipts = vec![rows_receipt("observe", users.len())];
        let rowless = logins_without_row(subject, &users);
        let mut accounts = Vec::new();
        for user in users {
            let (open, receipt) = doveadm.count_sessions(&user.email).await?;
            receipts.push(receipt);
            accounts.push(account(user, sessions(open)));
        }
        for email in rowless {
            let (open, receipt) = doveadm.count_sessions(&email).await?;
            receipts.push(receipt);
            if open > 0 {
                let user = User {
                    email,
                    state: AccountState::Disabled,
                };
                accounts.push(account(user, sessions(open)));
            }
        }
        Ok((accounts, receipts))
    }

    pub(crate) async fn open_account(&self, call: &OpenCall) -> Result<Outcome, CallError> {
        let doveadm = self.doveadm.call();
        let mut connection = self.users.connect().await?;
        let mut users = self
            .own_users_to_open(&mut connection, &call.subject)
            .await?;
        let mut outcome = Outcome::new(Change::AlreadyInState);
        outcome.blocked = Effect::AlreadyInState;
        if users.is_empty() {
            let email = self.new_login(&call.subject)?;
            self.users.create(&mut connection, &email).await?;
            outcome
                .receipts
                .push(change_receipt("create", "INSERT one row"));
            outcome.change = Change::Done;
            users.push(User {
                email,
                state: AccountState::Enabled,
            });
        }
        for user in users {
            if user.state == AccountState::Disabled {
                let admit =
                    self.users
                        .set_state(&mut connection, &user.email, AccountState::Enabled);
                admit
                    .await
                    .map_err(|error| error.after(outcome.receipts.clone()))?;
                outcome
                    .receipts
                    .push(change_receipt("enable", "UPDATE enabled"));
                outcome.change = Change::Done;
            }
            // A refusal may be cached just as well.
            match doveadm.flush_auth_cache(&user.email).await {
                Ok(receipt) => outcome.receipts.push(receipt),
                Err(error) => fail(&mut outcome.blocked, error, &mut outcome.receipts),
            }
            outcome.accounts.push(AccountId(user.email));
        }
        if outcome.change == Change::Done && !matches!(outcome.blocked, Effect::Failed(_)) {
            outcome.blocked = Effect::Done;
        }
        Ok(outcome)
    }

    pub(crate) async fn close_account(&self, call: &CloseCall) -> Result<Outcome, CallError> {
        let doveadm = self.doveadm.call();
        let mut connection = self.users.connect().await?;
        let users = self.own_users(&mut connection, &call.subject).await?;
        let mut outcome = Outcome::new(Change::NoAccount);
        if !users.is_empty() {
            self.block(&doveadm, &mut connection, &users, &mut outcome)
                .await;
            outcome.residual = self.residual();
        }
        let mut logins = logins_without_row(&call.subject, &users);
        logins.extend(users.iter().map(|user| user.email.clone()));
        outcome.accounts = users
            .into_iter()
            .map(|user| AccountId(user.email))
            .collect();
        end_sessions(&doveadm, &logins, &mut outcome).await;
        Ok(outcome)
    }

    async fn block(
        &self,
        doveadm: &DoveadmCall<'_>,
        connection: &mut AnyConnection,
        users: &[User],
        outcome: &mut Outcome,
    ) {
        outcome.change = Change::AlreadyInState;
        outcome.blocked = Effect::AlreadyInState;
        for user in users {
            if user.state == AccountState::Enabled {
                match self
                    .users
                    .set_state(connection, &user.email, AccountState::Disabled)
                    .await
                {
                    Ok(()) => {
                        outcome
                            .receipts
                            .push(change_receipt("disable", "UPDATE enabled"));
                        outcome.change = Change::Done;
                    }
                    Err(error) => fail(&mut outcome.blocked, error, &mut outcome.receipts),
                }
            }
            // Until Dovecot forgets, the old password goes on working.
            match doveadm.flush_auth_cache(&user.email).await {
                Ok(receipt) => outcome.receipts.push(receipt),
                Err(error) => fail(&mut outcome.blocked, error, &mut outcome.receipts),
            }
        }
        if outcome.change == Change::Done && !matches!(outcome.blocked, Effect::Failed(_)) {
            outcome.blocked = Effect::Done;
        }
    }

    /// The users this door may act on: once ids are known, those and no other that merely has a name
    /// of the person, and none that is somebody else's.
    pub(crate) async fn own_users(
        &self,
        connection: &mut AnyConnection,
        subject: &Subject,
    ) -> Result<Vec<User>, CallError> {
        let mut users = self.users.find(connection, subject).await?;
        users.retain(|user| subject.may_act_on(&user.email));
        Ok(users)
    }

    /// The same for an open: no user is made beside one that is somebody else's.
    pub(crate) async fn own_users_to_open(
        &self,
        connection: &mut AnyConnection,
        subject: &Subject,
    ) -> Result<Vec<User>, CallError> {
        let found = self.users.find(connection, subject).await?;
        let (own, others): (Vec<_>, Vec<_>) = found
            .into_iter()
            .partition(|user| subject.may_act_on(&user.email));
        if own.is_empty() && !others.is_empty() && subject.account_ids.is_empty() {
            return Err(CallError::anothers_account());
        }
        Ok(own)
    }

    fn new_login(&self, subject: &Subject) -> Result<String, CallError> {
        if !self.create {
            return Err(CallError::needs_human(
                "there is no such mailbox: create it, or set `create = true` to let it be created",
            ));
        }
        let email = subject.email().or(subject.user_name()).unwrap_or_default();
        sieve::address(email).map(|address| address.as_str().to_ascii_lowercase())
    }
}

async fn end_sessions(doveadm: &DoveadmCall<'_>, logins: &[String], outcome: &mut Outcome) {
    outcome.sessions_ended = Effect::AlreadyInState;
    let mut some_ended = false;
    for login in logins {
        match doveadm.kick(login).await {
            Ok((ended, receipt)) => {
                some_ended |= ended;
                outcome.receipts.push(receipt);
            }
            Err(error) => fail(&mut outcome.sessions_ended, error, &mut outcome.receipts),
        }
    }
    if some_ended {
        outcome.change = Change::Done;
        if !matches!(outcome.sessions_ended, Effect::Failed(_)) {
            outcome.sessions_ended = Effect::Done;
        }
    }
}

/// Logins this person may still be connected with although their rows are gone.
fn logins_without_row(subject: &Subject, users: &[User]) -> Vec<String> {
    let known: Vec<&str> = if subject.account_ids.is_empty() {
        subject
            .user_names
            .iter()
            .chain(&subject.emails)
            .map(String::as_str)
            .collect()
    } else {
        subject.account_ids.iter().map(AccountId::as_str).collect()
    };
    let mut logins: Vec<String> = known
        .into_iter()
        .map(str::to_ascii_lowercase)
        .filter(|login| names_one_login(login) && subject.may_act_on(login))
        .filter(|login| users.iter().all(|user| user.email != *login))
        .collect();
    logins.sort();
    logins.dedup();
    logins
}

/// Notes the first failure of a part; the others are in the receipts.
fn fail(effect: &mut Effect, mut error: CallError, receipts: &mut Vec<Receipt>) {
    receipts.append(&mut error.receipts);
    if !matches!(effect, Effect::Failed(_)) {
        *effect = Effect::Failed(error);
    }
}

pub(crate) fn account(user: User, sessions: Sessions) -> Account {
    Account {
        id: AccountId(user.email.clone()),
        login: user.email,
        state: user.state,
        sessions,
        levels: Vec::new(),
        identifiers: Vec::new(),
    }
}

pub(crate) fn sessions(open: u32) -> Sessions {
    if open == 0 {
        Sessions::None
    } else {
        Sessions::Open(open)
    }
}

pub(crate) fn rows_receipt(step: &str, found: usize) -> Receipt {
    let request = "SELECT the user table for {login}";
    Receipt::new(
        step,
        request,
        Some("ok".to_owned()),
        &format!("{found} found"),
    )
}

fn change_receipt(step: &str, change: &str) -> Receipt {
    Receipt::new(
        step,
        format!("{change} for {{login}}"),
        Some("committed".to_owned()),
        "",
    )
}

/// Nothing that can be forwarded or opened was found.
pub(crate) fn no_mailbox() -> CallError {
    CallError::new(
        FailureClass::NeedsHuman,
        Finality::NotSent,
        "there is no such mailbox to forward: create it first",
    )
}
