//! `drawbridge returns list|approve|refuse`

use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::json;
use tokio::sync::Notify;

use super::{
    CliError, Exit, output,
    setup::{Place, PlaceArgs, caller, find_person},
};
use crate::{app, clock, clock::SystemClock, intake::returns::Word};

/// People who left and shall get in again.
#[derive(Debug, Subcommand)]
pub enum Returns {
    /// List returns that wait for somebody's word, the oldest first
    #[command(after_help = "Example:
  drawbridge returns list

Whoever left stays out for the practice's `hold_for`, whatever the identity provider says: an account
that is enabled again may be a nurse back from leave, or a mistake, or somebody who should not be back.")]
    List(List),
    /// Let somebody in again: their doors open by their role
    #[command(after_help = "Example:
  drawbridge returns approve --person nina@elm.example --by \"Dana Ruiz\" --note \"back from leave\"

Also undoes `drawbridge depart` for somebody whom the identity provider still says is active.")]
    Approve(Decide),
    /// Keep somebody out; the identity provider may ask again by disabling and enabling them
    #[command(after_help = "Example:
  drawbridge returns refuse --person nina@elm.example --by \"Dana Ruiz\" --note \"enabled by mistake\"")]
    Refuse(Decide),
}

/// `returns list`
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    place: PlaceArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `returns approve`, `returns refuse`
#[derive(Debug, Args)]
pub struct Decide {
    #[command(flatten)]
    place: PlaceArgs,
    /// Whose return: a userName or an id
    #[arg(long, value_name = "NAME")]
    person: String,
    /// Who decides
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    note: String,
}

impl Returns {
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        match self {
            Self::List(list) => list.run().await,
            Self::Approve(decide) => decide.run(true).await,
            Self::Refuse(decide) => decide.run(false).await,
        }
    }
}

impl List {
    async fn run(self) -> Result<Exit, CliError> {
        let Place {
            practice, store, ..
        } = self.place.open().await?;
        let waiting = store.list_held_returns(&practice.name).await?;
        if self.json {
            let returns: Vec<_> = waiting
                .iter()
                .map(|held| {
                    json!({"return": held.id, "person": held.person, "asked": clock::to_text(held.asked),
                           "asked_by": held.asked_by})
                })
                .collect();
            output::json(&returns);
            return Ok(Exit::Ok);
        }
        let mut rows = Vec::new();
        for held in waiting {
            rows.push(vec![
                store.name_of(&practice.name, &held.person).await?,
                clock::to_text(held.asked),
                held.asked_by,
            ]);
        }
        output::table(
            &["person", "waits since", "asked by"],
            rows,
            "nobody waits to get in again",
        );
        Ok(Exit::Ok)
    }
}

impl Decide {
    async fn run(self, lets_in: bool) -> Result<Exit, CliError> {
        let Place {
            settings,
            practice,
            store,
        } = self.place.open().await?;
        let person = find_person(&store, &practice.name, &self.person).await?;
        let wake = Arc::new(Notify::new());
        let intake = app::intake(&settings, &store, Arc::new(SystemClock), wake).await?;
        let word = Word {
            by: &self.by,
            note: &self.note,
        };
        let caller = caller(&practice.name);
        if lets_in {
            let moved = intake.approve_return(&caller, &person, word).await?;
            let moved = moved.map_err(CliError::Problem)?;
            println!(
                "{}: {} doors open or change by their role",
                self.person,
                moved.len()
            );
            for door in moved {
                println!("  {} {}: {}", door.system, door.way, door.to);
            }
        } else {
            let refused = intake.refuse_return(&caller, &person, word).await?;
            refused.map_err(CliError::Problem)?;
            println!("{} stays out", self.person);
        }
        Ok(Exit::Ok)
    }
}
