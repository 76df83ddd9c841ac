//! `drawbridge attest`

use clap::Args;
use drawbridge_sdk::Way;

use super::{
    CliError, Exit,
    setup::{Place, PlaceArgs, caller, find_person},
};
use crate::{
    clock::{Clock, SystemClock},
    ids::SystemName,
    intake::human,
};

/// Sign that you closed a door by hand, and how you checked.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  drawbridge attest --person nina@elm.example --system badge \\
      --by \"Dana Ruiz\" --note \"card 4711 deactivated in the panel, tried at the side door\"

An attestation never outranks a reading: where the system can be read, it is read on, and what it says counts.")]
pub struct Attest {
    #[command(flatten)]
    place: PlaceArgs,
    /// Whose door: a userName or an id
    #[arg(long, value_name = "NAME")]
    person: String,
    /// Into which system
    #[arg(long, value_name = "SYSTEM")]
    system: String,
    /// Which way in: account, forwarding, badge, key, device, shared_secret
    #[arg(long, value_name = "WAY", default_value = "account", value_parser = parse_way)]
    way: Way,
    /// Who did it and signs for it
    #[arg(long, value_name = "NAME")]
    by: String,
    /// What was done and how it was checked
    #[arg(long, value_name = "TEXT")]
    note: String,
    /// The wish you sign for, as `doors list --json` shows it; refused when there is a newer one
    #[arg(long, value_name = "N")]
    generation: Option<i64>,
}

fn parse_way(name: &str) -> Result<Way, String> {
    Way::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = Way::ALL.iter().map(|way| way.as_str()).collect();
        format!("no such way: {}", known.join(", "))
    })
}

impl Attest {
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        let Place {
            practice, store, ..
        } = self.place.open().await?;
        let person = find_person(&store, &practice.name, &self.person).await?;
        let system = SystemName::from(self.system.as_str());
        let doors = store.find_doors_of(&practice.name, &person).await?;
        let door = doors
            .iter()
            .find(|door| door.system == system && door.way == self.way);
        let signed = human::Attestation {
            by: &self.by,
            note: &self.note,
            generation: self
                .generation
                .or(door.map(|door| door.generation))
                .unwrap_or_default(),
            done: None,
            file: None,
        };
        let at = SystemClock.now();
        human::attest(
            &store,
            &caller(&practice.name),
            &person,
            (&system, self.way),
            &signed,
            at,
        )
        .await?
        .map_err(CliError::Problem)?;
        println!(
            "signed: the door of {} into {} is {}, as attested by {}",
            self.person,
            self.system,
            door.map_or("closed", |door| door.wanted.as_str()),
            self.by
        );
        Ok(Exit::Ok)
    }
}
