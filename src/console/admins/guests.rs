//! Who may come in, and as what.

use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use super::{LINK_WORKS_FOR, record};
use crate::{
    bearer::{Bearer, Kind},
    clock,
    ids::AdminId,
    intake::Caller,
    policy::office::OfficeRole,
    store::{
        Store, StoreError, WriteTx,
        admins::{Admin, Invitation},
    },
};

/// Longest name that is taken.
const NAME_LETTERS: usize = 100;

/// Longest address that is taken.
const EMAIL_LETTERS: usize = 254;

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
pub(in super::super) struct Link {
    /// Whom it lets in.
    pub(in super::super) admin: Admin,
    /// The secret part of it.
    pub(in super::super) secret: String,
}

/// Why nobody was invited.
#[derive(Debug)]
pub(in super::super) enum NotInvited {
    /// Somebody of this name may come in already: are they meant?
    Known(Admin),
    /// A rule says no; the text says why.
    Refused(String),
}

/// What somebody in the console asks for.
#[derive(Debug)]
pub(in super::super) struct Wish<'a> {
    pub(in super::super) guest: Guest<'a>,
    /// Whether somebody of this name who is known is meant, whatever role they have now.
    pub(in super::super) is_known: bool,
    /// Who asks.
    pub(in super::super) by: &'a AdminId,
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
pub(in super::super) async fn invite_by_name(
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
pub(in super::super) async fn renew_link(
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
