//! One person: their doors, what happened, their records as a file, and closing everything now.

use std::sync::Arc;

use askama::Template;
use axum::{Extension, extract::Path, response::Response};
use serde_json::Value;

use super::{
    super::{
        admit::Visit,
        download,
        frame::{Frame, ok, see_other},
        time::{When, apart},
        trouble::{Answer, Happened},
        words::{self, Told},
    },
    DoorView, later, people, typed,
};
use crate::{
    clock,
    door::Door,
    evidence::About,
    ids::{PersonId, SystemName},
    intake::departures::Said,
    policy::office::Action,
    store::faces::Face,
};

/// How many records the page shows.
const MOST: u32 = 200;

#[derive(Template)]
#[template(path = "person.html")]
struct PersonPage {
    frame: Frame,
    person: String,
    name: String,
    user_name: String,
    title: String,
    state: (&'static str, &'static str, &'static str),
    departed: Option<When>,
    /// When they leave, if that is scheduled and whoever asks may know.
    leaves: Option<When>,
    doors: Vec<DoorView>,
    events: Vec<Event>,
    is_cut: bool,
    may_depart: bool,
    may_export: bool,
    may_work: bool,
}

/// A record of the ledger as it is shown.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) sequence: i64,
    pub(super) at: Option<When>,
    pub(super) system: String,
    pub(super) who: String,
    pub(super) person: String,
    pub(super) told: Told,
    /// What was signed with: its SHA-256 and its name.
    pub(super) file: Option<(String, String)>,
}

/// Reads a record of the ledger.
pub(super) fn event(sequence: i64, text: &str, visit: &Visit) -> Event {
    let record: Value = serde_json::from_str(text).unwrap_or_default();
    let when = record["when"].as_str().unwrap_or_default();
    let system = record["system"].as_str().filter(|name| *name != "all");
    Event {
        sequence,
        at: clock::from_text(when).ok().map(|at| When::new(at, visit)),
        system: system.map_or_else(String::new, |name| {
            visit.practice().title_of(&SystemName::from(name))
        }),
        who: words::actor(record["who"].as_str().unwrap_or_default()),
        person: record["person"].as_str().unwrap_or_default().to_owned(),
        told: words::tell(&record),
        file: record["detail"]["attachment"]["sha256"]
            .as_str()
            .map(|sha256| {
                let name = record["detail"]["attachment"]["name"].as_str();
                (sha256.to_owned(), name.unwrap_or("file").to_owned())
            }),
    }
}

async fn find(visit: &Visit, person: &str) -> Result<(PersonId, Face), Happened> {
    let person = PersonId::from(person);
    let store = &visit.office.store;
    let face = store.find_face(&visit.practice().name, &person).await?;
    Ok((person, face.ok_or(Happened::NotThere)?))
}

/// The page.
pub(in super::super) async fn show(
    Extension(visit): Extension<Arc<Visit>>,
    Path(person): Path<String>,
) -> Answer {
    let (person, face) = find(&visit, &person).await?;
    let store = &visit.office.store;
    let practice = &visit.practice().name;
    let doors = store.find_doors_of(practice, &person).await?;
    let records = store
        .list_latest_records(practice, Some(&person), i64::MAX, MOST + 1)
        .await?;
    let most = usize::try_from(MOST).unwrap_or(usize::MAX);
    let state = people::state(&face);
    let leaves = if visit.may(Action::Depart) {
        later::find(&visit, &person).await?
    } else {
        None
    };
    let mut views: Vec<DoorView> = doors
        .iter()
        .map(|door| DoorView::new(door, &visit))
        .collect();
    views.sort_by_key(|view| view.urgency);
    Ok(ok(&PersonPage {
        frame: Frame::live(&visit, &face.name).await,
        person: person.to_string(),
        leaves,
        departed: face.departed_at.map(|at| When::new(at, &visit)),
        name: face.name,
        user_name: face.user_name,
        title: face.title.unwrap_or_default(),
        state,
        doors: views,
        is_cut: records.len() > most,
        events: records
            .iter()
            .take(most)
            .map(|(sequence, text)| event(*sequence, text, &visit))
            .collect(),
        may_depart: visit.may(Action::Depart),
        may_export: visit.may(Action::ExportEvidence),
        may_work: visit.may(Action::WorkCases),
    }))
}

#[derive(Template)]
#[template(path = "depart.html")]
struct Depart {
    frame: Frame,
    person: String,
    name: String,
    user_name: String,
    title: String,
    /// Doors that are open or may be.
    doors: Vec<DoorView>,
    has_left: bool,
    hold_for: String,
    /// When they leave, if that is scheduled.
    leaves: Option<When>,
    zone: String,
}

/// Names what closing everything would do, and asks.
pub(in super::super) async fn ask_to_depart(
    Extension(visit): Extension<Arc<Visit>>,
    Path(person): Path<String>,
) -> Answer {
    let (person, face) = find(&visit, &person).await?;
    let store = &visit.office.store;
    let doors = store.find_doors_of(&visit.practice().name, &person).await?;
    let may_be_open = |door: &&Door| !(door.wanted.is_closed() && door.is_green(visit.now));
    Ok(ok(&Depart {
        frame: Frame::of(&visit, "Close every door now").await,
        person: person.to_string(),
        name: face.name,
        user_name: face.user_name,
        title: face.title.unwrap_or_default(),
        doors: doors
            .iter()
            .filter(may_be_open)
            .map(|door| DoorView::new(door, &visit))
            .collect(),
        has_left: face.departed_at.is_some(),
        leaves: later::find(&visit, &person).await?,
        zone: visit.practice().zone_name(),
        hold_for: apart(
            visit.now,
            clock::after(visit.now, visit.practice().hold_for),
        ),
    }))
}

/// Closes everything.
pub(in super::super) async fn depart(
    Extension(visit): Extension<Arc<Visit>>,
    Path(person): Path<String>,
) -> Result<Response, Happened> {
    let (person, face) = find(&visit, &person).await?;
    if visit.form.get("sure") != "yes" {
        return Err(Happened::Refused(format!(
            "tick the box that says that {} leaves, then press the button",
            face.name
        )));
    }
    let intake = &visit.office.intake;
    let ended = typed::maybe_time(&visit, visit.form.get("ended")).map_err(Happened::Refused)?;
    let said = Said { ended, note: "" };
    let departed = intake.depart_said(&visit.caller(), &person, said).await?;
    let departed = departed.map_err(Happened::Refused)?;
    tracing::info!(person.id = %person, "a departure was started by name in the console");
    let to = match &departed.case {
        Some(case) => format!("/cases/{case}"),
        None => format!("/people/{person}"),
    };
    Ok(see_other(&format!(
        "{to}?said=departed&n={}",
        departed.moved.len()
    )))
}

/// Their records as a file that verifies by itself. That it was taken away is in it.
pub(in super::super) async fn export(
    Extension(visit): Extension<Arc<Visit>>,
    Path(person): Path<String>,
) -> Answer {
    let (person, face) = find(&visit, &person).await?;
    let store = &visit.office.store;
    let practice = &visit.practice().name;
    let about = About::Person(person);
    let who = visit.caller().actor;
    let export = store.export(practice, &about, &who, visit.now).await?;
    let name: String = face.user_name.chars().take(60).collect();
    download::evidence(export, &format!("evidence-{name}.jsonl")).await
}
