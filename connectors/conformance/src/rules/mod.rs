//! The rules, by theme. Each starts a fixture of its own and says in one sentence what was broken.
//!
//! - [`claims`], [`check`], [`credential`], [`secrets`]: for every connector
//! - [`closing`], [`sessions`], [`opening`], [`levels`]: what a call does
//! - [`observing`], [`listing`]: what is read
//! - [`faults`], [`nonsense`]: what is said when the system misbehaves

pub mod check;
pub mod claims;
pub mod closing;
pub mod credential;
pub mod faults;
pub mod levels;
pub mod listing;
pub mod nonsense;
pub mod observing;
pub mod opening;
pub mod secrets;
pub mod sessions;
mod stage;

/// Whether a rule holds; if not, what was broken.
pub type Verdict = Result<(), String>;

/// Breaks the rule with these words unless this holds.
fn must(holds: bool, otherwise: impl Into<String>) -> Verdict {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}
