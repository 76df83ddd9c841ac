//! Person data in paths and queries: it can fill a place, never make a new one.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::failure::{CallError, FailureClass, Finality};

/// What stays as it is, in a path as in a query: RFC 3986's unreserved letters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A value as one segment of a path.
///
/// # Errors
/// When it is empty, `.` or `..`: no encoding keeps those from meaning another path.
pub fn encode_segment(value: &str) -> Result<String, CallError> {
    if is_no_segment(value) {
        return Err(not_a_segment());
    }
    Ok(encode(value))
}

/// A value in a query.
pub fn encode_query(value: &str) -> String {
    encode(value)
}

fn encode(value: &str) -> String {
    utf8_percent_encode(value, ENCODED).to_string()
}

/// A path with places to fill, and the query after it.
#[derive(Debug, Clone, Default)]
pub(super) struct Target {
    template: String,
    fillings: Vec<(String, String)>,
    query: Vec<(String, String)>,
}

impl Target {
    pub(super) fn new(template: &str) -> Self {
        Self {
            template: template.to_owned(),
            ..Self::default()
        }
    }

    pub(super) fn fill(&mut self, place: &str, value: &str) {
        self.fillings
            .push((format!("{{{place}}}"), value.to_owned()));
    }

    pub(super) fn query(&mut self, name: &str, value: &str) {
        self.query.push((name.to_owned(), value.to_owned()));
    }

    /// The path as it is written in receipts: no value of a person is in it.
    pub(super) fn shown(&self) -> String {
        let names = self.query.iter().map(|(name, _)| format!("{name}={{..}}"));
        with_query(self.template.clone(), names)
    }

    /// The path and query as they are sent.
    ///
    /// # Errors
    /// When a segment would be empty or made of dots by what was filled in, or a place is left empty.
    pub(super) fn sent(&self) -> Result<String, CallError> {
        let (path, rest) = match self.template.split_once('?') {
            Some((path, rest)) => (path, Some(rest)),
            None => (self.template.as_str(), None),
        };
        let segments: Vec<String> = path
            .split('/')
            .map(|segment| self.segment(segment))
            .collect::<Result<_, _>>()?;
        let mut sent = segments.join("/");
        if let Some(rest) = rest {
            sent.push('?');
            sent.push_str(&self.filled(rest));
        }
        if sent.contains(['{', '}']) {
            return Err(never_sent(
                "a place in the request's path was left empty: report this as a fault of the connector",
            ));
        }
        let pairs = self
            .query
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)));
        Ok(with_query(sent, pairs))
    }

    fn segment(&self, template: &str) -> Result<String, CallError> {
        let filled = self.filled(template);
        if filled != template && is_no_segment(&filled) {
            return Err(not_a_segment());
        }
        Ok(filled)
    }

    fn filled(&self, template: &str) -> String {
        self.fillings
            .iter()
            .fold(template.to_owned(), |filled, (place, value)| {
                filled.replace(place, &encode(value))
            })
    }
}

fn with_query(path: String, pairs: impl Iterator<Item = String>) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    let query: Vec<String> = pairs.collect();
    if query.is_empty() {
        path
    } else {
        format!("{path}{separator}{}", query.join("&"))
    }
}

fn is_no_segment(value: &str) -> bool {
    matches!(value, "" | "." | "..")
}

fn not_a_segment() -> CallError {
    never_sent(
        "an identifier of this person is empty or only dots and cannot be part of an address: correct \
         it at the identity provider",
    )
}

fn never_sent(message: &str) -> CallError {
    CallError::new(FailureClass::Refused, Finality::NotSent, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(template: &str, value: &str) -> Target {
        let mut target = Target::new(template);
        target.fill("id", value);
        target
    }

    #[test]
    fn a_hostile_identifier_fills_one_segment() {
        let sent = target("/users/{id}/sessions", "../a/b?c=d&e#f%2e\r\nö")
            .sent()
            .expect("sent");

        assert_eq!(
            sent,
            "/users/..%2Fa%2Fb%3Fc%3Dd%26e%23f%252e%0D%0A%C3%B6/sessions"
        );
    }

    #[test]
    fn an_identifier_of_dots_or_nothing_is_never_sent() {
        for value in ["", ".", ".."] {
            let error = target("/users/{id}", value).sent().expect_err(value);
            assert_eq!(error.finality, Finality::NotSent);
            assert!(encode_segment(value).is_err());
        }
        assert!(target("/users/{id}", "...").sent().is_ok());
    }

    #[test]
    fn a_value_that_looks_like_a_place_is_only_a_value() {
        let mut target = Target::new("/{id}/{name}");
        target.fill("id", "{name}");
        target.fill("name", "x");

        assert_eq!(target.sent().expect("sent"), "/%7Bname%7D/x");
    }

    #[test]
    fn a_query_value_stays_one_value_and_out_of_the_receipt() {
        let mut target = target("/users?active=true", "unused");
        target.query("filter", "userName eq \"zoë&admin=1\"");

        assert_eq!(
            target.sent().expect("sent"),
            "/users?active=true&filter=userName%20eq%20%22zo%C3%AB%26admin%3D1%22"
        );
        assert_eq!(target.shown(), "/users?active=true&filter={..}");
    }

    #[test]
    fn a_place_nobody_filled_is_never_sent() {
        assert!(Target::new("/users/{id}").sent().is_err());
    }
}
