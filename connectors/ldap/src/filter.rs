//! Search filters. Whatever a person is called, it stays one value of one comparison.
//!
//! # Source
//! RFC 4515.

use drawbridge_sdk::Subject;
use ldap3::ldap_escape;
use uuid::Uuid;

use crate::flavor::Flavor;

/// The attributes that name a person, as the practice's directory spells them.
#[derive(Debug, Clone)]
pub(crate) struct Attributes {
    pub(crate) login: String,
    pub(crate) mail: String,
    pub(crate) employee_number: String,
}

impl Attributes {
    /// The attributes that hold a name one logs in or gets mail with.
    pub(crate) fn names(&self, flavor: Flavor) -> Vec<&str> {
        let mut names = vec![self.login.as_str(), self.mail.as_str()];
        if flavor == Flavor::ActiveDirectory {
            names.push("userPrincipalName");
        }
        names
    }
}

/// One comparison.
pub(crate) fn equals(attribute: &str, value: &str) -> String {
    format!("({attribute}={})", ldap_escape(value))
}

/// Any of these filters. `None` if there is none, for an empty one would find nobody or everybody,
/// as the server pleases.
pub(crate) fn any_of(filters: &[String]) -> Option<String> {
    (!filters.is_empty()).then(|| format!("(|{})", filters.concat()))
}

/// The entry with this id. `None` if that is no id of a directory.
pub(crate) fn has_id(flavor: Flavor, id: &str) -> Option<String> {
    let id = Uuid::parse_str(id).ok()?;
    let value = match flavor {
        Flavor::ActiveDirectory => id
            .to_bytes_le()
            .iter()
            .map(|byte| format!("\\{byte:02x}"))
            .collect(),
        Flavor::OpenLdap => id.to_string(),
    };
    Some(format!("({}={value})", flavor.id_attribute()))
}

/// The id of the entry, from the directory's own spelling of it.
///
/// # Source
/// MS-DTYP 2.3.4.2: a GUID's first three fields are stored low byte first.
pub(crate) fn id_of(flavor: Flavor, value: &[u8]) -> Option<Uuid> {
    match flavor {
        Flavor::ActiveDirectory => Some(Uuid::from_bytes_le(value.try_into().ok()?)),
        Flavor::OpenLdap => Uuid::try_parse_ascii(value).ok(),
    }
}

/// What makes an entry an account at all.
pub(crate) fn is_account(flavor: Flavor, attributes: &Attributes) -> String {
    match flavor {
        // Computers and groups have a login name too.
        Flavor::ActiveDirectory => "(objectCategory=person)(objectClass=user)".to_owned(),
        Flavor::OpenLdap => format!("({}=*)", attributes.login),
    }
}

/// Every account of this person, by each owned id and each identifier; and the canary beside them,
/// so that one search sees both. `None` if nothing is known to search for.
///
/// Names are compared with names and numbers with numbers: one person's employee number may be
/// another one's login.
pub(crate) fn accounts_of(
    flavor: Flavor,
    attributes: &Attributes,
    subject: &Subject,
    canary: Option<&str>,
) -> Option<String> {
    let ids = subject
        .account_ids
        .iter()
        .map(|id| id.as_str())
        .chain(canary);
    let mut filters: Vec<_> = ids.filter_map(|id| has_id(flavor, id)).collect();
    let names = subject
        .user_names
        .iter()
        .chain(&subject.emails)
        .chain(&subject.external_ids);
    for name in names
        .map(String::as_str)
        .chain(canary)
        .filter(|name| is_something(name))
    {
        filters.extend(
            attributes
                .names(flavor)
                .into_iter()
                .map(|attribute| equals(attribute, name)),
        );
    }
    let numbers = subject.employee_numbers.iter().chain(&subject.external_ids);
    for number in numbers
        .map(String::as_str)
        .filter(|number| is_something(number))
    {
        filters.push(equals(&attributes.employee_number, number));
    }
    let wanted = any_of(&filters)?;
    Some(format!("(&{}{wanted})", is_account(flavor, attributes)))
}

fn is_something(value: &str) -> bool {
    !value.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use drawbridge_sdk::AccountId;

    use super::*;

    fn attributes() -> Attributes {
        Attributes {
            login: "uid".to_owned(),
            mail: "mail".to_owned(),
            employee_number: "employeeNumber".to_owned(),
        }
    }

    #[test]
    fn a_hostile_name_stays_one_value() {
        let hostile = r"*)(uid=*))(|(uid=*\";
        let subject = Subject {
            user_names: vec![hostile.to_owned()],
            ..Subject::default()
        };

        let filter =
            accounts_of(Flavor::OpenLdap, &attributes(), &subject, None).expect("a filter");

        let one = r"\2a\29\28uid=\2a\29\29\28|\28uid=\2a\5c";
        assert_eq!(filter, format!("(&(uid=*)(|(uid={one})(mail={one})))"));
        assert!(ldap3::parse_filter(&filter).is_ok(), "{filter}");
    }

    #[test]
    fn a_person_without_identifiers_is_not_searched_for() {
        let blank = Subject {
            user_names: vec![" ".to_owned()],
            ..Subject::default()
        };

        assert_eq!(
            accounts_of(Flavor::OpenLdap, &attributes(), &blank, None),
            None
        );
    }

    #[test]
    fn every_identifier_and_every_owned_id_is_searched_for() {
        let subject = Subject {
            user_names: vec!["nina".to_owned(), "nina.old".to_owned()],
            emails: vec!["nina@practice.test".to_owned()],
            external_ids: vec!["x-7".to_owned()],
            employee_numbers: vec!["1001".to_owned()],
            account_ids: vec![AccountId("987904fc-7ac2-1041-93fa-e39ca9405663".to_owned())],
            ..Subject::default()
        };

        let filter = accounts_of(Flavor::OpenLdap, &attributes(), &subject, Some("known"))
            .expect("a filter");

        for part in [
            "(entryUUID=987904fc-7ac2-1041-93fa-e39ca9405663)",
            "(uid=nina)",
            "(uid=nina.old)",
            "(mail=nina@practice.test)",
            "(employeeNumber=1001)",
            "(employeeNumber=x-7)",
            "(uid=known)",
        ] {
            assert!(filter.contains(part), "{part} in {filter}");
        }
        assert!(
            !filter.contains("(uid=1001)"),
            "a number is not a login: {filter}"
        );
    }

    #[test]
    fn an_object_guid_is_read_and_searched_in_windows_byte_order() {
        // As Samba stored it, and as it named the same entry in an error message.
        let stored = [
            0x3b, 0xd6, 0xa4, 0x8f, 0x34, 0xee, 0xe6, 0x42, 0x98, 0x2f, 0xaa, 0x07, 0x01, 0xd2,
            0x2a, 0xbc,
        ];

        let id = id_of(Flavor::ActiveDirectory, &stored)
            .expect("a GUID")
            .to_string();

        assert_eq!(id, "8fa4d63b-ee34-42e6-982f-aa0701d22abc");
        assert_eq!(
            has_id(Flavor::ActiveDirectory, &id).as_deref(),
            Some(r"(objectGUID=\3b\d6\a4\8f\34\ee\e6\42\98\2f\aa\07\01\d2\2a\bc)")
        );
        assert_eq!(id_of(Flavor::ActiveDirectory, b"short"), None);
        assert_eq!(has_id(Flavor::OpenLdap, "*)(uid=*"), None);
    }
}
