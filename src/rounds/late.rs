//! Calls as the second ledger keeps them, and how they come into the database: each exactly once, with
//! the times at which they really were.

use std::collections::BTreeMap;

use drawbridge_sdk::{CallError, Outcome, Way};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tracing::{error, info};

use super::{
    answer,
    dispatch::{Rounds, in_turn},
    notes, record,
    send::Call,
};
use crate::{
    clock,
    door::{Action, Attempt, Door, Opening, Wanted},
    failpoint::{self, Point},
    ids::{DoorId, PersonId, PracticeName, SystemName},
    store::{SecondLedger, StoreError, WriteTx, doors::Lease, outage::KnownAttempt},
};

/// A call, before it is made and again when it is known what became of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Late {
    practice: PracticeName,
    door: DoorId,
    person: PersonId,
    system: SystemName,
    way: Way,
    tries: i64,
    attempt: Attempt,
    /// `None` before it is made.
    answer: Option<Answer>,
}

/// What became of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Answer {
    at: Timestamp,
    outcome: Result<Outcome, CallError>,
}

impl Late {
    /// A call that is about to be made.
    pub(super) fn sent(door: &Door, attempt: &Attempt) -> Self {
        Self {
            practice: door.practice.clone(),
            door: door.id.clone(),
            person: door.person.clone(),
            system: door.system.clone(),
            way: door.way,
            tries: door.tries,
            attempt: attempt.clone(),
            answer: None,
        }
    }

    /// A call that is over.
    pub(super) fn over(door: &Door, call: &Call) -> Self {
        Self {
            answer: Some(Answer {
                at: call.at,
                outcome: call.answer.clone(),
            }),
            ..Self::sent(door, &call.attempt)
        }
    }
}

impl Rounds {
    /// Brings over what stands in the second ledger, then empties it. A record that the database has
    /// already, because the process died in between, is passed over.
    ///
    /// # Errors
    /// When the file cannot be read or the database not be written; nothing is lost then.
    pub async fn import_second_ledger(&self) -> Result<(), StoreError> {
        let Some(second) = self.second.as_deref().filter(|file| file.holds_records()) else {
            return Ok(());
        };
        let contents = second.read()?;
        let mut practices: BTreeMap<PracticeName, Vec<Late>> = BTreeMap::new();
        let mut unreadable = 0;
        for text in &contents.texts {
            match serde_json::from_str::<Late>(text) {
                Ok(late) => practices
                    .entry(late.practice.clone())
                    .or_default()
                    .push(late),
                Err(_) => unreadable += 1,
            }
        }
        for practice in self.systems.practices() {
            if let Some(own) = practices.remove(&practice) {
                self.import(&practice, own).await?;
            }
        }
        failpoint::pass(Point::AfterImport);
        if contents.is_changed || unreadable > 0 || !practices.is_empty() {
            self.put_aside(second, &contents)
        } else {
            second.clear(&contents)
        }
    }

    /// All records of a practice, in one transaction.
    async fn import(&self, practice: &PracticeName, own: Vec<Late>) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut tx = in_turn(self.store.begin(practice, now)).await?;
        let mut records = 0;
        for late in own {
            records += usize::from(self.import_one(&mut tx, late).await?);
        }
        if records > 0 {
            tx.record(notes::caught_up(records, now));
            tx.commit().await?;
            info!(practice.name = %practice, records, "what was done while the database could not be written is on record");
        }
        Ok(())
    }

    /// Brings over one record, unless the database has it. The door takes it in if nobody claimed or
    /// wished it anew since; it is due now, to be read back or closed again.
    async fn import_one(&self, tx: &mut WriteTx, late: Late) -> Result<bool, StoreError> {
        let known = tx.find_attempt(&late.attempt.id).await?;
        if known == Some(KnownAttempt::Finished) || (known.is_some() && late.answer.is_none()) {
            return Ok(false);
        }
        let Some(stored) = tx.find_door(&late.door).await? else {
            return Ok(self.import_without_a_door(tx, &late));
        };
        let Late { attempt, tries, .. } = late;
        // The same fence without this attempt is somebody else's claim.
        let is_newer = stored.fence < attempt.fence;
        let is_own = stored.fence == attempt.fence && known.is_some();
        let is_current = stored.generation == attempt.generation && (is_newer || is_own);
        let mut door = as_of(&attempt, stored);
        door.tries = door.tries.max(tries);
        if known.is_none() {
            tx.record_attempt(&door, &attempt);
            tx.record(notes::late(notes::sent(&door, &attempt)));
        }
        let is_under_way = self.ahead().is_under_way(&door.id, attempt.fence);
        let now = tx.now();
        door.next_try = Some(if is_under_way {
            // This very process waits for the answer.
            clock::after(attempt.answer_by, std::time::Duration::from_millis(1))
        } else {
            now
        });
        door.fence = attempt.fence;
        if let Some(answer) = late.answer {
            let call = Call {
                attempt,
                answer: answer.outcome,
                at: answer.at,
                is_late: true,
            };
            let returned = record::complete(tx, &door, &call).await?;
            if !is_current {
                // A newer wish may have waited for this one to land.
                tx.read_again(&door.id);
            }
            if let Some(system) = self.systems.get(&door.practice, &door.system) {
                record::read_owners_again(tx, system, &returned.foreign);
                answer::follow(system, &mut door, &call.answer, call.at);
            }
        }
        if is_current {
            tx.record_door(&door, Lease::Release);
        }
        Ok(true)
    }

    /// The database was put back to a time when this door was not there: the call is on record all the
    /// same.
    fn import_without_a_door(&self, tx: &mut WriteTx, late: &Late) -> bool {
        let way = (late.system.clone(), late.way);
        let at = late.attempt.started;
        let mut door = Door::new(
            late.practice.clone(),
            late.door.clone(),
            late.person.clone(),
            way,
            at,
        );
        door.tries = late.tries;
        if late.answer.is_none() {
            let door = as_of(&late.attempt, door);
            tx.record(notes::late(notes::sent(&door, &late.attempt)));
        }
        late.answer.is_none()
    }

    fn put_aside(
        &self,
        second: &SecondLedger,
        contents: &crate::store::second_ledger::Contents,
    ) -> Result<(), StoreError> {
        let aside = second.put_aside(contents, self.clock.now())?;
        error!(file = %aside.display(),
            "some of the second ledger is not what the bridge wrote, or of a practice it does not know: keep that file as evidence, and look what was done");
        Ok(())
    }
}

/// The door as it was when the call was made, for the record of it.
fn as_of(attempt: &Attempt, door: Door) -> Door {
    if door.generation == attempt.generation {
        return door;
    }
    let wanted = match attempt.action {
        Action::Close => Wanted::Closed,
        Action::Open => Wanted::Open(Opening::default()),
    };
    Door {
        generation: attempt.generation,
        wanted,
        ..door
    }
}
