//! The conformance suite every connector faces.
//!
//! - [`fixture`]: what a connector's author supplies: a system, fake or real
//! - [`fault`]: how that system can misbehave on demand
//! - [`real_system`]: real systems, started by the scripts under `scripts/targets`

pub mod fault;
pub mod fixture;
pub mod real_system;

pub use fault::Fault;
pub use fixture::Fixture;
pub use real_system::RealSystem;
