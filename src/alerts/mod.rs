//! THE ALARM: tells people when a leaver's time runs short, and of whatever else cannot wait.
//!
//! - this file: the watch: who is to be told what, and giving it to channels
//! - [`text`]: what is said; no patient and no name is in it
//! - `conditions`: what is told while it is so: a refused password, a full disk
//! - `silence`: identity providers that say nothing any more
//! - [`gone`]: channels that the settings name no more
//! - `send`: on its way: tried again, and through another channel where one fails
//! - [`channel`], [`mail`], [`web`]: how each kind of channel takes it
//!
//! What is told is a row, written in the transaction that makes it so, or under a name that is written
//! once. So a restart neither loses nor doubles it, and a clock that is set has nobody told twice. What
//! was sent may be sent again after a crash: it bears the same id.

pub mod channel;
mod conditions;
pub mod gone;
pub mod mail;
mod send;
mod silence;
pub mod text;
pub mod web;

use std::{collections::HashMap, sync::Arc, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use self::channel::Line;
pub use self::send::InVain;
use crate::{
    cases::{Departure, Light},
    clock::{self, Clock},
    config::alerts::{Alerts, Naming},
    door::Door,
    ids::{AlertId, ChannelName, PersonId, PracticeName, SourceName, SystemName},
    policy::escalation::{self, Contact},
    store::{SecondLedger, Store, StoreError, alerts::Alert, cases::KeptCase},
};

/// How often it is looked whose time has come.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How often it is looked at what lasts: disks and passwords.
const LOOK_AROUND_EVERY: Duration = Duration::from_secs(60);

/// The kind of alert that a case's clock raises.
pub const TIME: &str = "case.time";

/// What the alarm knows of a practice.
#[derive(Debug)]
pub struct Watched {
    /// Its name.
    pub name: PracticeName,
    /// What people read.
    pub title: String,
    /// Times are told in it.
    pub zone: TimeZone,
    /// What people call each system, and who looks after it.
    pub systems: HashMap<SystemName, (String, Option<String>)>,
    /// How long each source may say nothing.
    pub silent_after: Vec<(SourceName, Duration)>,
    /// Who is told, and how.
    pub alerts: Alerts,
    /// Its channels, ready to be used.
    pub lines: HashMap<ChannelName, Line>,
}

/// The alarm of every practice that has one. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Alarm {
    store: Store,
    clock: Arc<dyn Clock>,
    practices: Arc<HashMap<PracticeName, Watched>>,
    /// Where people find the console.
    public_url: String,
    second: Option<Arc<SecondLedger>>,
}

