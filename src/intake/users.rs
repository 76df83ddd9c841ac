//! A change of a User, and what it means for the person.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Caller, ChangeError, Intake, doors, returns, tell::tell};
use crate::{
    evidence::Entry,
    failpoint::{self, Point},
    ids::{PersonId, SourceName, UserId},
    people::{self, Attributes, Change, User},
    store::{
        StoreError, WriteTx,
        persons::{Known, Person},
    },
};

impl Intake {
    /// Creates (`id` is `None`), changes or deletes (the function answers `None`) a User, and carries
    /// what that means to the doors, in one durable transaction (rule R1).
    ///
    /// The function sees the User as it stands in that transaction; it must not have effects. Answers
    /// `None` when the User was deleted.
    ///
    /// # Errors
    /// See [`ChangeError`]; nothing is written then.
    pub async fn change_user<E: Send + 'static>(
        &self,
        caller: &Caller,
        id: Option<&UserId>,
        change: impl Fn(Option<&User>) -> Result<Option<Attributes>, E> + Send + Sync + 'static,
    ) -> Result<Option<User>, ChangeError<E>> {
        let (practice, change) = (caller.practice.clone(), Arc::new(change));
        let (caller, id) = (caller.clone(), id.cloned());
        let work = move |intake: Self, tx| {
            let (caller, id, change) = (caller.clone(), id.clone(), Arc::clone(&change));
            async move {
                let changed = intake.change_user_in(tx, &caller, id.as_ref(), &*change);
                changed.await
            }
        };
        self.write(&practice, work).await
    }

    async fn change_user_in<E: Send>(
        &self,
        mut tx: WriteTx,
        caller: &Caller,
        id: Option<&UserId>,
        change: &(impl Fn(Option<&User>) -> Result<Option<Attributes>, E> + Send + Sync),
    ) -> Result<Option<User>, ChangeError<E>> {
        let before = match id {
            Some(id) => Some(tx.find_user(id).await?.ok_or(ChangeError::NotFound)?),
            None => None,
        };
        let after = change(before.as_ref()).map_err(ChangeError::Refused)?;
        let Some(kind) = people::diff(before.as_ref().map(|user| &user.attributes), after.as_ref())
        else {
            return Ok(before);
        };
        let (person, is_new) = match person_of(&mut tx, before.as_ref(), after.as_ref()).await? {
            Some(known) => (known, false),
            None => (PersonId::generate(), true),
        };
        if is_new {
            tx.record_person(&person);
        }
        let user = record_user(&mut tx, caller, &person, before.as_ref(), after);
        tx.record(accepted(
            &tx,
            caller,
            &person,
            kind,
            user.as_ref().or(before.as_ref()),
        ));
        let desk = self.desk(&caller.practice)?;
        let roles = desk.roles(&tx)?;
        if let Change::Departed | Change::RepeatedDisable = kind {
            returns::void(&mut tx, caller, &person).await?;
        }
        let planned = if is_new {
            let known = Known {
                person: Person::new(person.clone()),
                user: user.clone(),
                is_new,
            };
            doors::plan_known(&mut tx, desk, &roles, known, Vec::new(), kind).await?
        } else {
            doors::plan_person(&mut tx, desk, &roles, &person, kind).await?
        };
        let is_told = if planned.is_held {
            returns::hold(&mut tx, caller, &person).await?;
            false
        } else {
            let whose = (&person, user.as_ref().or(before.as_ref()));
            tell(&mut tx, desk, caller, kind, whose)
        };
        failpoint::pass(Point::BeforeCommit);
        tx.commit().await?;
        failpoint::pass(Point::AfterCommit);
        if !planned.moved.is_empty() {
            self.wake.notify_one();
        }
        if is_told {
            self.told.send_replace(());
        }
        Ok(user)
    }

    /// Records that a request which would have disabled somebody had to be refused, outside any failed
    /// transaction, so that it is never just gone.
    pub async fn record_refused_disable(&self, caller: &Caller, id: &UserId, reason: &str) {
        let recorded = async {
            let mut tx = self.store.begin(&caller.practice, self.clock.now()).await?;
            let person = tx.find_user(id).await?.map(|user| user.person);
            let detail = json!({"user": id, "reason": reason, "request": caller.request_id});
            let entry = entry(&tx, caller, person, "change.refused_disable", detail);
            tx.record(entry);
            tx.commit().await
        };
        if let Err(error) = recorded.await {
            tracing::error!(user.id = %id, %error, "a disable had to be refused and that could not be written either");
        }
    }
}

/// Whose resource this is, if that is known: a resource created again under a known identity joins its
/// person (rule R11).
async fn person_of(
    tx: &mut WriteTx,
    before: Option<&User>,
    after: Option<&Attributes>,
) -> Result<Option<PersonId>, StoreError> {
    match (before, after) {
        (Some(before), _) => Ok(Some(before.person.clone())),
        (None, Some(after)) => tx.find_person_bearing(after).await,
        (None, None) => Ok(None),
    }
}

fn record_user(
    tx: &mut WriteTx,
    caller: &Caller,
    person: &PersonId,
    before: Option<&User>,
    after: Option<Attributes>,
) -> Option<User> {
    let Some(attributes) = after else {
        if let Some(before) = before {
            tx.record_identifiers(person, &before.attributes);
            tx.record_user_deleted(before);
        }
        return None;
    };
    let is_same = before.is_some_and(|before| before.attributes == attributes);
    let user = User {
        id: before.map_or_else(UserId::generate, |before| before.id.clone()),
        person: person.clone(),
        version: before.map_or(1, |before| {
            if is_same {
                before.version
            } else {
                before.version + 1
            }
        }),
        created: before.map_or(tx.now(), |before| before.created),
        modified: before
            .filter(|_| is_same)
            .map_or(tx.now(), |before| before.modified),
        attributes,
        // A new id is in no Group yet.
        may_be_in_groups: before.is_some_and(|before| before.may_be_in_groups),
    };
    if !is_same {
        let source = SourceName::from(
            caller
                .actor
                .strip_prefix("source:")
                .unwrap_or(&caller.actor),
        );
        tx.record_user(&source, &user, before);
        tx.record_identifiers(person, &user.attributes);
    }
    Some(user)
}

/// The name of a change as evidence and the book keep it.
pub(super) const fn name_of(kind: Change) -> &'static str {
    match kind {
        Change::Joined => "change.joined",
        Change::Changed => "change.changed",
        Change::Departed => "change.departed",
        Change::Returned => "change.returned",
        Change::RepeatedDisable => "change.repeated_disable",
        Change::RecordOnly => "change.record_only",
    }
}

fn accepted(
    tx: &WriteTx,
    caller: &Caller,
    person: &PersonId,
    kind: Change,
    user: Option<&User>,
) -> Entry {
    let detail = json!({
        "user": user.map(|user| &user.id),
        "user_name": user.map(User::user_name),
        "request": caller.request_id,
    });
    entry(tx, caller, Some(person.clone()), name_of(kind), detail)
}

/// A record of what this caller did.
pub(super) fn entry(
    tx: &WriteTx,
    caller: &Caller,
    person: Option<PersonId>,
    what: &'static str,
    detail: Value,
) -> Entry {
    let detail = match detail {
        Value::Object(detail) => detail,
        _ => Map::new(),
    };
    Entry {
        at: tx.now(),
        who: caller.actor.clone(),
        what,
        person,
        system: None,
        detail,
    }
}
