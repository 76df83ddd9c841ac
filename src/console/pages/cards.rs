//! By hand, beside the bridge: doors that were not proved shut in time.

use std::sync::Arc;

use askama::Template;
use axum::Extension;

use super::{
    super::{
        admit::Visit,
        frame::{Frame, ok},
        time::{Left, When},
        trouble::Answer,
    },
    DoorView,
};
use crate::{
    door::Door,
    ids::PersonId,
    policy::office::Action,
    store::{StoreError, cards::Card},
};

#[derive(Template)]
#[template(path = "cards.html")]
struct Cards {
    frame: Frame,
    rows: Vec<Row>,
    may_work: bool,
}

#[derive(Debug)]
struct Row {
    name: String,
    person: String,
    door: DoorView,
    left: Option<Left>,
    since: When,
    todo: String,
}

/// What to do by hand, for a card on a page.
pub(super) fn todo(door: &Door, visit: &Visit) -> String {
    let system = visit.practice().title_of(&door.system);
    let owner = visit
        .practice()
        .system(&door.system)
        .and_then(|system| system.owner.as_deref());
    let ask = owner.map_or_else(String::new, |owner| format!(" Ask {owner}."));
    format!(
        "Not proved shut after 20 minutes. Open the administration of {system}, set the account inactive, end its \
         sessions, look whether it says so, and sign.{ask} The bridge goes on trying: whoever is first closes this card."
    )
}

/// The open card of a door's wish.
pub(super) async fn find(visit: &Visit, door: &Door) -> Result<Option<Card>, StoreError> {
    let store = &visit.office.store;
    let cards = store
        .list_cards_of(&visit.practice().name, &door.id)
        .await?;
    Ok(cards
        .into_iter()
        .find(|card| card.generation == door.generation))
}

/// The page.
pub(in super::super) async fn show(Extension(visit): Extension<Arc<Visit>>) -> Answer {
    let store = &visit.office.store;
    let practice = &visit.practice().name;
    let open = store.list_open_cards(practice).await?;
    let people: Vec<PersonId> = open.iter().map(|(_, door)| door.person.clone()).collect();
    let faces = store.find_faces(practice, &people).await?;
    let row = |(card, door): &(Card, Door)| Row {
        name: super::name_of(faces.get(&door.person), &door.person),
        person: door.person.to_string(),
        left: door
            .deadline
            .map(|deadline| Left::new(door.wanted_at.min(deadline), deadline, visit.now)),
        since: When::new(card.opened, &visit),
        todo: todo(door, &visit),
        door: DoorView::new(door, &visit),
    };
    Ok(ok(&Cards {
        frame: Frame::live(&visit, "By hand").await,
        rows: open.iter().map(row).collect(),
        may_work: visit.may(Action::WorkCases),
    }))
}
