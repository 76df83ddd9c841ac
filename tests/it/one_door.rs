//! One door, explored whole: two workers, lost answers, requests that land late, crashes, stolen leases and
//! somebody who signs, in every order.
//!
//! The rules are the program's own (`drawbridge::door`). What stands around them, claims, attempts and
//! what is in the air, is written here as `rounds::work`, `store::claims` and `store::attempts` have it,
//! so that a rule can be left out to see what it is good for.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    time::Duration,
};

use drawbridge::door::{
    Action, Assurance, Door, Due, Opening, Wanted,
    verdict::{Reading, judge},
};
use drawbridge_sdk::{
    Account, AccountId, AccountState, CallError, Canary, Capabilities, Change, Effect,
    FailureClass, Finality, Observation, Outcome, Sessions, Way,
};
use jiff::Timestamp;

/// A point in time, in milliseconds since the story began.
type Time = i64;

const CALL_TIMEOUT: Time = 20_000;
const SETTLE: Time = 120_000;
const RETRY: Duration = Duration::from_secs(5);

/// Which rules hold.
#[derive(Debug, Clone, Copy)]
struct Rules {
    /// R2: an attempt is stored before anything is sent.
    attempt_before_bytes: bool,
    /// R3: whoever lost the claim writes nothing of the door.
    fence: bool,
    /// R6: a reading waits for what may still land.
    waits_for_the_opposite: bool,
    /// R10: so does whoever signs.
    signing_waits: bool,
}

const ALL: Rules = Rules {
    attempt_before_bytes: true,
    fence: true,
    waits_for_the_opposite: true,
    signing_waits: true,
};

/// How much of each trouble there is, so that the story ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Trouble {
    claims: u8,
    crashes: u8,
    stolen_leases: u8,
    long_waits: u8,
    signatures: u8,
}

/// An attempt as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Stored {
    call: usize,
    generation: i64,
    action: Action,
    resolved: bool,
    finished: Option<Time>,
    may_land_until: Time,
}

/// A request on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Request {
    call: usize,
    generation: i64,
    action: Action,
    may_land_until: Time,
    has_landed: bool,
}

/// What a worker is doing, with the door as it knows it.
#[derive(Debug, Clone)]
enum Worker {
    Idle,
    Claimed(Door),
    Announced(Door, usize, Time),
    Sent(Door, usize, Time),
    Answered(Door),
    Asking(Door, Time),
    Seeing(Door, Time, bool),
}

#[derive(Debug, Clone)]
struct World {
    now: Time,
    /// The story that is left: `E` enables, `D` disables.
    story: &'static str,
    wishes: i64,
    door: Door,
    lease: Option<usize>,
    attempts: Vec<Stored>,
    air: Vec<Request>,
    /// Whether the account at the system is enabled.
    is_enabled: bool,
    workers: [Worker; 2],
    calls: usize,
    left: Trouble,
}

fn at(time: Time) -> Timestamp {
    Timestamp::from_millisecond(1_790_000_000_000 + time).unwrap()
}

fn millis(time: Timestamp) -> Time {
    time.as_millisecond() - 1_790_000_000_000
}

impl World {
    fn new(story: &'static str, is_enabled: bool, left: Trouble) -> Self {
        let system = ("ehr".into(), Way::Account);
        let door = Door::new("elm".into(), "door".into(), "nina".into(), system, at(0));
        Self {
            now: 0,
            story,
            wishes: 0,
            door,
            lease: None,
            attempts: Vec::new(),
            air: Vec::new(),
            is_enabled,
            workers: [Worker::Idle, Worker::Idle],
            calls: 0,
            left,
        }
    }

    /// What two worlds have in common when the same can follow from both.
    fn key(&self) -> impl Eq + std::hash::Hash + use<> {
        let door = |door: &Door| {
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
        };
        let worker = |worker: &Worker| match worker {
            Worker::Idle => (0, None, 0, 0),
            Worker::Claimed(own) => (1, Some(door(own)), 0, 0),
            Worker::Announced(own, call, until) => (2, Some(door(own)), *call, *until),
            Worker::Sent(own, call, until) => (3, Some(door(own)), *call, *until),
            Worker::Answered(own) => (4, Some(door(own)), 0, 0),
            Worker::Asking(own, began) => (5, Some(door(own)), 0, *began),
            Worker::Seeing(own, began, seen) => (6, Some(door(own)), usize::from(*seen), *began),
        };
        (
            (
                self.now,
                self.story.len(),
                self.lease,
                self.is_enabled,
                self.left,
            ),
            door(&self.door),
            self.attempts.clone(),
            self.air.clone(),
            [worker(&self.workers[0]), worker(&self.workers[1])],
        )
    }

