//! REST vendors as data: a vendor file instead of Rust.
//!
//! In reading order:
//!
//! - [`vendor`]: the vendor file, parsed once into a type that cannot be wrong
//! - `settings`, `credentials`: which file, which address, who is asking
//! - `values`: what the placeholders of one request stand for
//! - `client`: one request at a time; `verdict` says what its answer means
//! - `lookup`: finding a person's accounts
//! - `close`, `open`, `levels`, `residual`: what is done with them
//! - `connector`: the trait
//!
//! How to write a vendor file: `docs/vendor-files.md`.

mod client;
mod close;
mod connector;
mod credentials;
mod levels;
mod lookup;
mod open;
mod residual;
mod settings;
mod values;
pub mod vendor;
mod verdict;

use drawbridge_sdk::Kind;

pub use connector::Http;
pub use settings::Settings;

/// The kind as the server registers it.
pub fn kind() -> Kind {
    Kind::new(
        "http",
        "a REST vendor, described by a vendor file",
        Http::new,
    )
}
