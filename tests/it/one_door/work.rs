//! What the two workers do, as `rounds::work` and `store::claims` have it.

use std::time::Duration;

use drawbridge::door::{
    Action, Door, Due,
    verdict::{Reading, judge},
};
use drawbridge_sdk::{
    AccountId, AccountState, CallError, Canary, Capabilities, Change, Effect, FailureClass,
    Finality, Observation, Outcome, Sessions,
};

use super::world::{Account, Call, Job, Request, Rules, Stored, Time, Worker, World, at, millis};

const CALL_TIMEOUT: Time = 20_000;
const SETTLE: Time = 120_000;
const RETRY: Duration = Duration::from_secs(5);

impl World {
    pub(super) fn work(&self, own: usize, rules: Rules, moves: &mut Vec<(String, Self)>) {
        let mut then = |what: &str, change: &dyn Fn(&mut Self)| {
            let mut next = self.clone();
            change(&mut next);
            next.forget_what_nobody_waits_for();
            moves.push((format!("worker {own} {what}"), next));
        };
        let holds = |job: &Job| self.holds(job, rules);
        let renews =
            |job: &Job| !rules.fence || (holds(job) && self.people[job.whose].lease == Some(own));
        let give_up = |next: &mut Self| next.workers[own] = Worker::Idle;
        if !matches!(self.workers[own], Worker::Idle) && self.left.crashes > 0 {
            then("is killed", &|next| {
                next.left.crashes -= 1;
                next.workers[own] = Worker::Idle;
            });
        }
        match &self.workers[own] {
            Worker::Idle => {
                for (whose, person) in self.people.iter().enumerate() {
                    if let (Some(due), None, 1..) =
                        (person.door.next_try, person.lease, self.left.claims)
                    {
                        then("claims", &|next| {
                            next.now = self.now.max(millis(due));
                            next.claim(own, whose, rules);
                        });
                    }
                }
            }
            Worker::Announced(job, call) => {
                if !renews(job) || self.now >= call.answer_by {
                    return then("does not send", &|next| {
                        next.fail(own, job, *call, true, rules);
                    });
                }
                then("sends", &|next| {
                    next.air.push(Request {
                        call: call.number,
                        whose: job.whose,
                        generation: job.door.generation,
                        action: Action::towards(&job.door.wanted),
                        names: job.names,
                        may_land_until: call.answer_by + SETTLE,
                        has_landed: false,
                    });
                    next.workers[own] = Worker::Sent(job.clone(), *call);
                });
            }
            Worker::Sent(job, call) => {
                let has_landed = self
                    .air
                    .iter()
                    .any(|request| request.call == call.number && request.has_landed);
                if has_landed && self.now <= call.answer_by {
                    then("is answered", &|next| {
                        next.write_answer(own, job, *call, rules);
                    });
                    if job.door.wanted.is_closed() {
                        then("is answered and asks", &|next| {
                            next.now += 1;
                            next.workers[own] = Worker::Asking(job.clone(), next.now, Some(*call));
                        });
                    }
                }
                then("gets no answer", &|next| {
                    next.fail(own, job, *call, false, rules);
                });
            }
            Worker::Claimed(job) | Worker::Answered(job) => {
                if !renews(job) {
                    return then("has lost the claim", &give_up);
                }
                then("asks", &|next| {
                    next.now += 1;
                    next.workers[own] = Worker::Asking(job.clone(), next.now, None);
                });
            }
            Worker::Asking(job, began, call) => then("is shown", &|next| {
                next.workers[own] = Worker::Seeing(job.clone(), *began, *call, self.shown(job));
            }),
            Worker::Seeing(job, began, None, seen) => {
                if !holds(job) {
                    return then("has lost the claim", &give_up);
                }
                then("judges", &|next| {
                    next.now += 1;
                    next.judge(own, job, *began, *seen, rules);
                });
            }
            Worker::Seeing(job, began, Some(call), seen) => {
                then("writes down answer and reading", &|next| {
                    next.now += 1;
                    // What was answered is kept whoever holds the door; the door is not.
                    let (job, holds) = next.take_in_answer(job, *call, *began - 1, rules);
                    next.workers[own] = Worker::Idle;
                    if holds {
                        next.judge(own, &job, *began, *seen, rules);
                    }
                });
            }
        }
    }

    fn holds(&self, job: &Job, rules: Rules) -> bool {
        !rules.fence || self.people[job.whose].door.fence == job.door.fence
    }

