//! A departure that is still to come: who may see it, scheduling one, and taking it back.

use std::sync::Arc;

use askama::Template;
use axum::{Extension, extract::Path, response::Response};

use super::{
    super::{
        admit::Visit,
        frame::{Frame, ok, see_other},
        time::{When, apart},
        trouble::{Answer, Happened},
        words,
    },
    typed,
};
use crate::{
    ids::{PersonId, ScheduleId},
    store::{StoreError, scheduled::Scheduled},
};

#[derive(Template)]
#[template(path = "scheduled.html")]
struct Later {
    frame: Frame,
    rows: Vec<Row>,
    sees_all: bool,
}

#[derive(Debug)]
struct Row {
    id: String,
    person: String,
    name: String,
    at: When,
    in_time: String,
    asked_by: String,
    note: String,
}

/// Whether this somebody may know of it: whoever asked for it, and the owners. Anybody else would be one
/// who could tell the person.
fn may_see(scheduled: &Scheduled, visit: &Visit) -> bool {
    let role = visit.signed_in().session.admin.role;
    role.sees_every_scheduled_departure() || scheduled.asked_by == visit.caller().actor
}

/// Those that wait and that this somebody may know of.
async fn waiting(visit: &Visit) -> Result<Vec<Scheduled>, StoreError> {
    let store = &visit.office.store;
    let mut all = store.list_scheduled(&visit.practice().name).await?;
    all.retain(|scheduled| may_see(scheduled, visit));
    Ok(all)
}

/// When this person leaves, if that is scheduled and this somebody may know.
pub(super) async fn find(visit: &Visit, person: &PersonId) -> Result<Option<When>, StoreError> {
    let waiting = waiting(visit).await?;
    let own = waiting
        .into_iter()
        .find(|scheduled| scheduled.person == *person);
    Ok(own.map(|scheduled| When::new(scheduled.at, visit)))
}

/// The page.
pub(in super::super) async fn show(Extension(visit): Extension<Arc<Visit>>) -> Answer {
    let waiting = waiting(&visit).await?;
    let people: Vec<PersonId> = waiting
        .iter()
        .map(|scheduled| scheduled.person.clone())
        .collect();
    let store = &visit.office.store;
    let faces = store.find_faces(&visit.practice().name, &people).await?;
    let row = |scheduled: &Scheduled| Row {
        id: scheduled.id.to_string(),
        person: scheduled.person.to_string(),
        name: super::name_of(faces.get(&scheduled.person), &scheduled.person),
        at: When::new(scheduled.at, &visit),
        in_time: apart(visit.now, scheduled.at.max(visit.now)),
        asked_by: words::actor(&scheduled.asked_by),
        note: scheduled.note.clone(),
    };
    let role = visit.signed_in().session.admin.role;
    Ok(ok(&Later {
        frame: Frame::of(&visit, "Departures to come").await,
        rows: waiting.iter().map(row).collect(),
        sees_all: role.sees_every_scheduled_departure(),
    }))
}

/// Schedules one.
pub(in super::super) async fn schedule(
    Extension(visit): Extension<Arc<Visit>>,
    Path(person): Path<String>,
) -> Result<Response, Happened> {
    let person = PersonId::from(person);
    let store = &visit.office.store;
    let face = store.find_face(&visit.practice().name, &person).await?;
    face.ok_or(Happened::NotThere)?;
    let at = typed::time(&visit, visit.form.get("at")).map_err(Happened::Refused)?;
    let intake = &visit.office.intake;
    let note = visit.form.get("note");
    let scheduled = intake
        .depart_later(&visit.caller(), &person, at, note)
        .await?;
    scheduled.map_err(Happened::Refused)?;
    Ok(see_other("/scheduled?said=scheduled"))
}

/// Takes one back.
pub(in super::super) async fn cancel(
    Extension(visit): Extension<Arc<Visit>>,
    Path(schedule): Path<String>,
) -> Result<Response, Happened> {
    let store = &visit.office.store;
    let id = ScheduleId::from(schedule);
    let found = store.find_scheduled(&visit.practice().name, &id).await?;
    let scheduled = found
        .filter(|scheduled| may_see(scheduled, &visit))
        .ok_or(Happened::NotThere)?;
    let intake = &visit.office.intake;
    if !intake.cancel_departure(&visit.caller(), &scheduled).await? {
        return Err(Happened::Refused(
            "it waits no longer: it was started or cancelled".to_owned(),
        ));
    }
    Ok(see_other("/scheduled?said=cancelled"))
}
