//! Who works in the console: inviting somebody, letting them in by their link, their identity provider or
//! their passkey, sending them away.
//!
//! A link is good for one sign-in within 15 minutes. Whoever can run `drawbridge` on the server can make
//! one, so nobody is locked out when the identity provider is down.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::{
    bearer::{Bearer, Kind},
    clock,
    evidence::Entry,
    ids::{AdminId, PracticeName},
    intake::Caller,
    oidc::Identity,
    policy::office::OfficeRole,
    store::{
        Store, StoreError, WriteTx,
        admins::{Admin, Invitation, Session},
        passkeys::Passkey,
    },
};

/// How long a link works.
pub const LINK_WORKS_FOR: Duration = Duration::from_secs(15 * 60);

/// Longest name that is taken.
const NAME_LETTERS: usize = 100;

/// Longest address that is taken.
const EMAIL_LETTERS: usize = 254;

/// How long what is over is still kept: sessions, links, forms that nobody sent again.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3_600);

/// Somebody who shall be let in.
#[derive(Debug, Clone, Copy)]
pub struct Guest<'a> {
    /// As the record shall name them.
    pub name: &'a str,
    /// As what.
    pub role: OfficeRole,
    /// The address their identity provider has of them, if they shall come in by it; empty for none, or for
    /// the one that is known.
    pub email: &'a str,
}

