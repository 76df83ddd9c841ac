//! THE BOOK: people as the practice knows them, and what changed about them. Pure.

mod change;
mod group;
pub mod user;

pub use change::{Change, diff};
pub use group::{CORE_GROUP, Group, Member};
pub use user::{Attributes, CORE_USER, ENTERPRISE_USER, GroupRef, User};
