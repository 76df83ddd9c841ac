//! Coming in by a link, an identity provider or a passkey, proving anew who one is, and going.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::{
    LINK_WORKS_FOR, actor,
    passkeys::{Used, use_up},
    record, record_with,
};
use crate::{
    bearer::{Bearer, Kind},
    clock,
    oidc::Identity,
    store::{
        Store, StoreError, WriteTx,
        admins::{Admin, Invitation, Session},
        identities::Vouched,
    },
};

/// How long what is over is still kept: sessions, links, forms that nobody sent again.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3_600);

/// The link somebody holds, while it is good.
///
/// # Errors
/// When the archive does not answer.
pub(in super::super) async fn find_link(
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
pub(in super::super) enum Shown<'a> {
    /// A link that is good for once.
    Link(&'a Invitation),
    /// The word of an identity provider.
    Identity(&'a Identity),
    /// A passkey of theirs that signed.
    Passkey(Used<'a>),
}

/// Signs somebody in by what they show; whoever the browser was before is signed out then, and only then. Answers what
/// the browser shall hold; `None` when somebody was faster with the link, the admin was sent away meanwhile, or the provider
/// knows them by another name.
///
/// # Errors
/// When the archive cannot be written: a link is good still.
pub(in super::super) async fn sign_in(
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
    let mut tx = store.begin(&admin.practice, now).await?;
    let (is_good, proved, by) = match shown {
        Shown::Link(link) => {
            // Whoever left the practice is let in by a person only, who made a link since.
            let left = tx.find_when_admin_left(admin).await?;
            let made = clock::before(link.expires, LINK_WORKS_FOR);
            let is_good = left.is_none_or(|left| made >= left);
            (
                is_good && tx.use_invitation(&link.id).await?,
                Some(now),
                "link",
            )
        }
        Shown::Identity(identity) => {
            let is_good = match vouch(&mut tx, admin, identity).await? {
                Vouching::Good => true,
                Vouching::None => false,
                Vouching::OfALeaver => {
                    tx.commit().await?;
                    return Ok(None);
                }
            };
            (is_good, identity.proved.map(|at| at.min(now)), "provider")
        }
        Shown::Passkey(used) => {
            let is_good = use_up(&mut tx, used).await?;
            (is_good, Some(now), "passkey")
        }
    };
    if !is_good {
        return Ok(None);
    }
    let (here, elsewhere) = match before {
        Some(before) if before.admin.practice == admin.practice => (Some(before), None),
        before => (None, before),
    };
    if let Some(before) = here {
        end(&mut tx, before);
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
    // The ledger of another practice is another transaction. They are in: that it fails must not take it from them.
    if let Some(before) = elsewhere
        && let Err(error) = sign_out(store, before, now).await
    {
        tracing::warn!(%error, "whoever a browser was before is still signed in until nobody does anything for a while");
    }
    Ok(Some(held))
}

/// What a provider's word counts for.
enum Vouching {
    /// They may come in, are known to it by this name, and have not left.
    Good,
    /// Nothing, and of what it says nothing is kept.
    None,
    /// Nothing, because they left. The address it has of them is kept: it may be the only one by which that is known, and
    /// then it ends their sessions and passkeys too.
    OfALeaver,
}

/// What a provider's word counts for. Whom it vouches for the first time it does from now on. Coming in and proving it
/// anew ask the same.
async fn vouch(
    tx: &mut WriteTx,
    admin: &Admin,
    identity: &Identity,
) -> Result<Vouching, StoreError> {
    if tx.find_admin_by_id(&admin.id).await?.is_none() {
        return Ok(Vouching::None);
    }
    let known = tx.find_identity_at(&admin.id, &identity.issuer).await?;
    let is_known = known.is_some();
    match known {
        // An address that was given to somebody else lets nobody in.
        Some(known) if known.subject != identity.subject => return Ok(Vouching::None),
        Some(known) => note_address(tx, admin, known, identity),
        None => {
            tx.record_identity(&vouched(admin, identity));
            let detail = json!({"issuer": identity.issuer, "by": "email"});
            record_with(tx, &actor(admin), "admin.connected", admin, detail);
        }
    }
    // The provider may not know yet that they left.
    Ok(match tx.find_when_admin_left(admin).await? {
        None => Vouching::Good,
        Some(_) if is_known => Vouching::OfALeaver,
        Some(_) => Vouching::None,
    })
}

/// Notes the address that the provider has of an admin now. They stay who they are: its name for them is for good, and
/// an address is not. That it is another one stands in the ledger and on the page Settings, because somebody should look;
/// it is no alert. A departure is known by it, and by those of before.
fn note_address(tx: &mut WriteTx, admin: &Admin, known: Vouched, identity: &Identity) {
    let Some(email) = &identity.email else {
        return;
    };
    tx.note_address(&admin.id, &identity.issuer, email);
    let before = known.email.or_else(|| admin.email.clone());
    if let Some(before) = before.filter(|before| before != email) {
        let detail = json!({"issuer": identity.issuer, "from": before, "to": email});
        record_with(tx, "bridge", "admin.address_changed", admin, detail);
    }
}

fn vouched(admin: &Admin, identity: &Identity) -> Vouched {
    Vouched {
        admin: admin.id.clone(),
        issuer: identity.issuer.clone(),
        subject: identity.subject.clone(),
        email: identity.email.clone(),
    }
}

/// Notes that whoever is signed in just proved who they are. Answers whether that was them, and the provider's word
/// counts for them.
///
/// # Errors
/// When the archive cannot be written.
pub(in super::super) async fn prove(
    store: &Store,
    session: &Session,
    identity: &Identity,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let admin = &session.admin;
    let mut tx = store.begin(&admin.practice, now).await?;
    match vouch(&mut tx, admin, identity).await? {
        Vouching::Good => {}
        Vouching::None => return Ok(false),
        Vouching::OfALeaver => {
            tx.commit().await?;
            return Ok(false);
        }
    }
    tx.prove_session(&session.id, identity.proved.unwrap_or(now).min(now));
    let how = json!({"by": "provider"});
    record_with(&mut tx, &actor(admin), "admin.proved", admin, how);
    tx.commit().await?;
    Ok(true)
}

/// Has an identity provider vouch for somebody from now on. The inner error says, for a person, why not.
///
/// # Errors
/// When the archive cannot be written.
pub(in super::super) async fn connect(
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
    tx.record_identity(&vouched(admin, identity));
    // By the address that the provider has of them, too.
    if tx.find_when_admin_left(admin).await?.is_some() {
        return Ok(Err(
            "whoever bears an address you have or had, here or at the identity provider, has left the practice, and who left \
             comes in by a one-time link alone: connect the provider when the return is approved"
                .to_owned(),
        ));
    }
    let detail = json!({"issuer": issuer, "by": "hand"});
    record_with(&mut tx, &actor(admin), "admin.connected", admin, detail);
    tx.commit().await?;
    Ok(Ok(()))
}

/// Ends a session.
///
/// # Errors
/// When the archive cannot be written.
pub(in super::super) async fn sign_out(
    store: &Store,
    session: &Session,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut tx = store.begin(&session.admin.practice, now).await?;
    end(&mut tx, session);
    tx.commit().await
}

fn end(tx: &mut WriteTx, session: &Session) {
    let admin = &session.admin;
    tx.end_session(&session.id);
    record(tx, &actor(admin), "admin.signed_out", admin);
}
