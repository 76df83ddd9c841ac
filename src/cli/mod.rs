//! The command line: one file per subcommand, no rules of its own.

mod admin;
mod alerts;
mod attempts;
mod attest;
mod backup;
mod check_config;
mod checkpoint;
mod connector;
mod demo;
mod depart;
mod doctor;
mod doors;
mod events;
mod evidence;
mod exit;
mod health;
mod output;
mod people;
mod plan;
mod progress;
mod restore;
mod retry;
mod returns;
mod scheduled;
mod serve;
mod setup;
mod token;
mod undo;

use clap::{Parser, Subcommand};
pub use exit::{CliError, Exit};

/// Closes every way into a medical practice's systems within the hour that someone leaves, and proves it.
#[derive(Debug, Parser)]
#[command(
    name = "drawbridge",
    version,
    about,
    propagate_version = true,
    arg_required_else_help = true
)]
#[command(after_help = "Examples:
  drawbridge demo                                  see a departure close eight systems, nothing to set up
  drawbridge check-config --config practice.toml   find mistakes before starting
  drawbridge serve --config practice.toml          take changes from the identity provider
  drawbridge doors list --config practice.toml --open --json

Exit codes: 0 ok, 1 a problem was found, 2 usage, 3 configuration, 4 unreachable, 5 integrity")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take changes from the identity provider and carry them to every system
    Serve(serve::Serve),
    /// See a hire and a departure in a make-believe practice; nothing to set up
    Demo(demo::Demo),
    /// Find mistakes in the settings before starting; writes nothing
    CheckConfig(check_config::CheckConfig),
    /// Check database, chain, secrets and the reach of every system
    Doctor(doctor::Doctor),
    /// Tokens the identity provider pushes with
    #[command(subcommand)]
    Token(token::Token),
    /// Who may sign in to the console
    #[command(subcommand)]
    Admin(admin::Admin),
    /// Who can still get in, and where
    #[command(subcommand)]
    Doors(doors::Doors),
    /// People the bridge knows
    #[command(subcommand)]
    People(people::People),
    /// Calls made to systems, and what became of them
    #[command(subcommand)]
    Attempts(attempts::Attempts),
    /// Try a person's unfinished doors again now
    Retry(retry::Retry),
    /// Sign that you closed a door by hand, and how you checked
    Attest(attest::Attest),
    /// Close every door of a person now, whatever the identity provider says
    Depart(depart::Depart),
    /// Departures that wait for their time
    #[command(subcommand)]
    Scheduled(scheduled::Scheduled),
    /// Open again what a departure closed: it was the wrong person
    Undo(undo::Undo),
    /// People who left and shall get in again
    #[command(subcommand)]
    Returns(returns::Returns),
    /// What an edit of the roles would change, and making it so
    #[command(subcommand)]
    Plan(plan::Plan),
    /// Kinds of connectors, their settings, and trying one out
    #[command(subcommand)]
    Connector(connector::Connector),
    /// Security events that subscribers have not acknowledged
    #[command(subcommand)]
    Events(events::Events),
    /// Who is told when a leaver's time runs short
    #[command(subcommand)]
    Alerts(alerts::Alerts),
    /// The record of what the bridge did and saw
    #[command(subcommand)]
    Evidence(evidence::Evidence),
    /// Bring the database's tables up to date
    Migrate(backup::Migrate),
    /// Copy the database into one file while it is in use
    Backup(backup::Backup),
    /// Put a copy in the database's place, or check that one could
    Restore(restore::Restore),
    /// Sign that the sources were looked at after a restore
    Restored(restore::Restored),
    /// Ask a running server whether it is well; for container health checks
    Health(health::Health),
}

impl Cli {
    /// Does what was asked.
    ///
    /// # Errors
    /// With the message to print and the exit code.
    pub async fn run(self) -> Result<Exit, CliError> {
        match self.command {
            Command::Serve(command) => command.run().await,
            Command::Demo(command) => command.run().await,
            Command::CheckConfig(command) => command.run(),
            Command::Doctor(command) => command.run().await,
            Command::Token(command) => command.run().await,
            Command::Admin(command) => command.run().await,
            Command::Doors(command) => command.run().await,
            Command::People(command) => command.run().await,
            Command::Attempts(command) => command.run().await,
            Command::Retry(command) => command.run().await,
            Command::Attest(command) => command.run().await,
            Command::Depart(command) => command.run().await,
            Command::Scheduled(command) => command.run().await,
            Command::Undo(command) => command.run().await,
            Command::Returns(command) => command.run().await,
            Command::Plan(command) => command.run().await,
            Command::Connector(command) => command.run().await,
            Command::Events(command) => command.run().await,
            Command::Alerts(command) => command.run().await,
            Command::Evidence(command) => command.run().await,
            Command::Migrate(command) => command.run().await,
            Command::Backup(command) => command.run().await,
            Command::Restore(command) => command.run().await,
            Command::Restored(command) => command.run().await,
            Command::Health(command) => command.run().await,
        }
    }
}
