//! `drawbridge`: parse arguments, run the command.

use std::process::ExitCode;

use clap::Parser as _;
use drawbridge::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().run().await {
        Ok(exit) => exit.into(),
        Err(error) => {
            eprintln!("error: {error}");
            (&error).into()
        }
    }
}
