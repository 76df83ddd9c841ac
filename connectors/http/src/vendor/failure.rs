//! How a vendor's own ways of saying no are told apart.

use drawbridge_sdk::FailureClass;
use serde::Deserialize;
use serde_json::Value;

use super::{
    condition::{Condition, RawCondition},
    error::{Key, VendorFileError},
};

/// `[[failure]]` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawFailure {
    #[serde(default)]
    status: Vec<u16>,
    #[serde(default)]
    when: Vec<RawCondition>,
    class: Means,
    says: Option<String>,
}

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    /// It was as wanted before: no failure at all.
    Already,
    /// See [`FailureClass::Retryable`].
    Retryable,
    /// See [`FailureClass::Credential`].
    Credential,
    /// See [`FailureClass::Refused`].
    Refused,
    /// See [`FailureClass::Gone`].
    Gone,
    /// See [`FailureClass::Contract`].
    Contract,
    /// See [`FailureClass::NeedsHuman`].
    NeedsHuman,
}

impl Means {
    /// The failure class; `None` when it is no failure.
    pub fn class(self) -> Option<FailureClass> {
        match self {
            Self::Already => None,
            Self::Retryable => Some(FailureClass::Retryable),
            Self::Credential => Some(FailureClass::Credential),
            Self::Refused => Some(FailureClass::Refused),
            Self::Gone => Some(FailureClass::Gone),
            Self::Contract => Some(FailureClass::Contract),
            Self::NeedsHuman => Some(FailureClass::NeedsHuman),
        }
    }
}

/// Answers that mean something else than their status says, an error inside a 200 among them.
#[derive(Debug, Clone, PartialEq)]
pub struct FailureRule {
    statuses: Vec<u16>,
    conditions: Vec<Condition>,
    /// What the answer means.
    pub means: Means,
    /// The sentence for people, with the way out.
    pub says: Option<String>,
}

impl FailureRule {
    /// Reads one `[[failure]]`.
    ///
    /// # Errors
    /// When it would match every answer, or takes a server error or a plain success for "already".
    pub fn parse(raw: &RawFailure, key: &Key<'_>) -> Result<Self, VendorFileError> {
        if raw.status.is_empty() && raw.when.is_empty() {
            return Err(key.wrong("", "matches every answer: name a `status`, or say `when`"));
        }
        let is_definite =
            |status: &u16| (400..500).contains(status) || (*status == 200 && !raw.when.is_empty());
        if raw.means_already() && (raw.status.is_empty() || !raw.status.iter().all(is_definite)) {
            return Err(key.wrong("class", "`already` needs a `status` from 400 to 499, or 200 with `when`: nothing else is a final answer"));
        }
        Ok(Self {
            statuses: raw.status.clone(),
            conditions: key.each("when", &raw.when, Condition::parse)?,
            means: raw.class,
            says: raw.says.clone(),
        })
    }

    /// Whether this answer is one of those meant.
    pub fn matches(
        &self,
        status: u16,
        text: &str,
        json: Option<&Value>,
        account_id: Option<&str>,
    ) -> bool {
        (self.statuses.is_empty() || self.statuses.contains(&status))
            && self
                .conditions
                .iter()
                .all(|condition| condition.holds(text, json, account_id))
    }
}

impl RawFailure {
    fn means_already(&self) -> bool {
        self.class == Means::Already
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(text: &str) -> Result<FailureRule, VendorFileError> {
        FailureRule::parse(
            &toml::from_str(text).unwrap(),
            &Key::new("t.toml", "failure[0]"),
        )
    }

    #[test]
    fn an_error_inside_a_200_is_told_apart() {
        let rule =
            rule("when = [{ at = \"/error\", present = true }]\nclass = \"refused\"").unwrap();

        assert!(rule.matches(200, "", Some(&json!({"error": "x"})), None));
        assert!(!rule.matches(200, "", Some(&json!({"ok": true})), None));
    }

    #[test]
    fn a_status_and_a_condition_must_both_hold() {
        let rule =
            rule("status = [403]\nwhen = [{ contains = \"Inactive\" }]\nclass = \"credential\"")
                .unwrap();

        assert!(rule.matches(403, "<h1>Developer Inactive</h1>", None, None));
        assert!(!rule.matches(403, "no", None, None));
        assert!(!rule.matches(500, "Inactive", None, None));
    }

    #[test]
    fn already_is_only_ever_a_final_answer() {
        for wrong in [
            "status = [500]\nclass = \"already\"",
            "status = [200]\nclass = \"already\"",
            "status = [202]\nwhen = [{ at = \"/a\", is = 1 }]\nclass = \"already\"",
            "when = [{ at = \"/a\", is = 1 }]\nclass = \"already\"",
        ] {
            assert!(
                rule(wrong)
                    .unwrap_err()
                    .to_string()
                    .contains("nothing else is a final answer"),
                "{wrong}"
            );
        }
        assert!(rule("status = [400]\nclass = \"already\"").is_ok());
    }

    #[test]
    fn a_rule_for_every_answer_is_refused() {
        assert!(
            rule("class = \"gone\"")
                .unwrap_err()
                .to_string()
                .contains("`failure[0]`: matches every answer")
        );
    }
}
