//! A make-believe system in memory, for trying things out: the demo is made of these.
//!
//! - [`settings`]: how it behaves
//! - [`system`]: its accounts and sessions
//! - [`connector`]: what it answers

pub mod connector;
pub mod settings;
pub mod system;

pub use connector::Sandbox;
use drawbridge_sdk::Kind;
pub use settings::{Behaviour, Settings};

/// The kind, for the server's list.
pub fn kind() -> Kind {
    Kind::new(
        "sandbox",
        "a make-believe system in memory, for demos and first steps",
        |settings: Settings, _| Ok(Sandbox::new(settings)),
    )
}