    /// A worker takes a door, and stores the call it is due for in the same transaction.
    pub(super) fn claim(&mut self, own: usize, whose: usize, rules: Rules) {
        self.left.claims -= 1;
        let person = &mut self.people[whose];
        person.door.fence += 1;
        person.lease = Some(own);
        let is_due_to_act = person.door.due == Due::Act;
        person.door.tries += i64::from(is_due_to_act);
        let job = Job {
            whose,
            door: person.door.clone(),
            names: person.names,
        };
        if !is_due_to_act {
            self.workers[own] = Worker::Claimed(job);
            return;
        }
        let call = Call {
            number: self.calls,
            answer_by: self.now + CALL_TIMEOUT,
        };
        self.calls += 1;
        if rules.attempt_before_bytes {
            self.attempts.push(attempt(&job, call));
        }
        self.workers[own] = Worker::Announced(job, call);
    }

    /// A call ends without the system's own answer: nothing but not having been sent resolves it. Without
    /// R2 nobody remembers it.
    fn fail(&mut self, own: usize, job: &Job, call: Call, was_not_sent: bool, rules: Rules) {
        self.complete(call, was_not_sent);
        self.workers[own] = Worker::Idle;
        if !self.holds(job, rules) {
            if was_not_sent {
                self.read_again(job.whose);
            }
        } else {
            let mut door = job.door.clone();
            let error = CallError::new(FailureClass::Retryable, Finality::Unknown, "no answer");
            door.after_failure(&error, at(self.now), RETRY);
            self.give_back(job.whose, door);
        }
    }

    /// The answer is written down alone, and the reading follows.
    fn write_answer(&mut self, own: usize, job: &Job, call: Call, rules: Rules) {
        let (job, holds) = self.take_in_answer(job, call, self.now, rules);
        self.workers[own] = Worker::Idle;
        if holds {
            self.people[job.whose].door = job.door.clone();
            self.workers[own] = Worker::Answered(job);
        }
    }

    /// Says what became of the door by an answer, and whether whoever got it still holds it.
    fn take_in_answer(&mut self, job: &Job, call: Call, when: Time, rules: Rules) -> (Job, bool) {
        if !rules.attempt_before_bytes {
            self.attempts.push(attempt(job, call));
        }
        self.complete(call, true);
        let mut outcome = Outcome::new(Change::Done);
        outcome.blocked = Effect::Done;
        outcome.sessions_ended = Effect::Done;
        let mut job = job.clone();
        job.door.after_answer(&outcome, at(when));
        let holds = self.holds(&job, rules);
        if !holds {
            self.read_again(job.whose);
        }
        (job, holds)
    }

    /// A newer wish waited for this call, and knows now.
    fn read_again(&mut self, whose: usize) {
        let soon = at(self.now + 1);
        let door = &mut self.people[whose].door;
        if door.due == Due::Read {
            door.next_try = door.next_try.map(|due| due.min(soon));
        }
    }

    fn complete(&mut self, call: Call, resolved: bool) {
        let now = self.now;
        if let Some(attempt) = self
            .attempts
            .iter_mut()
            .find(|attempt| attempt.call == call.number)
        {
            attempt.resolved = resolved;
            attempt.finished = Some(now);
        }
    }

    /// The accounts the system shows of the names that were asked for.
    fn shown(&self, job: &Job) -> [Account; 2] {
        [0, 1].map(|name| self.accounts[name].filter(|_| job.names[name]))
    }

    fn judge(&mut self, own: usize, job: &Job, began: Time, seen: [Account; 2], rules: Rules) {
        let accounts = seen.iter().enumerate().filter_map(|(name, account)| {
            account.map(|is_enabled| drawbridge_sdk::Account {
                id: AccountId(name.to_string()),
                login: name.to_string(),
                state: if is_enabled {
                    AccountState::Enabled
                } else {
                    AccountState::Disabled
                },
                sessions: Sessions::None,
                levels: Vec::new(),
                identifiers: Vec::new(),
            })
        });
        let observation = Observation {
            accounts: accounts.collect(),
            canary: Canary::Seen,
            ..Observation::default()
        };
        let holds = rules.waits_for_the_opposite;
        let reading = Reading {
            began: at(began),
            observation: &observation,
            namesake: None,
            known_accounts: &[],
            capabilities: &Capabilities::none("it refuses"),
            managed_levels: &[],
            sees_others: true,
            opposite_may_land_until: self.opposite_may_land_until(job.whose, began, holds),
        };
        let mut door = job.door.clone();
        let verdict = judge(&door, &reading);
        door.after_verdict(verdict, at(began), at(self.now), RETRY);
        self.give_back(job.whose, door);
        self.workers[own] = Worker::Idle;
    }

    fn give_back(&mut self, whose: usize, door: Door) {
        self.people[whose].door = door;
        self.people[whose].lease = None;
    }
}

fn attempt(job: &Job, call: Call) -> Stored {
    Stored {
        call: call.number,
        whose: job.whose,
        generation: job.door.generation,
        action: Action::towards(&job.door.wanted),
        resolved: false,
        finished: None,
        may_land_until: call.answer_by + SETTLE,
    }
}
