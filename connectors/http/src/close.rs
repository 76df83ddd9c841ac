//! Closing: refuse new logins, end open sessions, take levels away. Never deletes.

use drawbridge_sdk::{
    Account, AccountState, CallError, Change, CloseCall, Effect, FailureClass, Finality, Outcome,
    Receipt,
};

use crate::{
    client::{Client, Reply},
    levels,
    lookup::Lookup,
    residual,
    values::{Filling, request_key},
    vendor::step::{Close, Does},
};

/// Closes every account of this door.
///
/// # Errors
/// When nothing is known to be done: the vendor file has no step for it, the accounts could not be
/// found, or every step failed.
pub async fn close(client: &Client<'_>, call: &CloseCall) -> Result<Outcome, CallError> {
    let file = client.file;
    if !file.can(Does::blocks) {
        return Err(CallError::needs_human(format!(
            "{} can only be read from here: disable the account there by hand, it is read back by itself",
            file.title
        )));
    }
    let mut lookup = Lookup::new(client);
    let accounts = match lookup.own(&call.subject).await {
        Ok(own) => own.accounts,
        Err(error) => return Err(error.after(lookup.receipts)),
    };
    let mut outcome = Outcome::new(Change::NoAccount);
    outcome.receipts = lookup.receipts;
    if accounts.is_empty() {
        return Ok(outcome);
    }
    outcome.accounts = accounts.iter().map(|account| account.id.clone()).collect();
    outcome.residual = residual::after_close(file);
    let mut parts = Parts::default();
    for account in &accounts {
        for close in &file.close {
            if account.state == AccountState::Disabled && close.does == Does::Block && !close.always
            {
                parts.blocked.push(Effect::AlreadyInState);
                continue;
            }
            let effect = send(client, call, account, close, &mut outcome.receipts).await;
            if close.does.ends_sessions() {
                parts.sessions.push(effect.clone());
            }
            if close.does.blocks() {
                // A repeated block that succeeds changed nothing: the record read as blocked before it.
                let was_so =
                    account.state == AccountState::Disabled && matches!(effect, Effect::Done);
                parts.blocked.push(if was_so {
                    Effect::AlreadyInState
                } else {
                    effect
                });
            }
        }
        let managed = &call.managed_levels;
        let key = &call.idempotency_key;
        parts
            .blocked
            .extend(levels::set(client, account, &[], managed, key, &mut outcome.receipts).await);
    }
    parts.into_outcome(outcome)
}

async fn send(
    client: &Client<'_>,
    call: &CloseCall,
    account: &Account,
    close: &Close,
    receipts: &mut Vec<Receipt>,
) -> Effect {
    let id = account.id.as_str();
    let key = request_key(&call.idempotency_key, &close.step.request.line, id, "");
    let filling = Filling {
        account_id: Some(id),
        login: Some(&account.login),
        idempotency_key: Some(&key),
        ..Filling::default()
    };
    let name = if close.does == Does::EndSessions {
        "end sessions"
    } else {
        "disable"
    };
    effect(client.change(name, &close.step, &filling).await, receipts)
}

/// What a changing request did. Its receipt goes to the others, also when it failed.
pub fn effect(reply: Result<Reply, CallError>, receipts: &mut Vec<Receipt>) -> Effect {
    match reply {
        Ok(Reply::Yes(answer)) => {
            receipts.extend(answer.into_receipts());
            Effect::Done
        }
        Ok(Reply::Already(answer) | Reply::Absent(answer)) => {
            receipts.extend(answer.into_receipts());
            Effect::AlreadyInState
        }
        Err(error) => {
            receipts.extend(error.receipts.iter().cloned());
            Effect::Failed(error)
        }
    }
}

/// The effects of the steps, by part.
#[derive(Default)]
pub struct Parts {
    /// On logins, and on levels.
    pub blocked: Vec<Effect>,
    /// On open sessions.
    pub sessions: Vec<Effect>,
}

impl Parts {
    /// Sums them up.
    ///
    /// # Errors
    /// When there is a failure and nothing else: nothing is known to be done.
    pub fn into_outcome(self, mut outcome: Outcome) -> Result<Outcome, CallError> {
        let all = || self.blocked.iter().chain(&self.sessions);
        let failures: Vec<&CallError> = all()
            .filter_map(|effect| {
                if let Effect::Failed(error) = effect {
                    Some(error)
                } else {
                    None
                }
            })
            .collect();
        let worst = failures
            .iter()
            .max_by_key(|error| error.finality == Finality::Unknown);
        if let Some(worst) = worst
            && failures.len() == all().count()
        {
            let mut error = CallError::clone(worst);
            error.receipts = outcome.receipts;
            return Err(error);
        }
        let is_changed = self
            .blocked
            .iter()
            .any(|effect| matches!(effect, Effect::Done));
        outcome.change = if is_changed {
            Change::Done
        } else {
            Change::AlreadyInState
        };
        outcome.blocked = sum(self.blocked);
        outcome.sessions_ended = sum(self.sessions);
        Ok(outcome)
    }
}

/// A failure outweighs what was done, and what was done outweighs what was so before. Of failures the
/// one that may still land outweighs the others, so that its time is waited for.
fn sum(effects: Vec<Effect>) -> Effect {
    let weight = |effect: &Effect| match effect {
        Effect::NotSupported => 0,
        Effect::AlreadyInState => 1,
        Effect::Done => 2,
        Effect::Failed(error) if error.finality != Finality::Unknown => 3,
        Effect::Failed(_) => 4,
    };
    effects
        .into_iter()
        .reduce(|a, b| if weight(&b) > weight(&a) { b } else { a })
        .unwrap_or(Effect::NotSupported)
}

/// A failure in which nothing was sent, because it was plain beforehand.
pub fn refused(message: String) -> CallError {
    CallError::new(FailureClass::Refused, Finality::NotSent, message)
}
