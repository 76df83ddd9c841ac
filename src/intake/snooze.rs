//! Looking at a failed call later, and taking it up before.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::{Caller, aside::record};
use crate::{
    clock,
    door::snooze,
    ids::{AdminId, DoorId},
    store::{Store, StoreError},
};

/// Has a door come back later. Answers when; the inner error says, for a person, why it does not.
///
/// # Errors
/// When the archive cannot be written.
pub async fn snooze(
    store: &Store,
    (caller, admin): (&Caller, &AdminId),
    id: &DoorId,
    wished: Duration,
    now: Timestamp,
) -> Result<Result<Timestamp, String>, StoreError> {
    let mut tx = store.begin(&caller.practice, now).await?;
    let Some(door) = tx.find_door(id).await? else {
        return Ok(Err("there is no such door any more: look again".to_owned()));
    };
    let until = match snooze::until(&door, wished, now) {
        Ok(until) => until,
        Err(reason) => return Ok(Err(reason)),
    };
    tx.record_snooze(&door, admin, until);
    let detail = json!({
        "door": door.id,
        "way": door.way,
        "generation": door.generation,
        "until": clock::to_text(until),
    });
    record(&mut tx, caller, &door, "door.snoozed", detail);
    tx.commit().await?;
    Ok(Ok(until))
}

/// Takes a door up before. Answers whether it was to come back later.
///
/// # Errors
/// When the archive cannot be written.
pub async fn wake(
    store: &Store,
    caller: &Caller,
    id: &DoorId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut tx = store.begin(&caller.practice, now).await?;
    let Some(door) = tx.find_door(id).await? else {
        return Ok(false);
    };
    if !tx.drop_snooze(&door).await? {
        return Ok(false);
    }
    let detail = json!({"door": door.id, "way": door.way, "generation": door.generation});
    record(&mut tx, caller, &door, "door.woken", detail);
    tx.commit().await?;
    Ok(true)
}