    /// What is wrong with this world.
    fn wrong(&self) -> Option<&'static str> {
        if self.door.generation != self.wishes {
            return Some("a wish was lost");
        }
        let is_green = match self.door.assurance {
            Assurance::Verified => true,
            Assurance::Attested => self.door.failure.is_none(),
            _ => false,
        };
        if !is_green {
            let is_forgotten = self.wishes > 0 && self.door.next_try.is_none();
            return is_forgotten.then_some("a door that is not green is looked at no more");
        }
        let may_land =
            |request: &&Request| !request.has_landed && request.may_land_until >= self.now;
        let mut coming = self.air.iter().filter(may_land);
        if self.door.wanted.is_closed() {
            if self.is_enabled {
                return Some("green, and the leaver can get in");
            }
            let opens = |request: &Request| request.action == Action::Open;
            return coming
                .any(opens)
                .then_some("green, and an open may still land");
        }
        if !self.is_enabled {
            return Some("green, and whoever came back is locked out");
        }
        let undoes = |request: &Request| {
            request.action == Action::Close || request.generation < self.door.generation
        };
        coming
            .any(undoes)
            .then_some("green, and an older call may still land")
    }

    /// All that can happen next.
    fn next(&self, rules: Rules) -> Vec<(String, Self)> {
        let mut moves = Vec::new();
        self.wish(&mut moves);
        self.air_moves(&mut moves);
        self.wait(&mut moves);
        self.sign(rules, &mut moves);
        if self.lease.is_some() && self.left.stolen_leases > 0 {
            let mut next = self.clone();
            next.lease = None;
            next.left.stolen_leases -= 1;
            moves.push(("the lease runs out".to_owned(), next));
        }
        for own in 0..self.workers.len() {
            self.work(own, rules, &mut moves);
        }
        moves
    }

    fn wish(&self, moves: &mut Vec<(String, Self)>) {
        let Some(event) = self.story.chars().next() else {
            return;
        };
        let mut next = self.clone();
        next.story = &self.story[1..];
        next.wishes += 1;
        let wanted = match event {
            'D' => Wanted::Closed,
            _ => Wanted::Open(Opening::default()),
        };
        next.door.wish(wanted, String::new(), None, at(self.now));
        next.lease = None;
        moves.push((format!("wish {event}{}", next.wishes), next));
    }

    fn air_moves(&self, moves: &mut Vec<(String, Self)>) {
        for (index, request) in self.air.iter().enumerate() {
            if request.has_landed || request.may_land_until < self.now {
                continue;
            }
            let mut next = self.clone();
            next.air[index].has_landed = true;
            next.is_enabled = request.action == Action::Open;
            next.forget_what_nobody_waits_for();
            moves.push((
                format!("{} {} lands", request.action.as_str(), request.call),
                next,
            ));
            let mut next = self.clone();
            next.air.remove(index);
            moves.push((
                format!("{} {} is lost", request.action.as_str(), request.call),
                next,
            ));
        }
    }

    fn wait(&self, moves: &mut Vec<(String, Self)>) {
        let latest = self.air.iter().map(|request| request.may_land_until).max();
        if let Some(latest) = latest.filter(|latest| *latest >= self.now)
            && self.left.long_waits > 0
        {
            let mut next = self.clone();
            next.left.long_waits -= 1;
            next.now = latest + 1;
            next.forget_what_nobody_waits_for();
            moves.push(("a long time passes".to_owned(), next));
        }
    }

    /// Somebody looks, sees it as it shall be, and signs.
    fn sign(&self, rules: Rules, moves: &mut Vec<(String, Self)>) {
        if self.left.signatures == 0 || self.is_enabled == self.door.wanted.is_closed() {
            return;
        }
        let mut next = self.clone();
        next.left.signatures -= 1;
        let until = self.opposite_may_land_until(self.now, rules.signing_waits);
        let generation = self.door.generation;
        if next.door.attest(generation, until, at(self.now)).is_ok() {
            next.lease = None;
            moves.push(("somebody signs".to_owned(), next));
        }
    }

    /// As `store::attempts::find_may_land_until`.
    fn opposite_may_land_until(&self, began: Time, holds: bool) -> Option<Timestamp> {
        let opposite = Action::towards(&self.door.wanted).opposite();
        let until = self
            .attempts
            .iter()
            .filter(|attempt| !attempt.resolved || attempt.finished >= Some(began))
            .filter(|attempt| {
                attempt.action == opposite
                    || (attempt.action == Action::Open && attempt.generation < self.door.generation)
            })
            .filter_map(|attempt| match attempt.resolved {
                false => Some(attempt.may_land_until),
                true => attempt.finished,
            })
            .max();
        until.filter(|_| holds).map(at)
    }

    fn work(&self, own: usize, rules: Rules, moves: &mut Vec<(String, Self)>) {
        let say = |what: &str| format!("worker {own} {what}");
        let mut then = |what: &str, change: &dyn Fn(&mut Self)| {
            let mut next = self.clone();
            change(&mut next);
            next.forget_what_nobody_waits_for();
            moves.push((say(what), next));
        };
        let holds = |door: &Door| !rules.fence || self.door.fence == door.fence;
        let renews = |door: &Door| !rules.fence || (holds(door) && self.lease == Some(own));
        if !matches!(self.workers[own], Worker::Idle) && self.left.crashes > 0 {
            then("is killed", &|next| {
                next.left.crashes -= 1;
                next.workers[own] = Worker::Idle;
            });
        }
        match &self.workers[own] {
            Worker::Idle => {
                if let (Some(due), None, 1..) = (self.door.next_try, self.lease, self.left.claims) {
                    then("claims", &|next| {
                        next.left.claims -= 1;
                        next.now = self.now.max(millis(due));
                        next.door.fence += 1;
                        next.lease = Some(own);
                        next.workers[own] = Worker::Claimed(next.door.clone());
                    });
                }
            }
            Worker::Claimed(door) if door.due == Due::Act => {
                if !holds(door) {
                    return then("has lost the claim", &|next| {
                        next.workers[own] = Worker::Idle
                    });
                }
                then("stores the attempt", &|next| {
                    let mut door = door.clone();
                    door.tries += 1;
                    next.door.tries += 1;
                    let answer_by = self.now + CALL_TIMEOUT;
                    let call = next.calls;
                    next.calls += 1;
                    if rules.attempt_before_bytes {
                        next.attempts.push(attempt(&door, call, answer_by));
                    }
                    next.workers[own] = Worker::Announced(door, call, answer_by);
                });
            }
            Worker::Announced(door, call, answer_by) => {
                if !renews(door) || self.now >= *answer_by {
                    return then("does not send", &|next| {
                        next.conclude(own, door, *call, true, rules);
                    });
                }
                then("sends", &|next| {
                    next.air.push(Request {
                        call: *call,
                        generation: door.generation,
                        action: Action::towards(&door.wanted),
                        may_land_until: answer_by + SETTLE,
                        has_landed: false,
                    });
                    next.workers[own] = Worker::Sent(door.clone(), *call, *answer_by);
                });
            }
            Worker::Sent(door, call, answer_by) => {
                let has_landed = self
                    .air
                    .iter()
                    .any(|request| request.call == *call && request.has_landed);
                if has_landed && self.now <= *answer_by {
                    then("is answered", &|next| {
                        next.take_answer(own, door, *call, *answer_by, rules)
                    });
                }
                then("gets no answer", &|next| {
                    next.conclude(own, door, *call, false, rules);
                });
            }
            Worker::Claimed(door) | Worker::Answered(door) => {
                if !renews(door) {
                    return then("has lost the claim", &|next| {
                        next.workers[own] = Worker::Idle
                    });
                }
                then("asks", &|next| {
                    next.now += 1;
                    next.workers[own] = Worker::Asking(door.clone(), next.now);
                });
            }
            Worker::Asking(door, began) => then("is shown", &|next| {
                next.workers[own] = Worker::Seeing(door.clone(), *began, self.is_enabled);
            }),
            Worker::Seeing(door, began, is_enabled) => {
                if !holds(door) {
                    return then("has lost the claim", &|next| {
                        next.workers[own] = Worker::Idle
                    });
                }
                then("judges", &|next| {
                    next.now += 1;
                    next.judge(own, door, *began, *is_enabled, rules);
                });
            }
        }
    }

    /// A call ends without the system's own answer: nothing but not having been sent resolves it. Without
    /// R2 nobody remembers it.
    fn conclude(&mut self, own: usize, door: &Door, call: usize, was_not_sent: bool, rules: Rules) {
        self.complete(call, was_not_sent);
        let holds = !rules.fence || self.door.fence == door.fence;
        self.workers[own] = Worker::Idle;
        if holds {
            let mut door = door.clone();
            let error = CallError::new(FailureClass::Retryable, Finality::Unknown, "no answer");
            door.after_failure(&error, at(self.now), RETRY);
            self.door = door;
            self.lease = None;
        }
    }

    fn take_answer(&mut self, own: usize, door: &Door, call: usize, answer_by: Time, rules: Rules) {
        if !rules.attempt_before_bytes {
            self.attempts.push(attempt(door, call, answer_by));
        }
        self.complete(call, true);
        let holds = !rules.fence || self.door.fence == door.fence;
        let mut door = door.clone();
        let mut outcome = Outcome::new(Change::Done);
        outcome.blocked = Effect::Done;
        outcome.sessions_ended = Effect::Done;
        door.after_answer(&outcome, at(self.now));
        self.workers[own] = Worker::Idle;
        if holds {
            self.door = door.clone();
            self.workers[own] = Worker::Answered(door);
        }
    }

    fn complete(&mut self, call: usize, resolved: bool) {
        let now = self.now;
        if let Some(attempt) = self
            .attempts
            .iter_mut()
            .find(|attempt| attempt.call == call)
        {
            attempt.resolved = resolved;
            attempt.finished = Some(now);
        }
    }

    fn judge(&mut self, own: usize, door: &Door, began: Time, is_enabled: bool, rules: Rules) {
        let account = Account {
            id: AccountId("1".to_owned()),
            login: "nina".to_owned(),
            state: if is_enabled {
                AccountState::Enabled
            } else {
                AccountState::Disabled
            },
            sessions: Sessions::None,
            levels: Vec::new(),
            identifiers: Vec::new(),
        };
        let observation = Observation {
            accounts: vec![account],
            canary: Canary::Seen,
            ..Observation::default()
        };
        let reading = Reading {
            began: at(began),
            observation: &observation,
            namesake_is_enabled: false,
            known_accounts: &[],
            capabilities: &Capabilities::none("it refuses"),
            managed_levels: &[],
            sees_others: true,
            opposite_may_land_until: self
                .opposite_may_land_until(began, rules.waits_for_the_opposite),
        };
        let mut door = door.clone();
        let verdict = judge(&door, &reading);
        door.after_verdict(verdict, at(began), at(self.now), RETRY);
        self.door = door;
        self.lease = None;
        self.workers[own] = Worker::Idle;
    }

    /// Takes away what can change nothing any more.
    fn forget_what_nobody_waits_for(&mut self) {
        let (now, workers) = (self.now, &self.workers);
        let is_waited_for = |call: usize| {
            workers
                .iter()
                .any(|worker| matches!(worker, Worker::Sent(_, own, _) if *own == call))
        };
        self.air.retain(|request| match request.has_landed {
            true => is_waited_for(request.call),
            false => request.may_land_until >= now,
        });
    }
}

