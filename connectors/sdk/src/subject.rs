//! Whom a call is about.

use std::{collections::BTreeSet, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How one gets in. A connector says which ways it knows; `Account` is the default.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// A login of one's own.
    Account,
    /// Mail that is passed on to somebody else.
    Forwarding,
    /// A card, fob or code that opens doors of the building.
    Badge,
    /// A physical key.
    Key,
    /// A practice-owned laptop, phone, tablet or drive.
    Device,
    /// A password several people know.
    SharedSecret,
}

impl Way {
    /// Every way, in the order they are shown.
    pub const ALL: [Self; 6] = [
        Self::Account,
        Self::Forwarding,
        Self::Badge,
        Self::Key,
        Self::Device,
        Self::SharedSecret,
    ];

    /// The name as it is stored and printed, for example `shared_secret`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Forwarding => "forwarding",
            Self::Badge => "badge",
            Self::Key => "key",
            Self::Device => "device",
            Self::SharedSecret => "shared_secret",
        }
    }

    /// The way with this stored name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.as_str() == name)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The system's own immutable id of an account: an objectGUID, a database id, a SCIM id.
///
/// Once seen, an account is found by this and never again by a name that can change.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(pub String);

impl AccountId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The person a call is about, with every identifier they ever bore, the current one first.
///
/// `Debug` names nobody: it prints the internal id and counts, so that a log line cannot leak a name.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// The server's internal id of the person.
    pub person: String,
    /// SCIM `userName`, the current one first.
    pub user_names: Vec<String>,
    /// SCIM `externalId`, the current one first.
    pub external_ids: Vec<String>,
    /// E-mail addresses, the primary one first.
    pub emails: Vec<String>,
    /// SCIM enterprise `employeeNumber`, the current one first.
    pub employee_numbers: Vec<String>,
    /// How the person is called, for accounts that are created.
    pub display_name: Option<String>,
    /// Given name, for accounts that are created.
    pub given_name: Option<String>,
    /// Family name, for accounts that are created.
    pub family_name: Option<String>,
    /// Accounts this door owns: every id the system ever returned for this person.
    pub account_ids: Vec<AccountId>,
    /// Accounts of this system that are other people's. A name may lead to one of them, and it is not
    /// acted on. Empty once `account_ids` is not, for then no name is followed.
    #[serde(default)]
    pub accounts_of_others: BTreeSet<AccountId>,
}

impl Subject {
    /// The current `userName`.
    pub fn user_name(&self) -> Option<&str> {
        self.user_names.first().map(String::as_str)
    }

    /// The primary e-mail address.
    pub fn email(&self) -> Option<&str> {
        self.emails.first().map(String::as_str)
    }

    /// Says whether this value is one of the person's identifiers, whatever the case.
    ///
    /// A connector compares the record a system returned with the one it asked for: some systems
    /// ignore filters and answer with everybody.
    pub fn bears(&self, identifier: &str) -> bool {
        let wanted = identifier.to_lowercase();
        [
            &self.user_names,
            &self.external_ids,
            &self.emails,
            &self.employee_numbers,
        ]
        .into_iter()
        .flatten()
        .any(|own| own.to_lowercase() == wanted)
    }

    /// Says whether this door owns the account with this id.
    pub fn owns(&self, id: &str) -> bool {
        self.account_ids.iter().any(|own| own.as_str() == id)
    }

    /// Says whether an account that was found for this person may be changed: once ids are known, those
    /// and no other, and never one that is somebody else's.
    pub fn may_act_on(&self, id: &str) -> bool {
        let is_anothers = self.accounts_of_others.contains(&AccountId(id.to_owned()));
        !is_anothers && (self.account_ids.is_empty() || self.owns(id))
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("person", &self.person)
            .field("account_ids", &self.account_ids.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_an_account_until_an_id_is_known_and_never_to_one_of_somebody_else() {
        let ids = |ids: &[&str]| -> Vec<AccountId> {
            ids.iter().map(|id| AccountId((*id).to_owned())).collect()
        };
        let subject = |own: &[&str], others: &[&str]| Subject {
            account_ids: ids(own),
            accounts_of_others: ids(others).into_iter().collect(),
            ..Subject::default()
        };

        assert!(subject(&[], &[]).may_act_on("7"));
        assert!(subject(&[], &["8"]).may_act_on("7"));
        assert!(!subject(&[], &["7"]).may_act_on("7"));
        assert!(subject(&["7"], &[]).may_act_on("7"));
        assert!(!subject(&["7"], &[]).may_act_on("8"));
        assert!(!subject(&["7"], &["7"]).may_act_on("7"));
    }
}
