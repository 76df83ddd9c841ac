//! Systems that a person opens and closes by hand: vendor portals without an interface, keys, badges,
//! practice-owned devices.
//!
//! The connector reaches nothing. It answers every call with the practice's own instructions, in the
//! class that makes the server open a task at once and ask a named person to sign for it.

mod connector;
mod settings;

use drawbridge_sdk::Kind;

pub use connector::Manual;
pub use settings::Settings;

/// The kind as the server registers it.
pub fn kind() -> Kind {
    Kind::new(
        "manual",
        "a person does it by hand and signs for it",
        Manual::new,
    )
}