fn attempt(door: &Door, call: usize, answer_by: Time) -> Stored {
    Stored {
        call,
        generation: door.generation,
        action: Action::towards(&door.wanted),
        resolved: false,
        finished: None,
        may_land_until: answer_by + SETTLE,
    }
}

/// What was found.
struct Found {
    worlds: usize,
    /// What is wrong somewhere, and the shortest way there.
    wrong: Option<(&'static str, Vec<String>)>,
    /// Whether some way leads to a door that is green for the last wish.
    can_end_well: bool,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.wrong {
            Some((wrong, way)) => write!(f, "{wrong}: {}", way.join(" > ")),
            None => write!(f, "{} worlds, and nothing wrong in any", self.worlds),
        }
    }
}

/// Goes through every world, the nearest first.
fn explore(first: World, rules: Rules) -> Found {
    let mut seen = HashMap::from([(first.key(), 0_usize)]);
    let mut ways: Vec<(usize, String)> = vec![(0, String::new())];
    let mut queue = VecDeque::from([(0_usize, first)]);
    let mut can_end_well = false;
    while let Some((number, world)) = queue.pop_front() {
        if let Some(wrong) = world.wrong() {
            let mut way = Vec::new();
            let mut at = number;
            while at != 0 {
                way.push(ways[at].1.clone());
                at = ways[at].0;
            }
            way.reverse();
            return Found {
                worlds: seen.len(),
                wrong: Some((wrong, way)),
                can_end_well,
            };
        }
        can_end_well |= world.story.is_empty() && world.door.assurance == Assurance::Verified;
        for (what, next) in world.next(rules) {
            let new = ways.len();
            if let std::collections::hash_map::Entry::Vacant(entry) = seen.entry(next.key()) {
                entry.insert(new);
                ways.push((number, what));
                queue.push_back((new, next));
            }
        }
    }
    Found {
        worlds: seen.len(),
        wrong: None,
        can_end_well,
    }
}

