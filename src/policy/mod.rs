//! THE DESK: who shall reach what, and by when. Pure.
//!
//! - [`category`]: what kinds of systems there are
//! - [`roles`]: the role matrix, and which roles fit a person
//! - [`mod@access`]: what a person's roles reach together
//! - [`brake`]: when a wave of people who lose doors is held for a look
//! - [`ending`]: how near the end of a certificate or a credential is
//! - [`escalation`]: who is told when a leaver's time runs short
//! - [`office`]: who may do what in the console
//! - [`mod@plan`]: a change of a person to wanted doors with deadlines; `working` and `leaving` are its
//!   two halves

pub mod access;
pub mod brake;
pub mod category;
pub mod ending;
pub mod escalation;
mod leaving;
pub mod office;
pub mod plan;
pub mod roles;
mod working;

pub use access::{Access, access, translate};
pub use brake::Brake;
pub use category::Category;
pub use plan::{OpenDoor, Plan, Situation, Wanted, Wish, plan};
pub use roles::{Facts, Grant, Role, Roles};

use std::time::Duration;

use drawbridge_sdk::Way;

use crate::ids::SystemName;

/// A system as the plan sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemFacts {
    /// Its permanent name.
    pub name: SystemName,
    /// What kind of system.
    pub category: Category,
    /// Ways in that its connector knows.
    pub ways: Vec<Way>,
    /// Whether it holds electronic protected health information.
    pub holds_ephi: bool,
    /// Within what time a leaver's doors into it must be closed.
    pub close_within: Duration,
    /// Where a leaver's mail goes when the manager cannot be found.
    pub forward_to: Option<String>,
    /// No longer in use: no door opens into it.
    pub retired: bool,
}
