//! VPN and Wi-Fi sign-in by FreeRADIUS with its users in SQL, and the sessions its gateways hold.
//!
//! In reading order:
//!
//! - `settings`: what a practice writes, and which gateway is sent what
//! - `connector`: the trait: refuse sign-in first, then cut what is open
//! - `sessions`: cutting open sessions at the gateways that hold them
//! - `tables`: FreeRADIUS's own tables
//! - `packet`: RFC 5176 packets (pure)
//! - `client`: one packet to one gateway, and its answer or silence

mod client;
mod connector;
mod packet;
mod sessions;
mod settings;
mod tables;

pub use settings::Settings;

/// The `radius` kind of connector.
pub fn kind() -> drawbridge_sdk::Kind {
    drawbridge_sdk::Kind::new(
        "radius",
        "VPN and Wi-Fi sign-in by FreeRADIUS (SQL), open sessions by Disconnect-Request",
        settings::build,
    )
}
