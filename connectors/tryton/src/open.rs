//! Opening: create the user where there is none, let them in, set their levels.

use drawbridge_sdk::{
    AccountId, CallError, Change, Effect, FailureClass, Finality, OpenCall, Outcome, Receipt,
};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::{Value, json};

use crate::{
    calls,
    client::Conversation,
    group::{managed, wanted},
    user::User,
};

/// Opens the door.
///
/// # Errors
/// When nothing was done: a level is no group, it is not clear which user is meant, or the server
/// refused.
pub async fn open(talk: &mut Conversation<'_>, call: &OpenCall) -> Result<Outcome, CallError> {
    let groups = calls::groups(talk).await?;
    let wanted = wanted(&call.levels, &groups)?;
    let managed = managed(&call.managed_levels, &groups);
    let found = calls::find(talk, &call.subject, None).await?;
    let found: Vec<User> = found
        .into_iter()
        .filter(|user| user.is_of(&call.subject))
        .collect();
    let own: Vec<&User> = found
        .iter()
        .filter(|user| user.may_be_changed_for(&call.subject))
        .collect();
    match (own.as_slice(), found.as_slice()) {
        ([user], _) => enable(talk, user, &wanted, &managed).await,
        ([], []) => create(talk, call, &wanted).await,
        ([], _) if call.subject.account_ids.is_empty() => Err(CallError::anothers_account()),
        ([], _) => Err(refused(
            "another user there bears this person's name and is not known to be theirs: have the \
             server's administrator look who uses it",
        )),
        _ => Err(refused(
            "several users there bear this person's identifiers: have the server's administrator \
             leave one of them",
        )),
    }
}

async fn enable(
    talk: &mut Conversation<'_>,
    user: &User,
    wanted: &[i64],
    managed: &[i64],
) -> Result<Outcome, CallError> {
    let has = |group: &i64| user.groups.contains(group);
    let add: Vec<i64> = wanted.iter().copied().filter(|group| !has(group)).collect();
    let surplus = managed
        .iter()
        .copied()
        .filter(|group| has(group) && !wanted.contains(group));
    let remove: Vec<i64> = surplus.collect();
    let mut fields = json!({});
    // Writing `active` ends the user's sessions, so it is written only where it changes.
    if !user.active {
        fields["active"] = Value::from(true);
    }
    if !add.is_empty() || !remove.is_empty() {
        fields["groups"] = json!([["remove", remove], ["add", add]]);
    }
    let is_as_wanted = fields.as_object().is_none_or(serde_json::Map::is_empty);
    let (change, blocked) = if is_as_wanted {
        (Change::AlreadyInState, Effect::AlreadyInState)
    } else {
        // All in one write, so that nobody is let in with another's levels.
        calls::write(talk, "enable", &[user.id], fields).await?;
        (Change::Done, Effect::Done)
    };
    Ok(Outcome {
        accounts: vec![user.account_id()],
        blocked,
        ..Outcome::new(change)
    })
}

async fn create(
    talk: &mut Conversation<'_>,
    call: &OpenCall,
    wanted: &[i64],
) -> Result<Outcome, CallError> {
    let subject = &call.subject;
    let Some(login) = subject.user_name() else {
        return Err(refused(
            "this person has no userName to make a login of: give one at the identity provider",
        ));
    };
    let mut fields = json!({
        "login": login,
        "name": subject.display_name.as_deref().unwrap_or(login),
        "password": unguessable()?,
        "groups": [["add", wanted]],
    });
    if let Some(email) = subject.email() {
        fields["email"] = Value::from(email);
    }
    let id = calls::create(talk, fields).await?;
    talk.receipts.push(Receipt::new(
        "how they get in",
        "(nothing sent)",
        None,
        "made with a random secret that nobody knows: an administrator sets one, or presses Reset \
         on the user's page to send one by mail",
    ));
    Ok(Outcome {
        accounts: vec![AccountId(id.to_string())],
        blocked: Effect::Done,
        ..Outcome::new(Change::Done)
    })
}

/// A password nobody knows; it is never kept.
fn unguessable() -> Result<String, CallError> {
    let mut bytes = [0; 24];
    SystemRandom::new().fill(&mut bytes).map_err(|_| {
        CallError::new(
            FailureClass::Retryable,
            Finality::NotSent,
            "this machine gave no random numbers: it is tried again",
        )
    })?;
    // Upper case, lower case, digit and sign, for servers that ask for each.
    let start = "Aa1-".to_owned();
    Ok(bytes
        .iter()
        .fold(start, |text, byte| text + &format!("{byte:02x}")))
}

fn refused(message: &str) -> CallError {
    CallError::new(FailureClass::Refused, Finality::NotSent, message)
}
