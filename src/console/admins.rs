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

/// A link, as it is shown once.
#[derive(Debug)]
pub(super) struct Link {
    /// Whom it lets in.
    pub(super) admin: Admin,
    /// The secret part of it.
    pub(super) secret: String,
}

/// Why nobody was invited.
#[derive(Debug)]
pub(super) enum NotInvited {
    /// Somebody of this name may come in already: are they meant?
    Known(Admin),
    /// A rule says no; the text says why.
    Refused(String),
}

/// What somebody in the console asks for.
#[derive(Debug)]
pub(super) struct Wish<'a> {
    pub(super) name: &'a str,
    pub(super) role: OfficeRole,
    /// Whether somebody of this name who is known is meant, whatever role they have now.
    pub(super) is_known: bool,
    /// Who asks.
    pub(super) by: &'a AdminId,
}

/// Makes a link for somebody, who is let in newly, or again, with this role. Answers the secret part of the
/// link. The inner error says, for a person, why not.
///
/// It asks for no confirmation and changes whom it is told to, also the last owner: whoever runs the server
/// finds the way back in here.
///
/// # Errors
/// When the archive cannot be written.
pub async fn invite(
    store: &Store,
    caller: &Caller,
    (name, role): (&str, OfficeRole),
    now: Timestamp,
) -> Result<Result<String, String>, StoreError> {
    let name = match usable(name) {
        Ok(name) => name,
        Err(why) => return Ok(Err(why)),
    };
    let mut tx = store.begin(&caller.practice, now).await?;
    let known = tx.find_admin(name).await?;
    let admin = with_role(known, caller, name, role);
    Ok(give_link(tx, caller, admin).await?.map(|link| link.secret))
}

/// The same for somebody in the console, who may not know that the name is taken: a name is who somebody is,
/// in the ledger too.
///
/// # Errors
/// When the archive cannot be written.
pub(super) async fn invite_by_name(
    store: &Store,
    caller: &Caller,
    wish: Wish<'_>,
    now: Timestamp,
) -> Result<Result<Link, NotInvited>, StoreError> {
    let name = match usable(wish.name) {
        Ok(name) => name,
        Err(why) => return Ok(Err(NotInvited::Refused(why))),
    };
    let mut tx = store.begin(&caller.practice, now).await?;
    let known = tx.find_admin(name).await?;
    if let Some(known) = &known {
        if known.id == *wish.by && known.role != wish.role {
            let why = "nobody changes their own role: ask another owner";
            return Ok(Err(NotInvited::Refused(why.to_owned())));
        }
        if !wish.is_known {
            return Ok(Err(NotInvited::Known(known.clone())));
        }
        if wish.role != OfficeRole::Owner && is_last_owner(&mut tx, known).await? {
            return Ok(Err(NotInvited::Refused(last_owner(known))));
        }
    }
    let admin = with_role(known, caller, name, wish.role);
    let given = give_link(tx, caller, admin).await?;
    Ok(given.map_err(NotInvited::Refused))
}

/// Makes a new link for somebody who may come in already, as what they are. `None` when nobody has the id.
///
/// # Errors
/// When the archive cannot be written.
pub(super) async fn renew_link(
    store: &Store,
    caller: &Caller,
    id: &AdminId,
    now: Timestamp,
) -> Result<Option<Result<Link, String>>, StoreError> {
    let mut tx = store.begin(&caller.practice, now).await?;
    match tx.find_admin_by_id(id).await? {
        Some(admin) => Ok(Some(give_link(tx, caller, admin).await?)),
        None => Ok(None),
    }
}

/// The name as it is kept, or why it cannot be.
fn usable(name: &str) -> Result<&str, String> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME_LETTERS || name.chars().any(char::is_control)
    {
        return Err("write the person's name, as the record shall show it".to_owned());
    }
    Ok(name)
}

/// Whoever is known keeps the name that the record has of them.
fn with_role(known: Option<Admin>, caller: &Caller, name: &str, role: OfficeRole) -> Admin {
    match known {
        Some(known) => Admin { role, ..known },
        None => Admin {
            id: AdminId::generate(),
            practice: caller.practice.clone(),
            name: name.to_owned(),
            role,
        },
    }
}

/// Records the admin as they shall be, and their one good link.
async fn give_link(
    mut tx: WriteTx,
    caller: &Caller,
    admin: Admin,
) -> Result<Result<Link, String>, StoreError> {
    let Ok(link) = Bearer::generate(Kind::Invitation) else {
        return Ok(Err("this machine has no randomness to give".to_owned()));
    };
    tx.record_admin(&admin);
    tx.void_invitations(&admin.id);
    tx.record_invitation(&Invitation {
        id: link.id().to_owned(),
        hash: link.hash(),
        admin: admin.clone(),
        expires: clock::after(tx.now(), LINK_WORKS_FOR),
        is_used: false,
    });
    record(&mut tx, &caller.actor, "admin.invited", &admin);
    tx.commit().await?;
    Ok(Ok(Link {
        admin,
        secret: link.text().expose_secret().to_owned(),
    }))
}

async fn is_last_owner(tx: &mut WriteTx, admin: &Admin) -> Result<bool, StoreError> {
    Ok(admin.role == OfficeRole::Owner && !tx.has_other_owner(&admin.id).await?)
}

fn last_owner(admin: &Admin) -> String {
    format!(
        "{} is the last owner: nobody could say any more who may come in. Make somebody else an owner first",
        admin.name
    )
}

/// Sends somebody away: their sessions and links end at once. Also the last owner, for whoever runs the server
/// can let the next one in.
///
/// # Errors
/// When the archive cannot be written.
pub async fn remove(
    store: &Store,
    caller: &Caller,
    admin: &Admin,
    now: Timestamp,
) -> Result<(), StoreError> {
    let tx = store.begin(&caller.practice, now).await?;
    send_away(tx, caller, admin).await
}

/// The same for somebody in the console, who could not let the next owner in. The inner error says, for a
/// person, why not.
///
/// # Errors
/// When the archive cannot be written.
pub async fn remove_but_the_last_owner(
    store: &Store,
    caller: &Caller,
    admin: &Admin,
    now: Timestamp,
) -> Result<Result<(), String>, StoreError> {
    let mut tx = store.begin(&caller.practice, now).await?;
    // As of this transaction: two owners may send each other away at once.
    if is_last_owner(&mut tx, admin).await? {
        return Ok(Err(last_owner(admin)));
    }
    send_away(tx, caller, admin).await.map(Ok)
}

async fn send_away(mut tx: WriteTx, caller: &Caller, admin: &Admin) -> Result<(), StoreError> {
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
