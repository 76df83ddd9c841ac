//! `drawbridge plan show|apply`

use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::json;
use tokio::sync::Notify;

use super::{
    CliError, Exit, output,
    setup::{Place, PlaceArgs, caller},
};
use crate::{app, clock::SystemClock, intake::departures::Difference};

/// What an edit of the roles would change, and making it so.
#[derive(Debug, Subcommand)]
pub enum Plan {
    /// Show which doors the roles file would open, close or change; moves none
    #[command(after_help = "Example:
  drawbridge plan show --config practice.toml")]
    Show(Arguments),
    /// Put the roles file into force and carry it to everybody's doors
    #[command(after_help = "Example:
  drawbridge plan apply --config practice.toml

The running server plans by it from then on.")]
    Apply(Arguments),
}

/// `plan show`, `plan apply`
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    place: PlaceArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Plan {
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        let (arguments, applies) = match self {
            Self::Show(arguments) => (arguments, false),
            Self::Apply(arguments) => (arguments, true),
        };
        let Place {
            settings,
            practice,
            store,
        } = arguments.place.open().await?;
        let intake = app::intake(
            &settings,
            &store,
            Arc::new(SystemClock),
            Arc::new(Notify::new()),
        )
        .await?;
        let caller = caller(&practice.name);
        let differences = intake
            .preview_roles(&caller, practice.roles.clone())
            .await?;
        if applies {
            intake.apply_roles(&caller, &practice.roles_text).await?;
        }
        print(&differences, arguments.json);
        if !arguments.json {
            println!("{}", closing_line(differences.len(), applies));
        }
        Ok(Exit::Ok)
    }
}

fn print(differences: &[Difference], as_json: bool) {
    if as_json {
        let rows: Vec<_> = differences
            .iter()
            .map(|difference| {
                json!({"person": difference.name, "system": difference.system, "way": difference.way,
                       "from": difference.from, "to": difference.to, "reason": difference.reason})
            })
            .collect();
        output::json(&rows);
        return;
    }
    let rows = differences
        .iter()
        .map(|difference| {
            vec![
                difference.name.clone(),
                difference.system.to_string(),
                difference.way.to_string(),
                difference.from.clone(),
                difference.to.clone(),
                difference.reason.clone(),
            ]
        })
        .collect();
    output::table(
        &["person", "system", "way", "from", "to", "why"],
        rows,
        "the roles file moves no door",
    );
}

fn closing_line(doors: usize, applied: bool) -> String {
    match (doors, applied) {
        (0, false) => "nothing to apply for the people known now".to_owned(),
        (_, false) => format!("{doors} doors would move; `drawbridge plan apply` makes it so"),
        (_, true) => format!("in force; {doors} doors are on their way"),
    }
}
