//! What the rounds do while the database cannot be written: closes that are due go out on a record in the
//! second ledger, at the pace they would have, and opens wait (rule R2).

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::{
    answer::follow,
    dispatch::{Look, Rounds, in_turn},
    late::Late,
    send::{Call, note_reach, send, void},
    systems::{Place, System},
    work::attempt,
};
use crate::{
    clock,
    door::{Door, Due},
    failpoint::{self, Point},
    ids::{DoorId, PracticeName, SystemName},
    store::{SecondLedger, StoreError, claims::LONG_WAIT},
};

/// How long a door is left alone when nothing could be written about it anywhere.
const UNWRITTEN: Duration = Duration::from_secs(5);

/// Doors as they are, where the database does not say so yet.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    doors: HashMap<DoorId, Kept>,
    /// Systems that can be reached again, where the doors that wait for that are not due yet.
    reached: BTreeSet<(PracticeName, SystemName)>,
    /// What was said of it, so that each is said once.
    said: BTreeSet<String>,
}

#[derive(Debug)]
struct Kept {
    door: Door,
    is_under_way: bool,
}

impl Ahead {
    /// Takes a door that the database calls due, if it is due in truth. Whoever gets it makes a call.
    fn take(&mut self, found: &Door, now: Timestamp, is_unreachable: bool) -> Option<Door> {
        let kept = self.doors.entry(found.id.clone()).or_insert_with(|| Kept {
            door: found.clone(),
            is_under_way: false,
        });
        let is_known_better = !kept.is_under_way && found.fence >= kept.door.fence;
        if kept.door.generation != found.generation || is_known_better {
            *kept = Kept {
                door: found.clone(),
                is_under_way: false,
            };
        }
        let Kept { door, is_under_way } = kept;
        let waited_since = now.checked_sub(LONG_WAIT).unwrap_or(Timestamp::MIN);
        let is_due = door.due == Due::Act
            && door.next_try.is_some_and(|next| {
                next <= now && (!is_unreachable || door.tries == 0 || next <= waited_since)
            });
        if *is_under_way || !is_due {
            return None;
        }
        *is_under_way = true;
        door.fence = door.fence.max(found.fence) + 1;
        door.tries += 1;
        Some(door.clone())
    }

    /// Keeps what became of a door.
    fn done(&mut self, door: Door) {
        let is_newer = |kept: &Kept| kept.door.fence > door.fence;
        if !self.doors.get(&door.id).is_some_and(is_newer) {
            let kept = Kept {
                door: door.clone(),
                is_under_way: false,
            };
            self.doors.insert(door.id, kept);
        }
    }

    /// Nothing was sent: it is tried again in a moment.
    fn give_back(&mut self, door: Door, now: Timestamp) {
        self.done(Door {
            tries: door.tries - 1,
            next_try: Some(clock::after(now, UNWRITTEN)),
            ..door
        });
    }

    /// Makes due what waits for a system that can be reached again. The database hears of it later.
    pub(super) fn make_due(&mut self, system: &System, now: Timestamp) {
        self.reached
            .insert((system.practice.clone(), system.name.clone()));
        let waits = |door: &Door| {
            door.practice == system.practice
                && door.system == system.name
                && door.next_try > Some(now)
                && door.failure.is_some()
        };
        for kept in self.doors.values_mut().filter(|kept| waits(&kept.door)) {
            kept.door.next_try = Some(now);
        }
    }

    /// Whether this process waits for the answer of a call made under this fence.
    pub(super) fn is_under_way(&self, door: &DoorId, fence: i64) -> bool {
        let kept = self.doors.get(door);
        kept.is_some_and(|kept| kept.is_under_way && kept.door.fence == fence)
    }

    fn is_empty(&self) -> bool {
        self.doors.is_empty() && self.reached.is_empty() && self.said.is_empty()
    }

    /// The database says it all now, but for what is under way. Answers whether it was said that it
    /// does not.
    fn forget(&mut self) -> bool {
        self.doors.retain(|_, kept| kept.is_under_way);
        !std::mem::take(&mut self.said).is_empty()
    }

    /// Systems that could be reached again meanwhile.
    fn take_reached(&mut self) -> BTreeSet<(PracticeName, SystemName)> {
        std::mem::take(&mut self.reached)
    }
}

impl Rounds {
    pub(super) fn ahead(&self) -> MutexGuard<'_, Ahead> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the database takes what is written, and knows all that was done without it.
    pub(super) async fn has_caught_up(&self, look: Look) -> bool {
        let second = self.second.as_deref();
        let is_behind = second.is_some_and(SecondLedger::holds_records);
        let is_in_trouble = self.store.is_in_trouble();
        if !is_in_trouble && !is_behind && self.ahead().is_empty() {
            return true;
        }
        if is_in_trouble && look == Look::WhereSomethingWaits {
            // To find out takes as long as whoever locks the database lets it; closes do not wait for it.
            return false;
        }
        let done = match in_turn(self.store.try_again()).await {
            Ok(()) => self.import_second_ledger().await,
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => {
                if self.ahead().forget() {
                    info!("the database takes what is written again");
                }
            }
            Err(error @ StoreError::Unavailable(_)) => {
                self.store.note_trouble(&error);
                self.say(format!(
                    "the database cannot be written ({error}): closes go on over the second ledger where there is one, \
                     and nothing is opened"
                ));
                return false;
            }
            // Closes need one ledger, and the database is one.
            Err(error) => self.say(format!(
                "the second ledger cannot be brought over ({error}): nothing is opened until it is"
            )),
        }
        let reached = self.ahead().take_reached();
        for (practice, name) in reached {
            if let Some(system) = self.systems.get(&practice, &name) {
                self.wake_waiting_doors(system).await;
            }
        }
        true
    }

