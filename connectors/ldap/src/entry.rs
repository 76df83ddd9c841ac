//! A directory's record, and the account it shows.

use std::collections::HashMap;

use drawbridge_sdk::{
    Account, AccountId, AccountState, CallError, FailureClass, Finality, Sessions,
};
use ldap3::SearchEntry;

use crate::{
    filter::{self, Attributes},
    flavor::{self, Flavor},
};

/// One entry as the directory shows it.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) dn: String,
    /// By attribute name in lower case: LDAP does not tell cases apart.
    values: HashMap<String, Vec<Vec<u8>>>,
}

impl From<SearchEntry> for Entry {
    fn from(found: SearchEntry) -> Self {
        let text = found.attrs.into_iter().map(|(name, values)| {
            (
                name.to_lowercase(),
                values.into_iter().map(String::into_bytes).collect(),
            )
        });
        let binary = found
            .bin_attrs
            .into_iter()
            .map(|(name, values)| (name.to_lowercase(), values));
        Self {
            dn: found.dn,
            values: text.chain(binary).collect(),
        }
    }
}

impl Entry {
    /// Every value of this attribute that is text.
    pub(crate) fn texts(&self, attribute: &str) -> impl Iterator<Item = &str> {
        self.bytes(attribute)
            .iter()
            .filter_map(|value| std::str::from_utf8(value).ok())
    }

    /// The first value of this attribute.
    pub(crate) fn text(&self, attribute: &str) -> Option<&str> {
        self.texts(attribute).next()
    }

    fn bytes(&self, attribute: &str) -> &[Vec<u8>] {
        self.values
            .get(&attribute.to_lowercase())
            .map_or(&[], Vec::as_slice)
    }

    /// The immutable id.
    ///
    /// # Errors
    /// `contract` if the directory showed the entry without it.
    pub(crate) fn id(&self, flavor: Flavor) -> Result<AccountId, CallError> {
        let value = self.bytes(flavor.id_attribute()).first();
        let id = value.and_then(|value| filter::id_of(flavor, value));
        id.map(|id| AccountId(id.to_string()))
            .ok_or_else(|| unreadable(flavor.id_attribute()))
    }

    /// The bits of an Active Directory account.
    ///
    /// # Errors
    /// `refused` if we may not read them.
    pub(crate) fn bits(&self) -> Result<u32, CallError> {
        let bits = self
            .text(flavor::BITS)
            .and_then(|bits| bits.parse::<i64>().ok());
        // Samba and Windows print the 32 bits as a signed number.
        bits.map(|bits| bits as u32)
            .ok_or_else(|| unreadable(flavor::BITS))
    }

    /// Whether one can log in.
    ///
    /// # Errors
    /// As [`Entry::bits`].
    pub(crate) fn state(&self, flavor: Flavor) -> Result<AccountState, CallError> {
        Ok(match flavor {
            Flavor::ActiveDirectory => flavor::state_of_bits(self.bits()?),
            Flavor::OpenLdap => {
                flavor::state_of_lock(self.text(flavor::LOCK), self.text(flavor::END))
            }
        })
    }

    /// The name one logs in with.
    pub(crate) fn login(&self, attributes: &Attributes) -> &str {
        self.text(&attributes.login).unwrap_or_default()
    }

    /// Every name and number the entry bears.
    pub(crate) fn identifiers(&self, flavor: Flavor, attributes: &Attributes) -> Vec<String> {
        let named = attributes
            .names(flavor)
            .into_iter()
            .chain([attributes.employee_number.as_str()]);
        let mut identifiers: Vec<_> = named
            .flat_map(|attribute| self.texts(attribute))
            .map(str::to_owned)
            .collect();
        identifiers.dedup();
        identifiers
    }

    /// The account this entry is.
    ///
    /// # Errors
    /// When the id or the state cannot be read.
    pub(crate) fn account(
        &self,
        flavor: Flavor,
        attributes: &Attributes,
        levels: Vec<String>,
        sessions: Sessions,
    ) -> Result<Account, CallError> {
        Ok(Account {
            id: self.id(flavor)?,
            login: self.login(attributes).to_owned(),
            state: self.state(flavor)?,
            sessions,
            levels,
            identifiers: self.identifiers(flavor, attributes),
        })
    }
}

fn unreadable(attribute: &str) -> CallError {
    CallError::new(
        FailureClass::Refused,
        Finality::NotSent,
        format!(
            "the directory does not show {attribute} of an account: give the service account the \
             right to read it"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(attributes: &[(&str, &str)]) -> Entry {
        Entry::from(SearchEntry {
            dn: "CN=nina,DC=practice,DC=test".to_owned(),
            attrs: attributes
                .iter()
                .map(|(name, value)| ((*name).to_owned(), vec![(*value).to_owned()]))
                .collect(),
            bin_attrs: HashMap::new(),
        })
    }

    #[test]
    fn an_account_whose_bits_are_hidden_is_neither_enabled_nor_disabled() {
        let hidden = entry(&[("sAMAccountName", "nina")]);

        let error = hidden
            .state(Flavor::ActiveDirectory)
            .expect_err("unreadable");

        assert_eq!(error.class, FailureClass::Refused);
    }

    #[test]
    fn attribute_names_are_found_whatever_their_case() {
        let shown = entry(&[("useraccountcontrol", "66050")]);

        let state = shown.state(Flavor::ActiveDirectory).expect("readable");

        assert_eq!(state, AccountState::Disabled);
    }

    #[test]
    fn bits_above_the_sign_are_read() {
        let shown = entry(&[("userAccountControl", "-2147483136")]);

        assert_eq!(shown.bits().expect("readable"), 0x8000_0200);
    }
}
