//! Who works in the console: inviting somebody, letting them in by their link, sending them away.
//!
//! A link is good for one sign-in within 15 minutes. Whoever can run `drawbridge` on the server can make
//! one, so nobody is locked out when the identity provider is down.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::{
    bearer::{Bearer, Kind},
    clock,
    evidence::Entry,
    ids::{AdminId, PracticeName},
    intake::Caller,
    policy::office::OfficeRole,
    store::{
        Store, StoreError, WriteTx,
        admins::{Admin, Invitation, Session},
    },
};

/// How long a link works.
pub const LINK_WORKS_FOR: Duration = Duration::from_secs(15 * 60);

/// Longest name that is taken.
const NAME_LETTERS: usize = 100;

/// Makes a link for somebody, who is let in newly, or again, with this role. Answers the secret part of the
/// link. The inner error says, for a person, why not.
///
/// # Errors
/// When the archive cannot be written.
pub async fn invite(
    store: &Store,
    caller: &Caller,
    (name, role): (&str, OfficeRole),
    now: Timestamp,
) -> Result<Result<String, String>, StoreError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_LETTERS || name.chars().any(char::is_control)
    {
        return Ok(Err(
            "write the person's name, as the record shall show it".to_owned()
        ));
    }
    let Ok(link) = Bearer::generate(Kind::Invitation) else {
        return Ok(Err("this machine has no randomness to give".to_owned()));
    };
    let mut tx = store.begin(&caller.practice, now).await?;
    let known = tx.find_admin(name).await?;
    let admin = Admin {
        id: known.map_or_else(AdminId::generate, |known| known.id),
        practice: caller.practice.clone(),
        name: name.to_owned(),
        role,
    };
    tx.record_admin(&admin);
    tx.record_invitation(&Invitation {
        id: link.id().to_owned(),
        hash: link.hash(),
        admin: admin.clone(),
        expires: clock::after(now, LINK_WORKS_FOR),
        is_used: false,
    });
    record(&mut tx, &caller.actor, "admin.invited", &admin);
    tx.commit().await?;
    Ok(Ok(link.text().expose_secret().to_owned()))
}

/// Sends somebody away: their sessions and links end at once.
///
/// # Errors
/// When the archive cannot be written.
pub async fn remove(
    store: &Store,
    caller: &Caller,
    admin: &Admin,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut tx = store.begin(&caller.practice, now).await?;
    tx.remove_admin(&admin.id);
    record(&mut tx, &caller.actor, "admin.removed", admin);
    tx.commit().await
}

/// The link somebody holds, while it is good.
///
/// # Errors
/// When the archive does not answer.
pub(super) async fn find_link(
    store: &Store,
    text: &str,
    now: Timestamp,
) -> Result<Option<Invitation>, StoreError> {
    let Some(link) = Bearer::parse(Kind::Invitation, text) else {
        return Ok(None);
    };
    let found = store.find_invitation(link.id()).await?;
    Ok(found.filter(|found| link.has_hash(&found.hash) && !found.is_used && found.expires > now))
}

/// Uses a link up and signs its admin in; whoever the browser was before is signed out. Answers what the
/// browser shall hold; `None` when somebody was faster.
///
/// # Errors
/// When the archive cannot be written: the link is good still.
pub(super) async fn sign_in(
    store: &Store,
    invitation: &Invitation,
    before: Option<&Session>,
    now: Timestamp,
) -> Result<Option<Bearer>, StoreError> {
    let Ok(held) = Bearer::generate(Kind::Session) else {
        return Err(StoreError::Unavailable(
            "this machine has no randomness to give".to_owned(),
        ));
    };
    if let Some(before) = before {
        sign_out(store, before, now).await?;
    }
    let admin = &invitation.admin;
    let mut tx = store.begin(&admin.practice, now).await?;
    if !tx.use_invitation(&invitation.id).await? {
        return Ok(None);
    }
    tx.record_session(&Session {
        id: held.id().to_owned(),
        hash: held.hash(),
        admin: admin.clone(),
        began: now,
        last_active: now,
    });
    record(&mut tx, &actor(admin), "admin.signed_in", admin);
    tx.commit().await?;
    Ok(Some(held))
}

/// Ends a session.
///
/// # Errors
/// When the archive cannot be written.
pub(super) async fn sign_out(
    store: &Store,
    session: &Session,
    now: Timestamp,
) -> Result<(), StoreError> {
    let admin = &session.admin;
    let mut tx = store.begin(&admin.practice, now).await?;
    tx.end_session(&session.id);
    record(&mut tx, &actor(admin), "admin.signed_out", admin);
    tx.commit().await
}

/// An admin as evidence names them.
pub(super) fn actor(admin: &Admin) -> String {
    format!("admin:{}", admin.name)
}

/// Whoever signed in, as the one who asks for a change.
pub(super) fn caller(practice: &PracticeName, admin: &Admin) -> Caller {
    Caller {
        practice: practice.clone(),
        actor: actor(admin),
        request_id: uuid::Uuid::now_v7().to_string(),
    }
}

fn record(tx: &mut WriteTx, who: &str, what: &'static str, admin: &Admin) {
    let detail = json!({"admin": admin.id, "name": admin.name, "role": admin.role.as_str()});
    let entry = Entry {
        at: tx.now(),
        who: who.to_owned(),
        what,
        person: None,
        system: None,
        detail: detail.as_object().cloned().unwrap_or_default(),
    };
    tx.record(entry);
}
