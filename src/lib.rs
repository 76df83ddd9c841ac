//! Drawbridge: closes every way into a medical practice's systems within the hour that someone
//! leaves, and proves it.
//!
//! The map of the house, in reading order:
//!
//! - [`ids`], [`clock`]: ids as types, and the one place that knows what time it is
//! - [`people`]: the book: people, groups, and what changed about them (pure)
//! - [`query`]: the question: filter and sort as a tree (pure)
//! - [`store`]: the archive: all SQL
//! - [`intake`]: reception: the one way in for every change
//! - [`scim`]: the front door: the SCIM 2.0 protocol

pub mod clock;
pub mod ids;
pub mod intake;
pub mod people;
pub mod query;
pub mod scim;
pub mod store;
