//! Tables taken away for a spreadsheet, each with what it is narrowed to. That it was taken is in the ledger.

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    super::{
        admit::Visit,
        csv::{file, head, headers, row},
        trouble::Happened,
        words,
    },
    calls, evidence, people,
    sieve::Sieve,
};
use crate::{
    cases::{Light, board, period::Outcome},
    clock,
    door::Door,
    evidence::Scope,
    ids::{PersonId, SystemName},
    intake::human,
    store::{StoreError, failed::Walked},
};

/// How many rows are read at a time.
const PAGE: u32 = 500;

/// How many people a file has at most.
const MOST_PEOPLE: usize = 100_000;

const DOOR: [&str; 17] = [
    "person",
    "user_name",
    "system",
    "way",
    "wanted",
    "state",
    "seen",
    "seen_at",
    "assurance",
    "wanted_at",
    "deadline",
    "tries",
    "next_try",
    "failure",
    "said",
    "set_aside",
    "seen_to_by",
];

fn time(at: Option<Timestamp>) -> String {
    at.map_or_else(String::new, clock::to_text)
}

async fn note(visit: &Visit, table: &str, rows: usize) -> Result<(), StoreError> {
    let what = ("table.exported", None, None);
    let detail = json!({"table": table, "rows": rows});
    human::note(
        &visit.office.store,
        &visit.caller(),
        what,
        detail,
        visit.now,
    )
    .await
}

/// Rows of doors, with who they are of and who sees to them.
async fn door_rows(visit: &Visit, doors: &[Door]) -> Result<String, StoreError> {
    let store = &visit.office.store;
    let practice = visit.practice();
    let people: Vec<PersonId> = doors.iter().map(|door| door.person.clone()).collect();
    let faces = store.find_faces(&practice.name, &people).await?;
    let all: Vec<&Door> = doors.iter().collect();
    let assignees = store.find_assignees(&practice.name, &all).await?;
    let mut text = String::new();
    for door in doors {
        let face = faces.get(&door.person);
        let name = super::name_of(face, &door.person);
        let failure = door.failure.as_ref();
        let aside = door.set_aside_at(visit.now);
        let aside = aside.map_or_else(String::new, |aside| super::aside_in_words(aside, visit));
        text.push_str(&row([
            name.as_str(),
            face.map_or("", |face| face.user_name.as_str()),
            &practice.title_of(&door.system),
            door.way.as_str(),
            door.wanted.as_str(),
            words::light(Light::of(door, visit.now)).1,
            door.seen.as_str(),
            &time(door.seen_at),
            door.assurance.as_str(),
            &clock::to_text(door.wanted_at),
            &time(door.deadline),
            &door.tries.to_string(),
            &time(door.next_try),
            failure.map_or("", |failure| failure.class.as_str()),
            failure.map_or("", |failure| failure.text.as_str()),
            &aside,
            assignees.get(&door.id).map_or("", String::as_str),
        ]));
    }
    Ok(text)
}

/// Who can still get in, door by door.
pub(in super::super) async fn cases(
    Extension(visit): Extension<Arc<Visit>>,
) -> Result<Response, Happened> {
    let store = &visit.office.store;
    let board = board::look(store, &visit.practice().name, visit.now).await?;
    let doors: Vec<Door> = board
        .departures
        .into_iter()
        .flat_map(|departure| departure.doors)
        .collect();
    note(&visit, "departures", doors.len()).await?;
    let text = head(DOOR) + &door_rows(&visit, &doors).await?;
    Ok(file("departures", text))
}

/// What failed, as it is narrowed.
pub(in super::super) async fn calls(
    Extension(visit): Extension<Arc<Visit>>,
) -> Result<Response, Happened> {
    let store = &visit.office.store;
    let practice = &visit.practice().name;
    let sought = calls::sought(&visit, &visit.form).await?;
    let (mut text, mut rows, mut walked) = (head(DOOR), 0, Walked::default());
    loop {
        let doors = store
            .walk_failures(practice, &sought, &mut walked, PAGE, visit.now)
            .await?;
        if doors.is_empty() {
            break;
        }
        text.push_str(&door_rows(&visit, &doors).await?);
        rows += doors.len();
    }
    note(&visit, "failed calls", rows).await?;
    Ok(file("failed-calls", text))
}

/// People, as they are looked for.
pub(in super::super) async fn people(
    Extension(visit): Extension<Arc<Visit>>,
) -> Result<Response, Happened> {
    let store = &visit.office.store;
    let practice = &visit.practice().name;
    let faces = store
        .search_people(practice, visit.form.get("q"), MOST_PEOPLE)
        .await?;
    note(&visit, "people", faces.len()).await?;
    let mut text = head(["name", "user_name", "title", "state", "departed_at"]);
    for face in &faces {
        text.push_str(&row([
            face.name.as_str(),
            &face.user_name,
            face.title.as_deref().unwrap_or_default(),
            people::state(face).1,
            &time(face.departed_at),
        ]));
    }
    Ok(file("people", text))
}

/// Returns that wait.
pub(in super::super) async fn returns(
    Extension(visit): Extension<Arc<Visit>>,
) -> Result<Response, Happened> {
    let store = &visit.office.store;
    let practice = &visit.practice().name;
    let held = store.list_held_returns(practice).await?;
    note(&visit, "returns", held.len()).await?;
    let people: Vec<PersonId> = held.iter().map(|held| held.person.clone()).collect();
    let faces = store.find_faces(practice, &people).await?;
    let mut text = head(["person", "user_name", "asked_at", "asked_by", "departed_at"]);
    for held in &held {
        let face = faces.get(&held.person);
        text.push_str(&row([
            super::name_of(face, &held.person).as_str(),
            face.map_or("", |face| face.user_name.as_str()),
            &clock::to_text(held.asked),
            &words::actor(&held.asked_by),
            &time(face.and_then(|face| face.departed_at)),
        ]));
    }
    Ok(file("returns", text))
}

