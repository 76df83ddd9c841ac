//! What goes to a system, and what it says: the call that opens or closes, and the reading.

use drawbridge_sdk::{
    Account, AccountId, Ask, CallError, CloseCall, FailureClass, Finality, Observation, OpenCall,
    Outcome, Subject, Way,
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
    let now = rounds.clock.now();
    let answer = send(now, system, door, subject.clone(), &attempt).await;
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

/// Sends it, within what is left of its time.
pub(super) async fn send(
    now: Timestamp,
    system: &System,
    door: &Door,
    subject: Subject,
    attempt: &Attempt,
) -> Result<Outcome, CallError> {
    // A worker that was held up since it wrote the attempt has only what is left of its time.
    let left = clock::between(now, attempt.answer_by);
    if left.is_zero() {
        return Err(void("its time was over before it could be sent"));
    }
    let connector = system.connector();
    let idempotency_key = format!("{}-{}-{}", door.id, door.generation, door.round);
    let answer = match &door.wanted {
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
    };
    answer.map_err(without_nul).and_then(|outcome| {
        let is_kept = |account: &AccountId| !account.as_str().contains('\0');
        if outcome.accounts.iter().all(is_kept) {
            Ok(outcome)
        } else {
            Err(has_nul().after(outcome.receipts))
        }
    })
}

/// The answer of a system that names something by text that no database keeps.
fn has_nul() -> CallError {
    CallError::contract(
        "the system names an account with a NUL character, which no database keeps: look at the account there",
    )
}

/// A failure in words that are kept, whatever a connector took into them.
fn without_nul(mut error: CallError) -> CallError {
    if error.message.contains('\0') {
        error.message = error.message.replace('\0', "\u{fffd}");
    }
    error
}

/// Whether all that is said of an account can be kept.
fn is_kept(account: &Account) -> bool {
    let texts = [account.id.as_str(), account.login.as_str()];
    let more = account.levels.iter().chain(&account.identifiers);
    let mut all = texts.into_iter().chain(more.map(String::as_str));
    all.all(|text| !text.contains('\0'))
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
    let answer = answer.map_err(without_nul).and_then(|observation| {
        if observation.accounts.iter().all(is_kept) {
            Ok(observation)
        } else {
            Err(has_nul().after(observation.receipts))
        }
    });
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

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    use async_trait::async_trait;
    use drawbridge_sdk::{AccountPage, Capabilities, Change, Connector, Cursor, Health};

    use super::*;
    use crate::rounds::{systems::SystemOptions, work::attempt};

    /// Counts the closes that reach it.
    #[derive(Default)]
    struct Counting(Arc<AtomicUsize>);

    #[async_trait]
    impl Connector for Counting {
        fn capabilities(&self) -> Capabilities {
            Capabilities::none("it counts")
        }

        async fn check(&self) -> Result<Health, CallError> {
            Err(void("not asked"))
        }

        async fn observe(&self, _: &Ask) -> Result<Observation, CallError> {
            Err(void("not asked"))
        }

        async fn open(&self, _: &OpenCall) -> Result<Outcome, CallError> {
            Err(void("not asked"))
        }

        async fn close(&self, _: &CloseCall) -> Result<Outcome, CallError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(Outcome::new(Change::NoAccount))
        }

        async fn list_accounts(&self, _: Option<&Cursor>) -> Result<AccountPage, CallError> {
            Err(void("not asked"))
        }
    }

    #[tokio::test]
    async fn a_call_whose_time_is_over_before_it_is_sent_is_not_sent_and_can_land_no_more() {
        let closes = Arc::<AtomicUsize>::default();
        let options = SystemOptions {
            settle: Duration::from_secs(120),
            call_timeout: Duration::from_secs(20),
            canary: None,
            managed_levels: Vec::new(),
            concurrency: 1,
        };
        let connector = Arc::new(Counting(Arc::clone(&closes)));
        let system = System::new("elm".into(), "ehr".into(), connector, options);
        let started: Timestamp = "2026-11-20T17:02:00Z".parse().unwrap();
        let whose = ("ehr".into(), Way::Account);
        let mut door = Door::new("elm".into(), "d1".into(), "p1".into(), whose, started);
        door.wish(Wanted::Closed, "departure".to_owned(), None, started);
        let attempt = attempt(&system, &door, started);
        let sent_after = async |seconds| {
            let now = clock::after(started, Duration::from_secs(seconds));
            send(now, &system, &door, Subject::default(), &attempt).await
        };

        let in_time = sent_after(19).await;
        let too_late = sent_after(20).await;
        let much_too_late = sent_after(3_600).await;

        assert_eq!(closes.load(Ordering::SeqCst), 1);
        assert!(in_time.is_ok());
        for answer in [too_late, much_too_late] {
            assert!(completion_of(&answer).resolved);
            assert_eq!(answer.unwrap_err().finality, Finality::NotSent);
        }
    }
}
