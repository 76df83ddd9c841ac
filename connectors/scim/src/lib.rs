//! Any system that speaks SCIM 2.0, seen from the side of the one who asks.
//!
//! In reading order:
//!
//! - [`settings`]: how to reach it
//! - [`features`]: what the provider says it can do
//! - [`user`], [`group`], [`page`]: its records, read strictly
//! - [`term`]: what a person is searched by, as a filter and as a comparison
//! - [`edit`]: a change, as a PATCH and as a whole record
//! - [`client`]: one call: its time, its receipts, what its answers must be
//! - [`requests`]: the requests that are made
//! - [`search`]: finding a person's accounts, also where filters are ignored
//! - [`levels`]: groups as levels
//! - [`open`], [`close`]: what is done with what was found
//! - [`connector`]: the trait

pub mod client;
pub mod close;
pub mod connector;
pub mod edit;
pub mod features;
pub mod group;
pub mod levels;
pub mod open;
pub mod page;
pub mod requests;
pub mod search;
pub mod settings;
pub mod term;
pub mod user;

use drawbridge_sdk::Kind;

pub use connector::Scim;
pub use settings::Settings;

/// The kind, for the server's list.
pub fn kind() -> Kind {
    Kind::new("scim", "any system with SCIM 2.0", Scim::new)
}
