//! Evidence: can it be handed over now? For a time here; for one person on their page.

use std::{collections::HashMap, sync::Arc};

use askama::Template;
use axum::{Extension, response::Response};
use jiff::{Timestamp, ToSpan as _, civil::Date};
use serde_json::Value;

use super::{
    super::{
        admit::{Fields, Visit},
        download,
        frame::{Frame, ok},
        time::{When, apart},
        trouble::{Answer, Happened},
        words,
    },
    ledger::{Chain, chain},
    person::{Event, event},
};
use crate::{
    cases::period::{self, Gap, GapKind, Outcome, Review},
    clock,
    evidence::{About, scope},
    ids::PersonId,
    policy::office::Action,
    store::{StoreError, cases::KeptCase, faces::Face},
};

/// How far back the page looks unless somebody says from when.
const DAYS: i64 = 90;

/// How many cases and gaps the page shows.
const MOST: usize = 200;

/// How many records about the bridge itself are read at a time.
const REMARKS_AT_ONCE: u32 = 500;

/// Records about nobody after which somebody asks what happened in between.
const REMARKABLE: [&str; 5] = [
    "clock.set",
    "database.restored",
    "database.restore_signed",
    "second_ledger.imported",
    "system.moved",
];

#[derive(Template)]
#[template(path = "evidence.html")]
struct Page {
    frame: Frame,
    from: String,
    to: String,
    today: String,
    problem: String,
    length: i64,
    chain: Option<Chain>,
    review: Review,
    median: String,
    most: String,
    cases: Vec<Row>,
    all_cases: usize,
    gaps: Vec<Missing>,
    all_gaps: usize,
    remarks: Vec<Event>,
    all_remarks: usize,
    may_check: bool,
}

