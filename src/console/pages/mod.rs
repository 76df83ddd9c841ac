//! One file per page.

pub(super) mod alerts;
pub(super) mod aside;
pub(super) mod board;
pub(super) mod brake;
pub(super) mod calls;
pub(super) mod cards;
pub(super) mod case;
pub(super) mod csv;
pub(super) mod door;
mod ends;
pub(super) mod evidence;
pub(super) mod later;
pub(super) mod ledger;
pub(super) mod people;
pub(super) mod person;
pub(super) mod returns;
pub(super) mod settings;
mod sieve;
pub(super) mod snooze;
pub(super) mod start;
pub(super) mod systems;
pub(super) mod tokens;
mod typed;
pub(super) mod undo;
mod waterfall;

use std::sync::Arc;

use axum::{Extension, response::Response};

use super::{
    admit::{Theme, Visit},
    frame::{ours, see_other},
    sign_in::with_cookie,
    time::{When, apart},
    words,
};
use crate::{
    cases::Light,
    door::{Assurance, Door, aside::SetAside},
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
    /// Who set it aside, until when and why; empty if nobody did.
    aside: String,
    holds_ephi: bool,
    owner: String,
    is_green: bool,
    is_settled: bool,
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
            is_settled: door.is_settled(now),
            aside: door
                .set_aside_at(now)
                .map_or_else(String::new, |aside| aside_in_words(aside, visit)),
            card: String::new(),
            has_card: false,
        }
    }
}

/// Who answers for a door, until when, and why.
fn aside_in_words(aside: &SetAside, visit: &Visit) -> String {
    let zone = &visit.practice().zone;
    let day = |at: jiff::Timestamp| at.to_zoned(zone.clone()).strftime("%b %-d %Y").to_string();
    let until = aside.until.map_or_else(String::new, |until| {
        format!(
            " until {}",
            until.to_zoned(zone.clone()).strftime("%b %-d %Y, %H:%M")
        )
    });
    format!(
        "{} answers for it{until} (signed {}): {}",
        aside.signed_by,
        day(aside.signed),
        aside.reason
    )
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
    store.list_held_doors(practice, now).await
}

/// Where a form came from, if that is a page of ours.
fn back(visit: &Visit, otherwise: &str) -> String {
    ours(visit.form.get("back")).unwrap_or(otherwise).to_owned()
}

/// An address, with what a button did.
fn saying(to: &str, said: &str) -> String {
    let and = if to.contains('?') { '&' } else { '?' };
    format!("{to}{and}{said}")
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
