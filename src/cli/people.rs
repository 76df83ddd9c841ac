//! `drawbridge people list`

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    CliError, Exit, output,
    setup::{Place, PlaceArgs},
};

/// People the bridge knows.
#[derive(Debug, Subcommand)]
pub enum People {
    /// List people
    #[command(after_help = "Examples:
  drawbridge people list                 everybody
  drawbridge people list --needs-role    active people whom no row of the roles file fits")]
    List(List),
}

/// `people list`
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    place: PlaceArgs,
    /// Only active people whom no row of the roles file fits
    #[arg(long)]
    needs_role: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl People {
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        let Self::List(list) = self;
        let Place {
            practice, store, ..
        } = list.place.open().await?;
        let needing = store.list_people_who_need_a_role(&practice.name).await?;
        let people = if list.needs_role {
            needing.clone()
        } else {
            store.list_people(&practice.name).await?
        };
        let mut rows = Vec::new();
        for person in people {
            let name = store.name_of(&practice.name, &person).await?;
            let note = if needing.contains(&person) {
                "needs a role"
            } else {
                ""
            };
            rows.push((name, person, note));
        }
        if list.json {
            let rows: Vec<_> = rows
                .iter()
                .map(|(name, person, note)| json!({"person": name, "person_id": person, "needs_role": !note.is_empty()}))
                .collect();
            output::json(&rows);
        } else {
            output::table(
                &["person", "id", "note"],
                rows.into_iter()
                    .map(|(name, person, note)| vec![name, person.to_string(), note.to_owned()])
                    .collect(),
                if list.needs_role {
                    "everybody active has a role"
                } else {
                    "nobody yet: people appear when the identity provider pushes them"
                },
            );
        }
        Ok(Exit::Ok)
    }
}
