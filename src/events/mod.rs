//! THE MESSENGER: tells subscribers that somebody's account was disabled or enabled, as signed security
//! event tokens. Off until `[events]` is configured.
//!
//! - this file: what a token says, and noting that it was told
//! - [`signature`]: how it is signed, and the key to check it with
//! - [`push`]: bringing tokens to those who take them (RFC 8935)
//! - [`poll`]: for those who fetch them (RFC 8936)
//!
//! A token is written down in the transaction that accepts the change, so that none is lost and none is
//! told that did not happen. It is kept until its subscriber has acknowledged it, and the evidence then
//! says so.
//!
//! # Source
//! RFC 8417 (security event tokens), RFC 9967 (SCIM events).

pub mod poll;
pub mod push;
pub mod signature;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    evidence::Entry,
    ids::{EventId, PracticeName, SubscriberName},
    people::{Change, User},
    store::{Store, StoreError, WriteTx},
};

/// Who is told, as reception knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressee {
    /// Its name within the practice.
    pub subscriber: SubscriberName,
    /// What it calls itself (`aud`).
    pub audience: String,
    /// What this bridge calls itself (`iss`).
    pub issuer: String,
    /// Whether tokens are brought to it; else it fetches them.
    pub is_pushed_to: bool,
}

/// A token before it is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityEvent {
    /// The id, `jti`.
    pub id: EventId,
    /// For whom it is.
    pub subscriber: SubscriberName,
    /// The claims, as JSON text.
    pub claims: String,
}

/// What happened, as RFC 9967 section 2.4 names it. `None` for what only concerns ourselves.
const fn uri_of(change: Change) -> Option<&'static str> {
    match change {
        Change::Departed => Some("urn:ietf:params:scim:event:prov:deactivate"),
        Change::Returned => Some("urn:ietf:params:scim:event:prov:activate"),
        Change::Joined | Change::Changed | Change::RepeatedDisable | Change::RecordOnly => None,
    }
}

/// The token that tells one addressee of a change; `None` when such a change is not told.
///
/// It names the User and nothing about it but its ids: what a subscriber may know beyond that, it asks
/// for with a token of its own.
pub fn event(
    addressee: &Addressee,
    change: Change,
    user: &User,
    (request_id, at): (&str, Timestamp),
) -> Option<SecurityEvent> {
    let uri = uri_of(change)?;
    let id = EventId::generate();
    let mut subject = json!({"format": "scim", "uri": format!("/Users/{}", user.id)});
    if let Some(external_id) = user.external_id() {
        subject["externalId"] = json!(external_id);
    }
    let claims = json!({
        "iss": addressee.issuer,
        "aud": addressee.audience,
        "iat": at.as_second(),
        "jti": id,
        "txn": request_id,
        "sub_id": subject,
        "events": {uri: {}},
    });
    Some(SecurityEvent {
        id,
        subscriber: addressee.subscriber.clone(),
        claims: claims.to_string(),
    })
}

/// Notes that a subscriber has these tokens: they are told no more, and the evidence says since when.
async fn acknowledge(
    store: &Store,
    now: Timestamp,
    who: &(PracticeName, SubscriberName),
    ids: &[EventId],
    how: &'static str,
) -> Result<(), StoreError> {
    let mut tx = store.begin(&who.0, now).await?;
    for id in ids {
        settle(
            &mut tx,
            &who.1,
            id,
            "event.acknowledged",
            json!({"event": id, "how": how}),
        )
        .await?;
    }
    tx.commit().await
}

/// Notes that a subscriber will not take a token, with its words for why. Telling it again would not
/// help (RFC 8936 section 2.6).
async fn refuse(
    store: &Store,
    now: Timestamp,
    who: &(PracticeName, SubscriberName),
    id: &EventId,
    (err, description): (&str, &str),
) -> Result<(), StoreError> {
    let cut = |text: &str| text.chars().take(200).collect::<String>();
    let detail = json!({"event": id, "err": cut(err), "description": cut(description)});
    let mut tx = store.begin(&who.0, now).await?;
    if settle(&mut tx, &who.1, id, "event.refused", detail).await? {
        tracing::warn!(subscriber.name = %who.1, event.id = %id, "a subscriber refused a security event");
    }
    tx.commit().await
}

/// Takes a token out of those waiting and records why. Answers whether it waited.
async fn settle(
    tx: &mut WriteTx,
    subscriber: &SubscriberName,
    id: &EventId,
    what: &'static str,
    detail: Value,
) -> Result<bool, StoreError> {
    let Some(person) = tx.take_event(subscriber, id).await? else {
        return Ok(false);
    };
    let Value::Object(detail) = detail else {
        return Ok(true);
    };
    tx.record(Entry {
        at: tx.now(),
        who: format!("subscriber:{subscriber}"),
        what,
        person: Some(person),
        system: None,
        detail,
    });
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::Attributes;

    fn nina() -> User {
        let mut attributes = Attributes::new();
        attributes.insert("userName".to_owned(), json!("nina@elm.example"));
        attributes.insert("externalId".to_owned(), json!("x1"));
        User {
            id: "u1".into(),
            person: "p1".into(),
            version: 2,
            created: Timestamp::UNIX_EPOCH,
            modified: Timestamp::UNIX_EPOCH,
            attributes,
            may_be_in_groups: false,
        }
    }

    fn siem() -> Addressee {
        Addressee {
            subscriber: "siem".into(),
            audience: "https://siem.example".to_owned(),
            issuer: "https://bridge.example".to_owned(),
            is_pushed_to: true,
        }
    }

    #[test]
    fn a_departure_names_the_account_by_its_ids_alone() {
        let at = Timestamp::from_second(1_790_000_000).unwrap();

        let told = event(&siem(), Change::Departed, &nina(), ("r1", at)).unwrap();

        assert_eq!(
            serde_json::from_str::<Value>(&told.claims).unwrap(),
            json!({
                "iss": "https://bridge.example", "aud": "https://siem.example", "iat": 1_790_000_000, "txn": "r1",
                "jti": told.id,
                "sub_id": {"format": "scim", "uri": "/Users/u1", "externalId": "x1"},
                "events": {"urn:ietf:params:scim:event:prov:deactivate": {}},
            })
        );
    }

    #[test]
    fn only_what_opens_or_closes_an_account_is_told() {
        let told = |change| event(&siem(), change, &nina(), ("r1", Timestamp::UNIX_EPOCH));

        assert!(
            told(Change::Returned)
                .unwrap()
                .claims
                .contains("prov:activate")
        );
        for silent in [
            Change::Joined,
            Change::Changed,
            Change::RepeatedDisable,
            Change::RecordOnly,
        ] {
            assert_eq!(told(silent), None);
        }
    }
}
