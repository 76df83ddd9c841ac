//! One file per page.

pub(super) mod alerts;
pub(super) mod board;
pub(super) mod brake;
pub(super) mod calls;
pub(super) mod cards;
pub(super) mod case;
pub(super) mod door;
pub(super) mod later;
pub(super) mod ledger;
pub(super) mod people;
pub(super) mod person;
pub(super) mod returns;
pub(super) mod settings;
pub(super) mod systems;
mod typed;
pub(super) mod undo;
mod waterfall;

use std::sync::Arc;

use axum::{Extension, response::Response};

use super::{
    admit::{Theme, Visit},
    frame::see_other,
    sign_in::with_cookie,
    time::{When, apart},
    words,
};
use crate::{
    cases::Light,
    door::{Assurance, Door},
    ids::{PersonId, PracticeName},
    intake::human,
    store::{Store, StoreError, faces::Face},
};

/// A door as it is shown, in a row or as a chip.
#[derive(Debug)]
pub(super) struct DoorView {
    id: String,
    system: String,
    /// The way in; empty for an account, which goes without saying.
    way: &'static str,
    icon: &'static str,
    word: &'static str,
    short: &'static str,
    urgency: u8,
    kind: &'static str,
    wanted: &'static str,
    seen: &'static str,
    seen_at: Option<When>,
    assurance: &'static str,
    /// What the system, or the bridge about it, said last.
    said: String,
    class: String,
    tries: i64,
    next_try: Option<When>,
    next_in: String,
    /// Whether it waits for a system that cannot be reached.
    waits: bool,
    next_at: Option<jiff::Timestamp>,
    residual: String,
    holds_ephi: bool,
    owner: String,
    is_green: bool,
    /// What the card for a person's hand says; empty without one.
    card: String,
    /// Whether it is open.
    has_card: bool,
}

impl DoorView {
    fn new(door: &Door, visit: &Visit) -> Self {
        let now = visit.now;
        let settings = visit.practice().system(&door.system);
        let light = Light::of(door, now);
        let (icon, word, kind) = words::light(light);
        let lookout = &visit.office.lookout;
        let is_reachable = lookout
            .find(&door.practice, &door.system)
            .is_none_or(|outlook| outlook.is_reachable);
        let is_green = door.is_green(now);
        // A signature says how it is; that it was seen so is another matter.
        let was_read =
            door.assurance != Assurance::Attested || door.seen_at >= Some(door.wanted_at);
        Self {
            id: door.id.to_string(),
            system: visit.practice().title_of(&door.system),
            way: match door.way {
                drawbridge_sdk::Way::Account => "",
                other => words::way(other),
            },
            icon,
            word,
            short: words::short(light),
            urgency: light.urgency(),
            kind,
            wanted: door.wanted.as_str(),
            seen: if was_read {
                words::seen(door.seen)
            } else {
                "not read since"
            },
            seen_at: door
                .seen_at
                .filter(|_| was_read)
                .map(|at| When::new(at, visit)),
            assurance: words::assurance(door.assurance),
            said: door
                .failure
                .as_ref()
                .map(|failure| words::for_here(&failure.text))
                .unwrap_or_default(),
            class: door
                .failure
                .as_ref()
                .map(|failure| failure.class.to_string())
                .unwrap_or_default(),
            tries: door.tries,
            next_try: door.next_try.map(|at| When::new(at, visit)),
            next_in: door.next_try.map_or_else(String::new, |at| {
                if at <= now && !is_reachable {
                    "as soon as it answers".to_owned()
                } else if at <= now {
                    "now".to_owned()
                } else {
                    format!("in {}", apart(now, at))
                }
            }),
            waits: !is_reachable,
            next_at: door.next_try,
            residual: door.residual_text().unwrap_or_default(),
            holds_ephi: settings.is_some_and(|system| system.holds_ephi),
            owner: settings
                .and_then(|system| system.owner.clone())
                .unwrap_or_default(),
            is_green,
            card: String::new(),
            has_card: false,
        }
    }
}

/// The name of somebody nobody knows a name of.
fn name_of(face: Option<&Face>, person: &PersonId) -> String {
    face.map_or_else(|| person.to_string(), |face| face.name.clone())
}

/// Has all doors of these people tried now.
async fn try_now(store: &Store, visit: &Visit, people: &[PersonId]) -> Result<usize, StoreError> {
    let mut tried = 0;
    for person in people {
        tried += human::retry(store, &visit.caller(), person, None, visit.now).await?;
    }
    Ok(tried)
}

/// Everybody with doors that the brake holds.
async fn held_people(
    store: &Store,
    practice: &PracticeName,
    now: jiff::Timestamp,
) -> Result<Vec<Door>, StoreError> {
    let failing = store.list_failing_doors(practice).await?;
    Ok(failing
        .into_iter()
        .filter(|door| door.is_held_back(now))
        .collect())
}

/// Where a form came from, if that is a page of ours.
fn back(visit: &Visit, otherwise: &str) -> String {
    let to = visit.form.get("back");
    let is_ours = to.starts_with('/')
        && !to.starts_with("//")
        && to
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/-_".contains(&byte));
    if is_ours { to } else { otherwise }.to_owned()
}

/// Light or dark.
pub(super) async fn theme(Extension(visit): Extension<Arc<Visit>>) -> Response {
    let theme = Theme::from_name(visit.form.get("theme"));
    let secure = if visit.office.is_https {
        "; Secure"
    } else {
        ""
    };
    let cookie = format!(
        "theme={}; Path=/; HttpOnly; SameSite=Lax; Max-Age=31536000{secure}",
        theme.as_str()
    );
    with_cookie(see_other(&back(&visit, "/")), &cookie)
}
