//! OTHER EARS: who else tells about people, beside SCIM.
//!
//! - [`departures`]: a small HTTP API that starts a departure, now or later
//!
//! Each brings what it hears to reception, which is the one way in.

pub mod departures;
