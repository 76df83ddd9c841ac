//! What goes to a system, and what it says: the call that opens or closes, and the reading.

use drawbridge_sdk::{
    AccountId, Ask, CallError, CloseCall, FailureClass, Finality, Observation, OpenCall, Outcome,
    Subject, Way,
};
use jiff::Timestamp;

use super::{
    answer::completion_of,
    call::{Kind, bounded},
    dispatch::Rounds,
    systems::System,
};
use crate::{
    clock,
    door::{Attempt, Door, Wanted},
    failpoint::{self, Point},
    store::StoreError,
    telemetry::metrics,
};

/// A call that was made, or is void.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) attempt: Attempt,
    pub(super) answer: Result<Outcome, CallError>,
    /// When that was known.
    pub(super) at: Timestamp,
    /// Whether that was written into the second ledger then.
    pub(super) is_late: bool,
}

impl Call {
    /// Counts it, once.
    pub(super) fn count(&self, door: &Door) {
        let completion = completion_of(&self.answer);
        let result = completion
            .failure
            .as_ref()
            .map_or(completion.result, |(class, _)| *class);
        let took = clock::between(self.attempt.started, self.at);
        let whose = (&door.practice, &door.system);
        metrics::count_attempt(whose, self.attempt.action.as_str(), result, took);
    }

    /// Whether this was a close that went well and taught nothing new: should its answer be lost, the
    /// same call finds it so. Only then may it wait a moment to be written down with the reading.
    pub(super) fn leaves_all_known(&self, system: &System, door: &Door, subject: &Subject) -> bool {
        door.wanted.is_closed()
            && system.capabilities.read_back
            && self.answer.as_ref().is_ok_and(|outcome| {
                let is_known = |account: &AccountId| subject.owns(account.as_str());
                outcome.failure().is_none() && outcome.accounts.iter().all(is_known)
            })
    }
}

/// Opens or closes.
pub(super) async fn call(
    rounds: &Rounds,
    system: &System,
    door: &Door,
    attempt: Attempt,
    subject: &Subject,
) -> Result<Call, StoreError> {
    // The last look before bytes leave: a newer wish voids this one.
    if !rounds.store.holds(door, &rounds.owner).await? {
        return Ok(Call {
            attempt,
            answer: Err(void("a newer wish came first")),
            at: rounds.clock.now(),
            is_late: false,
        });
    }
    failpoint::pass(Point::BeforeSend);
    let answer = send(rounds, system, door, subject.clone(), &attempt).await;
    let failure = match &answer {
        Ok(outcome) => outcome.failure(),
        Err(error) => Some(error),
    };
    note_reach(rounds, system, failure).await;
    Ok(Call {
        attempt,
        at: rounds.clock.now(),
        answer,
        is_late: false,
    })
}

/// The answer of a call that was not made.
pub(super) fn void(why: &'static str) -> CallError {
    CallError::new(FailureClass::Retryable, Finality::NotSent, why)
}

pub(super) async fn send(
    rounds: &Rounds,
    system: &System,
    door: &Door,
    subject: Subject,
    attempt: &Attempt,
) -> Result<Outcome, CallError> {
    // A worker that was held up since it wrote the attempt has only what is left of its time.
    let left = clock::between(rounds.clock.now(), attempt.answer_by);
    if left.is_zero() {
        return Err(void("its time was over before it could be sent"));
    }
    let connector = system.connector();
    let idempotency_key = format!("{}-{}-{}", door.id, door.generation, door.round);
    match &door.wanted {
        Wanted::Closed => {
            let call = CloseCall {
                subject,
                way: door.way,
                managed_levels: system.managed_levels.clone(),
                idempotency_key,
            };
            bounded(
                left,
                Kind::Changes,
                async move { connector.close(&call).await },
            )
            .await
        }
        Wanted::Open(opening) if door.way == Way::Forwarding && opening.forward_to.is_none() => {
            Err(CallError::needs_human(
                "nobody is named to take over this mail: name the manager at the identity provider, or `forward_to` in the \
             system's settings, or forward it by hand and sign with `drawbridge attest`",
            ))
        }
        Wanted::Open(opening) => {
            let call = OpenCall {
                subject,
                way: door.way,
                levels: opening.levels.clone(),
                managed_levels: system.managed_levels.clone(),
                forward_to: opening.forward_to.clone(),
                until: opening.until,
                idempotency_key,
            };
            bounded(
                left,
                Kind::Changes,
                async move { connector.open(&call).await },
            )
            .await
        }
    }
}

/// What a reading brought, and what is needed to judge it.
pub(super) struct Seeing {
    pub(super) answer: Result<Observation, CallError>,
    /// The accounts the door owned when it was asked for.
    pub(super) known_accounts: Vec<AccountId>,
    /// When it was asked for.
    pub(super) began: Timestamp,
}

/// Reads what the system says.
pub(super) async fn observe(
    rounds: &Rounds,
    system: &System,
    way: Way,
    subject: Subject,
) -> Seeing {
    let began = rounds.clock.now();
    let known_accounts = subject.account_ids.clone();
    let connector = system.connector();
    let ask = Ask {
        subject,
        way,
        canary: system.canary.clone(),
    };
    let answer = bounded(system.call_timeout, Kind::Reads, async move {
        connector.observe(&ask).await
    })
    .await;
    note_reach(rounds, system, answer.as_ref().err()).await;
    Seeing {
        answer,
        known_accounts,
        began,
    }
}

/// Tells the breaker, and makes waiting doors due when the system answers again.
pub(super) async fn note_reach(rounds: &Rounds, system: &System, failure: Option<&CallError>) {
    let now = rounds.clock.now();
    let is_back = match failure {
        Some(failure) => {
            system.breaker().failed(failure, now);
            false
        }
        None => system.breaker().answered(),
    };
    if is_back {
        rounds.wake_waiting_doors(system).await;
    }
}
