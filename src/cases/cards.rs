//! Cards for a person's hand: a door that the bridge could not prove shut in time may be shut by either.

use jiff::Timestamp;

use crate::{
    door::{Assurance, Door, Seen},
    ids::PracticeName,
    policy::escalation::CARD_AFTER,
    store::{Store, StoreError},
};

/// Whether a person could help: the bridge calls the system, and it is not merely blind there, nor shut with
/// something that ends by itself.
fn helps(door: &Door, now: Timestamp) -> bool {
    let is_blind = door.seen == Seen::Absent && door.assurance == Assurance::Unproven;
    let ends_by_itself = door.assurance == Assurance::Unproven
        && !door.residual.is_empty()
        && door.residual.iter().all(|left| left.longest.is_some());
    let is_aside = door.set_aside_at(now).is_some();
    !(is_aside || door.waits_for_a_person() || door.is_held_back(now) || is_blind || ends_by_itself)
}

/// Opens the cards whose time has come, and closes those of an older wish. Answers how many were opened.
///
/// # Errors
/// When the archive does not answer.
pub async fn open_due(
    store: &Store,
    practice: &PracticeName,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let before = now.checked_sub(CARD_AFTER).unwrap_or(Timestamp::MIN);
    let mut due = store.list_doors_without_card(practice, before).await?;
    due.retain(|door| helps(door, now));
    let mut stale = store.list_open_cards(practice).await?;
    stale.retain(|(card, door)| card.generation != door.generation);
    if due.is_empty() && stale.is_empty() {
        return Ok(0);
    }
    let mut tx = store.begin(practice, now).await?;
    let mut opened = 0;
    for (_, door) in &stale {
        tx.close_card(door, "bridge", "the door shall be something else now")
            .await?;
    }
    for door in &due {
        opened += usize::from(tx.open_card(door).await?);
    }
    tx.commit().await?;
    Ok(opened)
}

#[cfg(test)]
mod tests {
    use drawbridge_sdk::{FailureClass, Way};

    use super::*;
    use crate::door::{Failure, Wanted};

    fn door() -> Door {
        let now = Timestamp::UNIX_EPOCH;
        let mut door = Door::new(
            "elm".into(),
            "d1".into(),
            "p1".into(),
            ("ehr".into(), Way::Account),
            now,
        );
        door.wish(Wanted::Closed, String::new(), None, now);
        door
    }

    #[test]
    fn a_card_is_for_a_door_that_a_person_can_shut_sooner() {
        let now = Timestamp::UNIX_EPOCH;
        let open = door();
        let mut manual = door();
        manual.next_try = None;
        manual.failure = Some(Failure {
            class: FailureClass::NeedsHuman,
            text: String::new(),
        });
        let mut blind = door();
        blind.seen = Seen::Absent;
        blind.assurance = Assurance::Unproven;

        assert!(helps(&open, now));
        assert!(!helps(&manual, now), "it is a person's anyhow");
        assert!(
            !helps(&blind, now),
            "there is nothing to shut, as far as can be seen"
        );
    }
}
