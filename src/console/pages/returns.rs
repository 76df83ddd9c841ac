//! Returns that wait for somebody's word.

use std::sync::Arc;

use askama::Template;
use axum::{Extension, extract::Path, response::Response};

use super::super::{
    admit::Visit,
    frame::{Frame, ok, see_other},
    time::{When, apart},
    trouble::{Answer, Happened},
    words,
};
use crate::{ids::PersonId, intake::returns::Word, policy::office::Action};

#[derive(Template)]
#[template(path = "returns.html")]
struct Returns {
    frame: Frame,
    rows: Vec<Row>,
    may_decide: bool,
    may_export: bool,
}

#[derive(Debug)]
struct Row {
    person: String,
    name: String,
    title: String,
    asked: When,
    waits: String,
    asked_by: String,
    departed: Option<When>,
}

/// The page.
pub(in super::super) async fn show(Extension(visit): Extension<Arc<Visit>>) -> Answer {
    let store = &visit.office.store;
    let practice = &visit.practice().name;
    let held = store.list_held_returns(practice).await?;
    let people: Vec<PersonId> = held.iter().map(|held| held.person.clone()).collect();
    let faces = store.find_faces(practice, &people).await?;
    let rows = held
        .iter()
        .map(|held| {
            let face = faces.get(&held.person);
            Row {
                person: held.person.to_string(),
                name: super::name_of(face, &held.person),
                title: face.and_then(|face| face.title.clone()).unwrap_or_default(),
                asked: When::new(held.asked, &visit),
                waits: apart(held.asked, visit.now),
                asked_by: words::actor(&held.asked_by),
                departed: face
                    .and_then(|face| face.departed_at)
                    .map(|at| When::new(at, &visit)),
            }
        })
        .collect();
    Ok(ok(&Returns {
        frame: Frame::of(&visit, "Returns").await,
        rows,
        may_export: visit.may(Action::ExportEvidence),
        may_decide: visit.may(Action::DecideReturns),
    }))
}

/// The most letters of a reason, as the page says too.
const MOST_LETTERS: usize = 1_000;

/// Whose return, and why: a decision without a reason is no record.
fn decision(visit: &Visit, person: &str) -> Result<(PersonId, String), Happened> {
    let note = visit.form.get("note");
    if note.chars().count() < 3 {
        return Err(Happened::Refused(
            "write why: whoever looks at it later wants to know".to_owned(),
        ));
    }
    if note.chars().count() > MOST_LETTERS {
        return Err(Happened::Refused(format!(
            "write why in {MOST_LETTERS} letters at most"
        )));
    }
    Ok((PersonId::from(person), note.to_owned()))
}

async fn must_be_here(visit: &Visit, person: &PersonId) -> Result<(), Happened> {
    let store = &visit.office.store;
    let face = store.find_face(&visit.practice().name, person).await?;
    face.map(|_| ()).ok_or(Happened::NotThere)
}

/// Lets somebody in again.
pub(in super::super) async fn approve(
    Extension(visit): Extension<Arc<Visit>>,
    Path(person): Path<String>,
) -> Result<Response, Happened> {
    let (person, note) = decision(&visit, &person)?;
    must_be_here(&visit, &person).await?;
    let word = Word {
        by: &visit.signed_in().session.admin.name,
        note: &note,
    };
    let intake = &visit.office.intake;
    let approved = intake
        .approve_return(&visit.caller(), &person, word)
        .await?;
    approved.map_err(Happened::Refused)?;
    Ok(see_other("/returns?said=approved"))
}

/// Keeps somebody out.
pub(in super::super) async fn refuse(
    Extension(visit): Extension<Arc<Visit>>,
    Path(person): Path<String>,
) -> Result<Response, Happened> {
    let (person, note) = decision(&visit, &person)?;
    must_be_here(&visit, &person).await?;
    let word = Word {
        by: &visit.signed_in().session.admin.name,
        note: &note,
    };
    let intake = &visit.office.intake;
    let refused = intake.refuse_return(&visit.caller(), &person, word).await?;
    refused.map_err(Happened::Refused)?;
    Ok(see_other("/returns?said=refused"))
}
