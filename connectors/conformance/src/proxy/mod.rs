//! Stands between a connector and a system, and produces the faults.
//!
//! - `gate`: a port that can refuse connections and listen again
//! - [`http`]: for systems that speak HTTP/1.1
//! - [`tcp`]: for all others, encrypted ones too

mod gate;
pub mod http;
pub mod tcp;

pub use http::{Asks, Canned, FaultyProxy, Seen};
pub use tcp::TcpProxy;
