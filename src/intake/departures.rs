//! Departure by name, planning again, and putting a role matrix into force.

use drawbridge_sdk::Way;
use jiff::Timestamp;
use serde_json::json;

use super::{
    Caller, Desk, Intake, brake,
    doors::{self, Cause},
    returns,
    tell::tell,
    users,
};
use crate::{
    ids::{CaseId, PersonId, SystemName},
    people::Change,
    policy::Roles,
    store::{StoreError, WriteTx, persons::ToReplan},
};

/// A door that a role matrix moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Whose, as people read it.
    pub name: String,
    /// Into which system.
    pub system: SystemName,
    /// Which way.
    pub way: Way,
    /// What it is to be now, in words.
    pub from: String,
    /// What it would be.
    pub to: String,
    /// Why.
    pub reason: String,
}

/// What somebody says of a departure that they start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Said<'a> {
    /// When the work ended, if that is known.
    pub ended: Option<Timestamp>,
    /// What the ledger shall keep with it.
    pub note: &'a str,
}

/// A departure that was started by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departed {
    /// The doors that shall be shut since.
    pub moved: Vec<doors::Moved>,
    /// Their latest departure: this one, or that of before if nothing was left to shut. `None` where the
    /// practice has no door to shut.
    pub case: Option<CaseId>,
}

/// How many people are read at a time who must be planned for again.
const AT_ONCE: u32 = 500;

/// Why nobody departs who is none.
pub const LEFT_ALONE: &str = "this is an account for emergencies (`break_glass` in the settings): it belongs to \
    no person, and nothing is closed for it";

impl Intake {
    /// Closes every door of a person now, whatever their identity provider says. Answers what is to be
    /// closed: nothing for an account for emergencies.
    ///
    /// The departure sticks: only the source disabling and enabling the person again lifts it.
    ///
    /// # Errors
    /// When the archive cannot be written; nothing is then.
    pub async fn depart(
        &self,
        caller: &Caller,
        person: &PersonId,
    ) -> Result<Vec<doors::Moved>, StoreError> {
        let tx = self.store.begin(&caller.practice, self.clock.now()).await?;
        let departed = self.depart_in(tx, caller, person, Said::default()).await?;
        Ok(departed.map_or_else(Vec::new, |departed| departed.moved))
    }

    /// The same where somebody says more. The inner error says, for a person, why that cannot be.
    ///
    /// # Errors
    /// When the archive cannot be written; nothing is then.
    pub async fn depart_said(
        &self,
        caller: &Caller,
        person: &PersonId,
        said: Said<'_>,
    ) -> Result<Result<Departed, String>, StoreError> {
        let now = self.clock.now();
        if said.ended.is_some_and(|ended| ended > now) {
            return Ok(Err(
                "the work cannot have ended later than now: schedule the departure for then"
                    .to_owned(),
            ));
        }
        let tx = self.store.begin(&caller.practice, now).await?;
        let departed = self.depart_in(tx, caller, person, said).await?;
        Ok(departed.ok_or_else(|| LEFT_ALONE.to_owned()))
    }

    /// The same in a transaction that has begun. `None` for an account for emergencies: only that it was
    /// left alone is written down.
    pub(super) async fn depart_in(
        &self,
        mut tx: WriteTx,
        caller: &Caller,
        person: &PersonId,
        said: Said<'_>,
    ) -> Result<Option<Departed>, StoreError> {
        let mut detail = json!({"request": caller.request_id, "by_name": true});
        if !said.note.is_empty() {
            detail["note"] = json!(said.note);
        }
        let entry = |tx: &WriteTx, what, detail| {
            users::entry(tx, caller, Some(person.clone()), what, detail)
        };
        let desk = self.desk(&caller.practice)?;
        let known = tx.find_known(person).await?;
        let doors = tx.find_doors_of(person).await?;
        if doors::is_left_alone(desk, &known, &doors) {
            let entry = entry(&tx, "break_glass.left_alone", detail);
            tx.record(entry);
            tx.commit().await?;
            return Ok(None);
        }
        let entry = entry(&tx, users::name_of(Change::Departed), detail);
        tx.record(entry);
        let roles = desk.roles(&tx)?;
        let whose = (person, known.user.as_ref());
        let is_told = tell(&mut tx, desk, caller, Change::Departed, whose);
        returns::void(&mut tx, caller, person).await?;
        let cause = Cause {
            change: Change::Departed,
            is_by_name: true,
        };
        let planned = doors::plan_known(&mut tx, desk, &roles, known, doors, cause).await?;
        brake::release(&mut tx, person).await?;
        let case = tx.find_latest_departure(person).await?;
        // What was said is about this departure, and not about one of before.
        if let Some(ended) = said.ended
            && let Some(case) = case.as_ref().filter(|_| !planned.moved.is_empty())
        {
            tx.set_case_ended(&case.id, ended, None);
        }
        tx.commit().await?;
        self.wake.notify_one();
        if is_told {
            self.told.send_replace(());
        }
        Ok(Some(Departed {
            moved: planned.moved,
            case: case.map(|case| case.id),
        }))
    }

