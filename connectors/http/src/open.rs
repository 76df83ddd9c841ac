//! Opening: create the account where there is none, enable it, set its levels.

use drawbridge_sdk::{
    Account, AccountId, AccountState, CallError, Change, Effect, OpenCall, Outcome, Receipt,
    Sessions,
};

use crate::{
    client::{Client, Reply},
    close::{Parts, effect, refused},
    levels,
    lookup::Lookup,
    values::{Filling, random_password, request_key},
    vendor::{step::Create, template::Placeholder},
};

/// Opens the door.
///
/// # Errors
/// When nothing is known to be done: the vendor file has no step for it, it is not clear which account
/// is meant, or the first step failed.
pub async fn open(client: &Client<'_>, call: &OpenCall) -> Result<Outcome, CallError> {
    let mut lookup = Lookup::new(client);
    let found = match lookup.own(&call.subject).await {
        Ok(own) if own.are_anothers => {
            return Err(CallError::anothers_account().after(lookup.receipts));
        }
        Ok(own) => own.accounts,
        Err(error) => return Err(error.after(lookup.receipts)),
    };
    let mut outcome = Outcome::new(Change::AlreadyInState);
    let title = &client.file.title;
    let account = match found.as_slice() {
        [account] => account.clone(),
        [] => {
            let taken = !call.subject.account_ids.is_empty()
                && match lookup.all(&call.subject, None).await {
                    Ok((accounts, _)) => !accounts.is_empty(),
                    Err(error) => return Err(error.after(lookup.receipts)),
                };
            if taken {
                return Err(refused(format!(
                    "an account of {title} bears this person's name and is not known to be theirs: have its owner look who uses it"
                ))
                .after(lookup.receipts));
            }
            outcome.receipts = std::mem::take(&mut lookup.receipts);
            match create(client, call, &mut outcome.receipts).await {
                Ok(account) => {
                    outcome.change = Change::Done;
                    account
                }
                Err(error) => return Err(error.after(outcome.receipts)),
            }
        }
        _ => {
            return Err(refused(format!(
                "several accounts of {title} bear this person's identifiers: have its owner leave one of them"
            ))
            .after(lookup.receipts));
        }
    };
    outcome.receipts.extend(lookup.receipts);
    outcome.accounts.push(account.id.clone());
    let is_created = outcome.change == Change::Done;
    let mut parts = Parts::default();
    if is_created {
        parts.blocked.push(Effect::Done);
    } else if account.state == AccountState::Enabled {
        parts.blocked.push(Effect::AlreadyInState);
    }
    if account.state == AccountState::Disabled {
        parts
            .blocked
            .push(enable(client, call, &account, &mut outcome.receipts).await);
    }
    let is_open = !parts
        .blocked
        .iter()
        .any(|effect| matches!(effect, Effect::Failed(_)));
    if is_open {
        let key = &call.idempotency_key;
        parts.blocked.extend(
            levels::set(
                client,
                &account,
                &call.levels,
                &call.managed_levels,
                key,
                &mut outcome.receipts,
            )
            .await,
        );
    }
    parts.into_outcome(outcome)
}

async fn enable(
    client: &Client<'_>,
    call: &OpenCall,
    account: &Account,
    receipts: &mut Vec<Receipt>,
) -> Effect {
    let Some(step) = &client.file.enable else {
        return Effect::Failed(CallError::needs_human(format!(
            "{} has no call to enable an account: enable it there by hand, it is read back by itself",
            client.file.title
        )));
    };
    let id = account.id.as_str();
    let key = request_key(&call.idempotency_key, &step.request.line, id, "");
    let filling = Filling {
        account_id: Some(id),
        login: Some(&account.login),
        idempotency_key: Some(&key),
        ..Filling::default()
    };
    effect(client.change("enable", step, &filling).await, receipts)
}

async fn create(
    client: &Client<'_>,
    call: &OpenCall,
    receipts: &mut Vec<Receipt>,
) -> Result<Account, CallError> {
    let Some(Create { step, id }) = &client.file.create else {
        return Err(CallError::needs_human(format!(
            "{} has no account of this person and no call to make one: make it there by hand, it is found by itself",
            client.file.title
        )));
    };
    let password = random_password();
    let key = request_key(&call.idempotency_key, &step.request.line, "", "");
    let filling = Filling {
        subject: Some(&call.subject),
        levels: &call.levels,
        idempotency_key: Some(&key),
        password: password.as_deref(),
        ..Filling::default()
    };
    let answer = match client.change("create", step, &filling).await? {
        Reply::Yes(answer) => answer,
        Reply::Already(answer) | Reply::Absent(answer) => {
            return Err(client.contract(
                "says the account is there already, but a search does not find it",
                &answer,
            ));
        }
    };
    let record = client.file.record.read(&answer.body).ok();
    if record
        .as_ref()
        .is_some_and(|record| !record.belongs_to(&call.subject))
    {
        return Err(client.contract(
            "made an account of another name than was asked for",
            &answer,
        ));
    }
    let Some(id) = id.text(&answer.body) else {
        return Err(client.contract(
            "made an account and gave no id: check `create.id` in the vendor file",
            &answer,
        ));
    };
    receipts.extend(answer.into_receipts());
    let has_levels = step.request.has(Placeholder::Levels);
    Ok(record.unwrap_or_else(|| Account {
        login: call.subject.user_name().unwrap_or(&id).to_owned(),
        id: AccountId(id),
        state: AccountState::Enabled,
        sessions: Sessions::NotReadable,
        levels: if has_levels {
            call.levels.clone()
        } else {
            Vec::new()
        },
        identifiers: Vec::new(),
    }))
}
