//! The rules, by theme. Each starts a fixture of its own and says in one sentence what was broken.
//!
//! - [`claims`], [`check`], [`credential`], [`secrets`]: for every connector
//! - [`closing`], [`sessions`], [`opening`], [`levels`]: what a call does
//! - [`observing`], [`listing`]: what is read
//! - [`reach`], [`faults`], [`broken`], [`bursts`], [`nonsense`]: what is said when the system misbehaves
//! - [`redirects`], [`tls`]: where nothing is sent, whatever the system says

pub mod broken;
pub mod bursts;
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
pub mod reach;
pub mod redirects;
pub mod secrets;
pub mod sessions;
mod stage;
pub mod tls;

/// Whether a rule holds; if not, what was broken.
pub type Verdict = Result<(), String>;

/// Breaks the rule with these words unless this holds.
fn must(holds: bool, otherwise: impl Into<String>) -> Verdict {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}
