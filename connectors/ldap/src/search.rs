//! Whom we find, and who of them is ours to act on.

use std::time::Duration;

use drawbridge_sdk::{AccountId, CallError, Residual, Subject};
use ldap3::Scope;

use crate::{
    entry::Entry,
    filter::{self, Attributes},
    flavor::Flavor,
    session::{Query, Session},
    settings::GroupName,
};

/// A practice's directory, as its settings describe it.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) flavor: Flavor,
    pub(crate) base_dn: String,
    pub(crate) people_ou: Option<String>,
    pub(crate) group_base: String,
    pub(crate) group_named_by: GroupName,
    pub(crate) member_attribute: String,
    pub(crate) attributes: Attributes,
    pub(crate) upn_suffix: Option<String>,
    pub(crate) offboarded_ou: Option<String>,
    pub(crate) scramble_password: bool,
    pub(crate) kerberos_ticket_lifetime: Duration,
    pub(crate) monitor_dn: Option<String>,
}

/// What one search for a person saw.
#[derive(Default)]
pub(crate) struct Found {
    /// The person's accounts.
    pub(crate) own: Vec<Entry>,
    /// Whether the account known to exist was among the answers.
    pub(crate) saw_canary: bool,
}

impl Directory {
    /// Every folder the settings name.
    pub(crate) fn folders(&self) -> Vec<&str> {
        let mut folders = vec![self.base_dn.as_str(), self.group_base.as_str()];
        folders.extend(self.people_ou.as_deref());
        folders.extend(self.offboarded_ou.as_deref());
        folders
    }

    /// The attributes we read of an account.
    pub(crate) fn account_attributes(&self) -> Vec<&str> {
        let mut attributes = self.attributes.names(self.flavor);
        attributes.push(&self.attributes.employee_number);
        attributes.push(self.flavor.id_attribute());
        attributes.extend(self.flavor.state_attributes());
        if self.flavor == Flavor::ActiveDirectory {
            attributes.push("memberOf");
        }
        attributes
    }

    /// Searches a person's accounts by every owned id and every identifier, and the canary beside
    /// them. An answer that bears none of them is somebody else's and is dropped.
    pub(crate) async fn find(
        &self,
        session: &mut Session,
        subject: &Subject,
        canary: Option<&str>,
    ) -> Result<Found, CallError> {
        let Some(filter) = filter::accounts_of(self.flavor, &self.attributes, subject, canary)
        else {
            return Ok(Found::default());
        };
        let query = Query {
            step: "find",
            line: "search {base}: accounts with an id or identifier of {person}, and the canary",
            base: &self.base_dn,
            scope: Scope::Subtree,
            filter: &filter,
            attributes: &self.account_attributes(),
        };
        let entries = session.search(query).await?;
        let mut found = Found::default();
        for entry in entries {
            let id = entry.id(self.flavor)?;
            let identifiers = entry.identifiers(self.flavor, &self.attributes);
            found.saw_canary |= canary.is_some_and(|canary| {
                let canary = canary.to_lowercase();
                id.as_str() == canary || identifiers.iter().any(|own| own.to_lowercase() == canary)
            });
            if subject.owns(id.as_str()) || identifiers.iter().any(|own| subject.bears(own)) {
                found.own.push(entry);
            }
        }
        Ok(found)
    }

    /// The accounts this door may act on: once ids are known, those and no other that merely has a
    /// name of the person, and none that is somebody else's.
    pub(crate) fn ours(&self, subject: &Subject, found: &[Entry]) -> Result<Vec<Entry>, CallError> {
        let mut ours = Vec::new();
        for entry in found {
            if subject.may_act_on(entry.id(self.flavor)?.as_str()) {
                ours.push(entry.clone());
            }
        }
        Ok(ours)
    }

    /// Reads an account again, by its id: its DN may have changed.
    pub(crate) async fn read_again(
        &self,
        session: &mut Session,
        id: &AccountId,
    ) -> Result<Entry, CallError> {
        let nowhere = || {
            CallError::contract("the account vanished while it was changed: look for it by hand")
        };
        let filter = filter::has_id(self.flavor, id.as_str()).ok_or_else(nowhere)?;
        let query = Query {
            step: "read back",
            line: "search {base}: the account with {id}",
            base: &self.base_dn,
            scope: Scope::Subtree,
            filter: &filter,
            attributes: &self.account_attributes(),
        };
        let entries = session.search(query).await?;
        let mut same = Vec::new();
        for entry in entries {
            if entry.id(self.flavor)? == *id {
                same.push(entry);
            }
        }
        same.pop().ok_or_else(nowhere)
    }

    /// What stays possible after an account was closed here, as far as it cannot be read.
    pub(crate) fn residual(&self) -> Vec<Residual> {
        let without_end = |what: &str| Residual {
            what: what.to_owned(),
            longest: None,
        };
        match self.flavor {
            Flavor::ActiveDirectory => vec![
                Residual {
                    what: "Kerberos service tickets issued before".to_owned(),
                    longest: Some(self.kerberos_ticket_lifetime),
                },
                without_end("file server (SMB) sessions that were open before"),
                without_end("LDAP connections that were open before"),
            ],
            Flavor::OpenLdap => vec![without_end("LDAP connections that were open before")],
        }
    }
}
