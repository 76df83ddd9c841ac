//! The departures board: is anybody still able to get in? Who, where, and how much time is left?

use std::sync::Arc;

use askama::Template;
use axum::Extension;

use super::{
    super::{
        admit::Visit,
        frame::{Frame, Notice, ok},
        time::{Left, When, apart},
        trouble::Answer,
    },
    DoorView, held_people, start,
};
use crate::{
    cases::{
        Board,
        board::{self, Departure},
        silence::{self, Silence},
    },
    ids::PersonId,
    policy::office::Action,
    store::{StoreError, faces::Face},
};

#[derive(Template)]
#[template(path = "board.html")]
struct Page {
    frame: Frame,
    cards: Vec<Card>,
    /// How many people, and how many of their doors are not proved shut.
    doors: usize,
    late: usize,
    /// How many doors somebody answers for that are not shut.
    set_aside: usize,
    /// The departure that was over last, while nobody is leaving.
    last: Option<Last>,
    /// How many of the first steps are done, for whoever begins.
    steps: Option<(usize, usize)>,
    may_depart: bool,
    may_export: bool,
    sees_people: bool,
    close_within: String,
}

#[derive(Debug)]
struct Last {
    name: String,
    at: When,
    took: String,
}

#[derive(Debug)]
struct Card {
    name: String,
    title: String,
    /// Where its page is; empty for whoever sees initials only.
    href: String,
    left: Option<Left>,
    learned: Option<When>,
    chips: Vec<DoorView>,
    open: usize,
    all: usize,
    next: String,
    /// Who looks after the system of the most urgent door that somebody must see to.
    ask: String,
    kind: &'static str,
}

fn card(departure: &Departure, face: Option<&Face>, visit: &Visit) -> Card {
    let now = visit.now;
    let sees_people = visit.may(Action::SeePeople);
    let learned = departure.learned();
    let left = departure
        .deadline(now)
        .map(|deadline| Left::new(learned.unwrap_or(deadline).min(deadline), deadline, now));
    let mut chips: Vec<DoorView> = departure
        .doors
        .iter()
        .map(|door| DoorView::new(door, visit))
        .collect();
    // What is not done comes first; what is done is there for counting.
    chips.sort_by_key(|chip| chip.urgency);
    let person = &departure.person;
    Card {
        name: match (sees_people, face) {
            (true, face) => super::name_of(face, person),
            (false, Some(face)) => face.initials(),
            (false, None) => "?".to_owned(),
        },
        title: face
            .filter(|_| sees_people)
            .and_then(|face| face.title.clone())
            .unwrap_or_default(),
        href: match departure.case_id() {
            _ if !sees_people => String::new(),
            Some(case) => format!("/cases/{case}"),
            None => format!("/people/{person}"),
        },
        kind: left.as_ref().map_or("idle", |left| left.kind),
        left,
        learned: learned.map(|at| When::new(at, visit)),
        open: departure.left(now),
        all: departure.doors.len(),
        next: next_try(&chips),
        ask: chips
            .iter()
            .find(|chip| matches!(chip.kind, "bad" | "warn") && !chip.owner.is_empty())
            .map_or_else(String::new, |chip| chip.owner.clone()),
        chips,
    }
}

/// When the bridge tries again by itself. What waits for a system that cannot be reached says nothing
/// about the rest.
fn next_try(chips: &[DoorView]) -> String {
    let open = chips.iter().filter(|chip| !chip.is_settled);
    let next = open
        .filter(|chip| chip.next_at.is_some())
        .min_by_key(|chip| (chip.waits, chip.next_at));
    next.map_or_else(String::new, |chip| chip.next_in.clone())
}

async fn last_departure(visit: &Visit) -> Result<Option<Last>, StoreError> {
    let store = &visit.office.store;
    let practice = &visit.practice().name;
    let Some(kept) = store.find_last_departure(practice).await? else {
        return Ok(None);
    };
    let Some(closed) = kept.closed else {
        return Ok(None);
    };
    let face = store.find_face(practice, &kept.case.person).await?;
    let name = match (visit.may(Action::SeePeople), &face) {
        (true, face) => super::name_of(face.as_ref(), &kept.case.person),
        (false, face) => face.as_ref().map_or("?".to_owned(), Face::initials),
    };
    Ok(Some(Last {
        name,
        at: When::new(closed, visit),
        took: apart(kept.case.learned, closed),
    }))
}

