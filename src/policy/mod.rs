//! THE DESK: who shall reach what, and by when. Pure.
//!
//! - [`roles`]: the role matrix
//! - [`category`]: what kinds of systems there are
//! - [`mod@plan`]: a change of a person to wanted doors with deadlines

pub mod category;
pub mod plan;
pub mod roles;

pub use category::Category;
pub use plan::{OpenDoor, Plan, Situation, Wanted, Wish, plan};
pub use roles::{Access, Facts, Role, Roles, RolesError, access, translate};

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
