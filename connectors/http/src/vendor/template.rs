//! Text with placeholders, filled so that a person's data can never change what surrounds it.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but RFC 3986's unreserved characters is encoded, in paths and in queries alike.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What can be put into a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// The system's id of the account.
    AccountId,
    /// The login name the account's record shows.
    Login,
    /// The identifier that is searched for.
    Identifier,
    /// The person's current SCIM `userName`.
    UserName,
    /// The person's primary e-mail address.
    Email,
    /// The person's current SCIM `externalId`.
    ExternalId,
    /// The person's current employee number.
    EmployeeNumber,
    /// How the person is called.
    DisplayName,
    /// The person's given name.
    GivenName,
    /// The person's family name.
    FamilyName,
    /// One level: a group, a role, a profile.
    Level,
    /// All levels the account must have, as a JSON list.
    Levels,
    /// How many records were already read.
    Offset,
    /// The number of the page.
    Page,
    /// Where the next page starts, in the system's own words.
    Cursor,
    /// The same on each retry of one round.
    IdempotencyKey,
    /// A long password nobody knows, for systems that want one when an account is created.
    RandomPassword,
}

impl Placeholder {
    const ALL: [(&'static str, Self); 17] = [
        ("account_id", Self::AccountId),
        ("login", Self::Login),
        ("identifier", Self::Identifier),
        ("user_name", Self::UserName),
        ("email", Self::Email),
        ("external_id", Self::ExternalId),
        ("employee_number", Self::EmployeeNumber),
        ("display_name", Self::DisplayName),
        ("given_name", Self::GivenName),
        ("family_name", Self::FamilyName),
        ("level", Self::Level),
        ("levels", Self::Levels),
        ("offset", Self::Offset),
        ("page", Self::Page),
        ("cursor", Self::Cursor),
        ("idempotency_key", Self::IdempotencyKey),
        ("random_password", Self::RandomPassword),
    ];

    /// The name between the braces.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, own)| *own == self)
            .map_or("", |(name, _)| name)
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(own, _)| *own == name)
            .map(|(_, placeholder)| *placeholder)
    }
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.name())
    }
}

/// What the placeholders stand for in one request.
pub trait Values {
    /// The text for a placeholder; `None` or an empty text when there is none.
    fn text(&self, placeholder: Placeholder) -> Option<String>;

    /// All levels the account must have.
    fn levels(&self) -> &[String] {
        &[]
    }
}

/// A placeholder for which there is nothing to put in, or something that cannot be put there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfillable {
    /// There is nothing to put in.
    #[error("{0} is empty: have it filled in where this person's record is kept")]
    Missing(Placeholder),
    /// A path segment of `.` or `..` would lead elsewhere, encoded or not.
    #[error("{0} cannot be a part of an address: do this step by hand")]
    NotASegment(Placeholder),
}

/// Text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Hole(Placeholder),
}

impl Template {
    /// Reads a template as it is written in a vendor file; `{{` and `}}` stand for plain braces.
    ///
    /// # Errors
    /// When a brace is not closed, or a placeholder is unknown or not one of `allowed` here.
    pub fn parse(text: &str, allowed: &[Placeholder]) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix("{{") {
                plain.push('{');
                rest = after;
            } else if let Some(after) = rest.strip_prefix("}}") {
                plain.push('}');
                rest = after;
            } else {
                let inner = rest
                    .strip_prefix('{')
                    .and_then(|inner| inner.split_once('}'));
                let Some((name, after)) = inner else {
                    return Err(format!(
                        "a brace in `{text}` has no partner: write `{{{{` or `}}}}` for a plain one"
                    ));
                };
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                }
                parts.push(Part::Hole(known(name, allowed)?));
                rest = after;
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self { parts })
    }

    /// Whether this placeholder is in it.
    pub fn has(&self, placeholder: Placeholder) -> bool {
        self.parts.contains(&Part::Hole(placeholder))
    }

    /// The placeholder, when it is all there is.
    pub fn only_placeholder(&self) -> Option<Placeholder> {
        match self.parts.as_slice() {
            [Part::Hole(placeholder)] => Some(*placeholder),
            _ => None,
        }
    }

    /// Fills it as it is: for JSON strings and form values, which are encoded as a whole afterwards.
    ///
    /// # Errors
    /// When there is nothing to put in.
    pub fn fill(&self, values: &dyn Values) -> Result<String, Unfillable> {
        self.fill_with(values, |text| text.to_owned())
    }

    /// Fills it for a query: the values are encoded, the text around them is kept.
    ///
    /// # Errors
    /// When there is nothing to put in.
    pub fn fill_query(&self, values: &dyn Values) -> Result<String, Unfillable> {
        self.fill_with(values, percent_encoded)
    }

    /// Fills it for one path segment: whatever the values are, it stays one segment.
    ///
    /// # Errors
    /// When there is nothing to put in, or the whole segment would be `.` or `..`, which address
    /// parsers resolve even when it is encoded.
    pub fn fill_segment(&self, values: &dyn Values) -> Result<String, Unfillable> {
        let segment = self.fill_with(values, percent_encoded)?;
        match self.parts.iter().find_map(|part| {
            if let Part::Hole(hole) = part {
                Some(*hole)
            } else {
                None
            }
        }) {
            Some(hole) if segment == "." || segment == ".." => Err(Unfillable::NotASegment(hole)),
            _ => Ok(segment),
        }
    }

    fn fill_with(
        &self,
        values: &dyn Values,
        encode: fn(&str) -> String,
    ) -> Result<String, Unfillable> {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Hole(placeholder) => match values.text(*placeholder) {
                    Some(value) if !value.is_empty() => filled.push_str(&encode(&value)),
                    _ => return Err(Unfillable::Missing(*placeholder)),
                },
            }
        }
        Ok(filled)
    }
}

