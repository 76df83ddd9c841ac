//! Settings of a system that is opened and closed by hand.

use drawbridge_sdk::{SettingsError, Way};
use schemars::JsonSchema;
use serde::Deserialize;

/// `[practice.system.settings]` of a `manual` system.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What the person who does it reads.
    pub instructions: Instructions,
    /// Who does it: a name or a function, for example "Office manager".
    pub owner: String,
    /// Ways in that this system has.
    #[serde(default = "account")]
    pub ways: Vec<Way>,
}

/// What to do, in the practice's own words. `{way}`, `{system}` and `{owner}` are filled in. The task
/// names the person, so the text never does.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Instructions {
    /// What to do when somebody gets access.
    pub open: String,
    /// What to do when somebody loses it, and how to check that it is done.
    pub close: String,
}

fn account() -> Vec<Way> {
    vec![Way::Account]
}

impl Settings {
    /// Says whether they can be used.
    ///
    /// # Errors
    /// When a text is empty, there is no way in, or a placeholder is unknown.
    pub fn check(&self) -> Result<(), SettingsError> {
        let wrong = |key: &'static str, problem: String| Err(SettingsError::Value { key, problem });
        if self.ways.is_empty() {
            return wrong(
                "ways",
                "is empty: name at least one, or take the key out for `account`".to_owned(),
            );
        }
        if self.owner.trim().is_empty() {
            return wrong("owner", "is empty: say who does it by hand".to_owned());
        }
        for (key, text) in [
            ("instructions.open", &self.instructions.open),
            ("instructions.close", &self.instructions.close),
        ] {
            if text.trim().is_empty() {
                return wrong(
                    key,
                    "is empty: say what is to be done, and how to check it".to_owned(),
                );
            }
            if let Some(at) = filled(text, "", "", "").find('{') {
                let rest = filled(text, "", "", "")[at..]
                    .split_inclusive('}')
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                return wrong(
                    key,
                    format!(
                        "`{rest}` is no placeholder: use {{way}}, {{system}} or {{owner}}; the task itself names the person"
                    ),
                );
            }
        }
        Ok(())
    }
}

/// The text with its placeholders filled in.
pub fn filled(text: &str, way: &str, system: &str, owner: &str) -> String {
    text.replace("{way}", way)
        .replace("{system}", system)
        .replace("{owner}", owner)
}
