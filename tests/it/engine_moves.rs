//! The real engine, driven through whatever may happen in whatever order: two people with two ids each,
//! two systems that do, fail, lie and lose what they are sent, two bridges over one database that are
//! killed and lose their leases, somebody who approves, and somebody who signs.
//!
//! [`one_door`](crate::one_door) goes through every order of few moves, with a model of what stands around the
//! rules; this goes through some orders of many, and what stands around them is the program itself.
//!
//! - [`reference`]: what may happen next
//! - [`vendor`]: a simulated system
//! - [`bridge`]: a real bridge that can be killed
//! - [`machine`]: what each move does
//! - [`checks`]: what must hold after each
//!
//! Nothing sleeps: the clock is the test's. The moves are the same each time, `DRAWBRIDGE_MOVES=2000` makes more
//! of them; what differs is the ids, and by how much retries are spread.

mod bridge;
mod checks;
mod machine;
mod reference;
mod vendor;

use checks::Seen;
use machine::Machine;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use proptest_state_machine::{ReferenceStateMachine as _, StateMachineTest as _};
use reference::Reference;

/// How many times a practice is led through moves, unless the environment asks for more.
const CASES: u32 = 300;

#[test]
fn whatever_happens_in_whatever_order_the_engine_keeps_its_promises() {
    let asked = std::env::var("DRAWBRIDGE_MOVES").ok();
    let config = Config {
        cases: asked.and_then(|cases| cases.parse().ok()).unwrap_or(CASES),
        failure_persistence: None,
        max_shrink_iters: 300,
        rng_seed: RngSeed::Fixed(24),
        ..Config::default()
    };
    let mut runner = TestRunner::new(config.clone());

    let walked = runner.run(
        &Reference::sequential_strategy(20..80),
        |(source, moves, counter)| {
            Machine::test_sequential(config.clone(), source, moves, counter);
            Ok(())
        },
    );

    if let Err(failed) = walked {
        panic!("{failed}");
    }
    let seen = Seen::in_all();
    println!("{} cases: {seen:?}", config.cases);
    let enough = [
        seen.shut_and_proved,
        seen.open_and_proved,
        seen.returns,
        seen.signatures,
        seen.late_landings,
        seen.incidents,
        seen.calls,
    ];
    assert!(
        enough.iter().all(|often| *often > 0),
        "all of it happens: {seen:?}"
    );
}
