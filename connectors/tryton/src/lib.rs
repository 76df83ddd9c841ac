//! GNU Health and any other Tryton server, over JSON-RPC.
//!
//! - [`settings`]: how to reach it
//! - [`client`]: logging in, and one call
//! - [`users`]: `res.user` and `res.group` as this connector sees them
//! - [`connector`]: what it answers

pub mod client;
pub mod connector;
pub mod settings;
pub mod users;

pub use connector::Tryton;
use drawbridge_sdk::Kind;
pub use settings::Settings;

/// The kind, for the server's list.
pub fn kind() -> Kind {
    Kind::new(
        "tryton",
        "GNU Health and other Tryton servers (EHR, practice management, billing)",
        Tryton::new,
    )
}
