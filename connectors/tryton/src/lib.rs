//! GNU Health and any other Tryton server, over JSON-RPC.
//!
//! In reading order:
//!
//! - [`settings`]: how to reach it
//! - [`client`]: logging in, and one call
//! - [`user`], [`group`]: `res.user` and `res.group` as this connector sees them
//! - [`calls`]: the calls that are made
//! - [`open`], [`close`]: what is done with what was found
//! - [`connector`]: the trait

pub mod calls;
pub mod client;
pub mod close;
pub mod connector;
pub mod group;
pub mod open;
pub mod settings;
pub mod user;

use drawbridge_sdk::Kind;

pub use connector::Tryton;
pub use settings::Settings;

/// The kind, for the server's list.
pub fn kind() -> Kind {
    Kind::new(
        "tryton",
        "GNU Health and other Tryton servers (EHR, practice management, billing)",
        Tryton::new,
    )
}
