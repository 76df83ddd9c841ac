//! Levels: a level is a group of the directory.

use drawbridge_sdk::{CallError, FailureClass};
use ldap3::{Mod, Scope};

use crate::{
    dn,
    entry::Entry,
    filter::{any_of, equals},
    flavor::Flavor,
    result_code::{
        ALREADY_EXISTS, NO_SUCH_ATTRIBUTE, OBJECT_CLASS_VIOLATION, UNWILLING, VALUE_EXISTS,
    },
    search::Directory,
    session::{Query, Session},
    settings::GroupName,
};

/// A group that the account is in, or is put into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) dn: String,
    /// As the practice's levels name it.
    pub(crate) level: String,
}

/// What must change so that an account has exactly the wanted ones of the managed levels.
#[derive(Debug, PartialEq, Eq)]
struct Steps {
    leave: Vec<Group>,
    join: Vec<String>,
}

fn steps(now: Vec<Group>, wanted: &[String], managed: &[String]) -> Steps {
    let among = |levels: &[String], level: &str| {
        levels
            .iter()
            .any(|other| other.to_lowercase() == level.to_lowercase())
    };
    let has: Vec<String> = now.iter().map(|group| group.level.clone()).collect();
    Steps {
        join: wanted
            .iter()
            .filter(|level| !among(&has, level))
            .cloned()
            .collect(),
        leave: now
            .into_iter()
            .filter(|group| among(managed, &group.level) && !among(wanted, &group.level))
            .collect(),
    }
}

impl Directory {
    /// The groups this account is directly in.
    pub(crate) async fn groups_of(
        &self,
        session: &mut Session,
        account: &Entry,
    ) -> Result<Vec<Group>, CallError> {
        if self.flavor == Flavor::ActiveDirectory {
            // The domain keeps it on the account itself. A search by `member` could meet a group so
            // large that the domain shows its members piece by piece.
            let groups = account
                .texts("memberOf")
                .filter(|dn| dn::is_under(dn, &self.group_base));
            return Ok(groups.map(|dn| self.group(dn)).collect());
        }
        let filter = format!(
            "(&{}{})",
            self.is_group(),
            equals(&self.member_attribute, self.member(account))
        );
        let query = Query {
            step: "read groups",
            line: "search {groups}: those with {account} as member",
            base: &self.group_base,
            scope: Scope::Subtree,
            filter: &filter,
            attributes: &["cn"],
        };
        let found = session.search(query).await?;
        Ok(found.iter().map(|group| self.group(&group.dn)).collect())
    }

    /// Gives the account exactly the wanted ones of the managed levels. Says whether anything had to
    /// change. Every step is tried, whatever became of the others.
    pub(crate) async fn set_groups(
        &self,
        session: &mut Session,
        account: &Entry,
        wanted: &[String],
        managed: &[String],
    ) -> Result<bool, CallError> {
        let now = self.groups_of(session, account).await?;
        let steps = steps(now, wanted, managed);
        if steps.leave.is_empty() && steps.join.is_empty() {
            return Ok(false);
        }
        let mut first_error = None;
        for group in &steps.leave {
            first_error = first_error.or(self.leave(session, account, group).await.err());
        }
        for level in &steps.join {
            first_error = first_error.or(self.join(session, account, level).await.err());
        }
        match first_error {
            Some(error) => Err(error),
            None => self
                .read_groups_back(session, account, wanted, managed)
                .await
                .map(|()| true),
        }
    }

    async fn leave(
        &self,
        session: &mut Session,
        account: &Entry,
        group: &Group,
    ) -> Result<(), CallError> {
        let member = self.member(account).as_bytes().to_vec();
        let change = Mod::Delete(self.member_attribute.as_bytes().to_vec(), [member].into());
        // Somebody was faster: OpenLDAP says "no such attribute", Active Directory is "unwilling".
        // The reading that follows tells a repeat from a refusal.
        let also_fine = [NO_SUCH_ATTRIBUTE, UNWILLING, OBJECT_CLASS_VIOLATION];
        let line = "modify {group}: delete member {account}";
        let code = session
            .modify("leave group", line, &group.dn, vec![change], &also_fine)
            .await?;
        if code == OBJECT_CLASS_VIOLATION {
            let message = format!(
                "the account is the last member of the group `{}`, which must have one: add another \
                 member to it, then this one is taken out",
                group.level
            );
            return Err(CallError::new(
                FailureClass::Refused,
                session.finality(),
                message,
            ));
        }
        Ok(())
    }

