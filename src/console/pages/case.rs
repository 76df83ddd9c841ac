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
    DoorView, cards, try_now, typed,
    waterfall::{self, Bar},
};
use crate::{
    cases::{self, Departure},
    door::Door,
    ids::{CaseId, PersonId},
    intake::ends::{self, Ended},
    policy::office::Action,
    store::{StoreError, cases::KeptCase},
};

/// How many of a person's records are looked at for where the time went: a departure has some dozens.
const MOST: u32 = 1_000;

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
    /// Where the time went, of a departure.
    bar: Option<Bar>,
    is_departure: bool,
    may_undo: bool,
    is_undone: bool,
    /// The case that took over what was left of this one; empty while none did.
    newer: String,
    has_ended: bool,
    ended_typed: String,
    confirmed_typed: String,
    zone: String,
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
    (first, last): (Option<jiff::Timestamp>, Option<jiff::Timestamp>),
    visit: &Visit,
) -> Vec<Step> {
    let learned = kept.case.learned;
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
        match (kept.is_undone, kept.closed) {
            (true, _) => step("Last door proved", None, "it was undone"),
            (false, Some(_)) if kept.gave_way_to().is_some() => {
                step("Last door proved", None, "a newer case took doors over")
            }
            (false, Some(_)) => step("Last door proved", last, "none was: it rests on a word"),
            (false, None) => step("Last door proved", last, "not yet"),
        },
    ]
}

/// When the last door was proved. A proof that is lost after the case was over takes nothing back, and a risk
/// that is accepted is still to be proved.
fn last_proof(
    kept: &KeptCase,
    doors: &[Door],
    records: &[String],
    now: jiff::Timestamp,
) -> Option<jiff::Timestamp> {
    let is_aside = |door: &Door| door.set_aside_at(now).is_some();
    if kept.closed.is_none() && doors.iter().any(is_aside) {
        return None;
    }
    let of_doors = || cases::waterfall::last_proof(doors, records, now);
    kept.proved().or_else(of_doors)
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
    let closed = store.find_closed_by(practice, &kept.case.id).await?;
    let is_departure = kept.case.kind == "leaver";
    let records = records(&visit, person).await?;
    let last = last_proof(&kept, &doors, &records, visit.now);
    let bar = if is_departure {
        let fell = cases::waterfall::waterfall(&kept, &doors, &records, visit.now);
        waterfall::bar(&fell, &visit)
    } else {
        None
    };
    let typed = |at: Option<jiff::Timestamp>| at.map(|at| typed::field(&visit, at));
    let mut views = Vec::with_capacity(doors.len());
    for door in &doors {
        let mut view = DoorView::new(door, &visit);
        if let Some(card) = cards::find(&visit, door).await? {
            view.has_card = card.closed.is_none();
            view.card = match card.closed {
                None => cards::todo(door, &visit),
                Some((_, by, note)) => words::card(&by, &note),
            };
        }
        views.push(view);
    }
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
        steps: steps(&kept, (first, last), &visit),
        aside: views.iter().filter(|view| !view.aside.is_empty()).count(),
        proved: views.iter().filter(|view| view.is_green).count(),
        doors: views,
        may_work: visit.may(Action::WorkCases),
        is_over: kept.closed.is_some(),
        bar,
        is_departure,
        may_undo: closed.as_ref().is_some_and(|closed| !closed.is_undone)
            && visit.may(Action::DecideReturns),
        is_undone: closed.is_some_and(|closed| closed.is_undone),
        newer: kept
            .gave_way_to()
            .map_or_else(String::new, ToString::to_string),
        has_ended: kept.ended.is_some(),
        ended_typed: typed(kept.ended).unwrap_or_default(),
        confirmed_typed: typed(kept.confirmed).unwrap_or_default(),
        zone: visit.practice().zone_name(),
    }))
}

/// The person's latest records, the oldest first.
async fn records(visit: &Visit, person: &PersonId) -> Result<Vec<String>, StoreError> {
    let store = &visit.office.store;
    let practice = &visit.practice().name;
    let latest = store
        .list_latest_records(practice, Some(person), i64::MAX, MOST)
        .await?;
    Ok(latest.into_iter().rev().map(|(_, text)| text).collect())
}

/// Writes down when the work ended.
pub(in super::super) async fn say_ended(
    Extension(visit): Extension<Arc<Visit>>,
    Path(case): Path<String>,
) -> Result<Response, Happened> {
    let kept = find(&visit, &case).await?;
    let said = typed::time(&visit, visit.form.get("ended")).map_err(Happened::Refused)?;
    let confirmed = typed::maybe_time(&visit, visit.form.get("confirmed"));
    let ended = Ended {
        at: said,
        confirmed: confirmed.map_err(Happened::Refused)?,
        by: &visit.signed_in().session.admin.name,
        note: visit.form.get("note"),
    };
    let store = &visit.office.store;
    let caller = visit.caller();
    let written = ends::say_ended(store, &caller, &kept.case.id, &ended, visit.now);
    written.await?.map_err(Happened::Refused)?;
    Ok(see_other(&format!("/cases/{}?said=ended", kept.case.id)))
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
