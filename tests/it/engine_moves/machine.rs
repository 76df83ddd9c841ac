//! The system under test: two real bridges over one database and two simulated systems.

use std::{collections::BTreeMap, time::Duration};

use drawbridge::{
    app,
    clock::{self, Clock as _, MockClock},
    door::{Assurance, Door},
    ids::{DoorId, PersonId, PracticeName, UserId},
    intake::{
        Caller,
        human::{Attestation, attest, retry},
        returns::Word,
    },
};
use drawbridge_sdk::Way;
use jiff::Timestamp;
use proptest_state_machine::StateMachineTest;
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Builder;

use super::{
    bridge::{Bridge, Pace, Practice},
    checks::{self, Seen},
    reference::{Id, Move, PEOPLE, Reference, SYSTEMS, Source, Wait, Whose},
    vendor::{CALL_TIMEOUT, Manner, SETTLE, Vendor},
};
use crate::support::FRIDAY;

/// How long a departure holds.
const HOLD: Duration = Duration::from_secs(30 * 24 * 3_600);

const DANA: Word<'static> = Word {
    by: "Dana Ruiz",
    note: "asked the office",
};

const ROLES: &str = "[[role]]\nname = \"Nurse\"\nmatches = [\"Nurse\"]\n[role.access]\nehr = \"nurse\"\nmail = \"mailbox\"\n";

/// Somebody, as whoever watches knows them.
#[derive(Debug, Default)]
pub struct Somebody {
    /// Who they are to the bridge, once it knows them.
    pub person: Option<PersonId>,
    ids: [Option<UserId>; 2],
    is_active: [bool; 2],
    /// Whether they may get in: they were hired, or let in again, and have not left since.
    pub is_in: bool,
    left_at: Option<Timestamp>,
}

pub struct Machine {
    pub practice: Practice,
    bridges: Vec<Bridge>,
    pub people: [Somebody; 2],
    /// The newest wish of each door that was ever seen verified.
    pub verified: BTreeMap<DoorId, i64>,
    /// Doors that were green when somebody let a person in by hand, with the wish.
    pub incidents: Vec<(DoorId, i64)>,
    pub seen: Seen,
    _folder: TempDir,
}

const PACES: [Pace; 2] = [Pace::Prompt, Pace::WhenTold];

/// The two names somebody may have at the source.
pub fn user_name(whose: Whose, id: Id) -> String {
    match id {
        0 => PEOPLE[whose].to_owned(),
        _ => format!("{}.married", PEOPLE[whose]),
    }
}

/// Their address, which never changes.
pub fn address(whose: Whose) -> String {
    format!("{}@elm.example", PEOPLE[whose])
}

pub fn practice() -> PracticeName {
    "elm".into()
}

fn caller() -> Caller {
    Caller {
        practice: practice(),
        actor: "source:entra".to_owned(),
        request_id: "request-1".to_owned(),
    }
}

fn open_practice(folder: &TempDir) -> Practice {
    let system = |name: &str| {
        let category = if name == "mail" { "email" } else { name };
        format!(
            "[[practice.system]]\nname = \"{name}\"\ncategory = \"{category}\"\nconnector = \"sandbox\"\ncanary = \"canary\"\n"
        )
    };
    let systems: String = SYSTEMS.iter().map(|name| system(name)).collect();
    let text = format!(
        "database = \"sqlite://test.db\"\n[[practice]]\nname = \"elm\"\nroles = \"roles.toml\"\n[practice.brake]\noff = true\n[[practice.source]]\nname = \"entra\"\n{systems}"
    );
    let file = folder.path().join("practice.toml");
    std::fs::write(&file, text).expect("settings can be written");
    std::fs::write(folder.path().join("roles.toml"), ROLES).expect("roles can be written");
    let settings = app::load_settings(&file).expect("the settings are right");
    assert_eq!(settings.practices[0].systems[0].settle, SETTLE);
    assert_eq!(settings.practices[0].hold_for, HOLD);
    let runtime = Builder::new_current_thread().enable_all().build();
    let store = runtime
        .expect("a runtime")
        .block_on(app::open_store(&settings))
        .expect("the database opens");
    let clock = MockClock::at(FRIDAY.parse().expect("a time"));
    Practice {
        settings,
        store,
        vendors: [Vendor::new(&clock), Vendor::new(&clock)],
        clock,
    }
}

