//! `drawbridge doors list`

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    CliError, Exit, output,
    setup::{Place, PlaceArgs, find_people},
};
use crate::{
    clock::{self, Clock, SystemClock},
    door::Door,
};

/// Who can still get in, and where.
#[derive(Debug, Subcommand)]
pub enum Doors {
    /// List doors: what each shall be, what it was seen to be, and how sure that is
    #[command(after_help = "Examples:
  drawbridge doors list --person nina@elm.example     every door of one person
  drawbridge doors list --open                        leavers' doors that are not proved shut
  drawbridge doors list --failed --json               doors whose last call failed, for scripts")]
    List(List),
}

/// `doors list`
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    place: PlaceArgs,
    /// Only this person's: a userName or an id
    #[arg(long, value_name = "NAME")]
    person: Option<String>,
    /// Only doors that shall be closed and are not proved to be
    #[arg(long)]
    open: bool,
    /// Only doors whose last call or reading failed
    #[arg(long)]
    failed: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Doors {
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        let Self::List(list) = self;
        let Place {
            practice, store, ..
        } = list.place.open().await?;
        let now = SystemClock.now();
        let doors = match &list.person {
            Some(name) => {
                // Everybody who ever bore the name: a new bearer's open doors must not hide a leaver's.
                let mut doors = Vec::new();
                for person in find_people(&store, &practice.name, name).await? {
                    doors.extend(store.find_doors_of(&practice.name, &person).await?);
                }
                doors
            }
            None => store.list_doors(&practice.name).await?,
        };
        let mut rows = Vec::new();
        for door in doors {
            let still_open = door.wanted.is_closed() && !door.is_green(now);
            if (list.open && !still_open) || (list.failed && door.failure.is_none()) {
                continue;
            }
            let name = store.name_of(&practice.name, &door.person).await?;
            rows.push((name, door));
        }
        if list.json {
            output::json(
                &rows
                    .iter()
                    .map(|(name, door)| as_json(name, door, now))
                    .collect::<Vec<_>>(),
            );
        } else {
            output::table(
                &[
                    "person",
                    "system",
                    "way",
                    "wanted",
                    "seen",
                    "assurance",
                    "",
                    "deadline",
                    "tries",
                    "next",
                    "note",
                ],
                rows.iter()
                    .map(|(name, door)| as_row(name, door, now))
                    .collect(),
                if list.open {
                    "nobody who left can still get in, as far as every system was read"
                } else {
                    "no doors: they appear when the identity provider pushes people who have a role"
                },
            );
            if !practice.break_glass.is_empty() {
                println!(
                    "never closed by the bridge (break glass): {}",
                    practice.break_glass.join(", ")
                );
            }
        }
        Ok(Exit::Ok)
    }
}

/// A door as scripts see it. The keys are part of the outside contract.
pub(super) fn as_json(name: &str, door: &Door, now: jiff::Timestamp) -> serde_json::Value {
    json!({
        "person": name,
        "person_id": door.person,
        "system": door.system,
        "way": door.way,
        "wanted": door.wanted.as_str(),
        "seen": door.seen,
        "seen_at": door.seen_at.map(clock::to_text),
        "assurance": door.assurance,
        "green": door.is_green(now),
        "overdue": door.is_overdue(now),
        "generation": door.generation,
        "reason": door.reason,
        "wanted_at": clock::to_text(door.wanted_at),
        "deadline": door.deadline.map(clock::to_text),
        "attempts": door.tries,
        "next_try": door.next_try.map(clock::to_text),
        "failure": door.failure.as_ref().map(|failure| failure.class),
        "failure_text": door.failure.as_ref().map(|failure| &failure.text),
        "residual": door.residual_text(),
        "set_aside": door.set_aside_at(now).map(|aside| json!({
            "kind": aside.kind,
            "reason": aside.reason,
            "signed_by": aside.signed_by,
            "until": aside.until.map(clock::to_text),
        })),
    })
}

fn as_row(name: &str, door: &Door, now: jiff::Timestamp) -> Vec<String> {
    let state = if door.is_green(now) {
        "ok"
    } else if door.set_aside_at(now).is_some() {
        "set aside"
    } else if door.is_overdue(now) {
        "OVERDUE"
    } else {
        "not yet"
    };
    let note = door
        .failure
        .as_ref()
        .map(|failure| format!("{}: {}", failure.class, failure.text))
        .or_else(|| door.residual_text());
    vec![
        name.to_owned(),
        door.system.to_string(),
        door.way.to_string(),
        door.wanted.as_str().to_owned(),
        door.seen.as_str().to_owned(),
        door.assurance.as_str().to_owned(),
        state.to_owned(),
        output::or_dash(door.deadline.map(clock::to_text)),
        door.tries.to_string(),
        output::or_dash(door.next_try.map(clock::to_text)),
        output::or_dash(note),
    ]
}
