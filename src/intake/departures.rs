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
    ids::{PersonId, SystemName},
    people::Change,
    policy::Roles,
    store::{StoreError, WriteTx},
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

impl Intake {
    /// Closes every door of a person now, whatever their identity provider says.
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
        self.depart_in(tx, caller, person, None).await
    }

    /// The same where somebody says when the work ended. The inner error says, for a person, why that cannot
    /// be.
    ///
    /// # Errors
    /// When the archive cannot be written; nothing is then.
    pub async fn depart_ended(
        &self,
        caller: &Caller,
        person: &PersonId,
        ended: Option<Timestamp>,
    ) -> Result<Result<Vec<doors::Moved>, String>, StoreError> {
        let now = self.clock.now();
        if ended.is_some_and(|ended| ended > now) {
            return Ok(Err(
                "the work cannot have ended later than now: schedule the departure for then"
                    .to_owned(),
            ));
        }
        let tx = self.store.begin(&caller.practice, now).await?;
        Ok(Ok(self.depart_in(tx, caller, person, ended).await?))
    }

    /// The same in a transaction that has begun. `ended` is when the work ended, where somebody said so.
    pub(super) async fn depart_in(
        &self,
        mut tx: WriteTx,
        caller: &Caller,
        person: &PersonId,
        ended: Option<Timestamp>,
    ) -> Result<Vec<doors::Moved>, StoreError> {
        let detail = json!({"request": caller.request_id, "by_name": true});
        let entry = users::entry(
            &tx,
            caller,
            Some(person.clone()),
            users::name_of(Change::Departed),
            detail,
        );
        tx.record(entry);
        let desk = self.desk(&caller.practice)?;
        let roles = desk.roles(&tx)?;
        let user = match desk.addressees.as_slice() {
            [] => None,
            _ => tx.find_known(person).await?.user,
        };
        let whose = (person, user.as_ref());
        let is_told = tell(&mut tx, desk, caller, Change::Departed, whose);
        returns::void(&mut tx, caller, person).await?;
        let cause = Cause {
            change: Change::Departed,
            is_by_name: true,
        };
        let planned = doors::plan_person(&mut tx, desk, &roles, person, cause).await?;
        brake::release(&mut tx, person).await?;
        if let Some(ended) = ended
            && let Some(case) = tx.find_case_opened_now(person).await?
        {
            tx.set_case_ended(&case, ended, None);
        }
        tx.commit().await?;
        self.wake.notify_one();
        if is_told {
            self.told.send_replace(());
        }
        Ok(planned.moved)
    }

    /// Plans again for everybody whose time has come: a grace period or a forward has ended, a role
    /// matrix was put into force, or whoever got their mail has left.
    ///
    /// # Errors
    /// When the archive does not answer.
    pub async fn replan_due(&self) -> Result<(), StoreError> {
        for (practice, person) in self.store.find_people_to_replan(self.clock.now()).await? {
            let Some(desk) = self.desks.get(&practice) else {
                continue;
            };
            // One person's trouble never stops another's planning.
            if let Err(error) = self.replan(desk, &person).await {
                tracing::error!(person.id = %person, %error, "could not plan again for a person");
            }
        }
        Ok(())
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