/// Says that the brake holds people, and where to look.
pub(super) async fn brake_notice(visit: &Visit) -> Result<Option<Notice>, StoreError> {
    let doors = held_people(&visit.office.store, &visit.practice().name, visit.now).await?;
    let mut people: Vec<&PersonId> = doors.iter().map(|door| &door.person).collect();
    people.sort();
    people.dedup();
    let until = doors.iter().filter_map(|door| door.next_try).min();
    let Some(until) = until else { return Ok(None) };
    let sees_people = visit.may(Action::SeePeople);
    let who = if people.len() == 1 {
        "1 person waits".to_owned()
    } else {
        format!("{} people wait", people.len())
    };
    Ok(Some(Notice {
        kind: "warn",
        icon: "pause",
        text: format!(
            "Many people lose their doors at once. {who} for a look, and go on by themselves in {}; their clocks run.",
            apart(visit.now, until)
        ),
        href: if sees_people { "/brake" } else { "" },
        link: if sees_people { "See who is held" } else { "" },
    }))
}

/// Says of each identity provider that has been silent for too long that it is.
async fn silence_notices(visit: &Visit) -> Result<Vec<Notice>, StoreError> {
    let (store, practice) = (&visit.office.store, visit.practice());
    let silent = silence::look(store, &practice.name, &practice.silent_after, visit.now).await?;
    let sees_settings = visit.may(Action::SeeSettings);
    let notice = |silence: &Silence| {
        let lasting = silence::lasting(silence.since, visit.now);
        let source = &silence.source;
        let text = if silence.is_refused {
            format!(
                "The identity provider {source} has been refused for {lasting}: its token is not right any more, and nobody's \
                 departure is heard of. Make a new one; until then start departures by name."
            )
        } else {
            format!(
                "The identity provider {source} has been silent for {lasting}. Look there whether its provisioning runs: a \
                 departure may not have been heard of."
            )
        };
        Notice {
            kind: "warn",
            icon: "alert",
            text,
            href: if sees_settings { "/settings" } else { "" },
            link: if sees_settings { "See its tokens" } else { "" },
        }
    };
    Ok(silent.iter().map(notice).collect())
}

/// The page.
pub(in super::super) async fn show(Extension(visit): Extension<Arc<Visit>>) -> Answer {
    let store = &visit.office.store;
    let practice = visit.practice();
    let Board {
        departures,
        set_aside,
    } = board::look(store, &practice.name, visit.now).await?;
    let people: Vec<PersonId> = departures
        .iter()
        .map(|departure| departure.person.clone())
        .collect();
    let faces = store.find_faces(&practice.name, &people).await?;
    let cards: Vec<Card> = departures
        .iter()
        .map(|departure| card(departure, faces.get(&departure.person), &visit))
        .collect();
    let last = if cards.is_empty() {
        last_departure(&visit).await?
    } else {
        None
    };
    let begins = cards.is_empty() && last.is_none() && visit.may(Action::SeeSettings);
    let steps = if begins {
        Some(start::progress(&visit).await?)
    } else {
        None
    };
    let mut frame = Frame::live(&visit, "Departures").await;
    frame.notices.extend(brake_notice(&visit).await?);
    frame.notices.extend(silence_notices(&visit).await?);
    Ok(ok(&Page {
        set_aside,
        doors: cards.iter().map(|card| card.open).sum(),
        late: departures
            .iter()
            .filter(|departure| departure.is_breached(visit.now))
            .count(),
        last,
        steps,
        may_depart: visit.may(Action::Depart),
        may_export: visit.may(Action::ExportEvidence),
        sees_people: visit.may(Action::SeePeople),
        close_within: format!("{} minutes", practice.close_within.as_secs() / 60),
        frame,
        cards,
    }))
}
