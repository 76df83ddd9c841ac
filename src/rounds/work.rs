//! One door: the call, the reading, and the order in which both are written down.

use std::{pin::pin, sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    dispatch::Rounds,
    notes,
    record::{write_both, write_call, write_reading},
    send::{call, observe},
    systems::System,
};
use crate::{
    clock,
    door::{Action, Attempt, Door, Due},
    failpoint::{self, Point},
    ids::AttemptId,
    store::{StoreError, WriteTx},
};

/// How long the answer of a close that went well waits for the reading, to be written down with it.
const TOGETHER: Duration = Duration::from_millis(50);

/// A door that this bridge holds, and what is to be done with it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) door: Door,
    /// The call that is written down and not made yet; `None` when the system is only read.
    pub(super) attempt: Option<Attempt>,
}

/// Writes down the call a door is due for, before anything is sent (rule R2), in the transaction that
/// takes the door.
pub(super) fn announce(tx: &mut WriteTx, owner: &str, system: &System, door: Door) -> Job {
    let mut door = door;
    if door.due == Due::Read {
        return Job {
            door,
            attempt: None,
        };
    }
    let attempt = attempt(system, &door, tx.now());
    door.tries += 1;
    tx.hold(&door, owner);
    tx.record_attempt(&door, &attempt);
    tx.record(notes::sent(&door, &attempt));
    failpoint::pass(Point::BeforeAttempt);
    Job {
        door,
        attempt: Some(attempt),
    }
}

/// The call a door is due for.
pub(super) fn attempt(system: &System, door: &Door, started: Timestamp) -> Attempt {
    let answer_by = clock::after(started, system.call_timeout);
    Attempt {
        id: AttemptId::generate(),
        generation: door.generation,
        action: Action::towards(&door.wanted),
        round: door.round,
        fence: door.fence,
        started,
        answer_by,
        may_land_until: clock::after(answer_by, system.settle),
    }
}

/// Makes the call that was written down, then reads what the system says. Answers what is to be done
/// next under the same place.
pub(super) async fn work(
    rounds: &Arc<Rounds>,
    system: &Arc<System>,
    job: Job,
) -> Result<Option<Job>, StoreError> {
    let Job { mut door, attempt } = job;
    let mut subject = rounds.store.find_subject(&door).await?;
    let Some(attempt) = attempt else {
        let seen = observe(rounds, system, door.way, subject).await;
        return write_reading(rounds, system, door, seen).await;
    };
    let call = call(rounds, system, &door, attempt, &subject).await?;
    call.count(&door);
    if !call.leaves_all_known(system, &door, &subject) {
        let Some(accounts) = write_call(rounds, system, &mut door, &call, false).await? else {
            return Ok(None);
        };
        // The accounts this call just returned are searched for too.
        for account in accounts {
            if !subject.owns(account.as_str()) {
                subject.account_ids.insert(0, account);
            }
        }
        let seen = observe(rounds, system, door.way, subject).await;
        return write_reading(rounds, system, door, seen).await;
    }
    let mut reading = pin!(observe(rounds, system, door.way, subject));
    let Ok(seen) = tokio::time::timeout(TOGETHER, &mut reading).await else {
        if write_call(rounds, system, &mut door, &call, false)
            .await?
            .is_none()
        {
            return Ok(None);
        }
        return write_reading(rounds, system, door, reading.await).await;
    };
    let call = Arc::new(call);
    match write_both(rounds, system, door.clone(), Arc::clone(&call), seen).await {
        Err(error) if error.may_pass() && rounds.second.is_none() => {}
        Err(error) => {
            rounds.keep_answer(system, door, &call, &error);
            return Err(error);
        }
        done => return done,
    }
    // The answer is kept; the system is read anew.
    if write_call(rounds, system, &mut door, &call, true)
        .await?
        .is_none()
    {
        return Ok(None);
    }
    let subject = rounds.store.find_subject(&door).await?;
    let seen = observe(rounds, system, door.way, subject).await;
    write_reading(rounds, system, door, seen).await
}
