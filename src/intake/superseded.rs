//! Cases that lose doors to a newer one: a return was approved, somebody left again, a forward has ended.
//!
//! Each door belongs to the case of its latest wish. A case that still waits for a door which goes over would
//! wait for ever, be told of for ever, and hold its person out for as long (rule R9).

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::{
    door::Door,
    ids::{CaseId, DoorId, PersonId},
    store::{StoreError, WriteTx},
};

/// A door, and the case it belonged to before the plan.
#[derive(Debug)]
pub(super) struct Belonging {
    case: CaseId,
    door: DoorId,
    is_done: bool,
}

/// Which case each door belongs to now.
pub(super) fn belongings(doors: &[Door], now: Timestamp) -> Vec<Belonging> {
    let belonging = |door: &Door| {
        Some(Belonging {
            case: door.case.clone()?,
            door: door.id.clone(),
            is_done: door.is_done(now),
        })
    };
    doors.iter().filter_map(belonging).collect()
}

/// Which cases wait for a door that goes over, and whether nothing else is left of each.
fn losers<'a>(before: &'a [Belonging], taken: &BTreeSet<&DoorId>) -> Vec<(&'a CaseId, bool)> {
    let waits_for = |one: &&Belonging| taken.contains(&one.door) && !one.is_done;
    let cases: BTreeSet<&CaseId> = before
        .iter()
        .filter(waits_for)
        .map(|one| &one.case)
        .collect();
    cases
        .into_iter()
        .map(|case| {
            let mut own = before.iter().filter(|one| one.case == *case);
            let is_over = own.all(|one| taken.contains(&one.door) || one.is_done);
            (case, is_over)
        })
        .collect()
}

/// Ends the cases that waited for nothing but doors that a plan gave to a newer case, and marks those of
/// which something else is left.
pub(super) async fn give_way(
    tx: &mut WriteTx,
    person: &PersonId,
    before: &[Belonging],
    wished: &[Door],
) -> Result<(), StoreError> {
    let Some(newer) = wished.iter().find_map(|door| door.case.as_ref()) else {
        return Ok(());
    };
    let taken = wished.iter().map(|door| &door.id).collect();
    for (case, is_over) in losers(before, &taken) {
        tx.supersede_case(person, case, newer, is_over).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(case: &str, door: &str, is_done: bool) -> Belonging {
        Belonging {
            case: case.into(),
            door: door.into(),
            is_done,
        }
    }

    fn lose(before: &[Belonging], taken: &[&str]) -> Vec<(String, bool)> {
        let taken: Vec<DoorId> = taken.iter().map(|door| DoorId::from(*door)).collect();
        losers(before, &taken.iter().collect())
            .into_iter()
            .map(|(case, is_over)| (case.to_string(), is_over))
            .collect()
    }

    #[test]
    fn a_case_is_over_once_nothing_is_left_of_it_but_what_went_over() {
        let before = [
            door("left", "ehr", false),
            door("left", "mail", true),
            door("left", "vpn", false),
        ];

        assert_eq!(lose(&before, &["ehr", "vpn"]), [("left".to_owned(), true)]);
        assert_eq!(lose(&before, &["ehr"]), [("left".to_owned(), false)]);
        assert!(
            lose(&before, &["mail"]).is_empty(),
            "it waited for that no longer"
        );
    }

    #[test]
    fn a_forward_is_waited_for_as_a_door_to_shut_is() {
        let before = [door("left", "ehr", true), door("left", "forward", false)];

        assert_eq!(lose(&before, &["forward"]), [("left".to_owned(), true)]);
    }
}