/// Stories: `E` enables, `D` disables, and whether the account is enabled before them.
const STORIES: [(&str, bool); 4] = [("D", true), ("ED", false), ("DE", true), ("EDE", false)];

const fn trouble(claims: u8, [crashes, stolen_leases, long_waits, signatures]: [u8; 4]) -> Trouble {
    Trouble {
        claims,
        crashes,
        stolen_leases,
        long_waits,
        signatures,
    }
}

#[test]
fn with_all_rules_nothing_is_green_that_is_not_so_whatever_happens() {
    let is_whole = std::env::var("DRAWBRIDGE_MODEL").is_ok_and(|how| how == "whole");
    let troubles = if is_whole {
        vec![
            trouble(3, [1, 1, 1, 1]),
            trouble(4, [0, 1, 1, 0]),
            trouble(4, [1, 0, 1, 0]),
        ]
    } else {
        vec![
            trouble(2, [1, 1, 1, 1]),
            trouble(3, [0, 0, 1, 0]),
            trouble(3, [1, 0, 0, 1]),
        ]
    };
    for trouble in troubles {
        for (story, is_enabled) in STORIES {
            let found = explore(World::new(story, is_enabled, trouble), ALL);

            println!("{story} with {trouble:?}: {found}");
            assert!(found.wrong.is_none(), "{story} with {trouble:?}: {found}");
            assert!(
                found.can_end_well,
                "{story} with {trouble:?}: no way ends well"
            );
            assert!(found.worlds > 100, "{story} with {trouble:?}: {found}");
        }
    }
}

