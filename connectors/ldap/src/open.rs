//! Opening one account: found and enabled, or created.

use std::collections::HashSet;

use drawbridge_sdk::{AccountState, CallError, FailureClass, Finality, Subject};
use ldap3::{Mod, Scope, dn_escape};

use crate::{
    close::no_random_numbers,
    dn,
    entry::Entry,
    flavor::{self, END, ENDED, Flavor, LOCK, LOCKED_FOR_GOOD},
    password,
    result_code::NO_SUCH_ATTRIBUTE,
    search::Directory,
    session::{EVERYTHING, NewEntry, Query, Session},
};

/// The longest `sAMAccountName` Active Directory takes for a person.
const LONGEST_ACCOUNT_NAME: usize = 20;

/// What Active Directory does not take in a `sAMAccountName`.
const REFUSED_IN_ACCOUNT_NAMES: &str = "\"/\\[]:;|=,+*?<>@";

impl Directory {
    /// Enables an account, as it was read a moment ago, and gives it exactly these levels. Says
    /// whether anything had to change.
    pub(crate) async fn open_account(
        &self,
        session: &mut Session,
        account: &Entry,
        levels: &[String],
        managed_levels: &[String],
    ) -> Result<bool, CallError> {
        let mut changed = false;
        let mut account = account.clone();
        if let (Some(offboarded), Some(people)) = (&self.offboarded_ou, &self.people_ou)
            && dn::same(dn::parent(&account.dn), offboarded)
        {
            self.move_into(session, &account, people).await?;
            account = self.read_again(session, &account.id(self.flavor)?).await?;
            changed = true;
        }
        // Levels first: who can sign in has no more than they should.
        changed |= self
            .set_groups(session, &account, levels, managed_levels)
            .await?;
        changed |= match self.flavor {
            Flavor::ActiveDirectory => self.enable(session, &account).await?,
            Flavor::OpenLdap => self.unlock(session, &account).await?,
        };
        Ok(changed)
    }

    async fn enable(&self, session: &mut Session, account: &Entry) -> Result<bool, CallError> {
        let bits = account.bits()?;
        if flavor::state_of_bits(bits) == AccountState::Enabled {
            return Ok(false);
        }
        self.write_bits(session, account, "enable", flavor::enabled(bits))
            .await?;
        self.expect(session, account, AccountState::Enabled)
            .await
            .map(|()| true)
    }

    async fn unlock(&self, session: &mut Session, account: &Entry) -> Result<bool, CallError> {
        let ours = [(LOCK, LOCKED_FOR_GOOD), (END, ENDED)];
        let changes: Vec<_> = ours
            .into_iter()
            .filter(|(attribute, value)| account.text(attribute) == Some(value))
            .map(|(attribute, _)| Mod::Delete(attribute.as_bytes().to_vec(), HashSet::new()))
            .collect();
        if changes.is_empty() {
            return Ok(false);
        }
        let line = "modify {account}: delete pwdAccountLockedTime, pwdEndTime";
        session
            .modify("enable", line, &account.dn, changes, &[NO_SUCH_ATTRIBUTE])
            .await?;
        self.expect(session, account, AccountState::Enabled)
            .await
            .map(|()| true)
    }

    /// Creates an account nobody knows a password of, and reads it back.
    pub(crate) async fn create(
        &self,
        session: &mut Session,
        subject: &Subject,
    ) -> Result<Entry, CallError> {
        let Some(folder) = &self.people_ou else {
            return Err(CallError::needs_human(
                "the person has no account and `people_ou` is not set: create the account by hand, or \
                 say where people are created",
            ));
        };
        let user_name = subject.user_name().filter(|name| !name.trim().is_empty()).ok_or_else(|| {
            refused("the person has no userName to make an account of: give them one at the identity provider")
        })?;
        let login = match self.flavor {
            Flavor::ActiveDirectory => account_name(user_name)?,
            Flavor::OpenLdap => user_name.to_owned(),
        };
        let naming = match self.flavor {
            // Two people may share a name; a login name is one person's.
            Flavor::ActiveDirectory => "CN",
            Flavor::OpenLdap => self.attributes.login.as_str(),
        };
        let dn = format!("{naming}={},{folder}", dn_escape(login.as_str()));
        let attributes = self.new_account(subject, user_name, &login)?;
        session.add("add {account}", &dn, attributes).await?;
        let query = Query {
            step: "read back",
            line: "read {account}",
            base: &dn,
            scope: Scope::Base,
            filter: EVERYTHING,
            attributes: &self.account_attributes(),
        };
        session.search(query).await?.pop().ok_or_else(|| {
            CallError::contract(
                "the directory created the account and does not show it: give the service account \
                 the right to read it",
            )
        })
    }

