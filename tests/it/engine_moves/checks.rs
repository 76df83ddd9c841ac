//! What must hold after every move, whatever came before.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering},
};

use drawbridge::{
    clock,
    door::{Action, Assurance, Door},
    evidence::chain,
    store::attempts::AttemptRow,
};
use serde_json::Value;

use super::{
    machine::{Machine, practice},
    reference::{PEOPLE, SYSTEMS, Whose},
    vendor::{CALL_TIMEOUT, Came, SETTLE},
};

/// What was seen on the way, so that nobody takes a walk on which nothing happened for a proof.
#[derive(Debug, Default)]
pub struct Seen {
    pub moves: u64,
    pub shut_and_proved: u64,
    pub open_and_proved: u64,
    pub returns: u64,
    pub signatures: u64,
    pub late_landings: u64,
    pub incidents: u64,
    pub calls: u64,
}

static ALL: [AtomicU64; 8] = [const { AtomicU64::new(0) }; 8];

impl Seen {
    fn each(&self) -> [u64; 8] {
        [
            self.moves,
            self.shut_and_proved,
            self.open_and_proved,
            self.returns,
            self.signatures,
            self.late_landings,
            self.incidents,
            self.calls,
        ]
    }

    /// Adds it to what was seen in all cases.
    pub fn tell(&self) {
        for (all, own) in ALL.iter().zip(self.each()) {
            all.fetch_add(own, Ordering::Relaxed);
        }
    }

    /// What was seen in all cases.
    pub fn in_all() -> Self {
        let [
            moves,
            shut_and_proved,
            open_and_proved,
            returns,
            signatures,
            late_landings,
            incidents,
            calls,
        ] = [0, 1, 2, 3, 4, 5, 6, 7].map(|at: usize| ALL[at].load(Ordering::Relaxed));
        Self {
            moves,
            shut_and_proved,
            open_and_proved,
            returns,
            signatures,
            late_landings,
            incidents,
            calls,
        }
    }
}

/// R9: no open is sent for somebody who was out before the move and is out after it.
pub fn nobody_who_is_out_was_let_in(machine: &Machine, was_in: [bool; 2], came: [usize; 2]) {
    let out: Vec<_> = (0..2)
        .filter(|whose| !was_in[*whose] && !machine.people[*whose].is_in)
        .filter_map(|whose| machine.people[whose].person.clone())
        .collect();
    let doors = machine.doors();
    for (vendor, before) in machine.practice.vendors.iter().zip(came) {
        for sent in &vendor.state().came[before..] {
            let door = doors.iter().find(|door| door.id.as_str() == sent.door);
            let person = &door.expect("a door").person;
            assert!(
                sent.action == Action::Close || !out.contains(person),
                "an open was sent for somebody who is out: {sent:?}"
            );
        }
    }
}

/// What must hold at any time.
pub fn what_is_true_of(machine: &mut Machine) {
    let doors = machine.doors();
    let (store, elm) = (machine.practice.store.clone(), practice());
    let attempts = machine.read(store.list_attempts(&elm, false, 10_000));
    let attempts = attempts.expect("attempts");
    every_call_was_written_down(machine, &attempts);
    for (whose, at) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let person = machine.people[whose].person.as_ref();
        let is_it =
            |door: &&Door| Some(&door.person) == person && door.system.as_str() == SYSTEMS[at];
        let Some(door) = doors.iter().find(is_it) else {
            assert!(person.is_none(), "whoever is known has a door");
            continue;
        };
        let who = format!("{} at {}: {door:?}", PEOPLE[whose], SYSTEMS[at]);
        assert_eq!(
            door.wanted.is_closed(),
            !machine.people[whose].is_in,
            "what shall be, {who}"
        );
        nothing_was_undone(machine, at, door, &who);
        if door.is_green(machine.now()) {
            what_is_green_is_so(machine, (whose, at), door, &who);
            nothing_opposite_may_land(machine, at, door, &attempts, &who);
        }
        if door.assurance == Assurance::Verified {
            let newest = machine.verified.entry(door.id.clone()).or_default();
            *newest = (*newest).max(door.generation);
        }
        let seen = &mut machine.seen;
        let is_proved = u64::from(door.assurance == Assurance::Verified);
        match door.wanted.is_closed() {
            true => seen.shut_and_proved += is_proved,
            false => seen.open_and_proved += is_proved,
        }
    }
    machine.seen.moves += 1;
}

