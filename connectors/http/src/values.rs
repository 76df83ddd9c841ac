//! What the placeholders of one request stand for.

use drawbridge_sdk::Subject;
use ring::{
    digest,
    rand::{SecureRandom, SystemRandom},
};

use crate::vendor::{
    paging::Place,
    template::{Placeholder, Values},
};

/// Fills placeholders; what a step does not know stays `None` and cannot be filled.
#[derive(Default)]
pub struct Filling<'a> {
    /// The person, for accounts that are created.
    pub subject: Option<&'a Subject>,
    /// The account acted on.
    pub account_id: Option<&'a str>,
    /// Its login.
    pub login: Option<&'a str>,
    /// What is searched for.
    pub identifier: Option<&'a str>,
    /// One level.
    pub level: Option<&'a str>,
    /// All levels.
    pub levels: &'a [String],
    /// Where the page starts.
    pub place: Option<&'a Place>,
    /// The same on each retry of this very request.
    pub idempotency_key: Option<&'a str>,
    /// A password nobody knows.
    pub password: Option<&'a str>,
}

impl Values for Filling<'_> {
    fn text(&self, placeholder: Placeholder) -> Option<String> {
        let of = |read: fn(&Subject) -> Option<&str>| self.subject.and_then(read);
        let number = || match self.place {
            Some(Place::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        match placeholder {
            Placeholder::AccountId => self.account_id,
            Placeholder::Login => self.login,
            Placeholder::Identifier => self.identifier,
            Placeholder::UserName => of(Subject::user_name),
            Placeholder::Email => of(Subject::email),
            Placeholder::ExternalId => {
                of(|subject| subject.external_ids.first().map(String::as_str))
            }
            Placeholder::EmployeeNumber => {
                of(|subject| subject.employee_numbers.first().map(String::as_str))
            }
            Placeholder::DisplayName => of(|subject| subject.display_name.as_deref()),
            Placeholder::GivenName => of(|subject| subject.given_name.as_deref()),
            Placeholder::FamilyName => of(|subject| subject.family_name.as_deref()),
            Placeholder::Level => self.level,
            Placeholder::Offset | Placeholder::Page => return number(),
            Placeholder::Cursor => match self.place {
                Some(Place::Text(text)) => Some(text.as_str()),
                _ => None,
            },
            Placeholder::IdempotencyKey => self.idempotency_key,
            Placeholder::RandomPassword => self.password,
            Placeholder::Levels => None,
        }
        .map(str::to_owned)
    }

    fn levels(&self) -> &[String] {
        self.levels
    }
}

/// A key for one request of a call. A call can send several changing requests, and a vendor that knows
/// idempotency keys would answer the second with the first one's answer if they shared one.
pub fn request_key(call_key: &str, line: &str, account_id: &str, level: &str) -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    for part in [call_key, line, account_id, level] {
        hash.update(&(part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex(hash.finish().as_ref())
}

/// A password of 128 random bits that also has what password rules ask for. It is sent once and kept
/// nowhere: the person sets their own.
///
/// `None` when the operating system gives no random numbers.
pub fn random_password() -> Option<String> {
    let mut random = [0; 16];
    SystemRandom::new().fill(&mut random).ok()?;
    Some(format!("Aa1-{}", hex(&random)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_of_a_call_has_its_own_key_and_keeps_it_on_a_retry() {
        let add_a = request_key("k", "PUT /x", "7", "a");

        assert_eq!(add_a, request_key("k", "PUT /x", "7", "a"));
        for other in [
            request_key("k2", "PUT /x", "7", "a"),
            request_key("k", "PUT /y", "7", "a"),
            request_key("k", "PUT /x", "8", "a"),
            request_key("k", "PUT /x", "7", "b"),
            request_key("k", "PUT /x", "7a", ""),
        ] {
            assert_ne!(add_a, other);
        }
    }

    #[test]
    fn no_two_passwords_are_the_same() {
        assert_ne!(random_password(), random_password());
    }

    #[test]
    fn a_number_is_no_cursor_and_a_cursor_no_number() {
        let number = Place::Number(20);
        let text = Place::Text("abc".to_owned());
        let at = |place| Filling {
            place: Some(place),
            ..Filling::default()
        };

        assert_eq!(at(&number).text(Placeholder::Offset).as_deref(), Some("20"));
        assert_eq!(at(&number).text(Placeholder::Cursor), None);
        assert_eq!(at(&text).text(Placeholder::Cursor).as_deref(), Some("abc"));
        assert_eq!(at(&text).text(Placeholder::Page), None);
    }
}
