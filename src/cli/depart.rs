//! `drawbridge depart`

use std::sync::Arc;

use clap::Args;
use tokio::sync::Notify;

use super::{
    CliError, Exit,
    setup::{ConfigArg, PracticeArg, caller, find_person, open_store},
};
use crate::{app, clock::SystemClock};

/// Close every door of a person now, whatever the identity provider says.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  drawbridge depart --person nina@elm.example

The running server starts closing within a second; `drawbridge doors list --person` shows the doors.
The person's record at the identity provider is not touched: disable it there too. The wrong person?
`drawbridge returns approve` opens their doors again.")]
pub struct Depart {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    practice: PracticeArg,
    /// Who leaves: a userName or an id
    #[arg(long, value_name = "NAME")]
    person: String,
}

impl Depart {
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        let settings = self.config.load()?;
        let practice = self.practice.choose(&settings)?;
        let store = open_store(&settings).await?;
        let person = find_person(&store, &practice.name, &self.person).await?;
        let intake = app::intake(
            &settings,
            &store,
            Arc::new(SystemClock),
            Arc::new(Notify::new()),
        )
        .await?;
        let wishes = intake.depart(&caller(&practice.name), &person).await?;
        println!(
            "{} doors of {} shall be closed; the server is closing them",
            wishes.len(),
            self.person
        );
        Ok(Exit::Ok)
    }
}
