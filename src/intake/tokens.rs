//! Tokens that identity providers push with: made, and taken back.

use jiff::Timestamp;
use ring::error::Unspecified;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::{Caller, users::entry};
use crate::{
    bearer::{Bearer, Kind},
    clock,
    ids::{PracticeName, SourceName, TokenId},
    store::{Store, StoreError, StoredToken},
};

/// A new token: its text, to be shown once, and what is stored of it.
///
/// # Errors
/// When the operating system has no randomness to give.
pub fn new_token(
    practice: &PracticeName,
    source: &SourceName,
    expires: Timestamp,
) -> Result<(String, StoredToken), Unspecified> {
    token_of_kind(Kind::Scim, practice, source, expires)
}

/// What the name of a token of the API begins with: no source of the settings can be called so.
pub const API: &str = "api:";

/// A new token of the API that starts departures. It opens nothing of SCIM.
///
/// # Errors
/// When the operating system has no randomness to give.
pub fn new_api_token(
    practice: &PracticeName,
    name: &str,
    expires: Timestamp,
) -> Result<(String, StoredToken), Unspecified> {
    token_of_kind(Kind::Api, practice, &format!("{API}{name}").into(), expires)
}

fn token_of_kind(
    kind: Kind,
    practice: &PracticeName,
    source: &SourceName,
    expires: Timestamp,
) -> Result<(String, StoredToken), Unspecified> {
    let token = Bearer::generate(kind)?;
    let stored = StoredToken {
        id: token.id().into(),
        hash: token.hash(),
        practice: practice.clone(),
        source: source.clone(),
        expires,
        revoked: false,
    };
    Ok((token.text().expose_secret().to_owned(), stored))
}

/// Records a new token.
///
/// # Errors
/// When the archive cannot be written: the token lets nobody in then.
pub async fn record(
    store: &Store,
    caller: &Caller,
    token: &StoredToken,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut tx = store.begin(&caller.practice, now).await?;
    tx.record_token(token);
    let detail = json!({"token": token.id, "source": token.source,
                        "expires": clock::to_text(token.expires)});
    let made = entry(&tx, caller, None, "token.created", detail);
    tx.record(made);
    tx.commit().await
}

/// Records a new token that takes the place of another, which works until then at most.
///
/// # Errors
/// When the archive cannot be written: all is as before then.
pub async fn replace(
    store: &Store,
    caller: &Caller,
    token: &StoredToken,
    (before, until): (&TokenId, Timestamp),
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut tx = store.begin(&caller.practice, now).await?;
    tx.record_token(token);
    tx.end_token(before, until);
    let detail = json!({"token": token.id, "source": token.source,
                        "expires": clock::to_text(token.expires), "replaces": before});
    let made = entry(&tx, caller, None, "token.created", detail);
    tx.record(made);
    let detail = json!({"token": before, "until": clock::to_text(until)});
    let ends = entry(&tx, caller, None, "token.ends", detail);
    tx.record(ends);
    tx.commit().await
}

/// Makes a token of the caller's practice stop working at once.
///
/// # Errors
/// When the archive cannot be written: the token works on then.
pub async fn revoke(
    store: &Store,
    caller: &Caller,
    id: &TokenId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut tx = store.begin(&caller.practice, now).await?;
    tx.revoke_token(id);
    let gone = entry(&tx, caller, None, "token.revoked", json!({"token": id}));
    tx.record(gone);
    tx.commit().await
}
