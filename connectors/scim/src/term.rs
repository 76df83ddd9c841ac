//! What a person is searched by: sent as a filter, and compared with what came back.
//!
//! # Source
//! RFC 7644 section 3.4.2.2: values in a filter are JSON.

use drawbridge_sdk::Subject;
use serde_json::Value;

use crate::user::{ENTERPRISE, User};

/// An attribute that identifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute {
    /// `userName`
    UserName,
    /// `externalId`
    ExternalId,
    /// `emails.value`
    Email,
    /// `employeeNumber` of the enterprise extension
    EmployeeNumber,
}

/// One thing to search by.
#[derive(Clone, PartialEq, Eq)]
pub struct Term {
    /// Where to look.
    pub attribute: Attribute,
    /// What for.
    pub value: String,
}

impl Term {
    fn new(attribute: Attribute, value: &str) -> Self {
        Self {
            attribute,
            value: value.to_owned(),
        }
    }

    /// Everything this person is searched by. Many systems have the e-mail address as the name.
    pub fn all_of(subject: &Subject) -> Vec<Self> {
        let names = subject.user_names.iter().chain(&subject.emails);
        let kinds = [
            (Attribute::UserName, names.collect::<Vec<_>>()),
            (Attribute::ExternalId, subject.external_ids.iter().collect()),
            (Attribute::Email, subject.emails.iter().collect()),
            (
                Attribute::EmployeeNumber,
                subject.employee_numbers.iter().collect(),
            ),
        ];
        let mut terms = Vec::new();
        for (attribute, values) in kinds {
            for value in values.into_iter().filter(|value| !value.is_empty()) {
                let is_new = |known: &Self| {
                    known.attribute != attribute
                        || known.value.to_lowercase() != value.to_lowercase()
                };
                if terms.iter().all(is_new) {
                    terms.push(Self::new(attribute, value));
                }
            }
        }
        terms
    }

    /// What an account known to exist is searched by: its name, or its e-mail address.
    pub fn all_of_canary(canary: &str) -> Vec<Self> {
        let mut terms = vec![Self::new(Attribute::UserName, canary)];
        if canary.contains('@') {
            terms.push(Self::new(Attribute::Email, canary));
        }
        terms
    }

    /// The same attribute with this user's value, if it has one.
    pub fn with_value_of(&self, user: &User) -> Option<Self> {
        let value = self.attribute.values(user).into_iter().next()?;
        Some(Self::new(self.attribute, value))
    }

    /// The filter as it is sent.
    pub fn filter(&self) -> String {
        let attribute = match self.attribute {
            Attribute::UserName => "userName".to_owned(),
            Attribute::ExternalId => "externalId".to_owned(),
            Attribute::Email => "emails.value".to_owned(),
            Attribute::EmployeeNumber => format!("{ENTERPRISE}:employeeNumber"),
        };
        format!("{attribute} eq {}", Value::from(self.value.as_str()))
    }

    /// Whether this user has it, whatever the case.
    pub fn matches(&self, user: &User) -> bool {
        let wanted = self.value.to_lowercase();
        self.attribute
            .values(user)
            .into_iter()
            .any(|value| value.to_lowercase() == wanted)
    }
}

impl Attribute {
    fn values(self, user: &User) -> Vec<&String> {
        match self {
            Self::UserName => vec![&user.user_name],
            Self::ExternalId => user.external_id.iter().collect(),
            Self::Email => user.emails.iter().collect(),
            Self::EmployeeNumber => user.employee_number.iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_hostile_name_stays_one_value_of_the_filter() {
        let term = Term::new(Attribute::UserName, "a\" or userName pr or \"\\\n");

        assert_eq!(
            term.filter(),
            r#"userName eq "a\" or userName pr or \"\\\n""#
        );
    }

    #[test]
    fn every_identifier_is_searched_for_once() {
        let subject = Subject {
            user_names: vec!["nina".to_owned(), "Nina@practice.example".to_owned()],
            external_ids: vec!["x-1".to_owned(), String::new()],
            emails: vec!["nina@practice.example".to_owned()],
            employee_numbers: vec!["77".to_owned()],
            ..Subject::default()
        };

        let filters: Vec<String> = Term::all_of(&subject).iter().map(Term::filter).collect();

        let number = format!("{ENTERPRISE}:employeeNumber eq \"77\"");
        assert_eq!(
            filters,
            [
                "userName eq \"nina\"",
                "userName eq \"Nina@practice.example\"",
                "externalId eq \"x-1\"",
                "emails.value eq \"nina@practice.example\"",
                number.as_str(),
            ]
        );
    }

    #[test]
    fn a_value_counts_only_in_its_own_attribute() {
        let user = User::of(&json!({ "id": "1", "userName": "77", "externalId": "nina" }));
        let user = user.expect("a user");

        assert!(Term::new(Attribute::UserName, "77").matches(&user));
        assert!(!Term::new(Attribute::EmployeeNumber, "77").matches(&user));
        assert!(!Term::new(Attribute::UserName, "nina").matches(&user));
        assert!(Term::new(Attribute::ExternalId, "NINA").matches(&user));
    }
}
