//! How a sandbox system behaves.

use schemars::JsonSchema;
use serde::Deserialize;

/// Settings of a sandbox system.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Whether it does what it says.
    pub behaviour: Behaviour,
    /// How long each answer takes, in milliseconds.
    pub answer_after_ms: u64,
    /// How many of the first closes fail as an overloaded system does.
    pub failing_closes: u32,
    /// An account that exists from the start, besides those that are opened.
    pub canary: Option<String>,
}

/// Whether a sandbox system does what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// It does.
    #[default]
    Honest,
    /// It says yes to every close and does nothing.
    Lies,
}
