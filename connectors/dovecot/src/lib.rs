//! A mailbox on Dovecot: its login in a SQL table, its sessions and its forwards by doveadm's HTTP
//! API.
//!
//! In reading order:
//!
//! - `settings`: what a practice writes
//! - `connector`: the trait, which hands each way to its own file
//! - `account`: the login: refuse it, forget cached answers, cut what is open
//! - `forwarding`: a forward that ends by itself, and whose forwards are there
//! - `users`: the SQL table Dovecot asks who may log in
//! - `sieve`: the script of a forward, and whether a script sends mail on (pure)
//! - `commands`: the doveadm commands that are used
//! - `client`: doveadm's HTTP API

mod account;
mod client;
mod commands;
mod connector;
mod forwarding;
mod settings;
mod sieve;
mod users;

pub use settings::Settings;

/// The `dovecot` kind of connector.
pub fn kind() -> drawbridge_sdk::Kind {
    drawbridge_sdk::Kind::new(
        "dovecot",
        "mailboxes on Dovecot: login in a SQL table, sessions and forwards by doveadm",
        settings::build,
    )
}
