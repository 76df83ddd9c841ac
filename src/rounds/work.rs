//! One door: the call, the reading, and what is written of both.

use std::{pin::pin, time::Duration};

use drawbridge_sdk::{
    AccountId, AccountState, Ask, CallError, Change, CloseCall, Effect, FailureClass, Finality,
    Observation, OpenCall, Outcome, Subject, Way,
};
use jiff::Timestamp;
use tracing::warn;

use super::{
    call::{Kind, bounded},
    dispatch::Rounds,
    notes, retry,
    systems::System,
};
use crate::{
    clock,
    door::{
        Action, Attempt, Door, Due, Wanted,
        verdict::{Reading, judge, misses_some},
    },
    failpoint::{self, Point},
    ids::AttemptId,
    store::{StoreError, WriteTx, attempts::Completion, doors::Lease},
    telemetry::metrics,
};

/// How long the answer of a close that went well waits for the reading, to be written down with it.
const TOGETHER: Duration = Duration::from_millis(50);

/// How recently some account must have been verified on a system for an empty answer to count.
const SEES_OTHERS_WITHIN: Duration = Duration::from_secs(24 * 3_600);

/// How long to wait before what became of a call is written down anew, where the database took it back or
/// went away: it restarts, or another bridge came across. Then the lease ends anyway.
const WRITE_AGAIN: [Duration; 6] = [
    Duration::ZERO,
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
];

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
    rounds: &Rounds,
    system: &System,
    job: Job,
) -> Result<Option<Job>, StoreError> {
    let Job { mut door, attempt } = job;
    let mut subject = rounds
        .store
        .find_subject(&door.practice, &door.person, &door.id)
        .await?;
    let Some(attempt) = attempt else {
        let seen = observe(rounds, system, door.way, subject).await;
        return write_reading(rounds, system, &mut door, seen).await;
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
        return write_reading(rounds, system, &mut door, seen).await;
    }
    let mut reading = pin!(observe(rounds, system, door.way, subject));
    let Ok(seen) = tokio::time::timeout(TOGETHER, &mut reading).await else {
        if write_call(rounds, system, &mut door, &call, false)
            .await?
            .is_none()
        {
            return Ok(None);
        }
        return write_reading(rounds, system, &mut door, reading.await).await;
    };
    let held = door.clone();
    match write_both(rounds, system, &mut door, &call, seen).await {
        Err(error) if error.may_pass() && rounds.second.is_none() => door = held,
        Err(error) => {
            rounds.keep_answer(system, held, &call, &error);
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
    let (store, practice) = (&rounds.store, &door.practice);
    let subject = store.find_subject(practice, &door.person, &door.id).await?;
    let seen = observe(rounds, system, door.way, subject).await;
    write_reading(rounds, system, &mut door, seen).await
}

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
    fn leaves_all_known(&self, system: &System, door: &Door, subject: &Subject) -> bool {
        door.wanted.is_closed()
            && system.capabilities.read_back
            && self.answer.as_ref().is_ok_and(|outcome| {
                let is_known = |account: &AccountId| subject.owns(account.as_str());
                outcome.failure().is_none() && outcome.accounts.iter().all(is_known)
            })
    }
}

/// Opens or closes.
async fn call(
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

/// Writes down what became of a call, and does not give up at once: nobody else knows it. Answers the
/// door's accounts among those returned if a reading follows under the same claim. `was_tried` tells
/// whether something failed before, which may have written it after all.
async fn write_call(
    rounds: &Rounds,
    system: &System,
    door: &mut Door,
    call: &Call,
    was_tried: bool,
) -> Result<Option<Vec<AccountId>>, StoreError> {
    let held = door.clone();
    // A second ledger takes the answer at once.
    let waits = match rounds.second {
        Some(_) => &[][..],
        None => &WRITE_AGAIN[..],
    };
    let mut written = try_to_write_call(rounds, system, door, call, was_tried).await;
    for wait in waits {
        let error = match &written {
            Err(error) if error.may_pass() => error,
            _ => break,
        };
        warn!(system.name = %system.name, %error, "could not write down what became of a call: trying again");
        tokio::time::sleep(*wait).await;
        *door = held.clone();
        written = try_to_write_call(rounds, system, door, call, true).await;
    }
    if let Err(error) = &written {
        rounds.keep_answer(system, held, call, error);
    }
    written
}

async fn try_to_write_call(
    rounds: &Rounds,
    system: &System,
    door: &mut Door,
    call: &Call,
    was_tried: bool,
) -> Result<Option<Vec<AccountId>>, StoreError> {
    let mut tx = rounds
        .store
        .begin(&door.practice, rounds.clock.now())
        .await?;
    // The answer to a commit may be all that was lost. The door is read when its lease ends.
    if was_tried && tx.is_completed(&call.attempt.id).await? {
        return Ok(None);
    }
    let holds = tx.holds(&door.id, door.fence).await?;
    let own = conclude(&mut tx, system, (door, holds), call).await?;
    if holds {
        let lease = match own {
            Some(_) => Lease::Renew,
            None => Lease::Release,
        };
        tx.record_door(door, lease);
    }
    failpoint::pass(Point::BeforeResult);
    tx.commit().await?;
    failpoint::pass(Point::AfterResult);
    Ok(own.filter(|_| holds))
}

/// Writes down what a reading proves.
async fn write_reading(
    rounds: &Rounds,
    system: &System,
    door: &mut Door,
    seen: Seeing,
) -> Result<Option<Job>, StoreError> {
    let now = rounds.clock.now();
    let mut tx = rounds.store.begin(&door.practice, now).await?;
    if !tx.holds(&door.id, door.fence).await? {
        return Ok(None);
    }
    take_in(&mut tx, system, door, seen).await?;
    let next = rounds.next_job(&mut tx, system).await?;
    failpoint::pass(Point::BeforeVerdict);
    tx.commit().await?;
    failpoint::pass(Point::AfterVerdict);
    Ok(next)
}

/// Writes down what became of a call together with what the reading after it proves.
async fn write_both(
    rounds: &Rounds,
    system: &System,
    door: &mut Door,
    call: &Call,
    seen: Seeing,
) -> Result<Option<Job>, StoreError> {
    let now = rounds.clock.now();
    let mut tx = rounds.store.begin(&door.practice, now).await?;
    let holds = tx.holds(&door.id, door.fence).await?;
    let goes_on = conclude(&mut tx, system, (door, holds), call)
        .await?
        .is_some();
    if holds && goes_on {
        take_in(&mut tx, system, door, seen).await?;
    }
    let next = rounds.next_job(&mut tx, system).await?;
    failpoint::pass(Point::BeforeResult);
    failpoint::pass(Point::BeforeVerdict);
    tx.commit().await?;
    failpoint::pass(Point::AfterResult);
    failpoint::pass(Point::AfterVerdict);
    Ok(next)
}

/// Takes in what became of a call. The result and any account ids are always kept; the door's state is
/// for whoever still holds it (rule R3). Answers the door's accounts among those returned if a reading
/// follows.
async fn conclude(
    tx: &mut WriteTx,
    system: &System,
    (door, holds): (&mut Door, bool),
    call: &Call,
) -> Result<Option<Vec<AccountId>>, StoreError> {
    let own = complete(tx, door, call).await?;
    if !holds && completion_of(&call.answer).resolved {
        // A newer wish waits for this one to land, and it may just have undone what that one did.
        tx.read_again(&door.id);
    }
    Ok(follow(system, door, &call.answer, call.at).then_some(own))
}

/// Writes down what became of a call. Answers the door's accounts among those returned.
pub(super) async fn complete(
    tx: &mut WriteTx,
    door: &Door,
    call: &Call,
) -> Result<Vec<AccountId>, StoreError> {
    let Call {
        attempt,
        answer,
        at,
        is_late,
    } = call;
    let completion = completion_of(answer);
    let entry = notes::completed(door, attempt, &completion, *at);
    if *is_late {
        tx.complete_attempt(&attempt.id, &completion, *at);
        tx.record(notes::late(entry));
    } else {
        tx.complete_attempt(&attempt.id, &completion, tx.now());
        tx.record(entry);
    }
    let Ok(outcome) = answer else {
        return Ok(Vec::new());
    };
    let foreign = own_accounts(tx, door, &outcome.accounts, *at).await?;
    let mut own = outcome.accounts.clone();
    own.retain(|account| !foreign.contains(account));
    Ok(own)
}

/// What becomes of a door by an answer. Answers whether a reading follows.
pub(super) fn follow(
    system: &System,
    door: &mut Door,
    answer: &Result<Outcome, CallError>,
    at: Timestamp,
) -> bool {
    let outcome = match answer {
        Ok(outcome) => outcome,
        Err(error) => return fail(system, door, error, at),
    };
    door.after_answer(outcome, at);
    match outcome.failure() {
        Some(failure) => {
            door.due = Due::Act;
            fail(system, door, failure, at)
        }
        None if system.capabilities.read_back || outcome.change == Change::NoAccount => true,
        None => {
            door.after_answer_that_cannot_be_read_back();
            false
        }
    }
}

/// Takes in a failed call. Answers whether the system is read all the same: it answered, and somebody
/// may have put it right there by hand.
fn fail(system: &System, door: &mut Door, error: &CallError, now: Timestamp) -> bool {
    door.after_failure(error, now, retry::delay(door.tries));
    if !system.capabilities.read_back {
        if error.class == FailureClass::NeedsHuman {
            door.next_try = None;
        }
        return false;
    }
    !matches!(
        error.class,
        FailureClass::Retryable | FailureClass::Credential
    )
}

fn completion_of(answer: &Result<Outcome, CallError>) -> Completion {
    match answer {
        Ok(outcome) => {
            let failure = outcome.failure();
            Completion {
                resolved: [&outcome.blocked, &outcome.sessions_ended]
                    .into_iter()
                    .all(is_settled),
                result: match (failure, outcome.change) {
                    (Some(_), _) => "failed",
                    (None, Change::Done) => "done",
                    (None, Change::AlreadyInState) => "already_in_state",
                    (None, Change::NoAccount) => "no_account",
                },
                failure: failure.map(|failure| (failure.class.as_str(), failure.message.clone())),
                blocked: Some(outcome.blocked.as_str()),
                sessions_ended: Some(outcome.sessions_ended.as_str()),
                receipts: outcome.receipts.clone(),
            }
        }
        Err(error) => Completion {
            resolved: error.finality != Finality::Unknown,
            result: "failed",
            failure: Some((error.class.as_str(), error.message.clone())),
            blocked: None,
            sessions_ended: None,
            receipts: error.receipts.clone(),
        },
    }
}

/// Whether nothing of this part of a call can take effect any more.
fn is_settled(effect: &Effect) -> bool {
    !matches!(effect, Effect::Failed(error) if error.finality == Finality::Unknown)
}

/// What a reading brought, and what is needed to judge it.
struct Seeing {
    answer: Result<Observation, CallError>,
    /// The accounts the door owned when it was asked for.
    known_accounts: Vec<AccountId>,
    /// When it was asked for.
    began: Timestamp,
}

/// Reads what the system says.
async fn observe(rounds: &Rounds, system: &System, way: Way, subject: Subject) -> Seeing {
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

/// Takes in a reading, judged or failed, and gives the door back.
async fn take_in(
    tx: &mut WriteTx,
    system: &System,
    door: &mut Door,
    seen: Seeing,
) -> Result<(), StoreError> {
    let now = tx.now();
    match seen.answer {
        Ok(observation) => {
            let asked = (seen.known_accounts.as_slice(), seen.began);
            judge_reading(tx, system, door, observation, asked).await?;
        }
        // The call before it failed too, and that is what people must know of.
        Err(error) if door.due == Due::Act => tx.record(notes::read_failed(door, &error, now)),
        Err(error) => {
            door.tries += 1;
            door.after_failure(&error, now, retry::delay(door.tries));
            tx.record(notes::read_failed(door, &error, now));
        }
    }
    tx.record_door(door, Lease::Release);
    tx.close_case_when_done(door, notes::BRIDGE).await?;
    Ok(())
}

async fn judge_reading(
    tx: &mut WriteTx,
    system: &System,
    door: &mut Door,
    mut observation: Observation,
    (known_accounts, began): (&[AccountId], Timestamp),
) -> Result<(), StoreError> {
    let now = tx.now();
    let ids: Vec<_> = observation
        .accounts
        .iter()
        .map(|account| account.id.clone())
        .collect();
    // What belongs to somebody else's door proves nothing about this one.
    let foreign = own_accounts(tx, door, &ids, now).await?;
    let (others, own): (Vec<_>, Vec<_>) = std::mem::take(&mut observation.accounts)
        .into_iter()
        .partition(|account| foreign.contains(&account.id));
    observation.accounts = own;
    let a_day_ago = began
        .checked_sub(SEES_OTHERS_WITHIN)
        .unwrap_or(Timestamp::MIN);
    let sees_others = misses_some(&observation.accounts, known_accounts)
        && tx.has_verified_account_since(door, a_day_ago).await?;
    let reading = Reading {
        began,
        observation: &observation,
        namesake_is_enabled: others
            .iter()
            .any(|account| account.state == AccountState::Enabled),
        known_accounts,
        capabilities: &system.capabilities,
        managed_levels: &system.managed_levels,
        sees_others,
        opposite_may_land_until: tx.find_may_land_until(door, began).await?,
    };
    let verdict = judge(door, &reading);
    let was_green = door.is_green(now);
    door.after_verdict(verdict.clone(), began, now, retry::delay(door.tries));
    tx.record(notes::read(
        door,
        was_green,
        &verdict,
        &observation.receipts,
        began,
        now,
    ));
    Ok(())
}

/// Keeps the accounts a system returned for this person, and answers those that belong to somebody
/// else's door: one account has one owner (rule R11).
async fn own_accounts(
    tx: &mut WriteTx,
    door: &Door,
    accounts: &[AccountId],
    now: Timestamp,
) -> Result<Vec<AccountId>, StoreError> {
    let foreign = tx.record_accounts(door, accounts).await?;
    if !foreign.is_empty() {
        tx.record(notes::foreign_accounts(door, &foreign, now));
    }
    Ok(foreign)
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
