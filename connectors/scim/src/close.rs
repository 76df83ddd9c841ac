//! Closing: refuse new logins, take levels away. Never deletes, never waits for a version.

use drawbridge_sdk::{AccountState, CallError, Change, CloseCall, Effect, Finality, Outcome};

use crate::{
    client::Conversation, edit::Edit, levels::Levels, requests::Resource, search, user::User,
};

/// Disables every account that may be acted on.
///
/// # Errors
/// When nothing is known to be done.
pub async fn close(talk: &mut Conversation<'_>, call: &CloseCall) -> Result<Outcome, CallError> {
    let found = search::own(talk, &call.subject).await?;
    let accounts = found.to_act_on(&call.subject);
    let mut outcome = Outcome::new(Change::NoAccount);
    if accounts.is_empty() {
        return Ok(outcome);
    }
    outcome.accounts = accounts.iter().map(User::account_id).collect();
    let mut effects = Vec::new();
    for user in accounts {
        let effect = block(talk, user).await;
        effects.push(noted(talk, effect));
    }
    // Only after every login is blocked: a list of groups that fails must not hold that up.
    if !call.managed_levels.is_empty() {
        let effect = take_levels(talk, call, accounts).await;
        effects.push(noted(talk, effect));
    }
    sum(outcome, effects)
}

async fn block(talk: &mut Conversation<'_>, user: &User) -> Result<Effect, CallError> {
    if user.state() == AccountState::Disabled {
        return Ok(Effect::AlreadyInState);
    }
    talk.edit(
        "disable",
        Resource::Users,
        &user.id,
        &Edit::Active(false),
        None,
    )
    .await?;
    Ok(Effect::Done)
}

async fn take_levels(
    talk: &mut Conversation<'_>,
    call: &CloseCall,
    accounts: &[User],
) -> Result<Effect, CallError> {
    let levels = Levels::find(talk, &[], &call.managed_levels).await?;
    let mut is_changed = false;
    for user in accounts {
        is_changed |= levels.set(talk, user, false).await?;
    }
    Ok(if is_changed {
        Effect::Done
    } else {
        Effect::AlreadyInState
    })
}

/// A part that failed does not stop the others; its receipts go where the others are.
pub fn noted(talk: &mut Conversation<'_>, effect: Result<Effect, CallError>) -> Effect {
    effect.unwrap_or_else(|error| {
        talk.receipts.extend(error.receipts.iter().cloned());
        Effect::Failed(error)
    })
}

/// Sums up what became of the parts.
///
/// # Errors
/// When every part failed.
pub fn sum(mut outcome: Outcome, effects: Vec<Effect>) -> Result<Outcome, CallError> {
    let is_done = effects.iter().any(|effect| matches!(effect, Effect::Done));
    let is_all_failed = effects
        .iter()
        .all(|effect| matches!(effect, Effect::Failed(_)));
    outcome.change = if is_done {
        Change::Done
    } else {
        Change::AlreadyInState
    };
    outcome.blocked = effects
        .into_iter()
        .reduce(|a, b| if weight(&b) > weight(&a) { b } else { a })
        .unwrap_or(Effect::NotSupported);
    match outcome.blocked {
        // Its receipts are with the others already.
        Effect::Failed(mut error) if is_all_failed => {
            error.receipts.clear();
            Err(error)
        }
        _ => Ok(outcome),
    }
}

/// A failure outweighs what was done; of failures the one that may still land outweighs the others,
/// so that its time is waited for.
fn weight(effect: &Effect) -> u8 {
    match effect {
        Effect::NotSupported => 0,
        Effect::AlreadyInState => 1,
        Effect::Done => 2,
        Effect::Failed(error) if error.finality != Finality::Unknown => 3,
        Effect::Failed(_) => 4,
    }
}