/// How each system is doing.
pub(in super::super) async fn systems(
    Extension(visit): Extension<Arc<Visit>>,
) -> Result<Response, Happened> {
    let practice = visit.practice();
    let store = &visit.office.store;
    let doors = store.list_system_doors(&practice.name, visit.now).await?;
    let certificates = store.list_certificates(&practice.name).await?;
    note(&visit, "systems", practice.systems.len()).await?;
    let mut text = head([
        "system",
        "title",
        "category",
        "connector",
        "owner",
        "holds_ephi",
        "last_read",
        "due_now",
        "not_proved_shut",
        "failing",
        "certificate_ends",
        "credential_ends",
    ]);
    for system in &practice.systems {
        let known = doors.iter().find(|doors| doors.system == system.name);
        let number = |number: Option<i64>| number.unwrap_or_default().to_string();
        text.push_str(&row([
            system.name.as_str(),
            &system.title,
            system.category.as_str(),
            &system.connector,
            system.owner.as_deref().unwrap_or_default(),
            if system.holds_ephi { "yes" } else { "no" },
            &time(known.and_then(|doors| doors.last_read)),
            &number(known.map(|doors| doors.due)),
            &number(known.map(|doors| doors.unclosed)),
            &number(known.map(|doors| doors.failing)),
            &time(certificates.get(&system.name).copied()),
            &system
                .credential_ends
                .map_or_else(String::new, |day| day.to_string()),
        ]));
    }
    Ok(file("systems", text))
}

/// Every case of a time.
pub(in super::super) async fn evidence(
    Extension(visit): Extension<Arc<Visit>>,
) -> Result<Response, Happened> {
    let days = evidence::days(&visit, &visit.form).map_err(Happened::Refused)?;
    let store = &visit.office.store;
    let practice = &visit.practice().name;
    let cases = store.list_cases_between(practice, days.span).await?;
    note(&visit, "cases", cases.len()).await?;
    let people: Vec<PersonId> = cases.iter().map(|kept| kept.case.person.clone()).collect();
    let faces = store.find_faces(practice, &people).await?;
    let mut text = head([
        "case",
        "person",
        "user_name",
        "kind",
        "work_ended",
        "learned",
        "deadline",
        "over",
        "minutes",
        "outcome",
    ]);
    for kept in &cases {
        let face = faces.get(&kept.case.person);
        let minutes = kept.closed.map_or_else(String::new, |closed| {
            (clock::between(kept.case.learned, closed).as_secs() / 60).to_string()
        });
        text.push_str(&row([
            kept.case.id.as_str(),
            &super::name_of(face, &kept.case.person),
            face.map_or("", |face| face.user_name.as_str()),
            words::kind_of(kept.case.kind),
            &time(kept.ended),
            &clock::to_text(kept.case.learned),
            &clock::to_text(kept.case.deadline),
            &time(kept.closed),
            &minutes,
            evidence::outcome(Outcome::of(kept, visit.now)).1,
        ]));
    }
    Ok(file(
        &format!("cases-{}-to-{}", days.first, days.last),
        text,
    ))
}

/// The ledger from its first record on, or what is looked for in it, sent while it is read.
pub(in super::super) async fn ledger(
    Extension(visit): Extension<Arc<Visit>>,
) -> Result<Response, Happened> {
    let store = visit.office.store.clone();
    let last = store.find_ledger_length(&visit.practice().name).await?;
    let sieve = Sieve::of(&visit, &visit.form).await?;
    let table = if sieve.is_on() {
        "part of the ledger"
    } else {
        "ledger"
    };
    note(&visit, table, usize::try_from(last).unwrap_or_default()).await?;
    let names = [
        "sequence",
        "when",
        "who",
        "what",
        "in_words",
        "person_id",
        "system",
        "note",
        "hash",
    ];
    let first = Body::from(head(names));
    let rows = stream::unfold((visit, sieve, 0), move |(visit, sieve, after)| async move {
        if after >= last {
            return None;
        }
        match ledger_rows(&visit, &sieve, after, last).await {
            Ok((text, at)) => Some((Ok(text), (visit, sieve, at))),
            Err(error) => {
                tracing::error!(%error, "the ledger was cut off on its way out: the database did not answer");
                Some((Err(error), (visit, sieve, last)))
            }
        }
    });
    let rows = Body::from_stream(rows);
    let whole = stream::iter([first, rows]);
    let whole = futures_util::StreamExt::flat_map(whole, Body::into_data_stream);
    Ok((headers("ledger"), Body::from_stream(whole)).into_response())
}

async fn ledger_rows(
    visit: &Visit,
    sieve: &Sieve,
    after: i64,
    last: i64,
) -> Result<(String, i64), StoreError> {
    let store = &visit.office.store;
    let practice = visit.practice();
    let records = store
        .list_records_after(&practice.name, &Scope::Chain, after, PAGE)
        .await?;
    let mut text = String::new();
    for record in &records {
        let said: Value = serde_json::from_str(&record.text).unwrap_or_default();
        if !sieve.takes(&said) {
            continue;
        }
        let field = |name: &str| said[name].as_str().unwrap_or_default();
        let told = words::tell(&said);
        let system = SystemName::from(field("system"));
        text.push_str(&row([
            record.sequence.to_string().as_str(),
            field("when"),
            &words::actor(field("who")),
            field("what"),
            &told.text,
            field("person"),
            &practice.title_of(&system),
            &told.note,
            &record.hash,
        ]));
    }
    Ok((text, records.last().map_or(last, |record| record.sequence)))
}
