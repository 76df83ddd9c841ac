//! Somebody is enabled and disabled a thousand times, while the system fails in between.

use std::time::Duration;

use drawbridge::{ids::UserId, intake::returns::Word};
use drawbridge_sdk::CallError;
use proptest::{
    prelude::Rng as _,
    test_runner::{RngAlgorithm, TestRng},
};

use crate::support::{TestApp, fake};

const STEPS: u32 = 1_000;

const DANA: Word<'static> = Word {
    by: "Dana Ruiz",
    note: "back",
};

/// What happens next.
#[derive(Debug, Clone, Copy)]
enum Step {
    Enable,
    Disable,
    Approve,
    Work,
    Wait(u64),
    TimeOut,
    Refuse,
}

fn next(rng: &mut TestRng) -> Step {
    match rng.next_u32() % 10 {
        0 | 1 => Step::Enable,
        2 | 3 => Step::Disable,
        4 => Step::Approve,
        5 => Step::Work,
        6 | 7 => Step::Wait(u64::from(rng.next_u32() % 200)),
        8 => Step::TimeOut,
        _ => Step::Refuse,
    }
}

async fn take(app: &TestApp, nina: &UserId, step: Step) {
    match step {
        Step::Enable => app.set_active(nina, true).await,
        Step::Disable => app.set_active(nina, false).await,
        Step::Approve => {
            let person = app.person("nina").await;
            // Nothing may wait for approval just now.
            let _ = app
                .intake
                .approve_return(&app.caller(), &person, DANA)
                .await
                .unwrap();
        }
        Step::Work => app.run_due().await,
        Step::Wait(seconds) => app.run_after(Duration::from_secs(seconds)).await,
        Step::TimeOut => fail_once(app, fake::timed_out()),
        Step::Refuse => fail_once(app, fake::refused()),
    }
}

/// The next call fails, and those after it do not.
fn fail_once(app: &TestApp, error: CallError) {
    app.system("ehr").state().failures = [error].into();
}

#[tokio::test]
async fn a_thousand_enables_and_disables_end_as_the_last_one_said() {
    // The same thousand each time; another seed is another thousand.
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[24; 32]);
    let app = TestApp::start().await;
    let nina = app.hire("nina", "Nurse").await;
    let mut taken = Vec::new();
    let mut generation = 0;
    let (mut was_green_shut, mut was_let_in) = (0, 0);

    for _ in 0..STEPS {
        let step = next(&mut rng);
        taken.push(step);
        let calls = app.system("ehr").journal().len();
        let wanted_before = app.door("nina", "ehr").await.wanted;
        take(&app, &nina, step).await;

        let door = app.door("nina", "ehr").await;
        let last = &taken[taken.len().saturating_sub(12)..];
        assert!(door.generation >= generation, "a wish went back: {last:?}");
        generation = door.generation;
        let journal = app.system("ehr").journal();
        let opened = journal[calls..].iter().any(|call| call == "open nina");
        assert!(
            !(opened && wanted_before.is_closed() && door.wanted.is_closed()),
            "opened although it shall be shut: {last:?}"
        );
        let lets_in = app
            .system("ehr")
            .state()
            .accounts
            .get("nina")
            .is_some_and(|account| account.enabled);
        if app.is_green("nina", "ehr").await {
            assert_eq!(
                lets_in,
                !door.wanted.is_closed(),
                "green and not so: {last:?}"
            );
            was_green_shut += u32::from(door.wanted.is_closed());
            was_let_in += u32::from(lets_in);
        }
    }
    app.disable(&nina).await;
    app.system("ehr").state().failures.clear();
    for _ in 0..3 {
        app.run_after(Duration::from_secs(300)).await;
    }

    assert!(
        was_green_shut > 20 && was_let_in > 20,
        "both were seen: {was_green_shut}, {was_let_in}"
    );
    assert!(app.is_green("nina", "ehr").await);
    assert!(!app.system("ehr").state().accounts["nina"].enabled);
}