impl Alarm {
    /// An alarm for these practices; nothing is watched yet.
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        practices: HashMap<PracticeName, Watched>,
        public_url: String,
    ) -> Self {
        Self {
            store,
            clock,
            practices: Arc::new(practices),
            public_url,
            second: None,
        }
    }

    /// The same alarm, which looks after the second ledger too.
    #[must_use]
    pub fn watching(mut self, second: Option<Arc<SecondLedger>>) -> Self {
        self.second = second;
        self
    }

    /// What it knows of a practice; `None` where nobody is told.
    pub fn watched(&self, practice: &PracticeName) -> Option<&Watched> {
        self.practices.get(practice)
    }

    /// Watches until told to stop.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut looked_around: Option<Instant> = None;
        let mut in_vain = InVain::default();
        while !*stop.borrow() {
            let is_due = looked_around.is_none_or(|at| at.elapsed() >= LOOK_AROUND_EVERY);
            let looked = async {
                self.look().await?;
                if is_due {
                    self.look_around().await?;
                }
                self.send_due().await
            };
            match looked.await {
                Ok(sent) => {
                    if is_due {
                        looked_around = Some(Instant::now());
                    }
                    in_vain.is_over();
                    if sent > 0 {
                        continue;
                    }
                }
                Err(error) => self.tell_without_the_archive(&mut in_vain, &error).await,
            }
            tokio::select! {
                () = sleep(LOOK_EVERY) => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Looks whose time has come and who is to be told of what happened, and gives it to channels.
    ///
    /// # Errors
    /// When the archive does not answer.
    pub async fn look(&self) -> Result<(), StoreError> {
        for watched in self.practices.values() {
            for kept in self.store.list_open_cases(&watched.name).await? {
                self.look_at(watched, &kept).await?;
            }
            for alert in self.store.list_unaddressed_alerts(&watched.name).await? {
                self.address(watched, &alert).await?;
            }
        }
        Ok(())
    }

    /// Tells whoever is to be told of a case by now.
    async fn look_at(&self, watched: &Watched, kept: &KeptCase) -> Result<(), StoreError> {
        let now = self.clock.now();
        let steps = &watched.alerts.steps;
        let learned = kept.case.learned;
        if escalation::due(steps, learned, now).next().is_none() {
            return Ok(());
        }
        let case = &kept.case.id;
        let told = self.store.list_alerts_of_case(&watched.name, case).await?;
        let about =
            |minutes: u64, contact: Contact| format!("case/{case}/{minutes}/{}", contact.as_str());
        let due: Vec<_> = escalation::due(steps, learned, now)
            .map(|(at, step)| (at, step, about(step.after.as_secs() / 60, step.to)))
            .filter(|(.., about)| !told.iter().any(|alert| alert.about == *about))
            .collect();
        if due.is_empty() {
            return Ok(());
        }
        let departure = self.departure(watched, kept).await?;
        // All is proved, or merely blind: nobody can hurry that.
        let Some(deadline) = departure.deadline(now) else {
            return Ok(());
        };
        let who = self.name_of(watched, &kept.case.person).await?;
        let facts = facts(watched, &departure, (&who, deadline), now);
        for (at, step, about) in due {
            let mut facts = facts.clone();
            facts.insert("step".to_owned(), json!(at + 1));
            facts.insert("steps".to_owned(), json!(steps.len()));
            facts.insert("after".to_owned(), json!(step.after.as_secs() / 60));
            facts.insert("to".to_owned(), json!(step.to.as_str()));
            let alert = Alert {
                practice: watched.name.clone(),
                id: AlertId::generate(),
                kind: TIME.to_owned(),
                about,
                case: Some(case.clone()),
                person: Some(kept.case.person.clone()),
                system: None,
                facts,
                raised: now,
                addressed: None,
                over: None,
            };
            let mut tx = self.store.begin(&watched.name, now).await?;
            if tx.raise(&alert).await? {
                tx.commit().await?;
            }
        }
        Ok(())
    }

    async fn departure(&self, watched: &Watched, kept: &KeptCase) -> Result<Departure, StoreError> {
        let person = &kept.case.person;
        let mut doors = self.store.find_doors_of(&watched.name, person).await?;
        doors.retain(|door| door.case.as_ref() == Some(&kept.case.id));
        Ok(Departure {
            person: person.clone(),
            case: Some(kept.clone()),
            doors,
        })
    }

    /// Somebody as they are named in what leaves the house.
    async fn name_of(&self, watched: &Watched, person: &PersonId) -> Result<String, StoreError> {
        let face = match watched.alerts.names {
            Naming::Initials => self.store.find_face(&watched.name, person).await?,
            Naming::Id => None,
        };
        Ok(face.map_or_else(|| person.to_string(), |face| face.initials()))
    }

    /// Gives an alert to the first channel of whom it is for.
    async fn address(&self, watched: &Watched, alert: &Alert) -> Result<(), StoreError> {
        let contact = contact_of(alert);
        let now = self.clock.now();
        // Noted while nobody was to be told, and long ago: what is past is told to nobody, what is so still is.
        let is_past =
            clock::after(alert.raised, send::TRIED_FOR) <= now && !self.is_still_so(alert).await?;
        let mut tx = self.store.begin(&watched.name, now).await?;
        if !tx.address_alert(&alert.id).await? {
            return Ok(());
        }
        if let Some(reach) = watched.alerts.reach(contact).filter(|_| !is_past)
            && let Some(channel) = reach.channels.first()
        {
            tx.send_through(&alert.id, channel, reach.contact.as_str(), None);
        }
        tx.commit().await
    }
}

/// Whom an alert is for.
fn contact_of(alert: &Alert) -> Contact {
    let step = alert.facts.get("to").and_then(Value::as_str);
    match (step.and_then(Contact::from_name), alert.kind.as_str()) {
        (Some(contact), _) => contact,
        (None, "return.held") => Contact::PracticeManager,
        (
            None,
            "disk" | "second_ledger" | "second_ledger.imported" | "clock.set" | silence::SILENT,
        ) => Contact::Msp,
        (None, _) => Contact::Owner,
    }
}

/// What is known of a departure when somebody is told of it.
fn facts(
    watched: &Watched,
    departure: &Departure,
    (who, deadline): (&str, Timestamp),
    now: Timestamp,
) -> Map<String, Value> {
    let shut = |door: &&Door| door.wanted.is_closed();
    let mut open: Vec<&Door> = departure
        .doors
        .iter()
        .filter(|door| door.wanted.is_closed() && !door.is_green(now))
        .collect();
    open.sort_by_key(|door| (Light::of(door, now).urgency(), door.deadline));
    let mut systems: Vec<String> = open
        .iter()
        .map(|door| watched.title_of(&door.system))
        .collect();
    systems.dedup();
    let action = open.first().map_or_else(String::new, |door| {
        text::action(
            Light::of(door, now),
            door.failure.as_ref().map(|failure| failure.class),
            &watched.title_of(&door.system),
            watched.owner_of(&door.system),
        )
    });
    Map::from_iter([
        ("who".to_owned(), json!(who)),
        ("open".to_owned(), json!(open.len())),
        (
            "all".to_owned(),
            json!(departure.doors.iter().filter(shut).count()),
        ),
        ("systems".to_owned(), json!(systems)),
        ("deadline".to_owned(), json!(clock::to_text(deadline))),
        ("action".to_owned(), json!(action)),
    ])
}

impl Watched {
    /// What people call a system.
    fn title_of(&self, system: &SystemName) -> String {
        let known = self.systems.get(system);
        known.map_or_else(|| system.to_string(), |(title, _)| title.clone())
    }

    /// Who looks after a system.
    fn owner_of(&self, system: &SystemName) -> Option<&str> {
        self.systems.get(system)?.1.as_deref()
    }
}