/// What goes wrong without a rule, in the first story where something does. Two calls and, where they
/// are asked for, one signature are enough for that.
fn without(rules: Rules, signatures: u8) -> &'static str {
    let mut wrong = STORIES.into_iter().filter_map(|(story, is_enabled)| {
        let world = World::new(story, is_enabled, trouble(2, [0, 0, 0, signatures]));
        let found = explore(world, rules);
        println!("{story}: {found}");
        found.wrong.map(|(wrong, _)| wrong)
    });
    wrong.next().unwrap_or("nothing goes wrong")
}

#[test]
fn without_attempts_before_bytes_a_late_open_is_forgotten() {
    let rules = Rules {
        attempt_before_bytes: false,
        ..ALL
    };
    assert_eq!(without(rules, 0), "green, and an open may still land");
}

#[test]
fn without_a_fence_whoever_was_held_up_writes_over_a_newer_wish() {
    let rules = Rules {
        fence: false,
        ..ALL
    };
    assert_eq!(without(rules, 0), "a wish was lost");
}

#[test]
fn without_waiting_for_the_opposite_green_is_shown_too_early() {
    let rules = Rules {
        waits_for_the_opposite: false,
        ..ALL
    };
    assert_eq!(without(rules, 0), "green, and an open may still land");
}

#[test]
fn whoever_signs_must_wait_as_a_reading_does() {
    let rules = Rules {
        signing_waits: false,
        ..ALL
    };
    assert_eq!(without(rules, 1), "green, and an open may still land");
}