/// A case, as it is listed.
#[derive(Debug)]
struct Row {
    case: String,
    name: String,
    kind: &'static str,
    learned: When,
    took: String,
    outcome: (&'static str, &'static str, &'static str),
}

/// A gap, as it is listed.
#[derive(Debug)]
struct Missing {
    name: String,
    system: String,
    door: String,
    says: &'static str,
    kind: &'static str,
    icon: &'static str,
}

/// A time by its first and last day, in the practice's zone.
pub(super) struct Days {
    pub(super) first: Date,
    pub(super) last: Date,
    pub(super) span: (Timestamp, Timestamp),
}

/// The time that an address or a form names; the last ninety days if it names none.
///
/// # Errors
/// The text says what is wrong with it.
pub(super) fn days(visit: &Visit, fields: &Fields) -> Result<Days, String> {
    let zone = &visit.practice().zone;
    let today = visit.now.to_zoned(zone.clone()).date();
    let day = |name: &str, otherwise: Date| match fields.get(name) {
        "" => Ok(otherwise),
        text => text
            .parse::<Date>()
            .map_err(|_| "Write a day as 2026-11-20.".to_owned()),
    };
    let last = day("to", today)?;
    let first = day("from", last.saturating_sub(DAYS.days()))?;
    if first > last {
        return Err("The first day comes after the last one.".to_owned());
    }
    let begin = |day: Date| day.to_zoned(zone.clone()).map(|begin| begin.timestamp());
    let end = last.tomorrow().and_then(begin);
    match (begin(first), end) {
        (Ok(from), Ok(to)) => Ok(Days {
            first,
            last,
            span: (from, to),
        }),
        _ => Err("There is no such day.".to_owned()),
    }
}

pub(super) const fn outcome(outcome: Outcome) -> (&'static str, &'static str, &'static str) {
    match outcome {
        Outcome::InTime => ("check", "in time", "good"),
        Outcome::Late => ("alert", "late", "warn"),
        Outcome::UnderWay => ("clock", "under way", "busy"),
        Outcome::Overdue => ("alert", "not over", "bad"),
        Outcome::Undone => ("return", "undone", "idle"),
        Outcome::Superseded => ("return", "taken over", "idle"),
    }
}

fn missing(gap: &Gap, faces: &HashMap<PersonId, Face>, visit: &Visit) -> Missing {
    let (icon, says, kind) = match gap.kind {
        GapKind::NotShut => ("alert", "is not proved shut", "bad"),
        GapKind::RiskAccepted => ("pen", "is not shut: the risk is accepted", "warn"),
        GapKind::DoesNotApply => ("minus", "does not apply, by somebody's word", "idle"),
        GapKind::SignedOnly => ("pen", "rests on a signature", "idle"),
    };
    Missing {
        name: super::name_of(faces.get(&gap.person), &gap.person),
        system: visit.practice().title_of(&gap.system),
        door: gap.door.to_string(),
        says,
        kind,
        icon,
    }
}

fn row(kept: &KeptCase, faces: &HashMap<PersonId, Face>, visit: &Visit) -> Row {
    Row {
        case: kept.case.id.to_string(),
        name: super::name_of(faces.get(&kept.case.person), &kept.case.person),
        kind: words::kind_of(kept.case.kind),
        learned: When::new(kept.case.learned, visit),
        took: kept.closed.map_or_else(String::new, |closed| {
            format!("over after {}", apart(kept.case.learned, closed))
        }),
        outcome: outcome(Outcome::of(kept, visit.now)),
    }
}

/// What happened to the bridge itself in a time, the latest of it, and how much there was.
async fn remarks(
    visit: &Visit,
    (from, to): (Timestamp, Timestamp),
) -> Result<(Vec<Event>, usize), StoreError> {
    let store = &visit.office.store;
    let practice = &visit.practice().name;
    let is_of_it = |text: &str| {
        let record: Value = serde_json::from_str(text).unwrap_or_default();
        let what = record["what"].as_str().unwrap_or_default();
        let at = scope::when(text);
        REMARKABLE.contains(&what) && at.is_some_and(|at| from <= at && at < to)
    };
    let (mut shown, mut all, mut before) = (Vec::new(), 0, i64::MAX);
    loop {
        let page = store
            .list_records_about_nobody(practice, &REMARKABLE, before, REMARKS_AT_ONCE)
            .await?;
        let Some((first, _)) = page.last() else {
            break;
        };
        before = *first;
        for (sequence, text) in page.iter().filter(|(_, text)| is_of_it(text)) {
            all += 1;
            if shown.len() < MOST {
                shown.push(event(*sequence, text, visit));
            }
        }
    }
    shown.reverse();
    Ok((shown, all))
}

/// The page.
pub(in super::super) async fn show(Extension(visit): Extension<Arc<Visit>>) -> Answer {
    let store = &visit.office.store;
    let practice = &visit.practice().name;
    let (days, problem) = match days(&visit, &visit.query) {
        Ok(days) => (days, String::new()),
        Err(problem) => {
            let usual = days(&visit, &Fields::default());
            (usual.map_err(Happened::Refused)?, problem)
        }
    };
    let cases = store.list_cases_between(practice, days.span).await?;
    let doors = store
        .list_doors_of_cases_between(practice, days.span)
        .await?;
    let review = period::review(&cases, &doors, visit.now);
    let shown = cases.iter().rev().take(MOST);
    let people: Vec<PersonId> = shown
        .clone()
        .map(|kept| kept.case.person.clone())
        .chain(review.gaps.iter().take(MOST).map(|gap| gap.person.clone()))
        .collect();
    let faces = store.find_faces(practice, &people).await?;
    let (remarks, all_remarks) = remarks(&visit, days.span).await?;
    let in_words = |time: Option<std::time::Duration>| {
        time.map_or_else(String::new, |time| {
            apart(visit.now, clock::after(visit.now, time))
        })
    };
    let today = visit.now.to_zoned(visit.practice().zone.clone()).date();
    Ok(ok(&Page {
        may_check: visit.may(Action::ReadLedger),
        frame: Frame::of(&visit, "Evidence").await,
        from: days.first.to_string(),
        to: days.last.to_string(),
        today: today.to_string(),
        problem,
        length: store.find_ledger_length(practice).await?,
        chain: chain(&visit),
        median: in_words(review.median),
        most: in_words(review.most),
        cases: shown.map(|kept| row(kept, &faces, &visit)).collect(),
        all_cases: cases.len(),
        gaps: review
            .gaps
            .iter()
            .take(MOST)
            .map(|gap| missing(gap, &faces, &visit))
            .collect(),
        all_gaps: review.gaps.len(),
        remarks,
        all_remarks,
        review,
    }))
}

/// The records of a time as a file that verifies by itself. That it was taken away is in it.
pub(in super::super) async fn export(
    Extension(visit): Extension<Arc<Visit>>,
) -> Result<Response, Happened> {
    let days = days(&visit, &visit.form).map_err(Happened::Refused)?;
    let store = &visit.office.store;
    let practice = &visit.practice().name;
    let (from, to) = days.span;
    let about = About::Time(from, to);
    let who = visit.caller().actor;
    let export = store.export(practice, &about, &who, visit.now).await?;
    let name = format!("evidence-{practice}-{}-to-{}.jsonl", days.first, days.last);
    download::evidence(export, &name).await
}