/// R2: what came to a system was written down before.
fn every_call_was_written_down(machine: &Machine, attempts: &[AttemptRow]) {
    let mut written: BTreeMap<(String, i64, String), Vec<&str>> = BTreeMap::new();
    for attempt in attempts {
        let door = attempt.door.as_str().to_owned();
        let what = (door, attempt.generation, attempt.action.clone());
        written.entry(what).or_default().push(&attempt.started);
    }
    for vendor in &machine.practice.vendors {
        let state = vendor.state();
        for came in &state.came {
            let action = came.action.as_str().to_owned();
            let what = (came.door.clone(), came.generation, action);
            let before = clock::to_text(came.at);
            let its_own = written.get_mut(&what).and_then(|started| {
                let at = started.iter().position(|started| **started <= *before)?;
                Some(started.swap_remove(at))
            });
            assert!(
                its_own.is_some(),
                "nobody wrote down that it was sent: {came:?}"
            );
        }
    }
}

/// Green is shut, or open, and nobody who may get in is locked out.
fn what_is_green_is_so(machine: &Machine, (whose, at): (Whose, usize), door: &Door, who: &str) {
    if !door.wanted.is_closed() {
        assert!(machine.lets_in(whose, at), "green and locked out, {who}");
        return;
    }
    let accounts = machine.enabled_accounts(whose, at);
    for by_hand in accounts {
        // What somebody did at the system after it was read is seen by the next reading.
        let is_excused = by_hand.is_some_and(|when| Some(when) >= door.seen_at);
        assert!(is_excused, "green and lets in, {who}");
    }
}

/// R6: nothing that does the opposite, and no open of an older wish, may still land.
fn nothing_opposite_may_land(
    machine: &Machine,
    at: usize,
    door: &Door,
    attempts: &[AttemptRow],
    who: &str,
) {
    let now = machine.now();
    let opposite = Action::towards(&door.wanted).opposite();
    let undoes = |action: &str, generation: i64| {
        action == opposite.as_str() || (action == "open" && generation < door.generation)
    };
    for request in &machine.practice.vendors[at].state().air {
        let Came {
            door: of,
            generation,
            action,
            ..
        } = &request.what;
        let is_against = of == door.id.as_str() && undoes(action.as_str(), *generation);
        assert!(
            !(is_against && request.may_land(now)),
            "green, and {:?} may land, {who}",
            request.what
        );
    }
    for attempt in attempts.iter().filter(|attempt| attempt.door == door.id) {
        let started = clock::from_text(&attempt.started).expect("a time");
        let may_land = clock::after(started, CALL_TIMEOUT + SETTLE) >= now && !attempt.resolved;
        assert!(
            !(may_land && undoes(&attempt.action, attempt.generation)),
            "green beside {attempt:?}, {who}"
        );
    }
}

/// I3: after a wish was verified, nothing of an older one took effect.
fn nothing_was_undone(machine: &mut Machine, at: usize, door: &Door, who: &str) {
    let went_back = std::mem::take(&mut machine.practice.vendors[at].state().went_back);
    let (own, others): (Vec<_>, Vec<_>) = went_back
        .into_iter()
        .partition(|(came, _)| came.door == door.id.as_str());
    machine.practice.vendors[at].state().went_back = others;
    machine.seen.late_landings += own.len() as u64;
    let verified = machine.verified.get(&door.id).copied().unwrap_or_default();
    for (came, newer) in own {
        assert!(
            verified < newer,
            "{came:?} took effect after wish {newer} was verified, {who}"
        );
    }
}

/// Once every system does what it is told, all ends as the last word said; and the ledger tells it.
pub fn ended_well(machine: &Machine) {
    for door in machine.doors() {
        assert!(
            door.is_green(machine.now()),
            "not green in the end: {door:?}"
        );
    }
    for (whose, somebody) in machine.people.iter().enumerate() {
        // Of whom the bridge never heard, it knows nothing.
        let is_known = somebody.person.is_some();
        for at in (0..2).filter(|_| is_known) {
            let is_in = machine.lets_in(whose, at);
            assert_eq!(
                is_in, somebody.is_in,
                "{} at {}",
                PEOPLE[whose], SYSTEMS[at]
            );
        }
    }
    let elm = practice();
    let records = machine.practice.store.list_records(&elm, None);
    let records = machine.read(records).expect("records");
    let mut head = chain::GENESIS;
    for record in &records {
        head = chain::link(&head, &chain::text_hash(&record.text));
        assert_eq!(record.hash, chain::to_hex(&head), "the chain holds");
    }
    let told: Vec<Value> = records
        .iter()
        .map(|record| serde_json::from_str(&record.text).expect("JSON"))
        .collect();
    for (door, generation) in &machine.incidents {
        let ends_it = |record: &Value| {
            let of = record["detail"]["generation"].as_i64();
            record["detail"]["door"] == door.as_str()
                && match record["what"].as_str() {
                    Some("door.found_changed" | "door.not_as_wanted") => of == Some(*generation),
                    // A newer wish closed or opened it before anybody looked.
                    Some("door.wanted") => of > Some(*generation),
                    _ => false,
                }
        };
        assert!(
            told.iter().any(ends_it),
            "nobody wrote down that {door} was opened behind the bridge's back"
        );
    }
}
