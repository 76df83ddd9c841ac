//! Opening: create the account where there is none, enable it, set its levels.

use drawbridge_sdk::{
    AccountState, CallError, Change, Effect, FailureClass, Finality, OpenCall, Outcome, Subject,
};
use serde_json::{Value, json};

use crate::{
    client::Conversation,
    close::{noted, sum},
    edit::Edit,
    levels::Levels,
    requests::Resource,
    search,
    user::User,
};

/// Opens the door.
///
/// # Errors
/// When nothing is known to be done: a level is no group, it is not clear which account is meant, or
/// the first step failed.
pub async fn open(talk: &mut Conversation<'_>, call: &OpenCall) -> Result<Outcome, CallError> {
    let levels = Levels::find(talk, &call.levels, &call.managed_levels).await?;
    let found = search::own(talk, &call.subject).await?;
    let (user, blocked) = match (found.to_act_on(&call.subject), found.namesakes.as_slice()) {
        ([user], _) => {
            let effect = enable(talk, user).await;
            (user.clone(), noted(talk, effect))
        }
        ([], []) if !found.of_others.is_empty() => return Err(CallError::anothers_account()),
        ([], []) => (create(talk, &call.subject).await?, Effect::Done),
        ([], _) => {
            return Err(refused(
                "another account there bears this person's name and is not known to be theirs: \
                 have the system's owner look who uses it",
            ));
        }
        _ => {
            return Err(refused(
                "several accounts there bear this person's identifiers: have the system's owner \
                 leave one of them",
            ));
        }
    };
    let mut outcome = Outcome::new(Change::Done);
    outcome.accounts = vec![user.account_id()];
    let mut effects = vec![blocked];
    if !matches!(effects[0], Effect::Failed(_)) {
        let is_changed = levels.set(talk, &user, true).await;
        let effect = is_changed.map(|is_changed| match is_changed {
            true => Effect::Done,
            false => Effect::AlreadyInState,
        });
        effects.push(noted(talk, effect));
    }
    sum(outcome, effects)
}

async fn enable(talk: &mut Conversation<'_>, user: &User) -> Result<Effect, CallError> {
    if user.state() == AccountState::Enabled {
        return Ok(Effect::AlreadyInState);
    }
    let version = user.version.as_deref();
    talk.edit(
        "enable",
        Resource::Users,
        &user.id,
        &Edit::Active(true),
        version,
    )
    .await?;
    Ok(Effect::Done)
}

async fn create(talk: &mut Conversation<'_>, subject: &Subject) -> Result<User, CallError> {
    let Some(user_name) = subject.user_name() else {
        return Err(refused(
            "this person has no userName to make an account with: give one at the identity provider",
        ));
    };
    let record = talk
        .create(Resource::Users, &new_user(subject, user_name))
        .await
        .map_err(|mut error| {
            if error
                .receipts
                .last()
                .is_some_and(|last| last.status.as_deref() == Some("409"))
            {
                error.message = "an account with this name or e-mail is there and no search shows \
                                 it (409): have the system's owner restore it or give it another \
                                 name"
                    .to_owned();
            }
            error
        })?;
    match User::of(&record) {
        Some(user) if user.user_name.to_lowercase() != user_name.to_lowercase() => {
            Err(CallError::contract(
                "the system made an account of another name than was asked for: have its owner \
                 look at the newest account",
            ))
        }
        Some(user) if user.state() == AccountState::Disabled => Err(CallError::contract(
            "the system made the account and shows it disabled: it is tried again",
        )),
        Some(user) => Ok(user),
        None => Err(CallError::contract(
            "the system made an account and gave no id: it is searched for by name next time",
        )),
    }
}

/// Only what every provider takes: `name.formatted` and `name.familyName` because some demand them,
/// one e-mail address without `primary` and `type` because some refuse those.
fn new_user(subject: &Subject, user_name: &str) -> Value {
    let parts = [&subject.given_name, &subject.family_name];
    let joined = parts
        .into_iter()
        .flatten()
        .cloned()
        .collect::<Vec<_>>()
        .join(" ");
    let formatted = match &subject.display_name {
        Some(name) if !name.is_empty() => name,
        _ if !joined.is_empty() => &joined,
        _ => user_name,
    };
    let mut user = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": user_name,
        "name": {
            "formatted": formatted,
            "familyName": subject.family_name.as_deref().unwrap_or(formatted),
        },
        "displayName": formatted,
        "active": true,
    });
    if let Some(given) = &subject.given_name {
        user["name"]["givenName"] = given.as_str().into();
    }
    if let Some(external_id) = subject.external_ids.first() {
        user["externalId"] = external_id.as_str().into();
    }
    if let Some(email) = subject.email() {
        user["emails"] = json!([{ "value": email }]);
    }
    user
}

fn refused(message: &str) -> CallError {
    CallError::new(FailureClass::Refused, Finality::NotSent, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_user_has_a_formatted_name_whatever_is_known() {
        let known = |display: Option<&str>, given: Option<&str>, family: Option<&str>| {
            let subject = Subject {
                display_name: display.map(str::to_owned),
                given_name: given.map(str::to_owned),
                family_name: family.map(str::to_owned),
                ..Subject::default()
            };
            new_user(&subject, "nina")["name"]["formatted"].clone()
        };

        assert_eq!(known(Some("Nina N."), Some("Nina"), None), "Nina N.");
        assert_eq!(known(None, Some("Nina"), Some("Nurse")), "Nina Nurse");
        assert_eq!(known(None, None, None), "nina");
        let nameless = new_user(&Subject::default(), "nina");
        assert_eq!(nameless["name"]["familyName"], "nina");
    }

    #[test]
    fn a_new_user_has_no_password_and_one_plain_email() {
        let subject = Subject {
            emails: vec![
                "nina@practice.example".to_owned(),
                "n@practice.example".to_owned(),
            ],
            external_ids: vec!["x-1".to_owned()],
            ..Subject::default()
        };

        let user = new_user(&subject, "nina");

        let email = json!([{ "value": "nina@practice.example" }]);
        assert_eq!(user["emails"], email);
        assert_eq!(user["externalId"], "x-1");
        assert_eq!(user.get("password"), None);
    }
}
