//! Passkeys of those who work in the console: added, used, removed.

use jiff::Timestamp;
use serde_json::json;

use super::{actor, record_with};
use crate::{
    intake::Caller,
    store::{
        Store, StoreError, WriteTx,
        admins::{Admin, Session},
        passkeys::Passkey,
    },
};

/// A passkey that signed what it was asked.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Used<'a> {
    pub(in super::super) passkey: &'a Passkey,
    /// How often it has signed by now.
    pub(in super::super) counter: i64,
    pub(in super::super) challenge: &'a str,
}

/// Whether a passkey signs for the first time what it was asked.
pub(super) async fn use_up(tx: &mut WriteTx, used: Used<'_>) -> Result<bool, StoreError> {
    Ok(tx.spend_challenge(used.challenge).await?
        && tx.use_passkey(&used.passkey.id, used.counter).await?)
}

/// Notes that whoever is signed in just proved by a passkey who they are. Answers whether it was good still.
///
/// # Errors
/// When the archive cannot be written.
pub(in super::super) async fn prove_by_passkey(
    store: &Store,
    session: &Session,
    used: Used<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let admin = &session.admin;
    let mut tx = store.begin(&admin.practice, now).await?;
    if !use_up(&mut tx, used).await? {
        return Ok(false);
    }
    tx.prove_session(&session.id, now);
    let how = json!({"by": "passkey"});
    record_with(&mut tx, &actor(admin), "admin.proved", admin, how);
    tx.commit().await?;
    Ok(true)
}

/// Has somebody come in by a new passkey. The inner error says, for a person, why not.
///
/// # Errors
/// When the archive cannot be written.
pub(in super::super) async fn add_passkey(
    store: &Store,
    passkey: &Passkey,
    challenge: &str,
) -> Result<Result<(), String>, StoreError> {
    let admin = &passkey.admin;
    let mut tx = store.begin(&admin.practice, passkey.added).await?;
    if !tx.spend_challenge(challenge).await? || !tx.record_passkey(passkey).await? {
        return Ok(Err("this passkey was added already".to_owned()));
    }
    record_passkey(
        &mut tx,
        &actor(admin),
        "admin.passkey_added",
        (admin, &passkey.name),
    );
    tx.commit().await?;
    Ok(Ok(()))
}

/// Removes this passkey of somebody, or all of them. Answers how many.
///
/// # Errors
/// When the archive cannot be written.
pub(in super::super) async fn remove_passkeys(
    store: &Store,
    caller: &Caller,
    admin: &Admin,
    id: Option<&str>,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let mut tx = store.begin(&caller.practice, now).await?;
    let names = tx.remove_passkeys(&admin.id, id).await?;
    for name in &names {
        record_passkey(
            &mut tx,
            &caller.actor,
            "admin.passkey_removed",
            (admin, name),
        );
    }
    tx.commit().await?;
    Ok(names.len())
}

/// Notes that a passkey counted back, and so may have been copied.
///
/// # Errors
/// When the archive cannot be written.
pub(in super::super) async fn note_copied(
    store: &Store,
    passkey: &Passkey,
    now: Timestamp,
) -> Result<(), StoreError> {
    let admin = &passkey.admin;
    let mut tx = store.begin(&admin.practice, now).await?;
    let about = (admin, passkey.name.as_str());
    record_passkey(&mut tx, "bridge", "admin.passkey_refused", about);
    tx.commit().await
}

fn record_passkey(tx: &mut WriteTx, who: &str, what: &'static str, (admin, name): (&Admin, &str)) {
    record_with(tx, who, what, admin, json!({"passkey": name}));
}
