//! How a case ends, and how one that was over is opened again.

use serde_json::{Map, Value};

use super::{StoreError, WriteTx, database::Reads as _, statement::Statement};
use crate::{clock, door::Door, evidence::Entry};

impl WriteTx {
    /// Closes the case of a door once every door of it is green, or none as somebody says who answers for
    /// it. Answers whether it was closed now.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn close_case_when_done(
        &mut self,
        door: &Door,
        who: &str,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        self.close_card_when_done(door, who).await?;
        let Some(case) = door.case.clone().filter(|_| door.is_done(now)) else {
            return Ok(false);
        };
        // Most of the time another door is still to be seen to; then nobody has to look at all of them.
        let unsettled = Statement::new(
            "SELECT 1 AS one FROM door WHERE practice = $1 AND person = $2 AND departure_case = $3
             AND assurance NOT IN ('verified', 'attested') AND set_aside IS NULL LIMIT 1",
        )
        .bind(self.practice().as_str())
        .bind(door.person.as_str())
        .bind(case.as_str());
        if self.row(unsettled).await?.is_some() {
            return Ok(false);
        }
        let mut doors = self.find_doors_of(&door.person).await?;
        doors.retain(|other| other.case.as_ref() == Some(&case));
        if !doors.iter().all(|other| other.is_done(now)) {
            return Ok(false);
        }
        let aside = doors.iter().filter(|other| !other.is_green(now)).count();
        let closed = Statement::new(
            "UPDATE departure_case SET closed = $1, set_aside = $4
             WHERE practice = $2 AND id = $3 AND closed IS NULL RETURNING id",
        )
        .bind(clock::to_text(now))
        .bind(self.practice().as_str())
        .bind(case.as_str())
        .bind(i64::try_from(aside).unwrap_or(i64::MAX));
        if self.rows(closed).await?.is_empty() {
            return Ok(false);
        }
        self.record(Entry {
            at: now,
            who: who.to_owned(),
            what: "case.closed",
            person: Some(door.person.clone()),
            system: None,
            detail: Map::from_iter([
                ("case".to_owned(), Value::from(case.as_str())),
                ("set_aside".to_owned(), Value::from(aside)),
            ]),
        });
        Ok(true)
    }

    /// Opens the case of a door again, which somebody is to see to after all.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn open_case_again(&mut self, door: &Door, who: &str) -> Result<(), StoreError> {
        let Some(case) = &door.case else {
            return Ok(());
        };
        let opened = Statement::new(
            "UPDATE departure_case SET closed = NULL, set_aside = 0 WHERE practice = $1 AND id = $2 AND closed IS NOT NULL
             RETURNING id",
        )
        .bind(self.practice().as_str())
        .bind(case.as_str());
        if !self.rows(opened).await?.is_empty() {
            self.record(Entry {
                at: self.now(),
                who: who.to_owned(),
                what: "case.opened_again",
                person: Some(door.person.clone()),
                system: Some(door.system.clone()),
                detail: Map::from_iter([("case".to_owned(), Value::from(case.as_str()))]),
            });
        }
        Ok(())
    }
}
