//! `drawbridge retry`

use clap::Args;

use super::{
    CliError, Exit,
    setup::{Place, PlaceArgs, caller, find_person},
};
use crate::{
    clock::{Clock, SystemClock},
    intake::human,
};

/// Try a person's unfinished doors again now.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  drawbridge retry --person nina@elm.example               all her doors that are not green
  drawbridge retry --person nina@elm.example --system ehr  one of them

The running server does it within a second; `drawbridge doors list` shows what came of it.")]
pub struct Retry {
    #[command(flatten)]
    place: PlaceArgs,
    /// Whose: a userName or an id
    #[arg(long, value_name = "NAME")]
    person: String,
    /// Only into this system
    #[arg(long, value_name = "SYSTEM")]
    system: Option<String>,
}

impl Retry {
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        let Place {
            practice, store, ..
        } = self.place.open().await?;
        let person = find_person(&store, &practice.name, &self.person).await?;
        let system = self.system.as_deref().map(Into::into);
        let doors = human::retry(
            &store,
            &caller(&practice.name),
            &person,
            system.as_ref(),
            SystemClock.now(),
        )
        .await?;
        if doors == 0 {
            return Err(CliError::Problem(
                "no door of this person can be tried: all are green, or wait for a person, or there is none".to_owned(),
            ));
        }
        println!("{doors} doors are tried again now");
        Ok(Exit::Ok)
    }
}
