//! The wrong person: what an undo would open again, what it cannot, and doing it.

use std::sync::Arc;

use askama::Template;
use axum::{Extension, extract::Path, response::Response};

use super::super::{
    admit::Visit,
    frame::{Frame, ok, see_other},
    trouble::{Answer, Happened},
    words,
};
use crate::{
    ids::CaseId,
    intake::{returns::Word, undo::Undone},
    store::cases::KeptCase,
};

#[derive(Template)]
#[template(path = "undo.html")]
struct Undo {
    frame: Frame,
    case: String,
    name: String,
    /// Why it cannot be undone; empty when it can.
    problem: String,
    restored: Vec<(String, bool)>,
    left: Vec<(String, String)>,
    lost: Vec<&'static str>,
}

/// The departure, if it is the latest of its person: an earlier one is past.
async fn find(visit: &Visit, case: &str) -> Result<KeptCase, Happened> {
    let store = &visit.office.store;
    let case = CaseId::from(case);
    let kept = store.find_case(&visit.practice().name, &case).await?;
    kept.filter(|kept| kept.case.kind == "leaver")
        .ok_or(Happened::NotThere)
}

/// What people call a door.
fn door(visit: &Visit, system: &crate::ids::SystemName, way: drawbridge_sdk::Way) -> String {
    let system = visit.practice().title_of(system);
    match way {
        drawbridge_sdk::Way::Account => system,
        way => format!("{system} ({})", words::way(way)),
    }
}

/// Whether what would be undone is the departure of this page.
fn of_this_case(kept: &KeptCase, found: Result<Undone, String>) -> Result<Undone, String> {
    found.and_then(|undone| {
        if undone.case == kept.case.id {
            Ok(undone)
        } else {
            Err("this person has left once more since: look at their latest departure".to_owned())
        }
    })
}

/// Names what an undo would do, and asks.
pub(in super::super) async fn ask(
    Extension(visit): Extension<Arc<Visit>>,
    Path(case): Path<String>,
) -> Answer {
    let kept = find(&visit, &case).await?;
    let store = &visit.office.store;
    let face = store
        .find_face(&visit.practice().name, &kept.case.person)
        .await?;
    let intake = &visit.office.intake;
    let found = intake
        .preview_undo(&visit.caller(), &kept.case.person)
        .await?;
    let found = of_this_case(&kept, found);
    let problem = match &found {
        Ok(_) => String::new(),
        Err(why) => words::for_here(why),
    };
    let undone = found.ok();
    Ok(ok(&Undo {
        frame: Frame::of(&visit, "Undo a departure").await,
        case: kept.case.id.to_string(),
        name: super::name_of(face.as_ref(), &kept.case.person),
        problem,
        restored: undone.as_ref().map_or_else(Vec::new, |undone| {
            let each = undone.restored.iter();
            each.map(|one| (door(&visit, &one.was.system, one.was.way), one.is_by_hand))
                .collect()
        }),
        left: undone.as_ref().map_or_else(Vec::new, |undone| {
            let each = undone.left.iter();
            each.map(|one| (door(&visit, &one.system, one.way), one.why.clone()))
                .collect()
        }),
        lost: undone.map_or_else(Vec::new, |undone| undone.lost),
    }))
}

/// Undoes it.
pub(in super::super) async fn undo(
    Extension(visit): Extension<Arc<Visit>>,
    Path(case): Path<String>,
) -> Result<Response, Happened> {
    let kept = find(&visit, &case).await?;
    let note = visit.form.get("note");
    if note.chars().count() < 5 {
        return Err(Happened::Refused(
            "write why it is undone: it is kept with your name".to_owned(),
        ));
    }
    let intake = &visit.office.intake;
    let caller = visit.caller();
    let person = &kept.case.person;
    // Looked at once more: somebody may have been faster.
    let found = intake.preview_undo(&caller, person).await?;
    of_this_case(&kept, found).map_err(Happened::Refused)?;
    let by = &visit.signed_in().session.admin.name;
    let undone = intake
        .undo_departure(&caller, person, Word { by, note })
        .await?;
    let undone = undone.map_err(Happened::Refused)?;
    tracing::info!(person.id = %person, "a departure was undone in the console");
    Ok(see_other(&format!(
        "/people/{person}?said=undone&n={}",
        undone.restored.len()
    )))
}
