//! Cards for a person's hand, beside the bridge's own tries.

use jiff::Timestamp;
use serde_json::{Map, json};

use super::{
    Store, StoreError, WriteTx,
    database::Reads as _,
    doors::{door_columns, door_of},
    row::Row,
    statement::Statement,
};
use crate::{
    clock,
    door::{Assurance, Door},
    evidence::Entry,
    ids::{DoorId, PracticeName},
    policy::escalation::CARD_AFTER,
};

/// A card for one wish of a door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The door.
    pub door: DoorId,
    /// The wish.
    pub generation: i64,
    /// Since when.
    pub opened: Timestamp,
    /// When it was closed, by whom, and what became of the other way; `None` while it is open.
    pub closed: Option<(Timestamp, String, String)>,
}

fn card_of(row: &Row) -> Result<Card, StoreError> {
    let closed = row.maybe_time("closed")?;
    let by = row.maybe_text("closed_by")?.unwrap_or_default();
    let note = row.maybe_text("note")?.unwrap_or_default();
    Ok(Card {
        door: row.text("door")?.into(),
        generation: row.number("generation")?,
        opened: row.time("opened")?,
        closed: closed.map(|at| (at, by, note)),
    })
}

impl Store {
    /// Doors of leavers that shall be shut since before this, are not proved to be, and have no card for
    /// this wish.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_doors_without_card(
        &self,
        practice: &PracticeName,
        wanted_before: Timestamp,
    ) -> Result<Vec<Door>, StoreError> {
        let statement = Statement::new(concat!(
            "SELECT ",
            door_columns!(),
            " FROM door WHERE practice = $1 AND departure_case IN (
                 SELECT id FROM departure_case WHERE practice = $1 AND kind = 'leaver' AND closed IS NULL)
             AND wanted = 'closed' AND wanted_at <= $2 AND assurance NOT IN ('verified', 'attested')
             AND NOT EXISTS (SELECT 1 FROM manual_card c WHERE c.practice = door.practice AND c.door = door.id
                 AND c.generation = door.generation)
             ORDER BY id"
        ))
        .bind(practice.as_str())
        .bind(clock::to_text(wanted_before));
        self.rows(statement).await?.iter().map(door_of).collect()
    }

    /// Cards that are open, with their doors.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_open_cards(
        &self,
        practice: &PracticeName,
    ) -> Result<Vec<(Card, Door)>, StoreError> {
        let statement = Statement::new(
            "SELECT door, generation, opened, closed, closed_by, note FROM manual_card
             WHERE practice = $1 AND closed IS NULL ORDER BY opened, door",
        )
        .bind(practice.as_str());
        let rows = self.rows(statement).await?;
        let mut open = Vec::with_capacity(rows.len());
        for row in &rows {
            let card = card_of(row)?;
            if let Some(door) = self.find_door(practice, &card.door).await? {
                open.push((card, door));
            }
        }
        Ok(open)
    }

    /// Every card of a door, the oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_cards_of(
        &self,
        practice: &PracticeName,
        door: &DoorId,
    ) -> Result<Vec<Card>, StoreError> {
        let statement = Statement::new(
            "SELECT door, generation, opened, closed, closed_by, note FROM manual_card
             WHERE practice = $1 AND door = $2 ORDER BY generation",
        )
        .bind(practice.as_str())
        .bind(door.as_str());
        self.rows(statement).await?.iter().map(card_of).collect()
    }
}

impl WriteTx {
    /// Opens a card for a door as it is wanted now. Answers whether there was none.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn open_card(&mut self, door: &Door) -> Result<bool, StoreError> {
        let statement = Statement::new(
            "INSERT INTO manual_card (practice, door, generation, opened)
             SELECT practice, id, generation, $1 FROM door WHERE practice = $2 AND id = $3 AND generation = $4
                 AND assurance NOT IN ('verified', 'attested')
             ON CONFLICT DO NOTHING RETURNING door",
        )
        .bind(clock::to_text(self.now()))
        .bind(self.practice().as_str())
        .bind(door.id.as_str())
        .bind(door.generation);
        let is_new = self.row(statement).await?.is_some();
        if is_new {
            let detail = json!({"door": door.id, "way": door.way, "generation": door.generation,
                                "failure_text": door.failure.as_ref().map(|failure| &failure.text)});
            self.record(card_entry(
                self.now(),
                "bridge",
                "card.opened",
                door,
                detail,
            ));
        }
        Ok(is_new)
    }

    /// Closes the card of a door that is proved or signed for now: whoever was first says so, and what
    /// becomes of the other. Nothing is asked of the database while there can be no card yet.
    pub(super) async fn close_card_when_done(
        &mut self,
        door: &Door,
        who: &str,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let is_signed = door.assurance == Assurance::Attested;
        // An accepted risk comes back, and its card with it.
        let applies_not = door.set_aside_at(now).is_some_and(|_| door.is_done(now));
        let is_done = is_signed || applies_not || door.is_green(now);
        if clock::after(door.wanted_at, CARD_AFTER) > now || !is_done {
            return Ok(());
        }
        let note = if is_signed {
            "signed by hand first: the bridge goes on reading, and nothing else waits for it"
        } else if applies_not {
            "somebody answers for it that this is no door of theirs"
        } else {
            "the bridge read it shut first: there is nothing left to do by hand"
        };
        self.close_card(door, who, note).await
    }

    /// Closes the card of a door's wish, if one is open.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn close_card(
        &mut self,
        door: &Door,
        who: &str,
        note: &str,
    ) -> Result<(), StoreError> {
        let statement = Statement::new(
            "UPDATE manual_card SET closed = $1, closed_by = $2, note = $3
             WHERE practice = $4 AND door = $5 AND generation <= $6 AND closed IS NULL RETURNING door",
        )
        .bind(clock::to_text(self.now()))
        .bind(who)
        .bind(note)
        .bind(self.practice().as_str())
        .bind(door.id.as_str())
        .bind(door.generation);
        if self.row(statement).await?.is_some() {
            let detail = json!({"door": door.id, "way": door.way, "generation": door.generation, "note": note});
            self.record(card_entry(self.now(), who, "card.closed", door, detail));
        }
        Ok(())
    }
}

fn card_entry(
    at: Timestamp,
    who: &str,
    what: &'static str,
    door: &Door,
    detail: serde_json::Value,
) -> Entry {
    Entry {
        at,
        who: who.to_owned(),
        what,
        person: Some(door.person.clone()),
        system: Some(door.system.clone()),
        detail: detail.as_object().cloned().unwrap_or_else(Map::new),
    }
}
