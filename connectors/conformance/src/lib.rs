//! The conformance suite every connector faces.
//!
//! - [`fixture`]: what a connector's author supplies: a system, fake or real
//! - [`fault`]: how that system can misbehave on demand
//! - [`mod@suite`]: the macro that makes a named test of every rule
//! - [`rules`]: the rules, by theme
//! - [`vendor`]: a make-believe REST vendor to build fixtures from
//! - [`database`]: a database that is of no use, for connectors that read a system's own tables
//! - [`proxy`]: stands between a connector and a system, and produces the faults
//! - [`secret_file`]: a secret as connectors read theirs
//! - [`real_system`]: real systems, started by the scripts under `scripts/targets`

pub mod database;
pub mod fault;
pub mod fixture;
pub mod proxy;
pub mod real_system;
pub mod rules;
pub mod secret_file;
pub mod suite;
pub mod vendor;

pub use database::{DatabaseFault, FaultyDatabase};
pub use fault::{Fault, Towards};
pub use fixture::{Fixture, Place};
pub use proxy::{Asks, Canned, FaultyProxy, Seen, TcpProxy, TlsFront, TlsManner};
pub use real_system::RealSystem;
pub use rules::Verdict;
pub use secret_file::SecretFile;
pub use vendor::{FakeVendor, User};