impl StateMachineTest for Machine {
    type SystemUnderTest = Self;
    type Reference = Reference;

    fn init_test(_: &Source) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let practice = open_practice(&folder);
        Self {
            bridges: PACES.map(|pace| Bridge::start(&practice, pace)).into(),
            practice,
            people: Default::default(),
            verified: BTreeMap::new(),
            incidents: Vec::new(),
            seen: Seen::default(),
            _folder: folder,
        }
    }

    fn apply(mut machine: Self, _: &Source, next: Move) -> Self {
        let was_in = [0, 1].map(|whose: usize| machine.people[whose].is_in);
        let came = machine.came();
        // No two moves come in the same millisecond.
        machine.practice.clock.advance(Duration::from_millis(1));
        machine.take(&next);
        checks::nobody_who_is_out_was_let_in(&machine, was_in, came);
        checks::what_is_true_of(&mut machine);
        machine
    }

    fn teardown(mut machine: Self, _: Source) {
        machine.let_all_end_well();
        checks::ended_well(&machine);
        machine.seen.calls = machine.came().iter().map(|came| *came as u64).sum();
        machine.seen.tell();
    }
}

impl Machine {
    pub fn now(&self) -> Timestamp {
        self.practice.clock.now()
    }

    /// How many requests came to each system.
    fn came(&self) -> [usize; 2] {
        [0, 1].map(|at: usize| self.practice.vendors[at].state().came.len())
    }

    /// Reads the database.
    pub fn read<T>(&self, what: impl Future<Output = T>) -> T {
        self.bridges[1].does(what)
    }

    pub fn doors(&self) -> Vec<Door> {
        let elm = practice();
        let doors = self.practice.store.list_doors(&elm);
        self.read(doors).expect("doors")
    }

    pub fn door(&self, whose: Whose, at: usize) -> Option<Door> {
        let person = self.people[whose].person.as_ref()?;
        let is_it = |door: &Door| door.person == *person && door.system.as_str() == SYSTEMS[at];
        self.doors().into_iter().find(is_it)
    }

    fn take(&mut self, next: &Move) {
        let now = self.now();
        match *next {
            Move::Create(via, whose, id) => self.create(via, whose, id),
            Move::Enable(via, whose, id) => self.set_active(via, whose, id, true),
            Move::Disable(via, whose, id) => self.set_active(via, whose, id, false),
            Move::Delete(via, whose, id) => self.delete(via, whose, id),
            Move::Approve(whose) => self.approve(whose),
            Move::Refuse(whose) => self.refuse(whose),
            Move::Sign(whose, at) => self.sign(whose, at),
            Move::TryAgain(whose) => self.try_again(whose),
            Move::Look(bridge) => self.bridges[bridge].look(),
            Move::Behave(at, manner) => self.practice.vendors[at].state().manner = manner,
            Move::Once(at, manner) => self.practice.vendors[at].state().next = Some(manner),
            Move::Land(at, nth) => self.practice.vendors[at].state().land(nth),
            Move::Answer(at, nth) => self.practice.vendors[at].state().answer(nth, now),
            Move::Break(at, nth) => self.practice.vendors[at].state().break_connection(nth),
            Move::Lose(at, nth) => self.practice.vendors[at].state().lose(nth),
            Move::HoldReading(at) => self.practice.vendors[at].state().holds_next_reading = true,
            Move::Show(at) => self.practice.vendors[at].state().show(),
            Move::LetInByHand(whose, at) => self.let_in_by_hand(whose, at),
            Move::MakeByHand(whose, at) => {
                let made = self.practice.vendors[at]
                    .state()
                    .make_by_hand(&address(whose), now);
                self.note_incident(whose, at, made);
            }
            Move::Wait(how_long) => self.wait(how_long),
            Move::LeasesEnd => {
                let ended = self.practice.store.release_all_leases();
                self.read(ended).expect("leases");
            }
            Move::Crash(bridge) => {
                // What it was doing is dropped where it stands; what it sent is on its way.
                drop(self.bridges.remove(bridge));
                let next = Bridge::start(&self.practice, PACES[bridge]);
                self.bridges.insert(bridge, next);
            }
        }
        self.go_on();
    }

