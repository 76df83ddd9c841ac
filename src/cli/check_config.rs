//! `drawbridge check-config`

use clap::Args;

use super::{CliError, Exit, setup::ConfigArg};
use crate::{app, console};

/// Find mistakes in the settings before starting; writes nothing.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  drawbridge check-config --config practice.toml")]
pub struct CheckConfig {
    #[command(flatten)]
    config: ConfigArg,
}

impl CheckConfig {
    pub(super) fn run(self) -> Result<Exit, CliError> {
        let settings = self.config.load()?;
        app::systems(&settings, &app::InForce::new())
            .map_err(|problems| CliError::Configuration(problems.to_string()))?;
        app::Telling::new(&settings).map_err(CliError::Configuration)?;
        console::Providers::new(&settings).map_err(CliError::Configuration)?;
        app::watched(&settings).map_err(CliError::Configuration)?;
        for practice in &settings.practices {
            println!(
                "{}: {} systems, {} roles",
                practice.name,
                practice.systems.len(),
                practice.roles.len()
            );
        }
        println!("the settings can be used; `drawbridge doctor` also tries to reach every system");
        Ok(Exit::Ok)
    }
}
