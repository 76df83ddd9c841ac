//! What can stand behind a key.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use drawbridge_sdk::SecretRef;
use jiff::civil::Date;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{Database, duration, suggest::suggest};
use crate::policy::{Category, Grant};

/// A type that a value of a settings file can be read as.
pub(super) trait Value: Sized {
    /// What to write, for people: `true or false`.
    const EXPECTED: &'static str;

    /// The value, if it is one of these.
    fn of(value: &DeValue<'_>) -> Option<Self>;

    /// Stands in for a value that is missing or wrong. It is never used: the mistake is noted, and
    /// settings with a mistake never leave this module.
    fn stand_in() -> Self;

    /// What is wrong with a value that is none of these; goes on after the key's name.
    fn problem(value: &DeValue<'_>) -> String {
        let is = match value.as_str() {
            Some(text) => format!("`{text}`"),
            None => kind(value).to_owned(),
        };
        format!("must be {}, not {is}", Self::EXPECTED)
    }

    /// The value, or what is wrong with it.
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        Self::of(value).ok_or_else(|| Self::problem(value))
    }
}

/// What kind of value this is, for people.
pub(super) const fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(true) => "true",
        DeValue::Boolean(false) => "false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

impl Value for String {
    const EXPECTED: &'static str = "text in quotes that is not empty";

    fn of(value: &DeValue<'_>) -> Option<Self> {
        let text = value.as_str()?;
        (!text.trim().is_empty()).then(|| text.to_owned())
    }

    fn stand_in() -> Self {
        Self::new()
    }
}

impl Value for PathBuf {
    const EXPECTED: &'static str = "the path of a file, relative to this one";

    fn of(value: &DeValue<'_>) -> Option<Self> {
        String::of(value).map(Self::from)
    }

    fn stand_in() -> Self {
        Self::new()
    }
}

impl Value for bool {
    const EXPECTED: &'static str = "true or false";

    fn of(value: &DeValue<'_>) -> Option<Self> {
        value.as_bool()
    }

    fn stand_in() -> Self {
        false
    }
}

impl Value for usize {
    const EXPECTED: &'static str = "a whole number from 1";

    fn of(value: &DeValue<'_>) -> Option<Self> {
        let number = value.as_integer()?;
        let number = Self::from_str_radix(number.as_str(), number.radix()).ok()?;
        (number > 0).then_some(number)
    }

    fn stand_in() -> Self {
        1
    }
}

/// How many people.
impl Value for u32 {
    const EXPECTED: &'static str = "a whole number";

    fn of(value: &DeValue<'_>) -> Option<Self> {
        let number = value.as_integer()?;
        Self::from_str_radix(number.as_str(), number.radix()).ok()
    }

    fn stand_in() -> Self {
        0
    }
}

impl Value for f64 {
    const EXPECTED: &'static str = "a number";

    fn of(value: &DeValue<'_>) -> Option<Self> {
        let number: Self = match value {
            DeValue::Integer(number) => number.as_str().parse().ok()?,
            DeValue::Float(number) => number.as_str().parse().ok()?,
            _ => return None,
        };
        number.is_finite().then_some(number)
    }

    fn stand_in() -> Self {
        0.0
    }
}

impl Value for Duration {
    const EXPECTED: &'static str = "a duration such as \"60 min\", \"30 days\" or \"120 s\"";

    fn of(value: &DeValue<'_>) -> Option<Self> {
        duration::parse(value.as_str()?)
    }

    fn stand_in() -> Self {
        Self::ZERO
    }
}

impl Value for SocketAddr {
    const EXPECTED: &'static str = "an address and a port such as \"127.0.0.1:8080\"";

    fn of(value: &DeValue<'_>) -> Option<Self> {
        value.as_str()?.parse().ok()
    }

    fn stand_in() -> Self {
        Self::from(([127, 0, 0, 1], 0))
    }
}

/// One text, or several.
impl Value for Vec<String> {
    const EXPECTED: &'static str = "text in quotes, or a list of such texts";

    fn of(value: &DeValue<'_>) -> Option<Self> {
        match value {
            DeValue::Array(list) => list
                .iter()
                .map(|value| String::of(value.get_ref()))
                .collect(),
            value => Some(vec![String::of(value)?]),
        }
    }

    fn stand_in() -> Self {
        Self::new()
    }
}

impl Value for Category {
    const EXPECTED: &'static str = "a category";

