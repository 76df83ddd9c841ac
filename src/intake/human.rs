//! What a person decides about a door: try again now, or signed by hand.

use drawbridge_sdk::Way;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Caller, users::entry};
use crate::{
    clock,
    door::Door,
    evidence::pack::SignedFile,
    ids::{PersonId, SystemName},
    store::{Store, StoreError, WriteTx, doors::Lease},
};

/// Who signs, and how they checked.
#[derive(Debug, Clone, Copy)]
pub struct Attestation<'a> {
    /// The person who did it.
    pub by: &'a str,
    /// What was done and how it was checked.
    pub note: &'a str,
    /// The door's wish they signed for.
    pub generation: i64,
    /// When they did it, if that is not when they sign.
    pub done: Option<Timestamp>,
    /// What shows it: a photo, a scan.
    pub file: Option<&'a SignedFile>,
}

/// Makes a person's doors that are not green due now, but for those at which nothing is called. Answers
/// how many.
///
/// # Errors
/// When the archive cannot be written.
pub async fn retry(
    store: &Store,
    caller: &Caller,
    person: &PersonId,
    system: Option<&SystemName>,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let mut tx = store.begin(&caller.practice, now).await?;
    let mut tried = 0;
    for door in tx.find_doors_of(person).await? {
        let is_meant = system.is_none_or(|system| *system == door.system);
        if !is_meant || door.is_green(now) || door.waits_for_a_person() {
            continue;
        }
        ask_for_a_try(&mut tx, caller, door);
        tried += 1;
    }
    tx.commit().await?;
    Ok(tried)
}

/// Makes every door into a system due now whose last call or reading failed, but for those that somebody set
/// aside and those that the brake holds: each person is released by name. Answers how many.
///
/// # Errors
/// When the archive cannot be written.
pub async fn retry_system(
    store: &Store,
    caller: &Caller,
    system: &SystemName,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let mut tx = store.begin(&caller.practice, now).await?;
    let mut doors = tx.find_failing_doors_into(system).await?;
    doors.retain(|door| {
        !door.is_held_back(now) && !door.waits_for_a_person() && door.set_aside_at(now).is_none()
    });
    let tried = doors.len();
    for door in doors {
        ask_for_a_try(&mut tx, caller, door);
    }
    tx.commit().await?;
    Ok(tried)
}

fn ask_for_a_try(tx: &mut WriteTx, caller: &Caller, mut door: Door) {
    door.next_try = Some(tx.now());
    tx.record_door(&door, Lease::Keep);
    tx.tell_bridges(&door.system);
    let detail = json!({"door": door.id, "generation": door.generation});
    let mut record = entry(tx, caller, Some(door.person), "door.retry_asked", detail);
    record.system = Some(door.system);
    tx.record(record);
}

/// Records that somebody did something in the office that is no change of a door or a person.
///
/// # Errors
/// When the archive cannot be written: it is not to be done then.
pub async fn note(
    store: &Store,
    caller: &Caller,
    (what, person, system): (&'static str, Option<PersonId>, Option<SystemName>),
    detail: Value,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut tx = store.begin(&caller.practice, now).await?;
    let mut record = entry(&tx, caller, person, what, detail);
    record.system = system;
    tx.record(record);
    tx.commit().await
}

/// Signs for a door (rule R10). The inner error says, for a person, why it cannot be signed.
///
/// # Errors
/// When the archive cannot be written.
pub async fn attest(
    store: &Store,
    caller: &Caller,
    person: &PersonId,
    (system, way): (&SystemName, Way),
    signed: &Attestation<'_>,
    now: Timestamp,
) -> Result<Result<(), String>, StoreError> {
    let mut tx = store.begin(&caller.practice, now).await?;
    let doors = tx.find_doors_of(person).await?;
    let Some(mut door) = doors
        .into_iter()
        .find(|door| door.system == *system && door.way == way)
    else {
        return Ok(Err(format!(
            "this person has no {way} door into `{system}`: `drawbridge doors list` shows theirs"
        )));
    };
    let may_land_until = tx.find_may_land_until(&door, now).await?;
    if let Err(reason) = door.attest(signed.generation, may_land_until, now) {
        return Ok(Err(reason));
    }
    tx.record_door(&door, Lease::Release);
    let mut detail = json!({
        "door": door.id,
        "way": door.way,
        "generation": door.generation,
        "wanted": door.wanted.as_str(),
        "signed_by": signed.by,
        "note": signed.note,
        "done": signed.done.map(clock::to_text),
    });
    if let Some(file) = signed.file {
        // The record names its SHA-256: another file in its place would show.
        detail["attachment"] = json!({"name": file.name, "sha256": file.file, "kind": file.kind});
        tx.record_signed_file(file);
    }
    let mut record = entry(&tx, caller, Some(person.clone()), "door.attested", detail);
    record.system = Some(door.system.clone());
    tx.record(record);
    tx.close_case_when_done(&door, &caller.actor).await?;
    tx.commit().await?;
    Ok(Ok(()))
}
