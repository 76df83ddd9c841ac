//! The ledger: what the bridge did and saw, and whether the chain is intact.

use std::sync::Arc;

use askama::Template;
use axum::{Extension, response::Response};
use serde_json::{Value, json};

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
    sieve::Sieve,
};
use crate::{ids::PersonId, intake::human, policy::office::Action};

/// How many records one page shows.
const MOST: usize = 100;

#[derive(Template)]
#[template(path = "ledger.html")]
struct Ledger {
    frame: Frame,
    rows: Vec<Row>,
    sieve: Sieve,
    /// The systems of the practice: name, what people call it, and whether it is looked for.
    systems: Vec<(String, String, bool)>,
    length: i64,
    /// Where the next older page begins; zero for none.
    older: i64,
    /// The same as an address.
    older_page: String,
    is_first: bool,
    chain: Option<Chain>,
    may_export: bool,
}

#[derive(Debug)]
struct Row {
    event: Event,
    /// What happened, as programs call it.
    code: String,
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
    let sieve = Sieve::of(&visit, &visit.query).await?;
    let found = sieve.find(&visit, before.unwrap_or(i64::MAX), MOST).await?;
    let events: Vec<(Event, String)> = found
        .records
        .iter()
        .map(|(sequence, text)| (event(*sequence, text, &visit), code(text)))
        .collect();
    let mut people: Vec<PersonId> = events
        .iter()
        .filter(|(event, _)| !event.person.is_empty())
        .map(|(event, _)| PersonId::from(event.person.as_str()))
        .collect();
    people.sort();
    people.dedup();
    let faces = store.find_faces(practice, &people).await?;
    let rows = events
        .into_iter()
        .map(|(event, code)| {
            let person = PersonId::from(event.person.as_str());
            let name = faces
                .get(&person)
                .map_or_else(String::new, |face| face.name.clone());
            Row { event, code, name }
        })
        .collect();
    let mut older_page = visit.query.to_query(&["said", "n", "live", "before"]);
    if !older_page.is_empty() {
        older_page.push('&');
    }
    let systems = visit.practice().systems.iter();
    let systems = systems.map(|system| {
        let is_sought = system.name.as_str() == sieve.system;
        (system.name.to_string(), system.title.clone(), is_sought)
    });
    Ok(ok(&Ledger {
        frame: Frame::of(&visit, "Ledger").await,
        systems: systems.collect(),
        older: found.last,
        older_page: format!("/ledger?{older_page}before={}", found.last),
        rows,
        sieve,
        length: store.find_ledger_length(practice).await?,
        is_first: before.is_none(),
        chain: chain(&visit),
        may_export: visit.may(Action::ExportEvidence),
    }))
}

/// What a record calls what happened.
fn code(text: &str) -> String {
    let record: Value = serde_json::from_str(text).unwrap_or_default();
    record["what"].as_str().unwrap_or_default().to_owned()
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
