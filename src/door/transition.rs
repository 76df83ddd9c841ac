//! What becomes of a door after a wish, an answer, a reading or a failure.

use std::time::Duration;

use drawbridge_sdk::{CallError, Change, Effect, FailureClass, Outcome};
use jiff::Timestamp;

use super::{Assurance, Door, Due, Failure, Seen, Wanted, sweep, verdict::Verdict};
use crate::clock;

/// How long a task's system is left alone between tries once a person was asked to help.
const BESIDE_A_TASK: Duration = Duration::from_secs(15 * 60);

/// How long a refused credential is left alone, so that the service account is not locked out.
const REFUSED_CREDENTIAL: Duration = Duration::from_secs(5 * 60);

impl Door {
    /// Makes a new wish: older unsent work is void, and this one is due at once (rule R5).
    pub fn wish(
        &mut self,
        wanted: Wanted,
        reason: String,
        deadline: Option<Timestamp>,
        now: Timestamp,
    ) {
        self.wanted = wanted;
        self.reason = reason;
        self.wanted_at = now;
        self.deadline = deadline;
        self.generation += 1;
        self.fence += 1;
        self.assurance = Assurance::Unknown;
        self.shut_at = None;
        self.sessions_ended = false;
        self.residual.clear();
        self.round = 0;
        self.tries = 0;
        self.due = Due::Act;
        self.next_try = Some(now);
        self.sweep = 0;
        self.failure = None;
        self.set_aside = None;
    }

    /// Has a new wish wait for a look at it. One that waits for a person anyhow is left as it is.
    pub fn hold_back(&mut self, until: Timestamp, text: String) {
        if self.next_try.is_some() {
            self.next_try = Some(until);
            self.failure = Some(Failure {
                class: FailureClass::NeedsHuman,
                text,
            });
        }
    }

    /// Takes in the system's answer. The door is not green by it: a reading follows (rule R6).
    pub fn after_answer(&mut self, outcome: &Outcome, now: Timestamp) {
        self.failure = None;
        if self.wanted.is_closed() {
            if matches!(outcome.blocked, Effect::Done | Effect::AlreadyInState) {
                self.shut_at.get_or_insert(now);
            }
            if matches!(
                outcome.sessions_ended,
                Effect::Done | Effect::AlreadyInState
            ) {
                self.sessions_ended = true;
            }
            self.residual.clone_from(&outcome.residual);
        }
        if outcome.change == Change::NoAccount {
            self.shut_at.get_or_insert(now);
        }
        self.due = Due::Read;
        self.next_try = Some(now);
    }

    /// Takes in that the system said yes and cannot be asked again.
    pub fn after_answer_that_cannot_be_read_back(&mut self) {
        self.assurance = Assurance::Acknowledged;
        self.due = Due::Read;
        self.next_try = None;
    }

    /// Takes in what a reading proved. `retry_in` is the pace of the schedule for this many tries.
    pub fn after_verdict(
        &mut self,
        verdict: Verdict,
        began: Timestamp,
        now: Timestamp,
        retry_in: Duration,
    ) {
        self.seen_at = Some(began);
        let call_failed = self.due == Due::Act;
        match verdict {
            // The call before this reading failed: its failure, pace and retry stand.
            Verdict::Otherwise(seen, _) if call_failed => {
                self.forget_shut_if_open(seen);
                self.assurance = Assurance::Unknown;
            }
            Verdict::Blind if call_failed => {
                self.seen = Seen::Absent;
                self.assurance = Assurance::Unproven;
            }
            Verdict::AsWanted(seen) => {
                self.seen = seen;
                self.assurance = Assurance::Verified;
                self.set_aside = None;
                self.residual.clear();
                self.failure = None;
                self.read_again_at_the_next_sweep(now);
            }
            Verdict::TooEarly(seen, until) => {
                self.seen = seen;
                self.due = Due::Read;
                self.next_try = Some(clock::after(until, Duration::from_millis(1)));
            }
            Verdict::Residual {
                seen,
                left,
                until,
                is_seen_in_use,
            } => {
                self.seen = seen;
                // A person who checked what the bridge cannot see is not outranked by not seeing it.
                if self.assurance != Assurance::Attested || is_seen_in_use {
                    self.assurance = Assurance::Unproven;
                }
                self.residual = left;
                self.failure = None;
                self.read_again_at_the_next_sweep(now);
                if let Some(until) = until {
                    self.next_try = Some(self.next_try.map_or(until, |sweep| sweep.min(until)));
                }
            }
            Verdict::Anothers { seen, text } => self.ask_about_anothers(seen, text, now),
            Verdict::Blind => {
                self.seen = Seen::Absent;
                self.assurance = Assurance::Unproven;
                self.read_again_at_the_next_sweep(now);
            }
            Verdict::Otherwise(seen, text) => {
                // It was known to be as wanted, and is not any more: put right at once.
                let has_changed = self.assurance != Assurance::Unknown;
                if has_changed {
                    self.tries = 0;
                }
                self.forget_shut_if_open(seen);
                self.assurance = Assurance::Unknown;
                self.round += 1;
                self.due = Due::Act;
                self.failure = Some(Failure {
                    class: FailureClass::Contract,
                    text,
                });
                let wait = if has_changed {
                    Duration::ZERO
                } else {
                    self.paced(retry_in, now)
                };
                self.next_try = Some(clock::after(now, wait));
            }
        }
    }

