//! What an answer means: for the attempt it ends, and for the door.

use drawbridge_sdk::{CallError, Change, Effect, FailureClass, Finality, Outcome};
use jiff::Timestamp;

use super::{retry, systems::System};
use crate::{
    door::{Door, Due},
    store::attempts::Completion,
};

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

/// How an attempt ended, as it is kept.
pub(super) fn completion_of(answer: &Result<Outcome, CallError>) -> Completion {
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
