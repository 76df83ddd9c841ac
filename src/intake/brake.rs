//! The brake: what has gone has gone, the rest of a wave waits for a look.

use jiff::Timestamp;
use serde_json::{Map, json};

use super::Desk;
use crate::{
    clock,
    evidence::Entry,
    ids::PersonId,
    policy::{
        Situation, Wish,
        brake::{WAIT, loses_ephi},
    },
    store::{StoreError, WriteTx, doors::Lease},
};

/// Until when the doors of these wishes wait; `None` when they go at once. Counts the person.
pub(super) async fn holds_until(
    tx: &mut WriteTx,
    desk: &Desk,
    person: &PersonId,
    (situation, wishes): (&Situation, &[Wish]),
    is_by_name: bool,
) -> Result<Option<Timestamp>, StoreError> {
    let Some(brake) = desk.brake else {
        return Ok(None);
    };
    if !loses_ephi(situation, wishes, &desk.systems) {
        return Ok(None);
    }
    let wave = tx.count_loss().await?;
    if is_by_name || !brake.holds(wave) {
        return Ok(None);
    }
    let until = clock::after(tx.now(), WAIT);
    tx.record(Entry {
        at: tx.now(),
        who: "bridge".to_owned(),
        what: "brake.held",
        person: Some(person.clone()),
        system: None,
        detail: Map::from_iter([
            ("until".to_owned(), json!(clock::to_text(until))),
            ("people".to_owned(), json!(wave.lately)),
            ("active".to_owned(), json!(wave.active)),
        ]),
    });
    tracing::warn!(person.id = %person, people = wave.lately, %until,
        "many people lose their doors: this one waits; `drawbridge doors list --open` shows who, `retry` lets one go on");
    Ok(Some(until))
}

/// What a held door says.
pub(super) fn says(until: Timestamp) -> String {
    format!(
        "held until {}, because many people lose their doors at once: `drawbridge retry --person` lets this person's go on \
         now, and `drawbridge returns approve` keeps them open",
        clock::to_text(until)
    )
}

/// Lets a person's held doors go on at once.
pub(super) async fn release(tx: &mut WriteTx, person: &PersonId) -> Result<(), StoreError> {
    let now = tx.now();
    for mut door in tx.find_doors_of(person).await? {
        if door.is_held_back(now) {
            door.next_try = Some(now);
            door.failure = None;
            tx.record_door(&door, Lease::Keep);
            tx.tell_bridges(&door.system);
        }
    }
    Ok(())
}
