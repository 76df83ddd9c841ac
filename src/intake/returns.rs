//! A departure sticks (rule R9): whoever comes back within the hold period waits for somebody's word.

use jiff::Timestamp;
use serde_json::json;

use super::{
    Caller, Desk, Intake,
    doors::{self, Moved},
    tell::tell,
    users::entry,
};
use crate::{
    clock,
    evidence::Entry,
    ids::PersonId,
    people::{Change, User},
    policy::office::LINK_WORKS_FOR,
    store::{StoreError, WriteTx, persons::Person, returns::Decision},
};

/// Who decides about a return, and why.
#[derive(Debug, Clone, Copy)]
pub struct Word<'a> {
    /// The person who decides.
    pub by: &'a str,
    /// Why.
    pub note: &'a str,
}

/// Whether a person's departure holds: it is less than the hold period ago, or not all of its doors
/// are closed yet.
pub(super) async fn holds(
    tx: &mut WriteTx,
    desk: &Desk,
    person: &Person,
) -> Result<bool, StoreError> {
    let Some(since) = person.held_since else {
        return Ok(false);
    };
    Ok(clock::after(since, desk.hold_for) > tx.now() || tx.has_open_departure(&person.id).await?)
}

/// Notes that somebody shall get in again and waits.
pub(super) async fn hold(
    tx: &mut WriteTx,
    caller: &Caller,
    person: &PersonId,
) -> Result<(), StoreError> {
    if let Some(id) = tx.record_held_return(person, &caller.actor).await? {
        let detail = json!({"return": id, "request": caller.request_id});
        let held = entry(tx, caller, Some(person.clone()), "return.held", detail);
        tx.record(held);
        tracing::warn!(person.id = %person, return.id = %id,
            "somebody who left shall get in again: approve or refuse it with `drawbridge returns`");
    }
    Ok(())
}

/// Takes back a return that waits: the source disabled the person again.
pub(super) async fn void(
    tx: &mut WriteTx,
    caller: &Caller,
    person: &PersonId,
) -> Result<(), StoreError> {
    if let Some(id) = tx.decide_return(person, Decision::Voided).await? {
        let detail = json!({"return": id, "request": caller.request_id});
        let voided = entry(tx, caller, Some(person.clone()), "return.voided", detail);
        tx.record(voided);
    }
    Ok(())
}

/// Ends what an admin who comes back was let in by before they left: the devices may be in other hands by now. They
/// sign in anew and add new passkeys.
pub(super) async fn end_what_was_before(
    tx: &mut WriteTx,
    who: &str,
    person: &PersonId,
    left: Timestamp,
) -> Result<(), StoreError> {
    sign_out(tx, person, left);
    remove_passkeys(tx, who, person, left).await
}

/// Ends sessions in the console from before somebody left, and links to it. While they are gone nobody gets in by
/// them; when they are back within the time a session may be idle, it must not go on.
pub(super) fn sign_out(tx: &mut WriteTx, person: &PersonId, left: Timestamp) {
    tx.end_sign_ins_from_before(person, left, clock::after(left, LINK_WORKS_FOR));
}

async fn remove_passkeys(
    tx: &mut WriteTx,
    who: &str,
    person: &PersonId,
    left: Timestamp,
) -> Result<(), StoreError> {
    for (id, passkey) in tx.remove_passkeys_from_before(person, left).await? {
        let Some(admin) = tx.find_admin_by_id(&id).await? else {
            continue;
        };
        let detail = json!({
            "admin": admin.id, "name": admin.name, "role": admin.role.as_str(), "passkey": passkey,
        });
        let removed = Entry {
            at: tx.now(),
            who: who.to_owned(),
            what: "admin.passkey_removed",
            person: None,
            system: None,
            detail: detail.as_object().cloned().unwrap_or_default(),
        };
        tx.record(removed);
    }
    Ok(())
}

impl Intake {
    /// Lets a person in again whose departure holds, whether a return waits or not: doors follow their
    /// role. The inner error says, for a person, why that cannot be.
    ///
    /// # Errors
    /// When the archive cannot be written; nothing is then.
    pub async fn approve_return(
        &self,
        caller: &Caller,
        person: &PersonId,
        word: Word<'_>,
    ) -> Result<Result<Vec<Moved>, String>, StoreError> {
        let mut tx = self.store.begin(&caller.practice, self.clock.now()).await?;
        let known = tx.find_known(person).await?;
        let Some(left) = known.person.left_last() else {
            return Ok(Err(
                "this person has not left: there is nothing to approve".to_owned()
            ));
        };
        if !known.user.as_ref().is_some_and(User::active) {
            return Ok(Err(
                "the identity provider says that this person is not active: enable them there first"
                    .to_owned(),
            ));
        }
        let id = tx.decide_return(person, Decision::Approved).await?;
        let detail = json!({"return": id, "approved_by": word.by, "note": word.note});
        let approved = entry(&tx, caller, Some(person.clone()), "return.approved", detail);
        tx.record(approved);
        end_what_was_before(&mut tx, &caller.actor, person, left).await?;
        tx.update_person(&Person {
            departed_at: None,
            held_since: None,
            ..known.person
        });
        let desk = self.desk(&caller.practice)?;
        let roles = desk.roles(&tx)?;
        let whose = (person, known.user.as_ref());
        let is_told = tell(&mut tx, desk, caller, Change::Returned, whose);
        let planned = doors::plan_person(&mut tx, desk, &roles, person, Change::Returned).await?;
        tx.commit().await?;
        self.wake.notify_one();
        if is_told {
            self.told.send_replace(());
        }
        Ok(Ok(planned.moved))
    }

    /// Keeps a person out whose return waits. The source may ask again by disabling and enabling them.
    /// The inner error says, for a person, why that cannot be.
    ///
    /// # Errors
    /// When the archive cannot be written; nothing is then.
    pub async fn refuse_return(
        &self,
        caller: &Caller,
        person: &PersonId,
        word: Word<'_>,
    ) -> Result<Result<(), String>, StoreError> {
        let mut tx = self.store.begin(&caller.practice, self.clock.now()).await?;
        let Some(id) = tx.decide_return(person, Decision::Refused).await? else {
            return Ok(Err(
                "no return of this person waits: `drawbridge returns list` shows those that do"
                    .to_owned(),
            ));
        };
        let detail = json!({"return": id, "refused_by": word.by, "note": word.note});
        let refused = entry(&tx, caller, Some(person.clone()), "return.refused", detail);
        tx.record(refused);
        tx.commit().await?;
        Ok(Ok(()))
    }
}
