//! Stands between a connector and a system, and produces the faults.
//!
//! - `gate`: a port that can refuse connections, leave them waiting, and listen again
//! - `slow`: answers that never come to their end
//! - [`http`]: for systems that speak HTTP/1.1
//! - [`canned`]: what that says in the system's place
//! - `spoiled`: what that makes of the system's honest answer
//! - [`tcp`]: for all others, encrypted ones too
//! - [`tls`]: certificates and TLS that nobody may trust

pub mod canned;
mod gate;
pub mod http;
mod slow;
mod spoiled;
pub mod tcp;
pub mod tls;

pub use canned::Canned;
pub(crate) use gate::Gate;
pub use http::{Asks, FaultyProxy, Seen};
pub use tcp::TcpProxy;
pub use tls::{TlsFront, TlsManner};
