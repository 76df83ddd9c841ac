//! Failed calls: what failed, what it means, and the one button to press.

use std::sync::Arc;

use askama::Template;
use axum::{Extension, extract::Path, response::Response};

use super::{
    super::{
        admit::Visit,
        frame::{Frame, ok, see_other},
        time::{Left, apart},
        trouble::{Answer, Happened},
        words::{self, Cause},
    },
    DoorView,
};
use crate::{
    cases::{Trouble, inbox},
    door::Door,
    ids::{PersonId, SystemName},
    intake::human,
    policy::office::Action,
    store::faces::Face,
};

#[derive(Template)]
#[template(path = "calls.html")]
struct Calls {
    frame: Frame,
    groups: Vec<Group>,
    /// How many doors wait for a hand beside the bridge's tries.
    cards: usize,
    may_work: bool,
}

#[derive(Debug)]
struct Group {
    system: String,
    title: String,
    class: String,
    cause: Cause,
    count: usize,
    /// What is said of every one of them; empty when they differ.
    said: String,
    /// Whether somebody who left may still get in by it.
    is_urgent: bool,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: String,
    person: String,
    door: DoorView,
    left: Option<Left>,
    age: String,
}

fn row(door: &Door, face: Option<&Face>, visit: &Visit) -> Row {
    let deadline = door.deadline.filter(|_| door.wanted.is_closed());
    Row {
        name: super::name_of(face, &door.person),
        person: door.person.to_string(),
        left: deadline.map(|deadline| Left::new(door.wanted_at.min(deadline), deadline, visit.now)),
        age: apart(door.wanted_at, visit.now),
        door: DoorView::new(door, visit),
    }
}

/// The page.
pub(in super::super) async fn show(Extension(visit): Extension<Arc<Visit>>) -> Answer {
    let store = &visit.office.store;
    let practice = visit.practice();
    let failing = store.list_failing_doors(&practice.name).await?;
    let people: Vec<PersonId> = failing.iter().map(|door| door.person.clone()).collect();
    let faces = store.find_faces(&practice.name, &people).await?;
    let group = |trouble: &Trouble| {
        let rows: Vec<Row> = trouble
            .doors
            .iter()
            .map(|door| row(door, faces.get(&door.person), &visit))
            .collect();
        let first = rows.first().map_or("", |row| &row.door.said);
        let is_one = rows.len() > 1 && rows.iter().all(|row| row.door.said == first);
        Group {
            said: if is_one {
                first.to_owned()
            } else {
                String::new()
            },
            system: trouble.system.to_string(),
            title: practice.title_of(&trouble.system),
            class: trouble.class.to_string(),
            cause: words::cause(trouble.class),
            count: trouble.doors.len(),
            is_urgent: trouble.keeps_a_door_open(),
            rows,
        }
    };
    let groups = inbox::troubles(failing, visit.now)
        .iter()
        .map(group)
        .collect();
    Ok(ok(&Calls {
        frame: Frame::live(&visit, "Failed calls").await,
        groups,
        cards: store.list_open_cards(&practice.name).await?.len(),
        may_work: visit.may(Action::WorkCases),
    }))
}

/// Has every failed door into a system tried now.
pub(in super::super) async fn retry(
    Extension(visit): Extension<Arc<Visit>>,
    Path(system): Path<String>,
) -> Result<Response, Happened> {
    let system = SystemName::from(system);
    if visit.practice().system(&system).is_none() {
        return Err(Happened::NotThere);
    }
    let store = &visit.office.store;
    let tried = human::retry_system(store, &visit.caller(), &system, visit.now).await?;
    Ok(see_other(&format!("/calls?said=tried&n={tried}")))
}
