//! Whether every door ended as it must.

use std::time::Duration;

use drawbridge_sdk::FailureClass;
use jiff::Timestamp;

use crate::{
    clock::{Clock as _, SystemClock},
    door::{Assurance, Door, Seen},
};

/// The system that says yes and does nothing.
const LIAR: &str = "portal";

/// The system whose doors a person closes.
const BY_HAND: &str = "badge";

/// Tries after which the liar counts as caught.
const TRIES_TO_CATCH: i64 = 2;

/// Every door that shall be open was seen to be.
pub(super) fn all_opened(doors: &[Door], now: Timestamp) -> bool {
    !doors.is_empty() && doors.iter().all(|door| door.is_green(now))
}

/// Every door came to where it stays without help.
pub(super) fn all_settled(doors: &[Door], now: Timestamp) -> bool {
    doors.iter().all(|door| is_as_it_must_be(door, now))
}

fn is_as_it_must_be(door: &Door, now: Timestamp) -> bool {
    match door.system.as_str() {
        LIAR => !door.is_green(now) && door.seen == Seen::Open && door.tries >= TRIES_TO_CATCH,
        BY_HAND => {
            !door.is_green(now)
                && door
                    .failure
                    .as_ref()
                    .is_some_and(|failure| failure.class == FailureClass::NeedsHuman)
        }
        _ => door.is_green(now) && door.assurance == Assurance::Verified,
    }
}

/// Says in a few lines how it ended; answers whether every door ended as it must.
pub(super) fn print(doors: &[Door], took: Duration) -> bool {
    let now = SystemClock.now();
    let green = doors.iter().filter(|door| door.is_green(now)).count();
    println!(
        "\n{green} of {} doors proved shut after {:.1} s.",
        doors.len(),
        took.as_secs_f64()
    );
    println!(
        "The patient portal answered \"200, disabled\" and did nothing: read back, it is caught, and it is tried on."
    );
    println!("The badge needs a person: it stays open until somebody signs.");
    let wrong: Vec<&Door> = doors
        .iter()
        .filter(|door| !is_as_it_must_be(door, now))
        .collect();
    for door in &wrong {
        println!(
            "NOT AS IT MUST BE: {} ({})",
            door.system,
            door.assurance.as_str()
        );
    }
    wrong.is_empty()
}

/// The signed door is green by that, and the liar's still is not.
pub(super) fn attested(doors: &[Door]) -> bool {
    let now = SystemClock.now();
    doors.iter().all(|door| match door.system.as_str() {
        LIAR => !door.is_green(now),
        BY_HAND => door.is_green(now) && door.assurance == Assurance::Attested,
        _ => true,
    })
}