    /// Everybody goes on until they wait for a system or a time.
    fn go_on(&self) {
        self.bridges.iter().for_each(Bridge::go_on);
    }

    fn create(&mut self, via: usize, whose: Whose, id: Id) {
        let name = user_name(whose, id);
        let attributes = json!({
            "userName": name,
            "externalId": format!("ext-{name}"),
            "title": "Nurse",
            "active": true,
            "emails": [{"value": address(whose), "type": "work", "primary": true}],
        });
        let attributes = attributes.as_object().expect("an object").clone();
        let bridge = &self.bridges[via];
        let made = bridge.does(
            bridge
                .intake
                .change_user::<()>(&caller(), None, move |_| Ok(Some(attributes.clone()))),
        );
        let user = made.expect("it may be created").expect("a User");
        let is_known = self.people[whose].person.is_some();
        let person = self.people[whose].person.get_or_insert(user.person.clone());
        assert_eq!(
            *person, user.person,
            "whoever is created again is who they were"
        );
        self.people[whose].ids[id] = Some(user.id);
        self.comes(whose, id, is_known);
    }

    fn set_active(&mut self, via: usize, whose: Whose, id: Id, active: bool) {
        let user = self.people[whose].ids[id].clone().expect("a User");
        let bridge = &self.bridges[via];
        let changed = bridge.does(bridge.intake.change_user::<()>(
            &caller(),
            Some(&user),
            move |before| {
                let mut attributes = before.expect("the User exists").attributes.clone();
                attributes.insert("active".to_owned(), active.into());
                Ok(Some(attributes))
            },
        ));
        changed.expect("the change is accepted");
        match active {
            true if !self.people[whose].is_active[id] => self.comes(whose, id, true),
            true => {}
            false => self.leaves(whose, id),
        }
    }

    fn delete(&mut self, via: usize, whose: Whose, id: Id) {
        let user = self.people[whose].ids[id].take().expect("a User");
        let bridge = &self.bridges[via];
        let deleted = bridge.does(
            bridge
                .intake
                .change_user::<()>(&caller(), Some(&user), |_| Ok(None)),
        );
        deleted.expect("it may be deleted");
        self.leaves(whose, id);
    }

    /// The source says that somebody works here: they do, unless they left and nobody let them in again.
    fn comes(&mut self, whose: Whose, id: Id, is_known: bool) {
        let now = self.now();
        let wanted_open = self
            .door(whose, 0)
            .is_some_and(|door| !door.wanted.is_closed());
        let somebody = &mut self.people[whose];
        somebody.is_active[id] = true;
        let is_long_ago = somebody
            .left_at
            .is_some_and(|left| clock::after(left, HOLD) <= now);
        // After the hold period it is a question of whether everything was shut.
        somebody.is_in |= !is_known || (is_long_ago && wanted_open);
    }

    /// The source says that one of their ids may not get in.
    fn leaves(&mut self, whose: Whose, id: Id) {
        let now = self.now();
        let somebody = &mut self.people[whose];
        if std::mem::take(&mut somebody.is_active[id]) {
            somebody.is_in = false;
            somebody.left_at = Some(now);
        }
    }

    fn approve(&mut self, whose: Whose) {
        let Some(person) = self.people[whose].person.clone() else {
            return;
        };
        let intake = &self.bridges[0].intake;
        let answer = self.bridges[0].does(intake.approve_return(&caller(), &person, DANA));
        let is_let_in = answer.expect("the archive").is_ok();
        let somebody = &mut self.people[whose];
        let may_return = !somebody.is_in && somebody.is_active.contains(&true);
        assert_eq!(is_let_in, may_return, "approved");
        somebody.is_in |= is_let_in;
        self.seen.returns += u64::from(is_let_in);
    }

    fn refuse(&mut self, whose: Whose) {
        if let Some(person) = self.people[whose].person.clone() {
            let intake = &self.bridges[0].intake;
            let answer = self.bridges[0].does(intake.refuse_return(&caller(), &person, DANA));
            // There may be nothing to refuse.
            let _ = answer.expect("the archive");
        }
    }

    /// Whether a system lets somebody in, under whatever name.
    pub fn lets_in(&self, whose: Whose, at: usize) -> bool {
        !self.enabled_accounts(whose, at).is_empty()
    }

