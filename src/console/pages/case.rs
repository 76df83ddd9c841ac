//! One case: what is done, what is left, and who must act.

use std::sync::Arc;

use askama::Template;
use axum::{Extension, extract::Path, response::Response};

use super::{
    super::{
        admit::Visit,
        frame::{Frame, ok, see_other},
        time::{Left, When, apart},
        trouble::{Answer, Happened},
        words,
    },
    DoorView, try_now,
};
use crate::{
    cases::Departure, door::Door, ids::CaseId, policy::office::Action, store::cases::KeptCase,
};

#[derive(Template)]
#[template(path = "case.html")]
struct CasePage {
    frame: Frame,
    case: String,
    person: String,
    name: String,
    title: String,
    kind: &'static str,
    left: Option<Left>,
    /// What happened when, for the record.
    steps: Vec<Step>,
    doors: Vec<DoorView>,
    proved: usize,
    /// How many of its doors somebody set aside.
    aside: usize,
    may_work: bool,
    is_over: bool,
}

/// A point on the case's clock.
#[derive(Debug)]
struct Step {
    label: &'static str,
    at: Option<When>,
    /// How long after the bridge learned of it.
    after: String,
    /// What is said while it has not happened.
    otherwise: &'static str,
}

async fn find(visit: &Visit, case: &str) -> Result<KeptCase, Happened> {
    let store = &visit.office.store;
    let found = store
        .find_case(&visit.practice().name, &CaseId::from(case))
        .await?;
    found.ok_or(Happened::NotThere)
}

fn steps(
    kept: &KeptCase,
    first: Option<jiff::Timestamp>,
    doors: &[Door],
    visit: &Visit,
) -> Vec<Step> {
    let learned = kept.case.learned;
    let is_done = !doors.is_empty() && doors.iter().all(|door| door.is_green(visit.now));
    let last = doors
        .iter()
        .filter(|door| door.is_green(visit.now))
        .filter_map(|door| door.seen_at)
        .max();
    let step = |label, at: Option<jiff::Timestamp>, otherwise| Step {
        label,
        at: at.map(|at| When::new(at, visit)),
        after: at
            .filter(|at| *at > learned)
            .map_or_else(String::new, |at| format!("after {}", apart(learned, at))),
        otherwise,
    };
    vec![
        step("T0 · the work ended", kept.ended, "nobody said when"),
        step("T1 · the bridge learned of it", Some(learned), ""),
        step("First close sent", first, "not yet"),
        step(
            "Last door proved",
            kept.closed.or(last.filter(|_| is_done)),
            "not yet",
        ),
    ]
}

/// The page.
pub(in super::super) async fn show(
    Extension(visit): Extension<Arc<Visit>>,
    Path(case): Path<String>,
) -> Answer {
    let kept = find(&visit, &case).await?;
    let store = &visit.office.store;
    let practice = &visit.practice().name;
    let person = &kept.case.person;
    let doors: Vec<Door> = store
        .find_doors_of(practice, person)
        .await?
        .into_iter()
        .filter(|door| door.case.as_ref() == Some(&kept.case.id))
        .collect();
    let face = store.find_face(practice, person).await?;
    let first = store.find_first_close(practice, &kept.case.id).await?;
    let departure = Departure {
        person: person.clone(),
        case: Some(kept.clone()),
        doors: doors.clone(),
    };
    let deadline = departure.deadline(visit.now);
    let mut views: Vec<DoorView> = doors
        .iter()
        .map(|door| DoorView::new(door, &visit))
        .collect();
    views.sort_by_key(|view| view.urgency);
    let name = super::name_of(face.as_ref(), person);
    Ok(ok(&CasePage {
        frame: Frame::live(&visit, &name).await,
        case: kept.case.id.to_string(),
        person: person.to_string(),
        name,
        title: face.and_then(|face| face.title).unwrap_or_default(),
        kind: words::kind_of(kept.case.kind),
        left: deadline.map(|deadline| Left::new(kept.case.learned, deadline, visit.now)),
        steps: steps(&kept, first, &doors, &visit),
        aside: views.iter().filter(|view| !view.aside.is_empty()).count(),
        proved: views.iter().filter(|view| view.is_green).count(),
        doors: views,
        may_work: visit.may(Action::WorkCases),
        is_over: kept.closed.is_some(),
    }))
}

/// Has every door of the case's person tried now.
pub(in super::super) async fn retry(
    Extension(visit): Extension<Arc<Visit>>,
    Path(case): Path<String>,
) -> Result<Response, Happened> {
    let kept = find(&visit, &case).await?;
    let people = [kept.case.person];
    let tried = try_now(&visit.office.store, &visit, &people).await?;
    Ok(see_other(&format!(
        "/cases/{}?said=tried&n={tried}",
        kept.case.id
    )))
}
