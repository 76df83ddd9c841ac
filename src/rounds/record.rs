//! Writes down what came of a call and of a reading.

use std::{sync::Arc, time::Duration};

use drawbridge_sdk::{Account, AccountId, AccountState, Observation};
use jiff::Timestamp;
use tracing::warn;

use super::{
    answer::{completion_of, follow},
    dispatch::Rounds,
    notes, retry,
    send::{Call, Seeing},
    systems::System,
    work::Job,
};
use crate::{
    door::{
        Door, Due,
        verdict::{Namesake, Reading, judge, misses_some},
    },
    failpoint::{self, Point},
    store::{
        StoreError, WriteTx,
        doors::{Foreign, Lease},
    },
};

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

/// Writes down what became of a call, and does not give up at once: nobody else knows it. Answers the
/// door's accounts among those returned if a reading follows under the same claim. `was_tried` tells
/// whether something failed before, which may have written it after all.
pub(super) async fn write_call(
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

/// Writes down what a reading proves, and answers what is to be done next.
pub(super) async fn write_reading(
    rounds: &Arc<Rounds>,
    system: &Arc<System>,
    mut door: Door,
    seen: Seeing,
) -> Result<Option<Job>, StoreError> {
    let (now, practice) = (rounds.clock.now(), door.practice.clone());
    let (rounds, system) = (Arc::clone(rounds), Arc::clone(system));
    let store = rounds.store.clone();
    let written = store.write(&practice, now, move |mut tx| async move {
        if !tx.holds(&door.id, door.fence).await? {
            return Ok(None);
        }
        take_in(&mut tx, &system, &mut door, seen).await?;
        let next = rounds.next_job(&mut tx, &system).await?;
        failpoint::pass(Point::BeforeVerdict);
        tx.commit().await?;
        failpoint::pass(Point::AfterVerdict);
        Ok(next)
    });
    written.await?
}

/// Writes down what became of a call together with what the reading after it proves, and answers what is
/// to be done next.
pub(super) async fn write_both(
    rounds: &Arc<Rounds>,
    system: &Arc<System>,
    mut door: Door,
    call: Arc<Call>,
    seen: Seeing,
) -> Result<Option<Job>, StoreError> {
    let (now, practice) = (rounds.clock.now(), door.practice.clone());
    let (rounds, system) = (Arc::clone(rounds), Arc::clone(system));
    let store = rounds.store.clone();
    let written = store.write(&practice, now, move |mut tx| async move {
        let holds = tx.holds(&door.id, door.fence).await?;
        let concluded = conclude(&mut tx, &system, (&mut door, holds), &call).await?;
        if holds && concluded.is_some() {
            take_in(&mut tx, &system, &mut door, seen).await?;
        }
        let next = rounds.next_job(&mut tx, &system).await?;
        failpoint::pass(Point::BeforeResult);
        failpoint::pass(Point::BeforeVerdict);
        tx.commit().await?;
        failpoint::pass(Point::AfterResult);
        failpoint::pass(Point::AfterVerdict);
        Ok(next)
    });
    written.await?
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
    let Returned { own, foreign } = complete(tx, door, call).await?;
    read_owners_again(tx, system, &foreign);
    if !holds && completion_of(&call.answer).resolved {
        // A newer wish waits for this one to land, and it may just have undone what that one did.
        tx.read_again(&door.id);
    }
    Ok(follow(system, door, &call.answer, call.at).then_some(own))
}

/// Accounts that a call returned, by whose they are.
#[derive(Debug, Default)]
pub(super) struct Returned {
    own: Vec<AccountId>,
    pub(super) foreign: Vec<Foreign>,
}

/// Writes down what became of a call. Answers the accounts it returned.
pub(super) async fn complete(
    tx: &mut WriteTx,
    door: &Door,
    call: &Call,
) -> Result<Returned, StoreError> {
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
        return Ok(Returned::default());
    };
    let foreign = own_accounts(tx, door, &outcome.accounts, *at).await?;
    let mut own = outcome.accounts.clone();
    own.retain(|account| !foreign.iter().any(|other| other.account == *account));
    Ok(Returned { own, foreign })
}

/// A call for one door has acted on an account that came to be another's meanwhile: what that other
/// door was seen to be may be so no more.
pub(super) fn read_owners_again(tx: &mut WriteTx, system: &System, foreign: &[Foreign]) {
    if system.capabilities.read_back {
        for other in foreign {
            tx.read_at_once(&other.door);
        }
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
    let was_aside = door.set_aside.is_some();
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
    if was_aside && door.set_aside.is_none() && !door.is_green(now) {
        tx.open_case_again(door, notes::BRIDGE).await?;
    }
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
        .partition(|account| foreign.iter().any(|other| other.account == account.id));
    observation.accounts = own;
    let namesake = find_namesake(tx, &others, &foreign).await?;
    let a_day_ago = began
        .checked_sub(SEES_OTHERS_WITHIN)
        .unwrap_or(Timestamp::MIN);
    let sees_others = misses_some(&observation.accounts, known_accounts)
        && tx.has_verified_account_since(door, a_day_ago).await?;
    let reading = Reading {
        began,
        observation: &observation,
        namesake: namesake.as_ref(),
        known_accounts,
        capabilities: &system.capabilities,
        managed_levels: &system.managed_levels,
        sees_others,
        opposite_may_land_until: tx.find_may_land_until(door, began).await?,
    };
    let verdict = judge(door, &reading);
    let was_as_wanted = door.is_green(now) || door.was_as_wanted();
    door.after_verdict(verdict.clone(), began, now, retry::delay(door.tries));
    tx.record(notes::read(
        door,
        was_as_wanted,
        &verdict,
        &observation.receipts,
        began,
        now,
    ));
    Ok(())
}

/// The account of somebody else that people must know of: one that lets in, if there is one.
async fn find_namesake(
    tx: &mut WriteTx,
    others: &[Account],
    foreign: &[Foreign],
) -> Result<Option<Namesake>, StoreError> {
    let is_enabled = |account: &&Account| account.state == AccountState::Enabled;
    let Some(account) = others.iter().find(is_enabled).or(others.first()) else {
        return Ok(None);
    };
    let Some(other) = foreign.iter().find(|other| other.account == account.id) else {
        return Ok(None);
    };
    Ok(Some(Namesake {
        login: account.login.clone(),
        owner: tx.find_name(&other.person).await?,
        is_enabled: is_enabled(&account),
    }))
}

/// Keeps the accounts a system returned for this person, and answers those that belong to somebody
/// else's door: one account has one owner (rule R11).
async fn own_accounts(
    tx: &mut WriteTx,
    door: &Door,
    accounts: &[AccountId],
    now: Timestamp,
) -> Result<Vec<Foreign>, StoreError> {
    let foreign = tx.record_accounts(door, accounts).await?;
    if !foreign.is_empty() {
        tx.record(notes::foreign_accounts(door, &foreign, now));
    }
    Ok(foreign)
}
