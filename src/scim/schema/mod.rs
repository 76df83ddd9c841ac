//! Which resources there are and which attributes they have, as data.
//!
//! One table per schema drives all: what `/Schemas` says, how names are spelled and found, what a
//! value may be, who may write it, and how filters compare it. Nothing here is made per request.

mod attribute;
mod common;
pub(super) mod discovery;
mod group;
mod names;
mod user;
mod value;

pub use attribute::{Attribute, Kind, Mutability, Returned, Uniqueness};
pub use group::GROUP;
pub(super) use names::is_name_byte;
pub use names::{Named, Resolved, is_name};
pub use user::USER;
pub(super) use value::{TWICE, UNKNOWN};

/// A set of attributes with a name of its own.
#[derive(Debug, PartialEq, Eq)]
pub struct Schema {
    /// The URN, which is its id.
    pub urn: &'static str,
    /// URNs that clients are known to send when they mean this one.
    pub mistyped: &'static [&'static str],
    /// Its name, for people.
    pub name: &'static str,
    /// What it says, for people.
    pub description: &'static str,
    /// Its attributes.
    pub attributes: &'static [Attribute],
}

/// A kind of resource.
#[derive(Debug, PartialEq, Eq)]
pub struct ResourceType {
    /// Its name.
    pub name: &'static str,
    /// Where it is, below the base address.
    pub endpoint: &'static str,
    /// What it says, for people.
    pub description: &'static str,
    /// The schema its own attributes belong to.
    pub core: &'static Schema,
    /// The schemas that may add to it.
    pub extensions: &'static [&'static Schema],
}

/// What to do with what nobody knows: the one difference between sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Leave it out, and put right what can be understood.
    #[default]
    Lenient,
    /// Refuse it, as the RFC says.
    Strict,
}