    fn new_account(
        &self,
        subject: &Subject,
        user_name: &str,
        login: &str,
    ) -> Result<NewEntry, CallError> {
        let called = subject.display_name.as_deref().unwrap_or(user_name);
        let mut text: Vec<(&str, Option<&str>)> = vec![
            (&self.attributes.login, Some(login)),
            (&self.attributes.mail, subject.email()),
            (
                &self.attributes.employee_number,
                subject.employee_numbers.first().map(String::as_str),
            ),
            ("givenName", subject.given_name.as_deref()),
            ("displayName", Some(called)),
        ];
        let principal = self.principal_name(user_name);
        let bits = flavor::NORMAL_ACCOUNT.to_string();
        let mut attributes = NewEntry::new();
        match self.flavor {
            Flavor::ActiveDirectory => {
                text.extend([
                    ("objectClass", Some("user")),
                    ("sn", subject.family_name.as_deref()),
                    ("userPrincipalName", principal.as_deref()),
                    (flavor::BITS, Some(bits.as_str())),
                ]);
                let password = password::random().ok_or_else(no_random_numbers)?;
                attributes.push((
                    b"unicodePwd".to_vec(),
                    [password::unicode_pwd(&password)].into(),
                ));
            }
            // Without a password nobody can bind, and there is none that could leak.
            Flavor::OpenLdap => text.extend([
                ("objectClass", Some("inetOrgPerson")),
                ("cn", Some(called)),
                ("sn", Some(subject.family_name.as_deref().unwrap_or(called))),
            ]),
        }
        let given = text
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        attributes.extend(
            given
                .filter(|(_, value)| !value.trim().is_empty())
                .map(|(name, value)| {
                    (name.as_bytes().to_vec(), [value.as_bytes().to_vec()].into())
                }),
        );
        Ok(attributes)
    }

    /// The userName as `name@domain`, by which the account is found again whatever became of the
    /// short name.
    fn principal_name(&self, user_name: &str) -> Option<String> {
        if user_name.contains('@') {
            return Some(user_name.to_owned());
        }
        self.upn_suffix
            .as_ref()
            .map(|suffix| format!("{user_name}@{suffix}"))
    }
}

/// The short login name for Active Directory: what stands before `@`, cut as the domain's own tools
/// cut it.
fn account_name(user_name: &str) -> Result<String, CallError> {
    let (name, has_domain) = match user_name.split_once('@') {
        Some((name, _)) => (name, true),
        None => (user_name, false),
    };
    let unusable = name.is_empty()
        || name
            .chars()
            .any(|letter| letter.is_control() || REFUSED_IN_ACCOUNT_NAMES.contains(letter));
    // Cut, it would no longer be the userName, and nothing else would bear that.
    let too_long = name.chars().count() > LONGEST_ACCOUNT_NAME && !has_domain;
    if unusable || too_long {
        return Err(refused(
            "Active Directory does not take this userName as a login name (20 letters, no signs such \
             as / : ; * ?): change it at the identity provider, or create the account by hand",
        ));
    }
    Ok(name
        .chars()
        .take(LONGEST_ACCOUNT_NAME)
        .collect::<String>()
        .trim_end_matches(['.', ' '])
        .to_owned())
}

pub(crate) fn refused(message: &str) -> CallError {
    CallError::new(FailureClass::Refused, Finality::NotSent, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_name_is_cut_only_where_the_whole_one_is_kept_beside_it() {
        let name = |user_name| account_name(user_name).ok();

        assert_eq!(name("nina").as_deref(), Some("nina"));
        assert_eq!(
            name("nina.nurse@practice.test").as_deref(),
            Some("nina.nurse")
        );
        assert_eq!(
            name("christopher.montgomery@practice.test").as_deref(),
            Some("christopher.montgome")
        );
        assert_eq!(name("christopher.montgomery"), None);
        assert_eq!(name("a*b"), None);
        assert_eq!(name("@practice.test"), None);
    }
}
