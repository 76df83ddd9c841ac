//! The calls that are made.

use drawbridge_sdk::{CallError, Subject};
use serde_json::{Value, json};

use crate::{
    client::{Conversation, Does},
    group::Group,
    user::{FIELDS, User},
};

/// Every user that bears one of the person's ids or identifiers, or the canary's, whatever their
/// state.
///
/// # Errors
/// As [`Conversation::call`].
pub async fn find(
    talk: &mut Conversation<'_>,
    subject: &Subject,
    canary: Option<&str>,
) -> Result<Vec<User>, CallError> {
    search(talk, "find", of(subject, canary), None).await
}

/// Users with these ids, whatever their state.
///
/// # Errors
/// As [`Conversation::call`].
pub async fn read(
    talk: &mut Conversation<'_>,
    step: &str,
    ids: &[i64],
) -> Result<Vec<User>, CallError> {
    search(talk, step, json!([["id", "in", ids]]), None).await
}

/// The next users after this id, at most so many.
///
/// # Errors
/// As [`Conversation::call`].
pub async fn list(
    talk: &mut Conversation<'_>,
    after: i64,
    most: usize,
) -> Result<Vec<User>, CallError> {
    search(talk, "list", json!([["id", ">", after]]), Some(most)).await
}

/// Every group.
///
/// # Errors
/// As [`Conversation::call`].
pub async fn groups(talk: &mut Conversation<'_>) -> Result<Vec<Group>, CallError> {
    let method = "model.res.group.search_read";
    let params = search_params(json!([]), None, &["name"], json!({}));
    let found = talk
        .call("read groups", Does::Reads, method, params)
        .await?;
    records(&found, Group::of)
}

/// Those of these keys for applications that work, or would once somebody confirms them.
///
/// # Errors
/// As [`Conversation::call`].
pub async fn usable_keys(talk: &mut Conversation<'_>, keys: &[i64]) -> Result<Vec<i64>, CallError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let method = "model.res.user.application.search_read";
    let domain = json!([["id", "in", keys], ["state", "!=", "cancelled"]]);
    // The key itself is never asked for.
    let params = search_params(domain, None, &["state"], json!({}));
    let found = talk
        .call("read application keys", Does::Reads, method, params)
        .await?;
    records(&found, |record| record.get("id")?.as_i64())
}

/// Cancels keys for applications.
///
/// # Errors
/// As [`Conversation::call`].
pub async fn cancel_keys(talk: &mut Conversation<'_>, keys: &[i64]) -> Result<(), CallError> {
    let method = "model.res.user.application.cancel";
    talk.call(
        "cancel application keys",
        Does::Changes,
        method,
        vec![json!(keys), json!({})],
    )
    .await?;
    Ok(())
}

/// Writes fields of users.
///
/// # Errors
/// As [`Conversation::call`].
pub async fn write(
    talk: &mut Conversation<'_>,
    step: &str,
    ids: &[i64],
    fields: Value,
) -> Result<(), CallError> {
    let params = vec![json!(ids), fields, json!({})];
    talk.call(step, Does::Changes, "model.res.user.write", params)
        .await?;
    Ok(())
}

/// Makes a user and answers the id.
///
/// # Errors
/// As [`Conversation::call`].
pub async fn create(talk: &mut Conversation<'_>, fields: Value) -> Result<i64, CallError> {
    let params = vec![json!([fields]), json!({})];
    let made = talk
        .call("create", Does::Changes, "model.res.user.create", params)
        .await?;
    made[0].as_i64().ok_or_else(|| {
        CallError::contract(
            "the server made a user and did not say which: it is searched for by login next time",
        )
    })
}

/// Searches users, the inactive ones too. It takes the context for that: a clause about `active` counts
/// only in the very list it stands in, and every list within it without one hides them again.
async fn search(
    talk: &mut Conversation<'_>,
    step: &str,
    domain: Value,
    most: Option<usize>,
) -> Result<Vec<User>, CallError> {
    let params = search_params(domain, most, &FIELDS, json!({ "active_test": false }));
    let found = talk
        .call(step, Does::Reads, "model.res.user.search_read", params)
        .await?;
    records(&found, User::of)
}

/// Domain, offset, limit, order, fields, context.
fn search_params(
    domain: Value,
    most: Option<usize>,
    fields: &[&str],
    context: Value,
) -> Vec<Value> {
    vec![
        domain,
        json!(0),
        json!(most),
        json!([["id", "ASC"]]),
        json!(fields),
        context,
    ]
}

/// The search for a person, and for the canary in the same way.
fn of(subject: &Subject, canary: Option<&str>) -> Value {
    let kinds = [
        &subject.user_names,
        &subject.emails,
        &subject.external_ids,
        &subject.employee_numbers,
    ];
    let names = kinds
        .into_iter()
        .flatten()
        .map(String::as_str)
        .chain(canary);
    let ids: Vec<i64> = subject
        .account_ids
        .iter()
        .filter_map(|id| id.as_str().parse().ok())
        .collect();
    let mut any = vec![json!("OR"), json!(["id", "in", ids])];
    for name in names.filter(|name| !name.is_empty()) {
        for field in ["login", "email"] {
            any.push(json!([field, "=", name]));
            for pattern in patterns(name) {
                any.push(json!([field, "ilike", pattern]));
            }
        }
    }
    json!(any)
}

/// The name as patterns that find it whatever the case. PostgreSQL takes a backslash for an escape,
/// SQLite for itself, so a name with `_` is asked for in both ways, and what that finds too much is
/// compared again. A name with `%` would find everybody.
fn patterns(name: &str) -> Vec<String> {
    let escaped = name
        .replace('\\', "\\\\")
        .replace('%', "\\%")
        .replace('_', "\\_");
    let is_plain_safe = escaped != name && !name.contains('%');
    let plain = is_plain_safe.then(|| name.to_owned());
    std::iter::once(escaped).chain(plain).collect()
}

fn records<T>(found: &Value, read: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>, CallError> {
    let records = found
        .as_array()
        .and_then(|records| records.iter().map(read).collect());
    records.ok_or_else(|| {
        CallError::contract(
            "the server's list cannot be read: compare its version with this connector's page",
        )
    })
}

#[cfg(test)]
mod tests {
    use drawbridge_sdk::AccountId;

    use super::*;

    #[test]
    fn a_search_covers_every_id_and_every_identifier() {
        let subject = Subject {
            account_ids: vec![AccountId("7".to_owned())],
            user_names: vec!["nina".to_owned()],
            employee_numbers: vec!["e-1".to_owned(), String::new()],
            ..Subject::default()
        };

        let domain = of(&subject, Some("canary"));

        let any: Vec<Value> = ["nina", "e-1", "canary"]
            .into_iter()
            .flat_map(|name| ["login", "email"].map(|field| (field, name)))
            .flat_map(|(field, name)| [json!([field, "=", name]), json!([field, "ilike", name])])
            .collect();
        assert_eq!(domain[0], "OR");
        assert_eq!(domain[1], json!(["id", "in", [7]]));
        assert_eq!(domain.as_array().map(|all| all[2..].to_vec()), Some(any));
    }

    #[test]
    fn a_name_full_of_wildcards_never_asks_for_everybody() {
        assert_eq!(patterns("nina_k"), ["nina\\_k", "nina_k"]);
        assert_eq!(patterns("DOMAIN\\nina"), ["DOMAIN\\\\nina", "DOMAIN\\nina"]);
        assert_eq!(patterns("%"), ["\\%"]);
        assert_eq!(patterns("nina"), ["nina"]);
    }
}
