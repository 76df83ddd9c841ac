//! `drawbridge migrate`, `drawbridge backup`

use std::path::PathBuf;

use clap::Args;

use super::{
    CliError, Exit,
    setup::{ConfigArg, open_store},
};

/// Bring the database's tables up to date.
#[derive(Debug, Args)]
pub struct Migrate {
    #[command(flatten)]
    config: ConfigArg,
}

impl Migrate {
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        open_store(&self.config.load()?).await?;
        println!("the tables are up to date");
        Ok(Exit::Ok)
    }
}

/// Copy the database into one file while it is in use.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  drawbridge backup --config practice.toml --to /backup/drawbridge-2026-11-20.db")]
pub struct Backup {
    #[command(flatten)]
    config: ConfigArg,
    /// The file to write; it must not exist
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

impl Backup {
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        let store = open_store(&self.config.load()?).await?;
        store.backup(&self.to).await?;
        println!(
            "copied to {}: it holds people's names, keep it as you keep the database",
            self.to.display()
        );
        Ok(Exit::Ok)
    }
}