    /// Whether anything may be opened now. Not on a disk that was full; and not while a close may be on
    /// its way that the database does not know: an open would be called proved too early (rule R6).
    pub(super) fn may_open(&self) -> bool {
        let second = self.second.as_deref();
        !second.is_some_and(SecondLedger::holds_records) && !self.store.is_short_of_room()
    }

    /// Closes what is due, each on a record in the second ledger.
    pub(super) async fn close_without_the_database(
        self: &Arc<Self>,
        running: &mut JoinSet<()>,
    ) -> Result<(), StoreError> {
        let Some(second) = &self.second else {
            return Ok(());
        };
        if second.is_writable() {
            self.probe_unreachable_systems(running);
        }
        let now = self.clock.now();
        for found in self.store.find_due_closes(now).await? {
            let Some(system) = self.systems.get(&found.practice, &found.system) else {
                continue;
            };
            let Some(place) = system.place() else {
                continue;
            };
            let is_unreachable = system.breaker().is_open();
            let taken = self.ahead().take(&found, now, is_unreachable);
            if let Some(door) = taken {
                let (rounds, system) = (Arc::clone(self), Arc::clone(system));
                let second = Arc::clone(second);
                running.spawn(async move {
                    rounds
                        .see_to_late(&second, &system, &found, door, place)
                        .await;
                });
            }
        }
        Ok(())
    }

    async fn see_to_late(
        &self,
        second: &SecondLedger,
        system: &System,
        found: &Door,
        door: Door,
        place: Place,
    ) {
        match self.close_late(second, system, found, door.clone()).await {
            Ok(door) => self.ahead().done(door),
            Err(error) => {
                self.ahead().give_back(door, self.clock.now());
                self.say(format!(
                    "a close is due and can be written down nowhere ({error}), so nothing is called: make room, or see to \
                     the disk"
                ));
            }
        }
        drop(place);
        self.wake.notify_one();
    }

    /// Makes one call that the second ledger knows of. Answers the door as it is then.
    ///
    /// # Errors
    /// When nothing was sent, because that could not be written down.
    async fn close_late(
        &self,
        second: &SecondLedger,
        system: &System,
        found: &Door,
        mut door: Door,
    ) -> Result<Door, StoreError> {
        let subject = self.store.find_subject(&door).await?;
        let attempt = attempt(system, &door, self.clock.now());
        second.append(&Late::sent(&door, &attempt))?;
        failpoint::pass(Point::AfterSecondRecord);
        // The last look: the database may be back, and somebody have wished or claimed the door anew.
        let stands = match self.store.is_unchanged(found, attempt.fence).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(void("a newer wish came first")),
            Err(_) => Err(void("the database could not be read")),
        };
        let is_sent = stands.is_ok();
        let answer = match stands {
            Ok(()) => send(self.clock.now(), system, &door, subject, &attempt).await,
            Err(void) => Err(void),
        };
        if is_sent {
            let failure = match &answer {
                Ok(outcome) => outcome.failure(),
                Err(error) => Some(error),
            };
            note_reach(self, system, failure).await;
        }
        let call = Call {
            attempt,
            answer,
            at: self.clock.now(),
            is_late: true,
        };
        call.count(&door);
        if let Err(error) = second.append(&Late::over(&door, &call)) {
            warn!(door.id = %door.id, %error,
                "what became of a call could not be written down: it counts as one that may still take effect");
        }
        follow(system, &mut door, &call.answer, call.at);
        Ok(door)
    }

    /// Keeps what became of a call that the database knows of and whose end it does not take.
    pub(super) fn keep_answer(&self, system: &System, door: Door, call: &Call, error: &StoreError) {
        self.store.note_trouble(error);
        let Some(second) = self
            .second
            .as_deref()
            .filter(|_| matches!(error, StoreError::Unavailable(_)))
        else {
            return;
        };
        if let Err(error) = second.append(&Late::over(&door, call)) {
            warn!(door.id = %door.id, %error,
                "what became of a call could not be written down: it counts as one that may still take effect");
        }
        let mut door = door;
        follow(system, &mut door, &call.answer, call.at);
        self.ahead().done(door);
    }

    /// Says something about the database once.
    fn say(&self, text: String) {
        if self.ahead().said.insert(text.clone()) {
            warn!("{text}");
        }
    }
}
