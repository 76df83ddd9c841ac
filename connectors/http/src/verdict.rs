//! What an answer means: the vendor file's word on it, or else HTTP's.

use drawbridge_sdk::FailureClass;
use serde_json::Value;

use crate::vendor::{VendorFile, step::Step};

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is done, or here is what was asked for.
    Yes,
    /// It was so before.
    Already,
    /// There is no such account.
    Absent,
    /// It is not done.
    No {
        /// The failure class.
        class: FailureClass,
        /// The sentence for people, with the way out.
        says: String,
    },
}

/// Judges an answer to a step. `absent` are the statuses that mean "no such account", unless the file has
/// another word on the answer; `json` is `None` when the answer is not JSON.
pub fn verdict(
    file: &VendorFile,
    step: &Step,
    absent: &[u16],
    status: u16,
    text: &str,
    json: Option<&Value>,
    account_id: Option<&str>,
) -> Verdict {
    // A redirect is never followed and a 202 never final, whatever a file says of them.
    if !(300..400).contains(&status)
        && status != 202
        && let Some(rule) = file
            .failures
            .iter()
            .find(|rule| rule.matches(status, text, json, account_id))
    {
        return match rule.means.class() {
            None => Verdict::Already,
            Some(class) => Verdict::No {
                class,
                says: rule
                    .says
                    .clone()
                    .unwrap_or_else(|| sentence(&file.title, class, status)),
            },
        };
    }
    if absent.contains(&status) {
        return Verdict::Absent;
    }
    if step.success.contains(&status) {
        if step
            .expect
            .iter()
            .all(|condition| condition.holds(text, json, account_id))
        {
            return Verdict::Yes;
        }
        return Verdict::No {
            class: FailureClass::Contract,
            says: format!(
                "{} said yes, but not what a yes looks like: look at the receipt, and at `expect` in the vendor file",
                file.title
            ),
        };
    }
    let class = match status {
        // "Later" is neither success nor failure: it is read back and asked again.
        202 => FailureClass::Retryable,
        _ => FailureClass::of_status(status),
    };
    Verdict::No {
        class,
        says: sentence(&file.title, class, status),
    }
}

fn sentence(title: &str, class: FailureClass, status: u16) -> String {
    let rest = match class {
        FailureClass::Retryable => "it is tried again by itself",
        FailureClass::Credential => {
            "the bridge's credential was not accepted: store a valid one under `credentials`"
        }
        FailureClass::Refused => "look at the receipt, and at the rights of the bridge's user",
        FailureClass::Gone => {
            "there is no such account or address: check `base_url` if this is said of everybody"
        }
        FailureClass::Contract => {
            "that is not an answer of this interface: check `base_url` and the vendor file"
        }
        FailureClass::NeedsHuman => "a person must do it there by hand",
    };
    format!("{title} answered {status}: {rest}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FILE: &str = r#"
title = "Acme"
documentation = "https://acme.example/docs"
read_on = 2026-11-23
tested = "nothing"
disabled_means = "refused at the door"
residual = "an open session goes on"

[[auth]]
kind = "bearer"

[[failure]]
when = [{ at = "/error", present = true }]
class = "refused"
says = "Acme refused it: ask its owner"

[[failure]]
status = [404]
when = [{ at = "/gone", is = true }]
class = "already"

[[failure]]
status = [302, 202, 429]
class = "credential"

[check]
request = "GET /me"

[record]
id = "/id"
login = "/login"
enabled = { at = "/active", is = true }
disabled = { at = "/active", is = false }

[[find]]
request = "GET /users?login={identifier}"
at = "/users"

[[close]]
request = "POST /users/{account_id}/disable"
expect = [{ at = "/id", is_account_id = true }]
"#;

    fn judged(status: u16, json: Value) -> Verdict {
        let file = VendorFile::parse("acme.toml", FILE).unwrap();
        verdict(
            &file,
            &file.close[0].step,
            &[404],
            status,
            &json.to_string(),
            Some(&json),
            Some("7"),
        )
    }

    fn class(status: u16, json: Value) -> Option<FailureClass> {
        match judged(status, json) {
            Verdict::No { class, .. } => Some(class),
            _ => None,
        }
    }

    #[test]
    fn a_yes_is_a_yes_only_with_what_is_expected_of_one() {
        assert_eq!(judged(200, json!({ "id": 7 })), Verdict::Yes);
        assert_eq!(class(200, json!({ "id": 8 })), Some(FailureClass::Contract));
        assert_eq!(
            class(206, json!({ "id": 7 })),
            Some(FailureClass::Contract),
            "a status not named as success"
        );
    }

    #[test]
    fn the_files_own_word_outweighs_the_status() {
        let refused = Verdict::No {
            class: FailureClass::Refused,
            says: "Acme refused it: ask its owner".to_owned(),
        };

        assert_eq!(judged(200, json!({ "id": 7, "error": "x" })), refused);
        assert_eq!(judged(404, json!({ "gone": true })), Verdict::Already);
        assert_eq!(judged(404, json!({})), Verdict::Absent);
        assert_eq!(
            class(404, json!({ "error": "x" })),
            Some(FailureClass::Refused)
        );
        assert_eq!(class(410, json!({})), Some(FailureClass::Gone));
        assert_eq!(class(429, json!({})), Some(FailureClass::Credential));
    }

    #[test]
    fn no_file_can_make_a_redirect_or_a_later_into_anything_else() {
        assert_eq!(class(302, json!({ "id": 7 })), Some(FailureClass::Contract));
        assert_eq!(
            class(202, json!({ "id": 7 })),
            Some(FailureClass::Retryable)
        );
    }

    #[test]
    fn every_sentence_names_the_vendor_and_the_way_out() {
        for status in [400, 401, 410, 418, 500, 302, 202] {
            let Verdict::No { says, .. } = judged(status, json!({})) else {
                panic!("{status} is a failure")
            };
            assert!(
                says.starts_with("Acme answered") && says.contains(": ") && !says.ends_with('.'),
                "{says}"
            );
        }
    }
}
