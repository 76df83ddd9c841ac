//! The ledger: what the bridge did and saw, and whether the chain is intact.

use std::sync::Arc;

use askama::Template;
use axum::{Extension, response::Response};
use serde_json::json;

use super::{
    super::{
        Looked,
        admit::Visit,
        frame::{Frame, ok, see_other},
        time::When,
        trouble::{Answer, Happened},
    },
    back,
    person::{Event, event},
    saying,
};
use crate::{ids::PersonId, intake::human, policy::office::Action};

/// How many records one page shows.
const MOST: u32 = 100;

#[derive(Template)]
#[template(path = "ledger.html")]
struct Ledger {
    frame: Frame,
    rows: Vec<Row>,
    length: i64,
    /// Where the next older page begins; zero for none.
    older: i64,
    is_first: bool,
    chain: Option<Chain>,
    may_export: bool,
}

#[derive(Debug)]
struct Row {
    event: Event,
    name: String,
}

/// What the chain was when it was last checked.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) at: When,
    pub(super) icon: &'static str,
    pub(super) kind: &'static str,
    pub(super) says: String,
}

/// The same; `None` if nobody checked it since the start.
pub(super) fn chain(visit: &Visit) -> Option<Chain> {
    let looked = visit.office.chains().get(&visit.practice().name).cloned()?;
    Some(Chain {
        at: When::new(looked.at, visit),
        icon: if looked.is_well { "check" } else { "alert" },
        kind: if looked.is_well { "good" } else { "bad" },
        says: looked.says,
    })
}

/// The page.
pub(in super::super) async fn show(Extension(visit): Extension<Arc<Visit>>) -> Answer {
    let store = &visit.office.store;
    let practice = &visit.practice().name;
    let before = visit.query.get("before").parse::<i64>().ok();
    let records = store
        .list_latest_records(practice, None, before.unwrap_or(i64::MAX), MOST)
        .await?;
    let events: Vec<Event> = records
        .iter()
        .map(|(sequence, text)| event(*sequence, text, &visit))
        .collect();
    let mut people: Vec<PersonId> = events
        .iter()
        .filter(|event| !event.person.is_empty())
        .map(|event| PersonId::from(event.person.as_str()))
        .collect();
    people.sort();
    people.dedup();
    let faces = store.find_faces(practice, &people).await?;
    let older = records
        .last()
        .map_or(0, |(sequence, _)| if *sequence > 1 { *sequence } else { 0 });
    let rows = events
        .into_iter()
        .map(|event| {
            let person = PersonId::from(event.person.as_str());
            let name = faces
                .get(&person)
                .map_or_else(String::new, |face| face.name.clone());
            Row { event, name }
        })
        .collect();
    Ok(ok(&Ledger {
        frame: Frame::of(&visit, "Ledger").await,
        rows,
        length: store.find_ledger_length(practice).await?,
        older,
        is_first: before.is_none(),
        chain: chain(&visit),
        may_export: visit.may(Action::ExportEvidence),
    }))
}

/// Recomputes the whole chain.
pub(in super::super) async fn check(
    Extension(visit): Extension<Arc<Visit>>,
) -> Result<Response, Happened> {
    let office = &visit.office;
    let practice = &visit.practice().name;
    let what = ("ledger.checked", None, None);
    human::note(&office.store, &visit.caller(), what, json!({}), visit.now).await?;
    let looked = match office.store.check_chain(practice).await? {
        Ok(length) => Looked {
            at: visit.now,
            is_well: true,
            says: format!("Intact from the first record to number {length}."),
        },
        Err(sequence) => {
            tracing::error!(practice.name = %practice, sequence, "a record of the ledger was changed or is missing");
            Looked {
                at: visit.now,
                is_well: false,
                says: format!(
                    "Record {sequence} was changed after it was written, or is missing. Stop the server, keep this database as \
                     evidence, and restore a copy."
                ),
            }
        }
    };
    office.chains().insert(practice.clone(), looked);
    Ok(see_other(&saying(&back(&visit, "/ledger"), "said=checked")))
}
