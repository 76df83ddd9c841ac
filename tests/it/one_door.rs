//! One door, explored whole: one person with two ids, two workers, lost answers, requests that land late,
//! crashes, stolen leases, somebody who approves and somebody who signs, in every order.
//!
//! The rules of a door are the program's own (`drawbridge::door`). What stands around them, the book,
//! claims, attempts and what is in the air, is written here as `intake::doors`, `intake::returns`,
//! `rounds::work`, `store::claims` and `store::attempts` have it, so that a rule can be left out to see
//! what it is good for.
//!
//! - [`world`]: what is, at one moment
//! - [`moves`], [`work`]: what can happen next
//! - [`properties`]: what must hold
//! - [`explorer`]: every way there is

mod explorer;
mod moves;
mod properties;
mod work;
mod world;

use explorer::{explore, walk};
use properties::{A_WISH_WAS_LOST, LET_IN, MAY_OPEN_AND_GREEN, OPEN_AND_GREEN};
use world::{ALL, Rules, Trouble, World};

/// Stories of somebody with one id.
const SHORT: [&str; 3] = ["D", "ED", "DE"];

/// Stories of somebody who comes back, under the same id or a second one.
const LONG: [&str; 4] = ["EDEA", "EDNA", "DNAd", "DNAD"];

const fn trouble(claims: u8, [crashes, stolen_leases, long_waits, signatures]: [u8; 4]) -> Trouble {
    Trouble {
        claims,
        crashes,
        stolen_leases,
        long_waits,
        signatures,
    }
}

#[test]
fn with_all_rules_nothing_is_green_that_is_not_so_whatever_happens() {
    let is_whole = std::env::var("DRAWBRIDGE_MODEL").is_ok_and(|how| how == "whole");
    let (with_short, with_long) = if is_whole {
        let troubles = vec![
            trouble(3, [1, 1, 1, 1]),
            trouble(4, [0, 1, 1, 0]),
            trouble(4, [1, 0, 1, 0]),
        ];
        (troubles.clone(), troubles)
    } else {
        (
            vec![
                trouble(2, [1, 1, 1, 1]),
                trouble(3, [0, 0, 1, 0]),
                trouble(3, [1, 0, 0, 1]),
            ],
            vec![trouble(2, [1, 0, 1, 0]), trouble(2, [0, 1, 0, 1])],
        )
    };
    let mut worlds = 0;
    for (stories, troubles) in [(&SHORT[..], with_short), (&LONG[..], with_long)] {
        for (story, trouble) in stories.iter().flat_map(|story| {
            let each = troubles.iter();
            each.map(move |trouble| (*story, *trouble))
        }) {
            let found = explore(World::new(story, trouble), ALL);

            println!("{story} with {trouble:?}: {found}");
            assert!(found.wrong.is_none(), "{story} with {trouble:?}: {found}");
            assert!(
                found.can_end_well,
                "{story} with {trouble:?}: no way ends well"
            );
            worlds += found.worlds;
        }
    }
    println!("{worlds} worlds in all");
    assert!(worlds > 50_000, "only {worlds} worlds");
}

/// What goes wrong without a rule, in the first story where something does. Two calls and, where they
/// are asked for, one signature are enough for that.
fn without(rules: Rules, signatures: u8) -> &'static str {
    let stories = SHORT.into_iter().chain(LONG);
    let mut wrong = stories.filter_map(|story| {
        let found = explore(World::new(story, trouble(2, [0, 0, 0, signatures])), rules);
        println!("{story}: {found}");
        found.wrong.map(|(wrong, _)| wrong)
    });
    wrong.next().unwrap_or("nothing goes wrong")
}

#[test]
fn without_r2_attempts_before_bytes_a_late_open_is_forgotten() {
    let rules = Rules {
        attempt_before_bytes: false,
        ..ALL
    };
    assert_eq!(without(rules, 0), MAY_OPEN_AND_GREEN);
}

#[test]
fn without_r3_a_fence_whoever_was_held_up_writes_over_a_newer_wish() {
    let rules = Rules {
        fence: false,
        ..ALL
    };
    assert_eq!(without(rules, 0), A_WISH_WAS_LOST);
}

#[test]
fn without_r6_waiting_for_the_opposite_green_is_shown_too_early() {
    let rules = Rules {
        waits_for_the_opposite: false,
        ..ALL
    };
    assert_eq!(without(rules, 0), MAY_OPEN_AND_GREEN);
}

#[test]
fn without_r9_departures_that_stick_a_second_id_lets_the_leaver_in() {
    let rules = Rules {
        departures_stick: false,
        ..ALL
    };
    assert_eq!(without(rules, 0), LET_IN);
    let by_a_new_id = explore(World::new("DN", trouble(2, [0; 4])), rules);
    assert_eq!(by_a_new_id.wrong.map(|(wrong, _)| wrong), Some(LET_IN));
}

#[test]
fn without_r10_waiting_a_signature_is_green_too_early() {
    let rules = Rules {
        signing_waits: false,
        ..ALL
    };
    assert_eq!(without(rules, 1), MAY_OPEN_AND_GREEN);
}

#[test]
fn without_r11_one_person_for_both_ids_the_old_door_is_green_and_the_new_one_lets_in() {
    let rules = Rules {
        ids_join_their_person: false,
        ..ALL
    };
    assert_eq!(without(rules, 0), MAY_OPEN_AND_GREEN);
    // The second id's open lands before the first one's door is read: that door knows nothing of it.
    let way = [
        "wish D1, taken by worker 0",
        "wish N1",
        "worker 1 claims",
        "worker 1 sends",
        "open 1 lands",
        "worker 0 sends",
        "close 0 lands",
        "worker 0 is answered and asks",
        "worker 0 is shown",
        "worker 0 writes down answer and reading",
    ];
    let world = walk(World::new("DN", trouble(2, [0; 4])), rules, &way).unwrap();
    assert_eq!(world.wrong(), Some(OPEN_AND_GREEN));
}

#[test]
fn an_open_that_timed_out_before_the_disable_keeps_reader_and_signer_waiting() {
    let timed_out_then_disabled = [
        "wish E1",
        "worker 0 claims",
        "worker 0 sends",
        "worker 0 gets no answer",
        "wish D2, taken by worker 0",
        "worker 0 sends",
        "close 1 lands",
        "worker 0 is answered and asks",
        "worker 0 is shown",
        "worker 0 writes down answer and reading",
    ];
    let first = || World::new("ED", trouble(4, [0, 0, 1, 1]));
    let then = |more: &[&str]| {
        let way = [&timed_out_then_disabled, more].concat();
        walk(first(), ALL, &way)
    };

    let read = then(&[]).unwrap();
    let signed = then(&["somebody signs"]);
    let landed = then(&["open 0 lands"]).unwrap();
    let later = then(&["a long time passes", "somebody signs"]).unwrap();

    assert_eq!(read.wrong(), None, "not green yet");
    assert!(signed.is_err(), "the open may still land");
    assert!(landed.lets_in() && landed.wrong().is_none());
    assert_eq!(later.wrong(), None);
    assert_eq!(
        later.people[0].door.assurance,
        drawbridge::door::Assurance::Attested
    );
}