    /// The accounts that let somebody in, each with when that was done by hand.
    pub fn enabled_accounts(&self, whose: Whose, at: usize) -> Vec<Option<Timestamp>> {
        let names = [user_name(whose, 0), user_name(whose, 1), address(whose)];
        let state = self.practice.vendors[at].state();
        let found = names.iter().filter_map(|name| state.accounts.get(name));
        found
            .filter(|account| account.is_enabled)
            .map(|account| account.by_hand)
            .collect()
    }

    /// Somebody looks into the system, and signs if it is as it shall be.
    fn sign(&mut self, whose: Whose, at: usize) {
        let Some(door) = self.door(whose, at) else {
            return;
        };
        if self.lets_in(whose, at) == door.wanted.is_closed() {
            return;
        }
        let signed = Attestation {
            by: "Dana Ruiz",
            note: "looked into the panel",
            generation: door.generation,
            done: None,
            file: None,
        };
        let answer = self.read(attest(
            &self.practice.store,
            &caller(),
            &door.person,
            (&door.system, Way::Account),
            &signed,
            self.now(),
        ));
        self.seen.signatures += u64::from(answer.expect("the archive").is_ok());
    }

    fn try_again(&mut self, whose: Whose) {
        if let Some(person) = self.people[whose].person.clone() {
            let (store, dana) = (&self.practice.store, caller());
            let tried = retry(store, &dana, &person, None, self.now());
            self.read(tried).expect("the archive");
        }
    }

    fn let_in_by_hand(&mut self, whose: Whose, at: usize) {
        let now = self.now();
        let is_let_in = self.practice.vendors[at]
            .state()
            .let_in_by_hand(&user_name(whose, 0), now);
        self.note_incident(whose, at, is_let_in);
    }

    /// A door that is proved shut was opened behind the bridge's back: that must be written down.
    fn note_incident(&mut self, whose: Whose, at: usize, has_happened: bool) {
        let door = self.door(whose, at).filter(|door| {
            // A close that is on its way may put it right before anybody sees it.
            let is_undone = self.practice.vendors[at].state().has_in_the_air(&door.id);
            has_happened
                && !is_undone
                && door.wanted.is_closed()
                && door.assurance == Assurance::Verified
        });
        self.seen.incidents += u64::from(door.is_some());
        self.incidents
            .extend(door.map(|door| (door.id, door.generation)));
    }

    fn wait(&mut self, how_long: Wait) {
        let now = self.now();
        let how_long = match how_long {
            Wait::Seconds(seconds) => Duration::from_secs(seconds),
            Wait::Settle => CALL_TIMEOUT + SETTLE + Duration::from_secs(1),
            Wait::Hold => HOLD + Duration::from_secs(1),
            Wait::UntilDue => {
                let doors = self.doors();
                let due = doors.iter().filter_map(|door| door.next_try);
                let next = due.filter(|due| *due > now).min();
                next.map_or(Duration::ZERO, |due| clock::between(now, due))
            }
        };
        // Whoever waits for an answer gives up in time.
        let first = how_long.min(CALL_TIMEOUT + Duration::from_millis(1));
        self.let_time_pass(first);
        self.let_time_pass(how_long - first);
        self.bridges.iter().for_each(Bridge::look);
    }

    fn let_time_pass(&mut self, by: Duration) {
        self.practice.clock.advance(by);
        for vendor in &self.practice.vendors {
            drop(vendor.state());
        }
        self.go_on();
    }

    /// Every system does what it is told from now on, and there is time enough.
    fn let_all_end_well(&mut self) {
        for vendor in &self.practice.vendors {
            let mut state = vendor.state();
            state.manner = Manner::Prompt;
            state.next = None;
            state.holds_next_reading = false;
        }
        self.wait(Wait::Settle);
        // The next reading of a door that is shut may be weeks away.
        self.wait(Wait::Hold);
        for _ in 0..4 {
            let ended = self.practice.store.release_all_leases();
            self.read(ended).expect("leases");
            self.let_time_pass(Duration::from_secs(15 * 60));
            self.bridges.iter().for_each(Bridge::look);
            self.go_on();
            checks::what_is_true_of(self);
        }
    }
}
