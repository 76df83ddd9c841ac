//! What must hold after whatever happened, seen from the database, the systems' journals and the logs
//! alone.

use std::collections::BTreeMap;

use drawbridge::{
    clock::{Clock as _, SystemClock},
    door::Door,
    evidence::chain,
    ids::{PersonId, PracticeName},
    store::attempts::AttemptRow,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    practice::Practice,
    vendor::{Effect, Note, TOKEN},
};

/// Everything there is to look at.
struct Seen {
    doors: Vec<Door>,
    attempts: Vec<AttemptRow>,
    records: Vec<Value>,
    people: BTreeMap<String, PersonId>,
}

/// Checks everything.
pub async fn check(practice: &Practice) {
    let seen = look(practice).await;
    nothing_acknowledged_is_lost(practice, &seen);
    nobody_is_half_there(&seen);
    for (number, vendor) in practice.vendors.iter().enumerate() {
        let system = format!("saas{number}");
        let journal = vendor.journal();
        nothing_was_verified_too_early(&seen, &system, &journal);
        nothing_was_done_twice_or_undone(&journal);
        every_effect_has_its_attempt(&seen, &system, &journal);
    }
    every_step_is_on_record(&seen);
    no_secret_is_told(practice, &seen);
}

async fn look(practice: &Practice) -> Seen {
    let store = practice.store().await;
    let elm: PracticeName = "elm".into();
    let stored = store.list_records(&elm, None).await.unwrap();
    let mut head = chain::GENESIS;
    for record in &stored {
        head = chain::link(&head, &chain::text_hash(&record.text));
        assert_eq!(
            chain::to_hex(&head),
            record.hash,
            "I5: record {}",
            record.sequence
        );
    }
    let records: Vec<Value> = stored
        .iter()
        .map(|record| serde_json::from_str(&record.text).unwrap())
        .collect();
    let joined = records
        .iter()
        .filter(|record| record["what"] == "change.joined");
    let people = joined
        .map(|record| {
            let login = record["detail"]["user_name"]
                .as_str()
                .or(record["user_name"].as_str());
            (
                login.unwrap().to_owned(),
                record["person"].as_str().unwrap().into(),
            )
        })
        .collect();
    let seen = Seen {
        doors: store.list_doors(&elm).await.unwrap(),
        attempts: store.list_attempts(&elm, false, u32::MAX).await.unwrap(),
        records,
        people,
    };
    store.close().await;
    seen
}

/// I1. Every disable that was answered with 2xx has closed every door.
fn nothing_acknowledged_is_lost(practice: &Practice, seen: &Seen) {
    let now = SystemClock.now();
    for login in &practice.acknowledged {
        let person = &seen.people[login];
        let own: Vec<&Door> = seen
            .doors
            .iter()
            .filter(|door| door.person == *person)
            .collect();
        assert_eq!(own.len(), practice.vendors.len(), "I1: doors of {login}");
        for door in own {
            assert!(
                door.wanted.is_closed() && door.is_green(now),
                "I1: {login}: {door:#?}"
            );
        }
        for vendor in &practice.vendors {
            assert_ne!(vendor.is_active(login), Some(true), "I1: {login} gets in");
        }
    }
}

/// What was not acknowledged is there whole or not at all.
fn nobody_is_half_there(seen: &Seen) {
    for door in &seen.doors {
        assert!(
            seen.people.values().any(|person| *person == door.person),
            "a door of nobody: {door:#?}"
        );
        let wishes = seen
            .records
            .iter()
            .filter(|record| {
                record["what"] == "door.wanted" && text(record, "door") == door.id.as_str()
            })
            .count();
        assert_eq!(
            i64::try_from(wishes).unwrap(),
            door.generation,
            "I5: wishes of {door:#?}"
        );
    }
}

