//! Drawbridge: closes every way into a medical practice's systems within the hour that someone
//! leaves, and proves it.
//!
//! The map of the house, in reading order:
//!
//! - [`cli`]: one file per subcommand
//! - [`app`]: wiring only
//! - [`config`]: settings as written and as used
//! - [`clock`], [`ids`], [`telemetry`], [`lifecycle`]: time, ids, logs, health and stopping
//! - [`bearer`], [`tries`]: what somebody holds to be let in, and how often they may guess
//! - [`listener`], [`tls`]: connections within their limits, TLS
//! - [`scim`]: the front door: the SCIM 2.0 protocol
//! - [`sources`]: other ears: the HTTP API that starts departures
//! - [`intake`]: reception: the one way in for every change, whoever brings it
//! - [`people`]: the book: people, groups, and what changed about them (pure)
//! - [`query`]: the question: filter and sort as a tree (pure)
//! - [`policy`]: the desk: role matrix, and a change to wanted doors with deadlines (pure)
//! - [`door`]: the door: what may follow what (pure)
//! - [`rounds`]: the rounds: claim, call, read back, try again, sweep
//! - [`alerts`]: the alarm: tells people when a leaver's time runs short
//! - [`cases`]: the clock: how much time each case has left, and what failed
//! - [`evidence`]: the ledger: records, chain, pack (pure)
//! - [`store`]: the archive: all SQL
//! - [`oidc`]: the porter: an identity provider says who somebody is
//! - [`passkey`]: the key ring: passkeys of admins (pure)
//! - [`console`]: the office: the admin's web pages
//! - [`connectors`]: the one list of connector kinds

pub mod alerts;
pub mod app;
pub mod bearer;
pub mod cases;
pub mod cli;
pub mod clock;
pub mod config;
pub mod connectors;
pub mod console;
pub mod door;
pub mod events;
pub mod evidence;
pub mod failpoint;
pub mod ids;
pub mod intake;
pub mod lifecycle;
pub mod listener;
pub mod oidc;
pub mod passkey;
pub mod people;
pub mod policy;
pub mod query;
pub mod rounds;
pub mod scim;
pub mod sources;
pub mod store;
pub mod telemetry;
pub mod tls;
pub mod tries;
