//! A hundred people leave while one of eight systems is down.

use std::time::Duration;

use tokio::time::Instant;

use super::{TURN, checker, practice::Practice};

const SYSTEMS: usize = 8;
const LEAVERS: usize = 100;

/// What else happens while the system is down.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    Nothing,
    /// The bridge is killed and started again.
    Killed,
    /// The machine goes down: the bridge and every system are killed and started again.
    MachineRestarts,
}

async fn a_hundred_leave(meanwhile: Meanwhile) {
    let _turn = TURN.lock().await;
    let mut practice = Practice::new(SYSTEMS, 1, None);
    practice.start(None);
    let mut people = Vec::new();
    for number in 0..LEAVERS {
        let login = format!("nurse{number}");
        let id = practice.hire(&login).await.unwrap();
        people.push((login, id));
    }
    wait_for(
        &practice,
        "everybody has an account everywhere",
        |practice| {
            practice.vendors.iter().all(|vendor| {
                let is_in = |(login, _): &(String, String)| vendor.is_active(login) == Some(true);
                people.iter().all(is_in)
            })
        },
    )
    .await;

    practice.vendors[0].unplug();
    for (number, (login, id)) in people.iter().enumerate() {
        if number == LEAVERS / 2 && meanwhile == Meanwhile::Killed {
            practice.bridges[0].kill();
            practice.start(None);
        }
        assert!(
            practice.disable(login, id).await,
            "{login}: the answer never waits for a system"
        );
    }
    if meanwhile == Meanwhile::MachineRestarts {
        practice.bridges[0].kill();
        practice
            .vendors
            .iter_mut()
            .for_each(|vendor| vendor.unplug());
        practice.vendors[1..]
            .iter_mut()
            .for_each(|vendor| vendor.plug_in());
        practice.start(None);
    }
    let others: Vec<usize> = (1..SYSTEMS).collect();
    let took = practice
        .wait_until_all_are_out(&others, Duration::from_secs(60))
        .await;
    let still_in = people
        .iter()
        .filter(|(login, _)| practice.vendors[0].is_active(login) == Some(true))
        .count();
    practice.vendors[0].plug_in();
    let caught_up = practice
        .wait_until_all_are_out(&[0], Duration::from_secs(60))
        .await;

    assert_eq!(still_in, LEAVERS, "the system was down");
    checker::check(&practice).await;
    println!(
        "{} doors of the other systems verified {took:?} after the last departure, {still_in} of the system that was \
         down {caught_up:?} after its return",
        LEAVERS * others.len()
    );
}

async fn wait_for(practice: &Practice, what: &str, is_so: impl Fn(&Practice) -> bool) {
    let began = Instant::now();
    while !is_so(practice) {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_one_system_is_down_all_other_doors_close_and_its_own_when_it_returns() {
    a_hundred_leave(Meanwhile::Nothing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_they_do_when_the_bridge_is_killed_meanwhile() {
    a_hundred_leave(Meanwhile::Killed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_they_do_when_the_whole_machine_restarts_meanwhile() {
    a_hundred_leave(Meanwhile::MachineRestarts).await;
}
