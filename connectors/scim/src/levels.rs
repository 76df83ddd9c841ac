//! Groups as levels.

use drawbridge_sdk::{CallError, FailureClass, Finality};

use crate::{
    client::Conversation,
    edit::Edit,
    group::{Group, Member},
    requests::Resource,
    user::User,
};

/// Every group; `None` when the provider has none to tell of.
///
/// # Errors
/// When it cannot be asked, or answers nonsense.
pub async fn all(talk: &mut Conversation<'_>) -> Result<Option<Vec<Group>>, CallError> {
    let records = talk.everything("read groups", Resource::Groups).await?;
    let Some(records) = records else {
        return Ok(None);
    };
    let groups: Option<Vec<Group>> = records.iter().map(Group::of).collect();
    groups.map(Some).ok_or_else(|| {
        CallError::contract(
            "the system shows a group without `id` or `displayName`: tell the vendor, both are \
             required by SCIM 2.0",
        )
    })
}

/// Puts names of groups into users whose records do not tell of them.
///
/// # Errors
/// As [`all`].
pub async fn complete(talk: &mut Conversation<'_>, users: &mut [User]) -> Result<(), CallError> {
    if users.iter().all(|user| user.groups.is_some()) {
        return Ok(());
    }
    let Some(groups) = all(talk).await? else {
        return Ok(());
    };
    for user in users.iter_mut().filter(|user| user.groups.is_none()) {
        let member = Member::from(&*user);
        let own = groups.iter().filter(|group| group.has(&member));
        user.groups = Some(own.map(|group| group.name.clone()).collect());
    }
    Ok(())
}

/// The groups that levels stand for.
#[derive(Debug, Default)]
pub struct Levels {
    wanted: Vec<Group>,
    unwanted: Vec<Group>,
}

impl Levels {
    /// Finds the groups of these levels by name. What is not wanted and not there is no matter.
    ///
    /// # Errors
    /// When a wanted level is no group, or two groups have its name; then nothing was changed.
    pub async fn find(
        talk: &mut Conversation<'_>,
        wanted: &[String],
        managed: &[String],
    ) -> Result<Self, CallError> {
        if wanted.is_empty() && managed.is_empty() {
            return Ok(Self::default());
        }
        let groups = all(talk).await?.unwrap_or_default();
        let mut levels = Self::default();
        for level in wanted {
            levels.wanted.push(the_one(&groups, level)?);
        }
        for group in groups {
            let is_managed = managed.iter().any(|level| group.is_called(level));
            let is_wanted = wanted.iter().any(|level| group.is_called(level));
            if is_managed && !is_wanted {
                levels.unwanted.push(group);
            }
        }
        for group in levels.wanted.iter_mut().chain(&mut levels.unwanted) {
            if group.members.is_none() {
                let full = talk.get("read group", Resource::Groups, &group.id).await?;
                *group = full
                    .as_ref()
                    .and_then(Group::of)
                    .unwrap_or_else(|| group.clone());
            }
        }
        Ok(levels)
    }

    /// Puts the user into the wanted groups and takes them out of the others, and says whether
    /// anything had to be changed. `is_fenced` demands that a group is still as it was read.
    ///
    /// # Errors
    /// When one of them cannot be changed. The ones before it were.
    pub async fn set(
        &self,
        talk: &mut Conversation<'_>,
        user: &User,
        is_fenced: bool,
    ) -> Result<bool, CallError> {
        let member = Member::from(user);
        let missing = self.wanted.iter().filter(|group| !group.has(&member));
        let surplus = self.unwanted.iter().filter(|group| group.has(&member));
        let edits: Vec<(&Group, Edit)> = missing
            .map(|group| (group, Edit::AddMember(member.clone())))
            .chain(surplus.map(|group| (group, Edit::RemoveMember(member.clone()))))
            .collect();
        for (group, edit) in &edits {
            let if_match = group.version.as_deref().filter(|_| is_fenced);
            talk.edit("set level", Resource::Groups, &group.id, edit, if_match)
                .await?;
        }
        Ok(!edits.is_empty())
    }
}

fn the_one(groups: &[Group], level: &str) -> Result<Group, CallError> {
    let mut called: Vec<&Group> = groups
        .iter()
        .filter(|group| group.is_called(level))
        .collect();
    let problem = match (called.pop(), called.is_empty()) {
        (Some(group), true) => return Ok(group.clone()),
        (Some(_), false) => "more than one group",
        (None, _) => "no group",
    };
    Err(CallError::new(
        FailureClass::Refused,
        Finality::NotSent,
        format!(
            "the system has {problem} named `{level}`: see its groups under `/Groups` or in its \
             administration, then correct [practice.system.levels]"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_level_that_is_no_group_or_two_is_refused_by_name() {
        let group = |id: &str, name: &str| Group::of(&json!({ "id": id, "displayName": name }));
        let groups = [
            group("1", "Nurses"),
            group("2", "Billing"),
            group("3", "billing"),
        ];
        let groups = groups.map(|group| group.expect("a group"));

        assert_eq!(the_one(&groups, "nurses").expect("one").id, "1");
        for level in ["Doctors", "Billing"] {
            let error = the_one(&groups, level).expect_err("refused");
            assert_eq!(
                (error.class, error.finality),
                (FailureClass::Refused, Finality::NotSent)
            );
            assert!(error.message.contains(level));
        }
    }
}
