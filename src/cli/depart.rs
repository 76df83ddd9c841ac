//! `drawbridge depart`

use std::sync::Arc;

use clap::Args;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use tokio::sync::Notify;

use super::{
    CliError, Exit,
    setup::{Place, PlaceArgs, caller, find_person},
};
use crate::{
    app,
    clock::{self, SystemClock},
    config::Practice,
    intake::departures::Said,
};

/// Close every door of a person now, whatever the identity provider says.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  drawbridge depart --person nina@elm.example
  drawbridge depart --person nina@elm.example --ended 2026-11-20T16:00   the work ended an hour ago
  drawbridge depart --person nina@elm.example --at 2026-11-27T17:00      silent until then

The running server starts closing within a second; `drawbridge doors list --person` shows the doors.
The person's record at the identity provider is not touched: disable it there too. The wrong person?
`drawbridge undo` opens again what was closed.")]
pub struct Depart {
    #[command(flatten)]
    place: PlaceArgs,
    /// Who leaves: a userName or an id
    #[arg(long, value_name = "NAME")]
    person: String,
    /// When, if that is still to come: 2026-11-27T17:00 in the practice's zone, or with an offset
    #[arg(long, value_name = "TIME", conflicts_with = "ended")]
    at: Option<String>,
    /// When the work ended, if that was earlier
    #[arg(long, value_name = "TIME")]
    ended: Option<String>,
    /// What the ledger keeps with it
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
}

/// A time with its offset, or as the clock on the practice's wall shows it.
fn time(text: &str, practice: &Practice) -> Result<Timestamp, CliError> {
    let wrong = || {
        CliError::Problem(format!(
            "`{text}` is no time: write it as 2026-11-27T17:00, or with an offset as 2026-11-27T17:00:00-06:00"
        ))
    };
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let local: DateTime = text.parse().map_err(|_| wrong())?;
    let zone = TimeZone::get(&practice.time_zone).unwrap_or(TimeZone::UTC);
    let zoned = local.to_zoned(zone).map_err(|_| wrong())?;
    Ok(zoned.timestamp())
}

impl Depart {
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        let Place {
            settings,
            practice,
            store,
        } = self.place.open().await?;
        let person = find_person(&store, &practice.name, &self.person).await?;
        let intake = app::intake(
            &settings,
            &store,
            Arc::new(SystemClock),
            Arc::new(Notify::new()),
        )
        .await?;
        let caller = caller(&practice.name);
        if let Some(at) = &self.at {
            let at = time(at, &practice)?;
            let scheduled = intake
                .depart_later(&caller, &person, at, &self.note)
                .await?;
            let id = scheduled.map_err(CliError::Problem)?;
            println!(
                "{} leaves at {}; nobody is told before; `drawbridge scheduled cancel {id}` takes it back",
                self.person,
                clock::to_text(at)
            );
            return Ok(Exit::Ok);
        }
        let ended = self
            .ended
            .as_ref()
            .map(|text| time(text, &practice))
            .transpose()?;
        let said = Said {
            ended,
            note: &self.note,
        };
        let departed = intake.depart_said(&caller, &person, said).await?;
        let departed = departed.map_err(CliError::Problem)?;
        println!(
            "{} doors of {} shall be closed; the server is closing them",
            departed.moved.len(),
            self.person
        );
        Ok(Exit::Ok)
    }
}
