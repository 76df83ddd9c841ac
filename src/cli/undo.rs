//! `drawbridge undo`

use std::sync::Arc;

use clap::Args;
use tokio::sync::Notify;

use super::{
    CliError, Exit,
    setup::{Place, PlaceArgs, caller, find_person},
};
use crate::{
    app,
    clock::SystemClock,
    intake::{returns::Word, undo::Undone},
};

/// Open again exactly what somebody's latest departure closed: it was the wrong person.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  drawbridge undo --person nina@elm.example --show                      what it would do; changes nothing
  drawbridge undo --person nina@elm.example --by \"Dana Ruiz\" --note \"the wrong Nina\"

Doors go the way every open goes: by the roles of now, and read back. What cannot be had back is named.
`drawbridge returns approve` opens everything the roles give, also what was not open before.")]
pub struct Undo {
    #[command(flatten)]
    place: PlaceArgs,
    /// Whose departure: a userName or an id
    #[arg(long, value_name = "NAME")]
    person: String,
    /// Who decides
    #[arg(long, value_name = "NAME", required_unless_present = "show")]
    by: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT", required_unless_present = "show")]
    note: Option<String>,
    /// Say what it would do, and do nothing
    #[arg(long)]
    show: bool,
}

impl Undo {
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        let Place {
            settings,
            practice,
            store,
        } = self.place.open().await?;
        let person = find_person(&store, &practice.name, &self.person).await?;
        let wake = Arc::new(Notify::new());
        let intake = app::intake(&settings, &store, Arc::new(SystemClock), wake).await?;
        let caller = caller(&practice.name);
        let undone = match (self.show, &self.by, &self.note) {
            (false, Some(by), Some(note)) => {
                let word = Word { by, note };
                intake.undo_departure(&caller, &person, word).await?
            }
            _ => intake.preview_undo(&caller, &person).await?,
        };
        let undone = undone.map_err(CliError::Problem)?;
        tell(&self.person, &undone, self.show);
        Ok(Exit::Ok)
    }
}

fn tell(person: &str, undone: &Undone, is_preview: bool) {
    let verb = if is_preview { "would open" } else { "open" };
    println!(
        "{person}: {} doors {verb} again as they were",
        undone.restored.len()
    );
    for one in &undone.restored {
        let by_hand = if one.is_by_hand { " (by hand)" } else { "" };
        println!("  {} {}{by_hand}", one.was.system, one.was.way);
    }
    for one in &undone.left {
        println!("  not {} {}: {}", one.system, one.way, one.why);
    }
    for lost in &undone.lost {
        println!("  not to be had back: {lost}");
    }
}
