//! What the rounds write into the ledger.

use drawbridge_sdk::Receipt;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    clock::{self, Step},
    door::{Attempt, Door, verdict::Verdict},
    evidence::Entry,
    store::{attempts::Completion, doors::Foreign},
};

/// Who acts when nobody asked just now.
pub(super) const BRIDGE: &str = "bridge";

fn entry(door: &Door, at: Timestamp, what: &'static str, detail: Value) -> Entry {
    let mut facts = Map::new();
    facts.insert("door".to_owned(), json!(door.id));
    facts.insert("way".to_owned(), json!(door.way));
    facts.insert("generation".to_owned(), json!(door.generation));
    facts.insert("wanted".to_owned(), json!(door.wanted.as_str()));
    if let Value::Object(detail) = detail {
        facts.extend(detail);
    }
    Entry {
        at,
        who: BRIDGE.to_owned(),
        what,
        person: Some(door.person.clone()),
        system: Some(door.system.clone()),
        detail: facts,
    }
}

pub(super) fn sent(door: &Door, attempt: &Attempt) -> Entry {
    entry(
        door,
        attempt.started,
        "attempt.sent",
        json!({"attempt": attempt.id, "action": attempt.action.as_str(), "round": attempt.round, "try": door.tries}),
    )
}

pub(super) fn completed(
    door: &Door,
    attempt: &Attempt,
    completion: &Completion,
    at: Timestamp,
) -> Entry {
    let what = if completion.failure.is_some() {
        "attempt.failed"
    } else {
        "attempt.answered"
    };
    entry(
        door,
        at,
        what,
        json!({
            "attempt": attempt.id,
            "action": attempt.action.as_str(),
            "result": completion.result,
            "blocked": completion.blocked,
            "sessions_ended": completion.sessions_ended,
            "final_answer": completion.resolved,
            "failure": completion.failure.as_ref().map(|(class, _)| class),
            "failure_text": completion.failure.as_ref().map(|(_, text)| text),
            "receipts": completion.receipts,
        }),
    )
}

/// The same of something that was written into the second ledger when it happened.
pub(super) fn late(mut entry: Entry) -> Entry {
    let first = json!("second_ledger");
    entry.detail.insert("written_first_in".to_owned(), first);
    entry
}

/// What was done while the database could not be written is on record now.
pub(super) fn caught_up(records: usize, at: Timestamp) -> Entry {
    Entry {
        at,
        who: BRIDGE.to_owned(),
        what: "second_ledger.imported",
        person: None,
        system: None,
        detail: Map::from_iter([("records".to_owned(), json!(records))]),
    }
}

/// A reading, what it proved, and how it was made.
pub(super) fn read(
    door: &Door,
    was_as_wanted: bool,
    verdict: &Verdict,
    receipts: &[Receipt],
    began: Timestamp,
    at: Timestamp,
) -> Entry {
    let (what, detail) = match verdict {
        Verdict::AsWanted(seen) => ("door.verified", json!({"seen": seen})),
        Verdict::TooEarly(seen, until) => (
            "door.too_early",
            json!({"seen": seen, "opposite_may_land_until": clock::to_text(*until)}),
        ),
        Verdict::Residual {
            seen, left, until, ..
        } => (
            "door.residual",
            json!({"seen": seen, "residual": left, "until": until.map(clock::to_text)}),
        ),
        Verdict::Anothers { seen, .. } => {
            let why = "an account that bears one of these names is another person's";
            let what = if door.wanted.is_closed() {
                "door.unproven"
            } else {
                "door.not_as_wanted"
            };
            (what, json!({"seen": seen, "why": why}))
        }
        Verdict::Blind => (
            "door.unproven",
            json!({"why": "the same reading does not see the account known to exist"}),
        ),
        Verdict::Otherwise(seen, why) if was_as_wanted => {
            ("door.found_changed", json!({"seen": seen, "why": why}))
        }
        Verdict::Otherwise(seen, why) => ("door.not_as_wanted", json!({"seen": seen, "why": why})),
    };
    let mut entry = entry(door, at, what, detail);
    entry
        .detail
        .insert("read_began".to_owned(), json!(clock::to_text(began)));
    entry
        .detail
        .insert("assurance".to_owned(), json!(door.assurance));
    entry.detail.insert("receipts".to_owned(), json!(receipts));
    entry
}

pub(super) fn read_failed(door: &Door, error: &drawbridge_sdk::CallError, at: Timestamp) -> Entry {
    entry(
        door,
        at,
        "door.not_read",
        json!({"failure": error.class, "failure_text": error.message, "receipts": error.receipts}),
    )
}

/// Accounts that bear a name of this person and are another's. Who that is, only their id says: one
/// person's file must not name others.
pub(super) fn foreign_accounts(door: &Door, foreign: &[Foreign], at: Timestamp) -> Entry {
    let accounts: Vec<_> = foreign.iter().map(|other| &other.account).collect();
    let owners: Vec<_> = foreign.iter().map(|other| &other.door).collect();
    entry(
        door,
        at,
        "account.has_another_owner",
        json!({"accounts": accounts, "doors": owners}),
    )
}

/// The clock was set: times before and after this record are not of one piece.
pub(super) fn clock_was_set(step: Step) -> Entry {
    let mut detail = Map::new();
    detail.insert("expected".to_owned(), json!(clock::to_text(step.expected)));
    detail.insert("found".to_owned(), json!(clock::to_text(step.found)));
    Entry {
        at: step.found,
        who: BRIDGE.to_owned(),
        what: "clock.set",
        person: None,
        system: None,
        detail,
    }
}