    fn of(value: &DeValue<'_>) -> Option<Self> {
        Self::from_name(value.as_str()?)
    }

    fn problem(value: &DeValue<'_>) -> String {
        let known = Self::ALL.map(Self::as_str);
        match value.as_str() {
            Some(name) => format!(
                "names no category that is known (`{name}`){}",
                suggest(name, &known)
            ),
            None => format!("must be one of {}", known.join(", ")),
        }
    }

    fn stand_in() -> Self {
        Self::Saas
    }
}

impl Value for Grant {
    const EXPECTED: &'static str = "a level such as \"nurse\", \"deny\" or \"not needed\"";

    fn of(value: &DeValue<'_>) -> Option<Self> {
        let text = value.as_str()?.trim();
        match text.to_lowercase().replace(['_', '-'], " ").as_str() {
            "deny" => Some(Self::Deny),
            "not needed" => Some(Self::NotNeeded),
            // Meant as a refusal, and would otherwise open a door at a level of this name.
            "" | "denied" | "none" | "no" | "never" | "false" => None,
            _ => Some(Self::Level(text.to_owned())),
        }
    }

    fn stand_in() -> Self {
        Self::NotNeeded
    }
}

impl Value for Database {
    const EXPECTED: &'static str = "\"sqlite://drawbridge.db\", \"postgres://user@host/name\", or \
                                    { env = \"DATABASE_URL\" } or { file = \"...\" } naming a secret with such a URL";

    fn of(value: &DeValue<'_>) -> Option<Self> {
        match value {
            DeValue::String(url) => Some(Self::Url(url.clone().into_owned())),
            DeValue::Table(table) => secret_ref(table).map(Self::Secret),
            _ => None,
        }
    }

    /// The value is not repeated: it may hold a password.
    fn problem(_: &DeValue<'_>) -> String {
        format!("must be {}", Self::EXPECTED)
    }

    fn stand_in() -> Self {
        Self::Url(String::new())
    }
}

impl Value for Date {
    const EXPECTED: &'static str = "a day such as 2027-05-01";

    fn of(value: &DeValue<'_>) -> Option<Self> {
        let text = match value {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(time) => time.to_string(),
            _ => return None,
        };
        let is_a_day = text.len() == "2027-05-01".len();
        text.parse().ok().filter(|_| is_a_day)
    }

    fn stand_in() -> Self {
        Self::MAX
    }
}

impl Value for SecretRef {
    const EXPECTED: &'static str = "{ env = \"NAME\" } or { file = \"...\" } naming a secret";

    fn of(value: &DeValue<'_>) -> Option<Self> {
        secret_ref(value.as_table()?)
    }

    /// The value is not repeated: it may be the secret.
    fn problem(_: &DeValue<'_>) -> String {
        format!("must be {}", Self::EXPECTED)
    }

    fn stand_in() -> Self {
        Self::Env { env: String::new() }
    }
}

fn secret_ref(table: &DeTable<'_>) -> Option<SecretRef> {
    let mut keys = table.iter();
    let (key, value) = keys.next()?;
    let value = String::of(value.get_ref())?;
    match (key.get_ref().as_ref(), keys.next()) {
        ("env", None) => Some(SecretRef::Env { env: value }),
        ("file", None) => Some(SecretRef::File { file: value.into() }),
        _ => None,
    }
}

/// Anything: what a connector reads by its own rules.
impl Value for serde_json::Value {
    const EXPECTED: &'static str = "anything";

    fn of(value: &DeValue<'_>) -> Option<Self> {
        let of = |value: &Spanned<DeValue<'_>>| Self::of(value.get_ref());
        Some(match value {
            DeValue::String(text) => Self::from(text.as_ref()),
            DeValue::Integer(number) => {
                Self::from(i64::from_str_radix(number.as_str(), number.radix()).ok()?)
            }
            DeValue::Float(number) => Self::from(number.as_str().parse::<f64>().ok()?),
            DeValue::Boolean(flag) => Self::from(*flag),
            DeValue::Datetime(time) => Self::from(time.to_string()),
            DeValue::Array(list) => list.iter().map(of).collect::<Option<_>>()?,
            DeValue::Table(table) => table
                .iter()
                .map(|(key, value)| Some((key.get_ref().to_string(), of(value)?)))
                .collect::<Option<_>>()?,
        })
    }

    fn problem(_: &DeValue<'_>) -> String {
        "holds a number that is too large".to_owned()
    }

    fn stand_in() -> Self {
        Self::Null
    }
}