    /// Nothing more can be done here without a person. What is to be opened is tried beside their task,
    /// and what is to be shut is read at each sweep.
    fn ask_about_anothers(&mut self, seen: Seen, text: String, now: Timestamp) {
        self.seen = seen;
        let call_failed = self.due == Due::Act;
        let failure = self.failure.as_ref().filter(|_| call_failed);
        if failure.is_some_and(|failure| failure.class != FailureClass::NeedsHuman) {
            // The call before this reading failed otherwise: its failure, pace and retry stand.
            self.assurance = Assurance::Unknown;
            return;
        }
        if !self.wanted.is_closed() {
            self.assurance = Assurance::Unknown;
            self.due = Due::Act;
            self.next_try = Some(clock::after(now, BESIDE_A_TASK));
        } else if !call_failed {
            self.read_again_at_the_next_sweep(now);
        }
        // Whoever signed for a close has looked at just this.
        if self.wanted.is_closed() && self.assurance == Assurance::Attested {
            self.failure = None;
            return;
        }
        if self.wanted.is_closed() {
            self.assurance = Assurance::Unproven;
            self.residual.clear();
        }
        self.failure = Some(Failure {
            class: FailureClass::NeedsHuman,
            text,
        });
    }

    /// Whoever could get in may hold a new session: residual access is counted anew from the next close.
    fn forget_shut_if_open(&mut self, seen: Seen) {
        self.seen = seen;
        self.ends_if_it_applies(seen);
        if seen == Seen::Open {
            self.shut_at = None;
            self.sessions_ended = false;
            self.residual.clear();
        }
    }

    /// Takes in that a call failed. It is never given up (rule R10).
    pub fn after_failure(&mut self, error: &CallError, now: Timestamp, retry_in: Duration) {
        let wait = match error.class {
            FailureClass::NeedsHuman => Some(BESIDE_A_TASK),
            FailureClass::Credential => Some(REFUSED_CREDENTIAL),
            // One more try after reading back, then beside a person's task.
            FailureClass::Refused if self.tries > 1 => Some(BESIDE_A_TASK),
            _ => Some(self.paced(retry_in, now)),
        };
        let wait = match (wait, error.retry_after) {
            (Some(wait), Some(asked)) => {
                Some(self.not_past_the_deadline(wait.max(asked), wait, now))
            }
            (wait, _) => wait,
        };
        if self.assurance != Assurance::Attested {
            self.assurance = if self.due == Due::Read && self.seen != Seen::Unknown {
                Assurance::Unproven
            } else {
                Assurance::Unknown
            };
        }
        self.failure = Some(Failure {
            class: error.class,
            text: error.message.clone(),
        });
        self.next_try = wait.map(|wait| clock::after(now, wait));
    }

    /// A named person says that it is so, and how they checked.
    ///
    /// # Errors
    /// When it would outrank a reading or something opposite may still land; the text says what to do.
    pub fn attest(
        &mut self,
        generation: i64,
        opposite_may_land_until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), String> {
        if generation != self.generation {
            return Err(
                "the door has a newer wish than the one you looked at: look again".to_owned(),
            );
        }
        if let Some(until) = opposite_may_land_until.filter(|until| *until >= now) {
            return Err(format!(
                "an earlier request that does the opposite may still take effect until {}: check again after that",
                clock::to_text(until)
            ));
        }
        let read_since = self.seen_at >= Some(self.wanted_at);
        let says_otherwise = match self.wanted {
            Wanted::Closed => self.seen == Seen::Open,
            Wanted::Open(_) => matches!(self.seen, Seen::Closed | Seen::Absent),
        };
        if read_since && says_otherwise {
            return Err("the system itself says otherwise, and nobody's word outranks that: put it right there, \
                        then `drawbridge retry` reads it again"
                .to_owned());
        }
        self.assurance = Assurance::Attested;
        // Whoever is in the middle of a call with what they read before must not write over this.
        self.fence += 1;
        if !read_since {
            self.seen = if self.wanted.is_closed() {
                Seen::Closed
            } else {
                Seen::Open
            };
        }
        self.failure = None;
        self.set_aside = None;
        Ok(())
    }

    fn read_again_at_the_next_sweep(&mut self, now: Timestamp) {
        self.due = Due::Read;
        match sweep::next(&self.wanted, self.wanted_at, self.sweep, now) {
            Some((made, due)) => {
                self.sweep = made;
                self.next_try = Some(due);
            }
            None => self.next_try = None,
        }
    }

    /// The schedule's pace, or every 15 minutes once the deadline has passed.
    fn paced(&self, retry_in: Duration, now: Timestamp) -> Duration {
        if self.deadline.is_some_and(|deadline| deadline < now) {
            BESIDE_A_TASK
        } else {
            retry_in
        }
    }

    /// What the system asked for, but a close is tried once more before its deadline.
    fn not_past_the_deadline(
        &self,
        asked: Duration,
        otherwise: Duration,
        now: Timestamp,
    ) -> Duration {
        match self.deadline {
            Some(deadline) if self.wanted.is_closed() && clock::after(now, asked) > deadline => {
                let left = clock::between(now, deadline);
                if left.is_zero() { otherwise } else { left }
            }
            None if self.wanted.is_closed() => asked.min(BESIDE_A_TASK),
            _ => asked,
        }
    }
}
