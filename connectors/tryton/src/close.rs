//! Closing: refuse new logins, end open sessions, cancel keys, take levels away. Never deletes.

use drawbridge_sdk::{CallError, Change, CloseCall, Effect, Finality, Outcome};
use serde_json::json;

use crate::{calls, client::Conversation, group::managed, user::User};

/// Shuts out every user of this door.
///
/// # Errors
/// When nothing is known to be done.
pub async fn close(talk: &mut Conversation<'_>, call: &CloseCall) -> Result<Outcome, CallError> {
    let found = calls::find(talk, &call.subject, None).await?;
    let own: Vec<User> = found
        .into_iter()
        .filter(|user| user.may_be_changed_for(&call.subject))
        .collect();
    if own.is_empty() {
        return Ok(Outcome::new(Change::NoAccount));
    }
    let ids: Vec<i64> = own.iter().map(|user| user.id).collect();
    // Also for users who are inactive: it is this write that ends sessions.
    calls::write(talk, "disable", &ids, json!({ "active": false })).await?;

    let was_open = own.iter().any(|user| user.active);
    let had_sessions = own.iter().any(|user| user.sessions != Some(0));
    let (mut blocked, sessions_ended) = match calls::read(talk, "read back", &ids).await {
        Ok(after) => (
            done_if(was_open, are_shut_out(&after, ids.len())),
            done_if(was_open || had_sessions, have_no_sessions(&after)),
        ),
        Err(error) => {
            // The write was answered for good, so there is nothing left to land.
            let error = CallError {
                finality: Finality::Answered,
                ..error
            };
            talk.receipts.extend(error.receipts.iter().cloned());
            (Effect::Failed(error.clone()), Effect::Failed(error))
        }
    };
    for part in [
        cancel_keys(talk, &own).await,
        take_levels(talk, call, &own).await,
    ] {
        match part {
            Err(error) => {
                talk.receipts.extend(error.receipts.iter().cloned());
                if !matches!(blocked, Effect::Failed(_)) {
                    blocked = Effect::Failed(error);
                }
            }
            Ok(true) if matches!(blocked, Effect::AlreadyInState) => blocked = Effect::Done,
            Ok(_) => {}
        }
    }
    let is_changed = was_open || matches!(blocked, Effect::Done);
    let change = if is_changed {
        Change::Done
    } else {
        Change::AlreadyInState
    };
    Ok(Outcome {
        accounts: own.iter().map(User::account_id).collect(),
        blocked,
        sessions_ended,
        ..Outcome::new(change)
    })
}

fn done_if(was_changed: bool, result: Result<(), CallError>) -> Effect {
    match result {
        Err(error) => Effect::Failed(error),
        Ok(()) if was_changed => Effect::Done,
        Ok(()) => Effect::AlreadyInState,
    }
}

fn are_shut_out(after: &[User], expected: usize) -> Result<(), CallError> {
    if after.len() == expected && after.iter().all(|user| !user.active) {
        return Ok(());
    }
    Err(CallError::contract(
        "the server said yes and still shows the user active: look at the user there, it is tried \
         again",
    ))
}

fn have_no_sessions(after: &[User]) -> Result<(), CallError> {
    if after.iter().all(|user| user.sessions == Some(0)) {
        return Ok(());
    }
    Err(CallError::contract(
        "the server said yes and still shows open sessions of the user: look at the user there, it \
         is tried again",
    ))
}

/// Keys for applications work without a login: the server asks for the key, not for the user's state.
async fn cancel_keys(talk: &mut Conversation<'_>, own: &[User]) -> Result<bool, CallError> {
    let keys: Vec<i64> = own.iter().flat_map(|user| &user.keys).copied().collect();
    let usable = calls::usable_keys(talk, &keys).await?;
    if usable.is_empty() {
        return Ok(false);
    }
    calls::cancel_keys(talk, &usable).await?;
    Ok(true)
}

/// In a write of its own: levels that cannot be taken must not keep anybody in.
async fn take_levels(
    talk: &mut Conversation<'_>,
    call: &CloseCall,
    own: &[User],
) -> Result<bool, CallError> {
    if call.managed_levels.is_empty() {
        return Ok(false);
    }
    let managed = managed(&call.managed_levels, &calls::groups(talk).await?);
    let mut is_changed = false;
    for user in own {
        let groups: Vec<i64> = user
            .groups
            .iter()
            .copied()
            .filter(|group| managed.contains(group))
            .collect();
        if !groups.is_empty() {
            let fields = json!({ "groups": [["remove", groups]] });
            calls::write(talk, "take levels", &[user.id], fields).await?;
            is_changed = true;
        }
    }
    Ok(is_changed)
}
