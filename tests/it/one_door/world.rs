//! What is, at one moment of a story.

use drawbridge::door::{Action, Door};
use drawbridge_sdk::Way;
use jiff::Timestamp;

/// A point in time, in milliseconds since the story began.
pub(super) type Time = i64;

/// Which rules hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// R2: an attempt is stored before anything is sent.
    pub(super) attempt_before_bytes: bool,
    /// R3: whoever lost the claim writes nothing of the door.
    pub(super) fence: bool,
    /// R6: a reading waits for what may still land.
    pub(super) waits_for_the_opposite: bool,
    /// R9: whoever left stays out until somebody lets them in.
    pub(super) departures_stick: bool,
    /// R10: so does whoever signs.
    pub(super) signing_waits: bool,
    /// R11: a second id of somebody who is known is theirs.
    pub(super) ids_join_their_person: bool,
}

pub(super) const ALL: Rules = Rules {
    attempt_before_bytes: true,
    fence: true,
    waits_for_the_opposite: true,
    departures_stick: true,
    signing_waits: true,
    ids_join_their_person: true,
};

/// How much of each trouble there is, so that the story ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Trouble {
    pub(super) claims: u8,
    pub(super) crashes: u8,
    pub(super) stolen_leases: u8,
    pub(super) long_waits: u8,
    pub(super) signatures: u8,
}

/// Somebody as the book has them, with their door.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) door: Door,
    pub(super) lease: Option<usize>,
    /// How many wishes were made.
    pub(super) wishes: i64,
    /// Which of the two names they ever bore. The later one is what they are called.
    pub(super) names: [bool; 2],
    /// Which of the two ids the source calls active.
    pub(super) is_active: [bool; 2],
    /// The wish that took them out, until somebody lets them in again.
    pub(super) left_with: Option<i64>,
}

/// An attempt as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Stored {
    pub(super) call: usize,
    pub(super) whose: usize,
    pub(super) generation: i64,
    pub(super) action: Action,
    pub(super) resolved: bool,
    pub(super) finished: Option<Time>,
    pub(super) may_land_until: Time,
}

/// A request on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Request {
    pub(super) call: usize,
    pub(super) whose: usize,
    pub(super) generation: i64,
    pub(super) action: Action,
    /// Under which names it looks for accounts.
    pub(super) names: [bool; 2],
    pub(super) may_land_until: Time,
    pub(super) has_landed: bool,
}

/// A door that a worker holds, as it was when it was claimed.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) whose: usize,
    pub(super) door: Door,
    pub(super) names: [bool; 2],
}

/// A call of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Call {
    pub(super) number: usize,
    pub(super) answer_by: Time,
}

/// What a worker is doing.
#[derive(Debug, Clone)]
pub(super) enum Worker {
    Idle,
    /// It is about to read only.
    Claimed(Job),
    Announced(Job, Call),
    Sent(Job, Call),
    /// The answer is written down.
    Answered(Job),
    /// It has asked, at that time. The answer of the call before may not be written down yet.
    Asking(Job, Time, Option<Call>),
    /// It was shown this.
    Seeing(Job, Time, Option<Call>, [Account; 2]),
}

/// Whether there is an account of this name, and whether it lets anybody in.
pub(super) type Account = Option<bool>;

#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) now: Time,
    /// The story that is left, a letter for each event:
    /// `E` the first id is enabled, `D` it is disabled; `N` the person is created anew under a second
    /// id, `d` that one is disabled; `A` somebody approves that they come back.
    pub(super) story: &'static str,
    /// One person, unless nobody sees that the second id is theirs.
    pub(super) people: Vec<Person>,
    pub(super) attempts: Vec<Stored>,
    pub(super) air: Vec<Request>,
    /// The accounts of the two names.
    pub(super) accounts: [Account; 2],
    /// Whether an open landed that was wished for somebody who was kept out.
    pub(super) has_let_a_leaver_in: bool,
    pub(super) workers: [Worker; 2],
    pub(super) calls: usize,
    pub(super) left: Trouble,
}

pub(super) fn at(time: Time) -> Timestamp {
    Timestamp::from_millisecond(1_790_000_000_000 + time).unwrap()
}

pub(super) fn millis(time: Timestamp) -> Time {
    time.as_millisecond() - 1_790_000_000_000
}

impl Person {
    pub(super) fn new(names: [bool; 2], is_active: [bool; 2], now: Time) -> Self {
        let system = ("ehr".into(), Way::Account);
        Self {
            door: Door::new("elm".into(), "door".into(), "nina".into(), system, at(now)),
            lease: None,
            wishes: 0,
            names,
            is_active,
            left_with: None,
        }
    }
}

impl World {
    /// The beginning of a story. One that begins with a departure has an account that lets in.
    pub(super) fn new(story: &'static str, left: Trouble) -> Self {
        let works_here = story.starts_with('D');
        Self {
            now: 0,
            story,
            people: vec![Person::new([true, false], [works_here, false], 0)],
            attempts: Vec::new(),
            air: Vec::new(),
            accounts: [works_here.then_some(true), None],
            has_let_a_leaver_in: false,
            workers: [Worker::Idle, Worker::Idle],
            calls: 0,
            left,
        }
    }

    /// Whether any account lets the person in, whatever it is called.
    pub(super) fn lets_in(&self) -> bool {
        self.accounts.contains(&Some(true))
    }

    /// What two worlds have in common when the same can follow from both.
    pub(super) fn key(&self) -> impl Eq + std::hash::Hash + use<> {
        let people: Vec<_> = self
            .people
            .iter()
            .map(|person| {
                (
                    door_key(&person.door),
                    (person.lease, person.wishes, person.left_with),
                    (person.names, person.is_active),
                )
            })
            .collect();
        (
            (
                self.now,
                self.story.len(),
                self.accounts,
                self.has_let_a_leaver_in,
                self.left,
            ),
            people,
            self.attempts.clone(),
            self.air.clone(),
            [worker_key(&self.workers[0]), worker_key(&self.workers[1])],
        )
    }
}

fn door_key(door: &Door) -> impl Eq + std::hash::Hash + use<> {
    (
        (
            door.wanted.is_closed(),
            door.generation,
            door.fence,
            door.seen.as_str(),
        ),
        (
            door.assurance.as_str(),
            door.round,
            door.tries,
            door.due.as_str(),
            door.sweep,
        ),
        [
            door.seen_at,
            door.shut_at,
            door.next_try,
            Some(door.wanted_at),
        ],
        (door.sessions_ended, door.failure.is_some()),
    )
}

fn worker_key(worker: &Worker) -> impl Eq + std::hash::Hash + use<> {
    let job = |job: &Job| Some((job.whose, door_key(&job.door), job.names));
    match worker {
        Worker::Idle => (0, None, None, None),
        Worker::Claimed(own) => (1, job(own), None, None),
        Worker::Announced(own, call) => (2, job(own), Some(*call), None),
        Worker::Sent(own, call) => (3, job(own), Some(*call), None),
        Worker::Answered(own) => (4, job(own), None, None),
        Worker::Asking(own, began, call) => (5, job(own), *call, Some((*began, [None, None]))),
        Worker::Seeing(own, began, call, seen) => (6, job(own), *call, Some((*began, *seen))),
    }
}
