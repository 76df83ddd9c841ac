//! A departure that waits for its time: silent until then, started once, and taken back by whoever may.
//!
//! Until its time the ledger says only that a note was sealed: by whom, about whom and for when is told by
//! nobody. The record that opens the seal says all of it, with what the seal was made of.

use jiff::Timestamp;
use ring::digest;
use serde_json::{Value, json};

use super::{
    Caller, Intake,
    departures::{LEFT_ALONE, Said},
    doors::is_left_alone,
    users::entry,
};
use crate::{
    bearer, clock,
    evidence::{Entry, chain},
    ids::{PersonId, ScheduleId},
    store::{
        StoreError, WriteTx,
        scheduled::{Outcome, Scheduled},
    },
};

/// The longest ahead a departure is taken: beyond it a slip is likelier than a plan.
const LONGEST_AHEAD: jiff::SignedDuration = jiff::SignedDuration::from_hours(366 * 24);

/// How many departures that are due are read at a time.
const AT_ONCE: u32 = 500;

/// What a seal was made of, in the order in which it is hashed.
fn sealed(scheduled: &Scheduled) -> Value {
    json!({
        "schedule": scheduled.id,
        "person": scheduled.person,
        "at": clock::to_text(scheduled.at),
        "asked": clock::to_text(scheduled.asked),
        "asked_by": scheduled.asked_by,
        "note": scheduled.note,
        "salt": scheduled.salt,
    })
}

/// SHA-256 of that JSON, in lower-case hex.
fn seal(scheduled: &Scheduled) -> String {
    let text = sealed(scheduled).to_string();
    let hash = digest::digest(&digest::SHA256, text.as_bytes());
    let mut bytes = chain::GENESIS;
    bytes.copy_from_slice(hash.as_ref());
    chain::to_hex(&bytes)
}

/// A record that names nobody.
fn nameless(tx: &WriteTx, what: &'static str, scheduled: &Scheduled) -> Entry {
    let caller = Caller {
        practice: scheduled.practice.clone(),
        actor: "bridge".to_owned(),
        request_id: String::new(),
    };
    entry(tx, &caller, None, what, json!({"seal": seal(scheduled)}))
}

impl Intake {
    /// Has somebody leave at a time that is still to come. The inner error says, for a person, why that
    /// cannot be.
    ///
    /// Whether others have asked for the same is told to nobody: whoever could find out by asking could tell
    /// the person. Each has their own that waits, and the first of them closes the doors.
    ///
    /// # Errors
    /// When the archive cannot be written; nothing is then.
    pub async fn depart_later(
        &self,
        caller: &Caller,
        person: &PersonId,
        at: Timestamp,
        note: &str,
    ) -> Result<Result<ScheduleId, String>, StoreError> {
        let now = self.clock.now();
        if at <= now {
            return Ok(Err(
                "that time is over: start the departure now, and say when the work ended"
                    .to_owned(),
            ));
        }
        if at.duration_since(now) > LONGEST_AHEAD {
            return Ok(Err(
                "that is more than a year ahead: look at the date".to_owned()
            ));
        }
        let salt =
            bearer::random_hex().map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let scheduled = Scheduled {
            practice: caller.practice.clone(),
            id: ScheduleId::generate(),
            person: person.clone(),
            at,
            asked: now,
            asked_by: caller.actor.clone(),
            note: note.to_owned(),
            salt,
            decided: None,
        };
        let mut tx = self.store.begin(&caller.practice, now).await?;
        let known = tx.find_known(person).await?;
        if known.person.departed_at.is_some() {
            return Ok(Err("this person has left already".to_owned()));
        }
        let doors = tx.find_doors_of(person).await?;
        if is_left_alone(self.desk(&caller.practice)?, &known, &doors) {
            return Ok(Err(LEFT_ALONE.to_owned()));
        }
        if !tx.schedule(&scheduled).await? {
            return Ok(Err(
                "you have scheduled a departure of this person already: cancel that one first"
                    .to_owned(),
            ));
        }
        let record = nameless(&tx, "note.sealed", &scheduled);
        tx.record(record);
        tx.commit().await?;
        Ok(Ok(scheduled.id))
    }

    /// Takes back a departure that waits. Answers whether it still did.
    ///
    /// # Errors
    /// When the archive cannot be written; nothing is then.
    pub async fn cancel_departure(
        &self,
        caller: &Caller,
        scheduled: &Scheduled,
    ) -> Result<bool, StoreError> {
        let mut tx = self.store.begin(&caller.practice, self.clock.now()).await?;
        let cancelled = Outcome::Cancelled;
        if !tx
            .decide_scheduled(&scheduled.id, cancelled, &caller.actor)
            .await?
        {
            return Ok(false);
        }
        let record = nameless(&tx, "note.withdrawn", scheduled);
        tx.record(record);
        tx.commit().await?;
        Ok(true)
    }

    /// Starts every departure whose time has come, also one that came while no bridge was running.
    /// Answers how many were started by this look: several bridges start each once.
    ///
    /// # Errors
    /// When the archive does not answer.
    pub async fn depart_due(&self) -> Result<usize, StoreError> {
        let (now, mut started) = (self.clock.now(), 0);
        let mut last: Option<Scheduled> = None;
        // Page by page: those that cannot be started now keep nobody behind them waiting.
        loop {
            let due = self.store.list_due_departures(now, last.as_ref(), AT_ONCE);
            let due = due.await?;
            for scheduled in &due {
                if !self.desks.contains_key(&scheduled.practice) {
                    continue;
                }
                // One person's trouble never keeps another's doors open.
                match self.start(scheduled).await {
                    Ok(is_first) => started += usize::from(is_first),
                    Err(error) => {
                        tracing::error!(schedule.id = %scheduled.id, %error, "a departure whose time has come could not be started: trying again");
                    }
                }
            }
            last = due.into_iter().next_back();
            if last.is_none() {
                return Ok(started);
            }
        }
    }

    async fn start(&self, scheduled: &Scheduled) -> Result<bool, StoreError> {
        let caller = Caller {
            practice: scheduled.practice.clone(),
            actor: scheduled.asked_by.clone(),
            request_id: scheduled.id.to_string(),
        };
        let mut tx = self.store.begin(&caller.practice, self.clock.now()).await?;
        let due = tx
            .decide_scheduled(&scheduled.id, Outcome::Started, "bridge")
            .await?;
        if !due {
            return Ok(false);
        }
        let mut detail = sealed(scheduled);
        detail["seal"] = json!(seal(scheduled));
        let person = Some(scheduled.person.clone());
        let mut record = entry(&tx, &caller, person, "departure.due", detail);
        "bridge".clone_into(&mut record.who);
        tx.record(record);
        let said = Said {
            ended: Some(scheduled.at),
            note: "",
        };
        match self.depart_in(tx, &caller, &scheduled.person, said).await? {
            Some(departed) => {
                tracing::info!(schedule.id = %scheduled.id, doors = departed.moved.len(), "a departure was started at its time");
            }
            None => {
                tracing::warn!(schedule.id = %scheduled.id, "the time of a departure has come, of an account for emergencies: it is left alone");
            }
        }
        Ok(true)
    }
}
