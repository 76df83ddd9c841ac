//! A change of a Group: whoever entered or left it may gain or lose a role.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::json;

use super::{Caller, ChangeError, GroupContent, Intake, doors, users::entry};
use crate::{
    ids::{GroupId, UserId},
    people::{Change, Group},
    store::WriteTx,
};

impl Intake {
    /// Creates, changes or deletes a Group, as [`Intake::change_user`] does for Users.
    ///
    /// # Errors
    /// See [`ChangeError`]; nothing is written then.
    pub async fn change_group<E: Send + 'static>(
        &self,
        caller: &Caller,
        id: Option<&GroupId>,
        change: impl Fn(Option<&Group>) -> Result<Option<GroupContent>, E> + Send + Sync + 'static,
    ) -> Result<Option<Group>, ChangeError<E>> {
        let (practice, change) = (caller.practice.clone(), Arc::new(change));
        let (caller, id) = (caller.clone(), id.cloned());
        let work = move |intake: Self, tx| {
            let (caller, id, change) = (caller.clone(), id.clone(), Arc::clone(&change));
            async move {
                let changed = intake.change_group_in(tx, &caller, id.as_ref(), &*change);
                changed.await
            }
        };
        self.write(&practice, work).await
    }

    async fn change_group_in<E: Send>(
        &self,
        mut tx: WriteTx,
        caller: &Caller,
        id: Option<&GroupId>,
        change: &(impl Fn(Option<&Group>) -> Result<Option<GroupContent>, E> + Send + Sync),
    ) -> Result<Option<Group>, ChangeError<E>> {
        let before = match id {
            Some(id) => Some(tx.find_group(id).await?.ok_or(ChangeError::NotFound)?),
            None => None,
        };
        let after = change(before.as_ref()).map_err(ChangeError::Refused)?;
        if is_same(before.as_ref(), after.as_ref()) {
            return Ok(before);
        }
        let concerned = concerned(before.as_ref(), after.as_ref());
        let group = record_group(&mut tx, before.as_ref(), after);
        let named = group.as_ref().or(before.as_ref());
        let detail = json!({
            "group": named.map(|group| &group.id),
            "deleted": group.is_none(),
            "members_concerned": concerned.len(),
            "request": caller.request_id,
        });
        tx.record(entry(&tx, caller, None, "change.group", detail));
        let desk = self.desk(&caller.practice)?;
        let roles = desk.roles(&tx)?;
        for member in concerned {
            if let Some(person) = tx.find_person_of_user(&UserId::from(member)).await? {
                doors::plan_person(&mut tx, desk, &roles, &person, Change::Changed).await?;
            }
        }
        tx.commit().await?;
        self.wake.notify_one();
        Ok(group)
    }
}

fn is_same(before: Option<&Group>, after: Option<&GroupContent>) -> bool {
    match (before, after) {
        (Some(before), Some(after)) => {
            before.attributes == after.attributes && before.members == after.members
        }
        (None, None) => true,
        _ => false,
    }
}

/// Members whose roles may differ now: those who entered or left, and all of them when the group's
/// name changed, since roles are matched by it.
fn concerned(before: Option<&Group>, after: Option<&GroupContent>) -> BTreeSet<String> {
    let old: BTreeSet<String> = before
        .iter()
        .flat_map(|group| &group.members)
        .map(|member| member.value.clone())
        .collect();
    let new: BTreeSet<String> = after
        .iter()
        .flat_map(|group| &group.members)
        .map(|member| member.value.clone())
        .collect();
    let name = |attributes: &crate::people::Attributes| attributes.get("displayName").cloned();
    let renamed = before.and_then(|group| name(&group.attributes))
        != after.and_then(|group| name(&group.attributes));
    if renamed {
        old.union(&new).cloned().collect()
    } else {
        old.symmetric_difference(&new).cloned().collect()
    }
}

fn record_group(
    tx: &mut WriteTx,
    before: Option<&Group>,
    after: Option<GroupContent>,
) -> Option<Group> {
    let Some(content) = after else {
        if let Some(before) = before {
            tx.record_group_deleted(&before.id);
        }
        return None;
    };
    let group = Group {
        id: before.map_or_else(GroupId::generate, |before| before.id.clone()),
        attributes: content.attributes,
        members: content.members,
        version: before.map_or(1, |before| before.version + 1),
        created: before.map_or(tx.now(), |before| before.created),
        modified: tx.now(),
    };
    tx.record_group(&group);
    Some(group)
}