/// I2. From the reading that proved a door shut, its account never let anybody in again.
fn nothing_was_verified_too_early(seen: &Seen, system: &str, journal: &[Note]) {
    let proofs = seen.records.iter().filter(|record| {
        record["what"] == "door.verified"
            && record["system"] == system
            && text(record, "wanted") == "closed"
    });
    for proof in proofs {
        let began: Timestamp = text(proof, "read_began").parse().unwrap();
        let login = login_of(seen, proof["person"].as_str().unwrap());
        let reopened = journal.iter().find(|note| {
            note.login == login
                && matches!(note.effect, Effect::Created | Effect::Enabled)
                && note.at >= began
        });
        assert!(
            reopened.is_none(),
            "I2: verified at {began} and open after: {reopened:?}"
        );
        let shut = journal.iter().any(|note| {
            note.login == login
                && note.effect == Effect::Disabled
                && note.at <= end_of(text(proof, "when"))
        });
        let ever_open = journal.iter().any(|note| {
            note.login == login && matches!(note.effect, Effect::Created | Effect::Enabled)
        });
        assert!(
            shut || !ever_open,
            "I2: {login} verified as shut and never was"
        );
    }
}

/// Stored times end at the millisecond.
fn end_of(stored: &str) -> Timestamp {
    let at: Timestamp = stored.parse().unwrap();
    at + SignedDuration::from_millis(1)
}

/// I3. Nobody here ever returns: an account is created once, and disabled once.
fn nothing_was_done_twice_or_undone(journal: &[Note]) {
    let mut last: BTreeMap<&str, Effect> = BTreeMap::new();
    for note in journal.iter().filter(|note| note.effect != Effect::None) {
        let before = last.insert(&note.login, note.effect);
        let is_right = match note.effect {
            Effect::Created => before.is_none(),
            Effect::Disabled => before == Some(Effect::Created),
            Effect::Enabled | Effect::None => false,
        };
        assert!(is_right, "I3: after {before:?} came {note:?}");
    }
}

/// I4. Whatever took effect was written down before it was sent.
fn every_effect_has_its_attempt(seen: &Seen, system: &str, journal: &[Note]) {
    for note in journal.iter().filter(|note| note.effect != Effect::None) {
        let person = &seen.people[&note.login];
        let action = if note.effect == Effect::Disabled {
            "close"
        } else {
            "open"
        };
        let has_one = seen.attempts.iter().any(|attempt| {
            let started: Timestamp = attempt.started.parse().unwrap();
            attempt.person == *person
                && attempt.system.as_str() == system
                && attempt.action == action
                && started <= note.at
                && attempt
                    .finished
                    .as_ref()
                    .is_none_or(|at| end_of(at) >= note.at)
        });
        assert!(has_one, "I4: no attempt for {note:?}");
    }
}

/// I5. Each attempt is on record as sent, and each that ended as ended.
fn every_step_is_on_record(seen: &Seen) {
    let count = |what: &[&str]| {
        seen.records
            .iter()
            .filter(|record| {
                record["what"]
                    .as_str()
                    .is_some_and(|own| what.contains(&own))
            })
            .count()
    };
    let ended = seen
        .attempts
        .iter()
        .filter(|attempt| attempt.finished.is_some())
        .count();
    assert_eq!(count(&["attempt.sent"]), seen.attempts.len(), "I5");
    assert_eq!(count(&["attempt.answered", "attempt.failed"]), ended, "I5");
}

/// I6. Neither token stands in a log or in the evidence.
fn no_secret_is_told(practice: &Practice, seen: &Seen) {
    let log = std::fs::read_to_string(practice.folder.path().join("bridge.log")).unwrap();
    let told: String = seen.records.iter().map(Value::to_string).collect();
    for secret in [TOKEN, practice.token.as_str()] {
        assert!(!log.contains(secret), "I6: a token in the log");
        assert!(!told.contains(secret), "I6: a token in the evidence");
    }
}

fn text<'a>(record: &'a Value, key: &str) -> &'a str {
    record["detail"][key]
        .as_str()
        .or_else(|| record[key].as_str())
        .unwrap_or_default()
}

fn login_of(seen: &Seen, person: &str) -> String {
    let own = seen.people.iter().find(|(_, id)| id.as_str() == person);
    own.unwrap().0.clone()
}
