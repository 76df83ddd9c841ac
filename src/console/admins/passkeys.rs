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

/// How many passkeys somebody may have.
pub(in super::super) const MOST: i64 = 20;

/// Why nobody without an address has a passkey, and the way out.
pub(in super::super) const NO_ADDRESS: &str = "a passkey needs your e-mail address here, as the identity provider \
     sends it: by it the passkey stops working when you leave the practice. An owner writes it under Settings, \"Who may \
     come in here\": your name as it is, the address, the role you have, and \"Make a link\"";

/// A passkey that signed what it was asked.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Used<'a> {
    pub(in super::super) passkey: &'a Passkey,
    /// How often it has signed by now.
    pub(in super::super) counter: i64,
    pub(in super::super) challenge: &'a str,
}

/// Whether a passkey is good still, and signs for the first time what it was asked. Coming in and proving it anew
/// ask the same.
pub(super) async fn use_up(tx: &mut WriteTx, used: Used<'_>) -> Result<bool, StoreError> {
    Ok(tx.is_passkey_good(&used.passkey.id).await?
        && tx.spend_challenge(used.challenge).await?
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
    let known = tx.find_admin_by_id(&admin.id).await?;
    if known.is_none_or(|known| known.email.is_none()) {
        return Ok(Err(NO_ADDRESS.to_owned()));
    }
    // As of this transaction: two devices may be added at once.
    if tx.count_passkeys(&admin.id).await? >= MOST {
        return Ok(Err(format!(
            "nobody has more than {MOST} passkeys: remove one first"
        )));
    }
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

/// Removes this passkey of somebody, or all of them. Answers how many. Who was signed in by that name is signed out,
/// but for whoever asks: a lost device may be signed in right now.
///
/// # Errors
/// When the archive cannot be written.
pub(in super::super) async fn remove_passkeys(
    store: &Store,
    caller: &Caller,
    (admin, id): (&Admin, Option<&str>),
    asks: &Session,
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
    if id.is_none() || !names.is_empty() {
        tx.end_other_sessions(&admin.id, &asks.id);
    }
    tx.commit().await?;
    Ok(names.len())
}

/// Notes that a passkey counted back, and so may have been copied. Answers whether that is new: what is sent again,
/// as after an answer that was lost, accuses nobody, and of whoever would not be let in anyway nothing is written.
///
/// # Errors
/// When the archive cannot be written.
pub(in super::super) async fn note_copied(
    store: &Store,
    passkey: &Passkey,
    challenge: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let admin = &passkey.admin;
    let mut tx = store.begin(&admin.practice, now).await?;
    if !tx.is_passkey_good(&passkey.id).await? || !tx.spend_challenge(challenge).await? {
        return Ok(false);
    }
    let about = (admin, passkey.name.as_str());
    record_passkey(&mut tx, "bridge", "admin.passkey_refused", about);
    tx.commit().await?;
    Ok(true)
}

fn record_passkey(tx: &mut WriteTx, who: &str, what: &'static str, (admin, name): (&Admin, &str)) {
    record_with(tx, who, what, admin, json!({"passkey": name}));
}
