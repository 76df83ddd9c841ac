//! How a case ends, and how one that was over is opened again.
//!
//! It ends once every door of it is green, or none as somebody says who answers for it. Where a newer case took
//! doors over before that, it ends once nothing else is left of it, as superseded, and names the newer one.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{StoreError, WriteTx, database::Reads as _, statement::Statement};
use crate::{
    clock,
    door::{
        Door,
        aside::{Kind, SetAside},
    },
    evidence::Entry,
    ids::{CaseId, PersonId},
};

/// Cases that are not over although they have no door left, each with the next one of the same person.
/// Hiding the id has SQLite look through their cases, not through all.
pub(super) const WITHOUT_DOORS: &str = "SELECT c.id AS id, c.person AS person, (
        SELECT MIN(n.id || '') FROM departure_case n
        WHERE n.practice = c.practice AND n.person = c.person AND n.id || '' > c.id
    ) AS newer
    FROM departure_case c
    WHERE c.practice = $1 AND c.kind IN ('leaver', 'mover') AND c.closed IS NULL AND NOT EXISTS (
        SELECT 1 FROM door d WHERE d.practice = c.practice AND d.person = c.person AND d.departure_case = c.id)";

/// Doors that are set aside and not proved, of cases that were over and count none.
pub(super) const UNCOUNTED: &str = "SELECT c.id AS id, c.closed AS closed, d.set_aside AS set_aside
    FROM door d CROSS JOIN departure_case c
    WHERE d.practice = $1 AND d.set_aside IS NOT NULL AND d.assurance NOT IN ('verified', 'attested')
        AND c.practice = d.practice AND c.id = d.departure_case AND c.closed IS NOT NULL AND c.set_aside = 0";

impl WriteTx {
    /// Ends the case of a door once every door of it is green, or none as somebody says who answers for
    /// it. Answers whether it ended now.
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
             WHERE practice = $2 AND id = $3 AND closed IS NULL RETURNING superseded_by",
        )
        .bind(clock::to_text(now))
        .bind(self.practice().as_str())
        .bind(case.as_str())
        .bind(i64::try_from(aside).unwrap_or(i64::MAX));
        let Some(row) = self.row(closed).await? else {
            return Ok(false);
        };
        // What a newer case took over was never proved in this one.
        if let Some(newer) = row.maybe_text("superseded_by")? {
            self.record_superseded(&door.person, who, &case, &newer.into());
            return Ok(true);
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

    /// Records that a newer case took doors over from one that waited for them; that ends by it if nothing
    /// else is left of it. One that was over already stays as it was, and so does one that only opens doors:
    /// nobody waits for it.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn supersede_case(
        &mut self,
        person: &PersonId,
        case: &CaseId,
        newer: &CaseId,
        is_over: bool,
    ) -> Result<(), StoreError> {
        let statement = Statement::new(
            "UPDATE departure_case SET superseded_by = $1, closed = $2
             WHERE practice = $3 AND id = $4 AND closed IS NULL AND kind IN ('leaver', 'mover') RETURNING id",
        )
        .bind(newer.as_str())
        .bind(is_over.then(|| clock::to_text(self.now())))
        .bind(self.practice().as_str())
        .bind(case.as_str());
        let was_open = self.row(statement).await?.is_some();
        if is_over && was_open {
            self.record_superseded(person, "bridge", case, newer);
        }
        Ok(())
    }

    /// Ends every case whose doors all went to newer ones and that does not say so: a version before this
    /// one left such cases open for ever. Answers how many.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn end_cases_without_doors(&mut self) -> Result<usize, StoreError> {
        let statement = Statement::new(WITHOUT_DOORS).bind(self.practice().as_str());
        let mut ended = 0;
        for row in self.rows(statement).await? {
            let Some(newer) = row.maybe_text("newer")? else {
                continue;
            };
            let (person, case) = (row.text("person")?.into(), row.text("id")?.into());
            self.supersede_case(&person, &case, &newer.into(), true)
                .await?;
            ended += 1;
        }
        Ok(ended)
    }

    /// Counts what somebody set aside in cases that were over by it and count nothing: a bridge of before, while
    /// bridges are exchanged one by one, closes a case and knows nothing of the count.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn count_doors_set_aside(&mut self) -> Result<(), StoreError> {
        let statement = Statement::new(UNCOUNTED).bind(self.practice().as_str());
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        for row in self.rows(statement).await? {
            let aside: SetAside = row.json("set_aside")?;
            // What was set aside after the case was over had been proved until then.
            let was_none = aside.kind == Kind::NotApplicable
                && clock::to_text(aside.signed) <= row.text("closed")?;
            if was_none {
                *counts.entry(row.text("id")?).or_default() += 1;
            }
        }
        for (case, doors) in counts {
            let counted = Statement::new(
                "UPDATE departure_case SET set_aside = $1
                 WHERE practice = $2 AND id = $3 AND closed IS NOT NULL AND set_aside = 0",
            )
            .bind(doors)
            .bind(self.practice().as_str())
            .bind(case);
            self.later(counted);
        }
        Ok(())
    }

    fn record_superseded(&mut self, person: &PersonId, who: &str, case: &CaseId, newer: &CaseId) {
        self.record(Entry {
            at: self.now(),
            who: who.to_owned(),
            what: "case.superseded",
            person: Some(person.clone()),
            system: None,
            detail: Map::from_iter([
                ("case".to_owned(), Value::from(case.as_str())),
                ("superseded_by".to_owned(), Value::from(newer.as_str())),
            ]),
        });
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
