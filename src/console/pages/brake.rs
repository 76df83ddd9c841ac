//! Whom the brake holds, and letting them go on.

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{Extension, extract::Path, response::Response};

use super::{
    super::{
        admit::Visit,
        frame::{Frame, ok, see_other},
        time::{When, apart},
        trouble::{Answer, Happened},
    },
    held_people, try_now,
};
use crate::{door::Door, ids::PersonId, policy::office::Action};

#[derive(Template)]
#[template(path = "brake.html")]
struct Brake {
    frame: Frame,
    rows: Vec<Row>,
    may_release: bool,
}

#[derive(Debug)]
struct Row {
    person: String,
    name: String,
    title: String,
    doors: usize,
    until: Option<When>,
    goes_in: String,
}

/// The page.
pub(in super::super) async fn show(Extension(visit): Extension<Arc<Visit>>) -> Answer {
    let store = &visit.office.store;
    let practice = &visit.practice().name;
    let mut by_person: BTreeMap<PersonId, Vec<Door>> = BTreeMap::new();
    for door in held_people(store, practice, visit.now).await? {
        by_person.entry(door.person.clone()).or_default().push(door);
    }
    let people: Vec<PersonId> = by_person.keys().cloned().collect();
    let faces = store.find_faces(practice, &people).await?;
    let rows = by_person
        .iter()
        .map(|(person, doors)| {
            let face = faces.get(person);
            let until = doors.iter().filter_map(|door| door.next_try).min();
            Row {
                person: person.to_string(),
                name: super::name_of(face, person),
                title: face.and_then(|face| face.title.clone()).unwrap_or_default(),
                doors: doors.len(),
                until: until.map(|at| When::new(at, &visit)),
                goes_in: until.map_or_else(String::new, |at| apart(visit.now, at)),
            }
        })
        .collect();
    Ok(ok(&Brake {
        frame: Frame::live(&visit, "Held by the brake").await,
        rows,
        may_release: visit.may(Action::ReleaseBrake),
    }))
}

/// Lets one person's doors go on now.
pub(in super::super) async fn release(
    Extension(visit): Extension<Arc<Visit>>,
    Path(person): Path<String>,
) -> Result<Response, Happened> {
    let store = &visit.office.store;
    let person = PersonId::from(person);
    let face = store.find_face(&visit.practice().name, &person).await?;
    face.ok_or(Happened::NotThere)?;
    let released = try_now(store, &visit, &[person]).await?;
    Ok(see_other(&format!("/brake?said=released&n={released}")))
}
