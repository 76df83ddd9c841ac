//! What must hold in an answer.

use serde::Deserialize;
use serde_json::Value;

use super::pointer::{Pointer, text_of};

/// A condition as it is written: `{ at = "/status", is = "success" }`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawCondition {
    at: Option<String>,
    is: Option<toml::Value>,
    one_of: Option<Vec<toml::Value>>,
    present: Option<bool>,
    is_account_id: Option<bool>,
    contains: Option<String>,
}

/// One thing that must hold in an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// The value is one of these.
    OneOf(Pointer, Vec<Value>),
    /// There is a value, or there is none. Null is none.
    Present(Pointer, bool),
    /// The value is the id of the account that was acted on.
    AccountId(Pointer),
    /// The answer's text holds this, whether it is JSON or a page for people.
    Contains(String),
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// When it says more than one thing, or nothing, or where is missing.
    pub fn parse(raw: &RawCondition) -> Result<Self, String> {
        const FORMS: &str = "write one of `is`, `one_of`, `present`, `is_account_id` beside `at`, or `contains` alone";
        let at = raw.at.as_deref().map(Pointer::parse_to_one).transpose()?;
        match (at, raw) {
            (
                Some(at),
                RawCondition {
                    is: Some(is),
                    one_of: None,
                    present: None,
                    is_account_id: None,
                    contains: None,
                    ..
                },
            ) => Ok(Self::OneOf(at, vec![json(is)?])),
            (
                Some(at),
                RawCondition {
                    is: None,
                    one_of: Some(values),
                    present: None,
                    is_account_id: None,
                    contains: None,
                    ..
                },
            ) => Ok(Self::OneOf(
                at,
                values.iter().map(json).collect::<Result<_, _>>()?,
            )),
            (
                Some(at),
                RawCondition {
                    is: None,
                    one_of: None,
                    present: Some(present),
                    is_account_id: None,
                    contains: None,
                    ..
                },
            ) => Ok(Self::Present(at, *present)),
            (
                Some(at),
                RawCondition {
                    is: None,
                    one_of: None,
                    present: None,
                    is_account_id: Some(true),
                    contains: None,
                    ..
                },
            ) => Ok(Self::AccountId(at)),
            (
                None,
                RawCondition {
                    is: None,
                    one_of: None,
                    present: None,
                    is_account_id: None,
                    contains: Some(text),
                    ..
                },
            ) if !text.is_empty() => Ok(Self::Contains(text.clone())),
            _ => Err(FORMS.to_owned()),
        }
    }

    /// Whether it holds. `json` is `None` when the answer is not JSON; `account_id` when no account
    /// was acted on.
    pub fn holds(&self, text: &str, json: Option<&Value>, account_id: Option<&str>) -> bool {
        let json = json.unwrap_or(&Value::Null);
        match self {
            Self::OneOf(at, values) => at.first(json).is_some_and(|found| values.contains(found)),
            Self::Present(at, present) => at.first(json).is_some() == *present,
            Self::AccountId(at) => at
                .first(json)
                .and_then(text_of)
                .is_some_and(|id| Some(id.as_str()) == account_id),
            Self::Contains(part) => text.contains(part),
        }
    }
}

impl Condition {
    /// The place that is looked at and what is there, for a receipt: a state or an id, by the nature of
    /// what one can check.
    pub fn checked(&self, json: &Value) -> Option<(String, Value)> {
        match self {
            Self::OneOf(at, _) | Self::AccountId(at) => {
                Some((at.to_string(), at.first(json).cloned().unwrap_or_default()))
            }
            Self::Present(at, _) => Some((at.to_string(), Value::from(at.first(json).is_some()))),
            Self::Contains(_) => None,
        }
    }
}

/// A TOML value as the JSON value it is compared with or sent as.
///
/// # Errors
/// When it has no JSON form: a date, or a number that is not finite.
pub fn json(value: &toml::Value) -> Result<Value, String> {
    match value {
        toml::Value::Datetime(date) => {
            Err(format!("{date} is a date: write it as text, in quotes"))
        }
        toml::Value::Float(number) if !number.is_finite() => {
            Err(format!("{number} is no JSON number"))
        }
        toml::Value::Array(values) => values
            .iter()
            .map(json)
            .collect::<Result<_, _>>()
            .map(Value::Array),
        toml::Value::Table(fields) => fields
            .iter()
            .map(|(key, value)| Ok((key.clone(), json(value)?)))
            .collect::<Result<_, _>>()
            .map(Value::Object),
        toml::Value::String(text) => Ok(Value::from(text.as_str())),
        toml::Value::Integer(number) => Ok(Value::from(*number)),
        toml::Value::Float(number) => Ok(Value::from(*number)),
        toml::Value::Boolean(yes) => Ok(Value::from(*yes)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn condition(text: &str) -> Result<Condition, String> {
        Condition::parse(&toml::from_str(text).unwrap())
    }

    fn holds(written: &str, answer: Value) -> bool {
        condition(written)
            .unwrap()
            .holds(&answer.to_string(), Some(&answer), Some("7"))
    }

    #[test]
    fn a_value_is_compared_with_its_type() {
        assert!(holds(
            r#"at = "/retired"
is = true"#,
            json!({"retired": true})
        ));
        assert!(!holds(
            r#"at = "/retired"
is = true"#,
            json!({"retired": "true"})
        ));
        assert!(!holds(
            r#"at = "/retired"
is = false"#,
            json!({})
        ));
    }

    #[test]
    fn one_of_several_values_is_enough() {
        let written = r#"at = "/status"
one_of = ["ACTIVE", "RECOVERY"]"#;

        assert!(holds(written, json!({"status": "RECOVERY"})));
        assert!(!holds(written, json!({"status": "SUSPENDED"})));
    }

    #[test]
    fn null_counts_as_absent() {
        assert!(holds(
            "at = \"/error\"\npresent = false",
            json!({"error": null})
        ));
        assert!(holds(
            "at = \"/error\"\npresent = true",
            json!({"error": 0})
        ));
    }

    #[test]
    fn an_answer_about_another_account_is_told_apart() {
        assert!(holds(
            "at = \"/id\"\nis_account_id = true",
            json!({"id": 7})
        ));
        assert!(!holds(
            "at = \"/id\"\nis_account_id = true",
            json!({"id": 8})
        ));
        assert!(!holds("at = \"/id\"\nis_account_id = true", json!({})));
    }

    #[test]
    fn a_page_for_people_can_be_recognised() {
        let inactive = condition("contains = \"Developer Inactive\"").unwrap();

        assert!(inactive.holds("<h1>Developer Inactive</h1>", None, None));
    }

    #[test]
    fn an_answer_that_is_not_json_fulfils_no_condition_on_values() {
        let retired = condition("at = \"/retired\"\nis = true").unwrap();

        assert!(!retired.holds("<html>", None, None));
    }

    #[test]
    fn a_condition_that_says_two_things_or_nothing_is_refused() {
        for wrong in [
            "at = \"/a\"",
            "is = 1",
            "at = \"/a\"\nis = 1\npresent = true",
            "at = \"/a\"\ncontains = \"x\"",
            "at = \"/a\"\nis_account_id = false",
            "contains = \"\"",
        ] {
            assert!(
                condition(wrong).unwrap_err().contains("write one of"),
                "{wrong}"
            );
        }
    }
}