fn percent_encoded(value: &str) -> String {
    utf8_percent_encode(value, RESERVED).to_string()
}

fn known(name: &str, allowed: &[Placeholder]) -> Result<Placeholder, String> {
    let names = || match allowed {
        [] => "none can be used here".to_owned(),
        _ => format!(
            "here one can use {}",
            allowed
                .iter()
                .map(Placeholder::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        ),
    };
    let placeholder = Placeholder::named(name)
        .ok_or_else(|| format!("`{{{name}}}` is no placeholder: {}", names()))?;
    if !allowed.contains(&placeholder) {
        return Err(format!("`{{{name}}}` cannot be used here: {}", names()));
    }
    Ok(placeholder)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Is(&'static str);

    impl Values for Is {
        fn text(&self, _: Placeholder) -> Option<String> {
            Some(self.0.to_owned())
        }
    }

    fn template(text: &str) -> Template {
        Template::parse(text, &[Placeholder::UserName, Placeholder::AccountId]).unwrap()
    }

    #[test]
    fn a_hostile_name_stays_one_path_segment() {
        for (name, encoded) in [
            ("../../x", "..%2F..%2Fx"),
            ("a/b?c#d", "a%2Fb%3Fc%23d"),
            ("a\r\nHost: evil", "a%0D%0AHost%3A%20evil"),
            ("a\\..\\b", "a%5C..%5Cb"),
            ("%2e%2e", "%252e%252e"),
            ("a;b@c:d", "a%3Bb%40c%3Ad"),
            ("Zoë", "Zo%C3%AB"),
            ("{account_id}", "%7Baccount_id%7D"),
            ("a\0b", "a%00b"),
        ] {
            assert_eq!(
                template("{user_name}").fill_segment(&Is(name)).as_deref(),
                Ok(encoded)
            );
        }
    }

    #[test]
    fn a_name_of_dots_is_refused_where_it_would_lead_elsewhere() {
        for dots in [".", ".."] {
            let alone = template("{user_name}").fill_segment(&Is(dots));
            let with_text = template("u-{user_name}").fill_segment(&Is(dots));

            assert_eq!(alone, Err(Unfillable::NotASegment(Placeholder::UserName)));
            assert_eq!(with_text, Ok(format!("u-{dots}")));
        }
    }

    #[test]
    fn a_hostile_name_stays_one_query_value() {
        let filled = template("user:{user_name}").fill_query(&Is("a&admin=1+2 =x"));

        assert_eq!(filled.as_deref(), Ok("user:a%26admin%3D1%2B2%20%3Dx"));
    }

    #[test]
    fn an_empty_value_is_never_sent() {
        assert_eq!(
            template("{account_id}").fill_segment(&Is("")),
            Err(Unfillable::Missing(Placeholder::AccountId))
        );
    }

    #[test]
    fn a_value_that_looks_like_a_placeholder_is_not_filled_again() {
        assert_eq!(
            template("{user_name}").fill(&Is("{account_id}")).as_deref(),
            Ok("{account_id}")
        );
    }

    #[test]
    fn doubled_braces_are_plain_ones() {
        assert_eq!(
            template("query {{ user(id: {account_id}) }}")
                .fill(&Is("7"))
                .as_deref(),
            Ok("query { user(id: 7) }")
        );
    }

    #[test]
    fn a_wrong_placeholder_says_which_are_right() {
        let unknown = Template::parse("{user}", &[Placeholder::UserName]).unwrap_err();
        let elsewhere = Template::parse("{level}", &[Placeholder::UserName]).unwrap_err();
        let nowhere = Template::parse("{level}", &[]).unwrap_err();
        let open = Template::parse("/x/{level", &[Placeholder::Level]).unwrap_err();

        assert_eq!(
            unknown,
            "`{user}` is no placeholder: here one can use {user_name}"
        );
        assert_eq!(
            elsewhere,
            "`{level}` cannot be used here: here one can use {user_name}"
        );
        assert_eq!(
            nowhere,
            "`{level}` cannot be used here: none can be used here"
        );
        assert!(open.contains("has no partner"), "{open}");
    }

    #[test]
    fn every_placeholder_has_its_own_name() {
        for (name, placeholder) in Placeholder::ALL {
            assert_eq!(placeholder.name(), name);
            assert_eq!(Placeholder::named(name), Some(placeholder));
        }
    }
}
