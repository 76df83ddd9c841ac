//! `drawbridge attempts list`

use clap::{Args, Subcommand};

use super::{
    CliError, Exit, output,
    setup::{Place, PlaceArgs},
};

/// Calls made to systems, and what became of them.
#[derive(Debug, Subcommand)]
pub enum Attempts {
    /// List calls, newest first
    #[command(after_help = "Examples:
  drawbridge attempts list                   the latest calls
  drawbridge attempts list --failed --json   those that failed, with their receipts")]
    List(List),
}

/// `attempts list`
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    place: PlaceArgs,
    /// Only calls that failed
    #[arg(long)]
    failed: bool,
    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u32,
    /// Print JSON, with receipts
    #[arg(long)]
    json: bool,
}

impl Attempts {
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        let Self::List(list) = self;
        let Place {
            practice, store, ..
        } = list.place.open().await?;
        let attempts = store
            .list_attempts(&practice.name, list.failed, list.limit)
            .await?;
        if list.json {
            output::json(&attempts);
            return Ok(Exit::Ok);
        }
        let mut rows = Vec::new();
        for attempt in attempts {
            rows.push(vec![
                attempt.started,
                store.name_of(&practice.name, &attempt.person).await?,
                attempt.system.to_string(),
                attempt.action,
                output::or_dash(attempt.result),
                output::or_dash(
                    attempt.failure_text.or(attempt
                        .finished
                        .is_none()
                        .then(|| "no answer yet".to_owned())),
                ),
            ]);
        }
        output::table(
            &["started", "person", "system", "action", "result", "failure"],
            rows,
            if list.failed {
                "no call failed"
            } else {
                "no calls yet: they follow the first change that is pushed"
            },
        );
        Ok(Exit::Ok)
    }
}
