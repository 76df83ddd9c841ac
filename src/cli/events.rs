//! `drawbridge events list`

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    CliError, Exit, output,
    setup::{Place, PlaceArgs},
};
use crate::clock;

/// Security events that subscribers have not acknowledged.
#[derive(Debug, Subcommand)]
pub enum Events {
    /// List what a subscriber still has to be told, the oldest first
    #[command(after_help = "Examples:
  drawbridge events list          what waits, since when, and what went wrong
  drawbridge events list --json   the same, with the claims of each token

What was acknowledged is in the evidence: `drawbridge evidence export`.")]
    List(List),
}

/// `events list`
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    place: PlaceArgs,
    /// Print JSON, with the claims
    #[arg(long)]
    json: bool,
}

impl Events {
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        let Self::List(list) = self;
        let Place {
            practice, store, ..
        } = list.place.open().await?;
        let waiting = store.list_events(&practice.name).await?;
        if list.json {
            let events: Vec<_> = waiting
                .iter()
                .map(|waiting| {
                    json!({
                        "id": waiting.event.id,
                        "subscriber": waiting.event.subscriber,
                        "person": waiting.person,
                        "accepted": clock::to_text(waiting.created),
                        "tries": waiting.tries,
                        "next_try": waiting.next_try.map(clock::to_text),
                        "failure": waiting.failure,
                        "claims": serde_json::from_str::<serde_json::Value>(&waiting.event.claims).ok(),
                    })
                })
                .collect();
            output::json(&events);
            return Ok(Exit::Ok);
        }
        let mut rows = Vec::new();
        for waiting in waiting {
            rows.push(vec![
                clock::to_text(waiting.created),
                waiting.event.subscriber.to_string(),
                store.name_of(&practice.name, &waiting.person).await?,
                waiting.tries.to_string(),
                waiting
                    .next_try
                    .map_or_else(|| "when it asks".to_owned(), clock::to_text),
                output::or_dash(waiting.failure),
            ]);
        }
        let empty = if practice.subscribers.is_empty() {
            "nobody is told of departures: add [events] and a [[practice.subscriber]]"
        } else {
            "every subscriber has acknowledged everything"
        };
        output::table(
            &[
                "accepted",
                "subscriber",
                "person",
                "tries",
                "next try",
                "failure",
            ],
            rows,
            empty,
        );
        Ok(Exit::Ok)
    }
}
