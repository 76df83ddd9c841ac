//! `drawbridge scheduled list|cancel`

use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::json;
use tokio::sync::Notify;

use super::{
    CliError, Exit, output,
    setup::{Place, PlaceArgs, caller},
};
use crate::{app, clock, clock::SystemClock, ids::ScheduleId};

/// Departures that wait for their time.
#[derive(Debug, Subcommand)]
pub enum Scheduled {
    /// List departures that wait, the next first
    #[command(after_help = "Example:
  drawbridge scheduled list

Make one with `drawbridge depart --person NAME --at TIME`.")]
    List(List),
    /// Take one back
    #[command(after_help = "Example:
  drawbridge scheduled cancel 01a20745-...")]
    Cancel(Cancel),
}

/// `scheduled list`
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    place: PlaceArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `scheduled cancel`
#[derive(Debug, Args)]
pub struct Cancel {
    #[command(flatten)]
    place: PlaceArgs,
    /// Its id, as `scheduled list` shows it
    #[arg(value_name = "ID")]
    id: String,
}

impl Scheduled {
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        match self {
            Self::List(list) => list.run().await,
            Self::Cancel(cancel) => cancel.run().await,
        }
    }
}

impl List {
    async fn run(self) -> Result<Exit, CliError> {
        let Place {
            practice, store, ..
        } = self.place.open().await?;
        let waiting = store.list_scheduled(&practice.name).await?;
        if self.json {
            let waiting: Vec<_> = waiting
                .iter()
                .map(|one| {
                    json!({"id": one.id, "person": one.person, "at": clock::to_text(one.at),
                           "asked": clock::to_text(one.asked), "asked_by": one.asked_by, "note": one.note})
                })
                .collect();
            output::json(&waiting);
            return Ok(Exit::Ok);
        }
        let mut rows = Vec::new();
        for one in waiting {
            rows.push(vec![
                one.id.to_string(),
                store.name_of(&practice.name, &one.person).await?,
                clock::to_text(one.at),
                one.asked_by,
                one.note,
            ]);
        }
        output::table(
            &["id", "person", "at", "asked by", "note"],
            rows,
            "no departure waits for its time",
        );
        Ok(Exit::Ok)
    }
}

impl Cancel {
    async fn run(self) -> Result<Exit, CliError> {
        let Place {
            settings,
            practice,
            store,
        } = self.place.open().await?;
        let id = ScheduleId::from(self.id);
        let scheduled = store.find_scheduled(&practice.name, &id).await?;
        let scheduled = scheduled.ok_or_else(|| {
            CliError::Problem(format!(
                "there is no scheduled departure `{id}`: `drawbridge scheduled list` shows those that wait"
            ))
        })?;
        let wake = Arc::new(Notify::new());
        let intake = app::intake(&settings, &store, Arc::new(SystemClock), wake).await?;
        if !intake
            .cancel_departure(&caller(&practice.name), &scheduled)
            .await?
        {
            return Err(CliError::Problem(format!(
                "`{id}` waits no longer: it was started or cancelled"
            )));
        }
        println!("{id} is cancelled: nothing happens");
        Ok(Exit::Ok)
    }
}