    async fn join(
        &self,
        session: &mut Session,
        account: &Entry,
        level: &str,
    ) -> Result<(), CallError> {
        let group = self.find_group(session, level).await?;
        let member = self.member(account).as_bytes().to_vec();
        let change = Mod::Add(self.member_attribute.as_bytes().to_vec(), [member].into());
        let line = "modify {group}: add member {account}";
        let also_fine = [VALUE_EXISTS, ALREADY_EXISTS];
        session
            .modify("join group", line, &group, vec![change], &also_fine)
            .await
            .map(drop)
    }

    async fn read_groups_back(
        &self,
        session: &mut Session,
        account: &Entry,
        wanted: &[String],
        managed: &[String],
    ) -> Result<(), CallError> {
        let account = self.read_again(session, &account.id(self.flavor)?).await?;
        let now = self.groups_of(session, &account).await?;
        let left = steps(now, wanted, managed);
        if left.leave.is_empty() && left.join.is_empty() {
            return Ok(());
        }
        let levels: Vec<_> = left
            .leave
            .iter()
            .map(|group| group.level.as_str())
            .chain(left.join.iter().map(String::as_str))
            .collect();
        let message = format!(
            "the directory did not change the membership of {}: check the service account's rights \
             on these groups",
            levels.join(", ")
        );
        Err(CallError::new(
            FailureClass::Refused,
            session.finality(),
            message,
        ))
    }

    /// The DN of the one group with this level's name.
    async fn find_group(&self, session: &mut Session, level: &str) -> Result<String, CallError> {
        let (base, scope, filter) = match self.group_named_by {
            GroupName::Dn => (level, Scope::Base, self.is_group()),
            GroupName::Cn => {
                let named = format!("(&{}{})", self.is_group(), equals("cn", level));
                (self.group_base.as_str(), Scope::Subtree, named)
            }
        };
        let query = Query {
            step: "find group",
            line: "search {groups}: the one called {level}",
            base,
            scope,
            filter: &filter,
            attributes: &["cn"],
        };
        let found = session.search(query).await?;
        let same: Vec<_> = found
            .into_iter()
            .filter(|group| self.group(&group.dn).level.to_lowercase() == level.to_lowercase())
            .collect();
        let refused = |problem: &str| {
            let message = format!("{problem} `{level}`: correct the level, or the groups");
            CallError::new(FailureClass::Refused, session.finality(), message)
        };
        match same.as_slice() {
            [one] => Ok(one.dn.clone()),
            [] => Err(refused("the directory has no group")),
            _ => Err(refused("the directory has more than one group")),
        }
    }

    fn group(&self, dn: &str) -> Group {
        let level = match self.group_named_by {
            GroupName::Dn => dn.to_owned(),
            // A group's own component is its common name, in both directories' usual schema.
            GroupName::Cn => dn::leaf_value(dn).unwrap_or_else(|| dn.to_owned()),
        };
        Group {
            dn: dn.to_owned(),
            level,
        }
    }

    fn is_group(&self) -> String {
        let classes: &[&str] = match self.flavor {
            Flavor::ActiveDirectory => &["group"],
            Flavor::OpenLdap => &[
                "groupOfNames",
                "groupOfUniqueNames",
                "groupOfMembers",
                "posixGroup",
            ],
        };
        let classes: Vec<_> = classes
            .iter()
            .map(|class| equals("objectClass", class))
            .collect();
        any_of(&classes).unwrap_or_default()
    }

    /// What a group writes down for this account.
    fn member<'a>(&self, account: &'a Entry) -> &'a str {
        if self.member_attribute.eq_ignore_ascii_case("memberUid") {
            account.login(&self.attributes)
        } else {
            &account.dn
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(levels: &[&str]) -> Vec<Group> {
        let group = |level: &&str| Group {
            dn: format!("cn={level},dc=test"),
            level: (*level).to_owned(),
        };
        levels.iter().map(group).collect()
    }

    fn names(levels: &[&str]) -> Vec<String> {
        levels.iter().map(|level| (*level).to_owned()).collect()
    }

    #[test]
    fn only_managed_groups_are_left() {
        let steps = steps(
            groups(&["Nurses", "Book club"]),
            &names(&["frontdesk"]),
            &names(&["nurses", "frontdesk"]),
        );

        assert_eq!(
            steps,
            Steps {
                leave: groups(&["Nurses"]),
                join: names(&["frontdesk"])
            }
        );
    }

    #[test]
    fn a_level_is_the_same_whatever_its_case() {
        let steps = steps(
            groups(&["Nurses"]),
            &names(&["nurses"]),
            &names(&["NURSES"]),
        );

        assert_eq!(
            steps,
            Steps {
                leave: Vec::new(),
                join: Vec::new()
            }
        );
    }
}