    /// Plans again for everybody whose time has come: a grace period or a forward has ended, a role
    /// matrix was put into force, or whoever got their mail has left.
    ///
    /// # Errors
    /// When the archive does not answer.
    pub async fn replan_due(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let mut last: Option<ToReplan> = None;
        // Page by page: those who cannot be planned for keep nobody behind them waiting.
        loop {
            let due = self
                .store
                .find_people_to_replan(now, last.as_ref(), AT_ONCE)
                .await?;
            for ToReplan {
                practice, person, ..
            } in &due
            {
                let Some(desk) = self.desks.get(practice) else {
                    continue;
                };
                // One person's trouble never stops another's planning.
                if let Err(error) = self.replan(desk, person).await {
                    tracing::error!(person.id = %person, %error, "could not plan again for a person");
                }
            }
            last = due.into_iter().next_back();
            if last.is_none() {
                return Ok(());
            }
        }
    }

    async fn replan(&self, desk: &Desk, person: &PersonId) -> Result<(), StoreError> {
        let mut tx = self.store.begin(&desk.practice, self.clock.now()).await?;
        let roles = desk.roles(&tx)?;
        doors::plan_person(&mut tx, desk, &roles, person, Change::Changed).await?;
        tx.commit().await?;
        self.wake.notify_one();
        Ok(())
    }

    /// What a role matrix would move if it were put into force. Nothing is written.
    ///
    /// # Errors
    /// When the archive does not answer.
    pub async fn preview_roles(
        &self,
        caller: &Caller,
        roles: Roles,
    ) -> Result<Vec<Difference>, StoreError> {
        let desk = self.desk(&caller.practice)?;
        let mut differences = Vec::new();
        for person in self.store.list_people(&caller.practice).await? {
            // Planned for real and dropped without a commit: a preview cannot drift from the plan.
            let mut tx = self.store.begin(&caller.practice, self.clock.now()).await?;
            let moved = doors::plan_person(&mut tx, desk, &roles, &person, Change::Changed)
                .await?
                .moved;
            drop(tx);
            if moved.is_empty() {
                continue;
            }
            let name = self.store.name_of(&caller.practice, &person).await?;
            differences.extend(moved.into_iter().map(|moved| Difference {
                name: name.clone(),
                system: moved.system,
                way: moved.way,
                from: moved.from,
                to: moved.to,
                reason: moved.reason,
            }));
        }
        Ok(differences)
    }

    /// Puts a role matrix into force and makes everybody due for planning by it, in one transaction.
    ///
    /// # Errors
    /// When the archive cannot be written; nothing is then.
    pub async fn apply_roles(&self, caller: &Caller, text: &str) -> Result<(), StoreError> {
        let mut tx = self.store.begin(&caller.practice, self.clock.now()).await?;
        tx.record_applied_roles(text);
        tx.replan_now(None);
        let entry = users::entry(
            &tx,
            caller,
            None,
            "roles.applied",
            json!({"request": caller.request_id}),
        );
        tx.record(entry);
        tx.commit().await?;
        self.replan_due().await
    }
}
