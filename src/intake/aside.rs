//! What a person decides about a door that cannot be shut, or need not be: set aside, taken up again, or
//! somebody's to see to.

use serde_json::{Value, json};

use super::{Caller, users::entry};
use crate::{
    clock,
    door::{Door, aside::SetAside},
    ids::DoorId,
    store::{Store, StoreError, WriteTx, admins::Admin, doors::Lease},
};

/// Sets a door aside, for the wish that was looked at. The inner error says, for a person, why it cannot be.
///
/// # Errors
/// When the archive cannot be written.
pub async fn put_aside(
    store: &Store,
    caller: &Caller,
    id: &DoorId,
    (generation, aside): (i64, SetAside),
) -> Result<Result<(), String>, StoreError> {
    let now = aside.signed;
    let mut tx = store.begin(&caller.practice, now).await?;
    let Some(mut door) = tx.find_door(id).await? else {
        return Ok(Err("there is no such door any more: look again".to_owned()));
    };
    let detail = json!({
        "door": door.id,
        "way": door.way,
        "generation": door.generation,
        "wanted": door.wanted.as_str(),
        "kind": aside.kind,
        "signed_by": aside.signed_by,
        "reason_text": aside.reason,
        "until": aside.until.map(clock::to_text),
        "seen": door.seen,
    });
    if let Err(reason) = door.put_aside(generation, aside, now) {
        return Ok(Err(reason));
    }
    // What was under way is not written over it, and the door is due as it was.
    tx.record_door(&door, Lease::Release);
    record(&mut tx, caller, &door, "door.set_aside", detail);
    tx.close_case_when_done(&door, &caller.actor).await?;
    tx.commit().await?;
    Ok(Ok(()))
}

/// Takes a door up again. Answers whether it was set aside.
///
/// # Errors
/// When the archive cannot be written.
pub async fn take_up(
    store: &Store,
    caller: &Caller,
    id: &DoorId,
    now: jiff::Timestamp,
) -> Result<bool, StoreError> {
    let mut tx = store.begin(&caller.practice, now).await?;
    let Some(mut door) = tx.find_door(id).await? else {
        return Ok(false);
    };
    if !door.take_up(now) {
        return Ok(false);
    }
    tx.record_door(&door, Lease::Release);
    let detail = json!({"door": door.id, "way": door.way, "generation": door.generation});
    record(&mut tx, caller, &door, "door.taken_up", detail);
    if !door.is_green(now) {
        tx.open_case_again(&door, &caller.actor).await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// Has somebody see to a door, or nobody.
///
/// # Errors
/// When the archive cannot be written.
pub async fn assign(
    store: &Store,
    caller: &Caller,
    id: &DoorId,
    to: Option<&Admin>,
    now: jiff::Timestamp,
) -> Result<bool, StoreError> {
    let mut tx = store.begin(&caller.practice, now).await?;
    let Some(door) = tx.find_door(id).await? else {
        return Ok(false);
    };
    tx.record_assignment(&door, to.map(|admin| &admin.id));
    let detail = json!({
        "door": door.id,
        "way": door.way,
        "generation": door.generation,
        "to": to.map(|admin| admin.name.as_str()),
    });
    record(&mut tx, caller, &door, "door.assigned", detail);
    tx.commit().await?;
    Ok(true)
}

/// Records what somebody did about a door.
pub(super) fn record(
    tx: &mut WriteTx,
    caller: &Caller,
    door: &Door,
    what: &'static str,
    detail: Value,
) {
    let mut record = entry(tx, caller, Some(door.person.clone()), what, detail);
    record.system = Some(door.system.clone());
    tx.record(record);
}