impl<'a> From<(&'a str, OfficeRole)> for Guest<'a> {
    fn from((name, role): (&'a str, OfficeRole)) -> Self {
        Self {
            name,
            role,
            email: "",
        }
    }
}

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
    pub(super) guest: Guest<'a>,
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
    guest: impl Into<Guest<'_>>,
    now: Timestamp,
) -> Result<Result<String, String>, StoreError> {
    let guest = match usable(guest.into()) {
        Ok(guest) => guest,
        Err(why) => return Ok(Err(why)),
    };
    let mut tx = store.begin(&caller.practice, now).await?;
    let known = tx.find_admin(guest.name).await?;
    if let Some(why) = address_is_taken(&mut tx, known.as_ref(), &guest).await? {
        return Ok(Err(why));
    }
    let admin = as_guest(known, caller, &guest);
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
    let guest = match usable(wish.guest) {
        Ok(guest) => guest,
        Err(why) => return Ok(Err(NotInvited::Refused(why))),
    };
    let mut tx = store.begin(&caller.practice, now).await?;
    let known = tx.find_admin(guest.name).await?;
    if let Some(known) = &known {
        if known.id == *wish.by && known.role != guest.role {
            let why = "nobody changes their own role: ask another owner";
            return Ok(Err(NotInvited::Refused(why.to_owned())));
        }
        if !wish.is_known {
            return Ok(Err(NotInvited::Known(known.clone())));
        }
        if guest.role != OfficeRole::Owner && is_last_owner(&mut tx, known).await? {
            return Ok(Err(NotInvited::Refused(last_owner(known))));
        }
    }
    if let Some(why) = address_is_taken(&mut tx, known.as_ref(), &guest).await? {
        return Ok(Err(NotInvited::Refused(why)));
    }
    let admin = as_guest(known, caller, &guest);
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

/// Name and address as they are kept, or why they cannot be.
fn usable(guest: Guest<'_>) -> Result<Guest<'_>, String> {
    let (name, email) = (guest.name.trim(), guest.email.trim());
    if name.is_empty() || name.chars().count() > NAME_LETTERS || name.chars().any(char::is_control)
    {
        return Err("write the person's name, as the record shall show it".to_owned());
    }
    let is_address = email
        .split_once('@')
        .is_some_and(|(who, host)| !who.is_empty() && !host.is_empty() && !host.contains('@'));
    let is_plain = email.len() <= EMAIL_LETTERS
        && email
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"<>\"',;".contains(&byte));
    let is_usable = email.is_empty() || (is_address && is_plain);
    if !is_usable {
        return Err(
            "write the e-mail address as the identity provider has it, for example \
                    dana@elm.example, or leave it out"
                .to_owned(),
        );
    }
    Ok(Guest {
        name,
        email,
        ..guest
    })
}

/// Why the address cannot be theirs: a provider that vouches for it must mean one person.
async fn address_is_taken(
    tx: &mut WriteTx,
    known: Option<&Admin>,
    guest: &Guest<'_>,
) -> Result<Option<String>, StoreError> {
    if guest.email.is_empty() {
        return Ok(None);
    }
    let holder = tx
        .find_admin_by_email(&guest.email.to_ascii_lowercase())
        .await?;
    Ok(holder
        .filter(|holder| known.is_none_or(|known| known.id != holder.id))
        .map(|holder| {
            format!(
                "{} is here with this e-mail address already: write theirs, or send {} away first",
                holder.name, holder.name
            )
        }))
}

/// Whoever is known keeps the name that the record has of them, and their address if no other is written.
fn as_guest(known: Option<Admin>, caller: &Caller, guest: &Guest<'_>) -> Admin {
    let email = Some(guest.email.to_ascii_lowercase()).filter(|email| !email.is_empty());
    match known {
        Some(known) => Admin {
            role: guest.role,
            email: email.or_else(|| known.email.clone()),
            ..known
        },
        None => Admin {
            id: AdminId::generate(),
            practice: caller.practice.clone(),
            name: guest.name.to_owned(),
            role: guest.role,
            email,
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

/// What somebody shows to be let in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shown<'a> {
    /// A link that is good for once.
    Link(&'a Invitation),
    /// The word of an identity provider.
    Identity(&'a Identity),
    /// A passkey of theirs that signed.
    Passkey(Used<'a>),
}

/// A passkey that signed what it was asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Used<'a> {
    pub(super) passkey: &'a Passkey,
    /// How often it has signed by now.
    pub(super) counter: i64,
    pub(super) challenge: &'a str,
}

/// Signs somebody in by what they show; whoever the browser was before is signed out. Answers what the browser
/// shall hold; `None` when somebody was faster with the link, the admin was sent away meanwhile, or the provider
/// knows them by another name.
///
/// # Errors
/// When the archive cannot be written: a link is good still.
pub(super) async fn sign_in(
    store: &Store,
    admin: &Admin,
    shown: Shown<'_>,
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
    let mut tx = store.begin(&admin.practice, now).await?;
    // Whoever left the practice is let in by a person only, who made a link since.
    let left = tx.find_when_admin_left(admin).await?;
    let (is_good, proved, by) = match shown {
        Shown::Link(link) => {
            let made = clock::before(link.expires, LINK_WORKS_FOR);
            let is_good = left.is_none_or(|left| made >= left);
            (
                is_good && tx.use_invitation(&link.id).await?,
                Some(now),
                "link",
            )
        }
        Shown::Identity(identity) => {
            let is_good = left.is_none()
                && tx.find_admin_by_id(&admin.id).await?.is_some()
                && is_known_as(&mut tx, admin, identity).await?;
            (is_good, identity.proved.map(|at| at.min(now)), "provider")
        }
        Shown::Passkey(used) => {
            let is_good = left.is_none_or(|left| used.passkey.added >= left)
                && tx.find_admin_by_id(&admin.id).await?.is_some();
            (
                is_good && use_up(&mut tx, used).await?,
                Some(now),
                "passkey",
            )
        }
    };
    if !is_good {
        return Ok(None);
    }
    // Whoever comes in sweeps: what is over grows no longer than a day.
    tx.forget_sign_ins(clock::before(now, KEPT_FOR));
    tx.record_session(&Session {
        id: held.id().to_owned(),
        hash: held.hash(),
        admin: admin.clone(),
        began: now,
        last_active: now,
        proved,
    });
    let how = json!({"by": by});
    record_with(&mut tx, &actor(admin), "admin.signed_in", admin, how);
    tx.commit().await?;
    Ok(Some(held))
}

/// Whether a passkey signs for the first time what it was asked.
async fn use_up(tx: &mut WriteTx, used: Used<'_>) -> Result<bool, StoreError> {
    Ok(tx.spend_challenge(used.challenge).await?
        && tx.use_passkey(&used.passkey.id, used.counter).await?)
}

/// Whether the provider knows the admin by this name. Whom it vouches for the first time it does from now on.
async fn is_known_as(
    tx: &mut WriteTx,
    admin: &Admin,
    identity: &Identity,
) -> Result<bool, StoreError> {
    match tx.find_subject_at(&admin.id, &identity.issuer).await? {
        // An address that was given to somebody else lets nobody in.
        Some(known) => Ok(known == identity.subject),
        None => {
            tx.record_identity(&admin.id, &identity.issuer, &identity.subject);
            let detail = json!({"issuer": identity.issuer, "by": "email"});
            record_with(tx, &actor(admin), "admin.connected", admin, detail);
            Ok(true)
        }
    }
}

/// Notes that whoever is signed in just proved who they are. Answers whether that was them.
///
/// # Errors
/// When the archive cannot be written.
pub(super) async fn prove(
    store: &Store,
    session: &Session,
    identity: &Identity,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let admin = &session.admin;
    let mut tx = store.begin(&admin.practice, now).await?;
    if !is_known_as(&mut tx, admin, identity).await? {
        return Ok(false);
    }
    tx.prove_session(&session.id, identity.proved.unwrap_or(now).min(now));
    let how = json!({"by": "provider"});
    record_with(&mut tx, &actor(admin), "admin.proved", admin, how);
    tx.commit().await?;
    Ok(true)
}

/// The same by a passkey of theirs. Answers whether it was good still.
///
/// # Errors
/// When the archive cannot be written.
pub(super) async fn prove_by_passkey(
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
pub(super) async fn add_passkey(
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
pub(super) async fn remove_passkeys(
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
pub(super) async fn note_copied(
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

/// Has an identity provider vouch for somebody from now on. The inner error says, for a person, why not.
///
/// # Errors
/// When the archive cannot be written.
pub(super) async fn connect(
    store: &Store,
    admin: &Admin,
    identity: &Identity,
    now: Timestamp,
) -> Result<Result<(), String>, StoreError> {
    let Identity {
        issuer, subject, ..
    } = identity;
    let mut tx = store.begin(&admin.practice, now).await?;
    let vouched_for = tx.find_admin_vouched_for(issuer, subject).await?;
    if vouched_for.is_some_and(|other| other != admin.id) {
        return Ok(Err(
            "the identity provider vouches for somebody else here by this name: sign in there as yourself".to_owned(),
        ));
    }
    tx.record_identity(&admin.id, issuer, subject);
    let detail = json!({"issuer": issuer, "by": "hand"});
    record_with(&mut tx, &actor(admin), "admin.connected", admin, detail);
    tx.commit().await?;
    Ok(Ok(()))
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
    record_with(tx, who, what, admin, json!({}));
}

fn record_with(tx: &mut WriteTx, who: &str, what: &'static str, admin: &Admin, more: Value) {
    let mut detail = json!({"admin": admin.id, "name": admin.name, "role": admin.role.as_str()});
    if let (Some(detail), Value::Object(more)) = (detail.as_object_mut(), more) {
        detail.extend(more);
    }
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
