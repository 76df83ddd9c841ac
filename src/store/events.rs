//! Security event tokens on their way to a subscriber.

use std::time::Duration;

use jiff::Timestamp;

use super::{Store, StoreError, WriteTx, row::Row, statement::Statement};
use crate::{
    clock,
    events::SecurityEvent,
    ids::{EventId, PersonId, PracticeName, SubscriberName},
};

/// A token that was not acknowledged yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Whose practice it is about.
    pub practice: PracticeName,
    /// About whom.
    pub person: PersonId,
    /// The token.
    pub event: SecurityEvent,
    /// When it was accepted.
    pub created: Timestamp,
    /// How often it was brought in vain.
    pub tries: i64,
    /// When it is brought next; `None` where the subscriber fetches it.
    pub next_try: Option<Timestamp>,
    /// What went wrong the last time.
    pub failure: Option<String>,
}

/// How many are brought in one go.
const AT_ONCE: usize = 50;

const COLUMNS: &str = "practice, subscriber, id, person, claims, created, tries, next_try, failure";

fn waiting_of(row: &Row) -> Result<Waiting, StoreError> {
    Ok(Waiting {
        practice: row.text("practice")?.into(),
        person: row.text("person")?.into(),
        event: SecurityEvent {
            id: row.text("id")?.into(),
            subscriber: row.text("subscriber")?.into(),
            claims: row.text("claims")?,
        },
        created: row.time("created")?,
        tries: row.number("tries")?,
        next_try: row.maybe_time("next_try")?,
        failure: row.maybe_text("failure")?,
    })
}

impl Store {
    /// Takes tokens that are due. Until `lease` has passed nobody else takes them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn claim_events(
        &self,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Vec<Waiting>, StoreError> {
        let statement = Statement::new(format!(
            "UPDATE security_event SET next_try = $1 WHERE (practice, subscriber, id) IN (
                 SELECT practice, subscriber, id FROM security_event WHERE next_try <= $2
                 ORDER BY next_try LIMIT {AT_ONCE} {skip_locked})
             RETURNING {COLUMNS}",
            skip_locked = self.dialect.skip_locked(),
        ))
        .bind(clock::to_text(clock::after(now, lease)))
        .bind(clock::to_text(now));
        let rows = self.run_alone(statement).await?;
        let mut waiting = rows.iter().map(waiting_of).collect::<Result<Vec<_>, _>>()?;
        waiting.sort_by(|one, other| one.event.id.cmp(&other.event.id));
        Ok(waiting)
    }

    /// Notes that a token could not be brought.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn postpone_event(
        &self,
        waiting: &Waiting,
        next_try: Timestamp,
        failure: &str,
    ) -> Result<(), StoreError> {
        let statement = Statement::new(
            "UPDATE security_event SET tries = tries + 1, next_try = $1, failure = $2
             WHERE practice = $3 AND subscriber = $4 AND id = $5",
        )
        .bind(clock::to_text(next_try))
        .bind(failure)
        .bind(waiting.practice.as_str())
        .bind(waiting.event.subscriber.as_str())
        .bind(waiting.event.id.as_str());
        self.run_alone(statement).await?;
        Ok(())
    }

    /// The oldest tokens that a subscriber has not acknowledged, at most `limit`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_events_for(
        &self,
        practice: &PracticeName,
        subscriber: &SubscriberName,
        limit: usize,
    ) -> Result<Vec<Waiting>, StoreError> {
        let statement = Statement::new(format!(
            "SELECT {COLUMNS} FROM security_event WHERE practice = $1 AND subscriber = $2 ORDER BY id LIMIT {limit}"
        ))
        .bind(practice.as_str())
        .bind(subscriber.as_str());
        self.rows(statement).await?.iter().map(waiting_of).collect()
    }

    /// Every token of a practice that was not acknowledged, the oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_events(&self, practice: &PracticeName) -> Result<Vec<Waiting>, StoreError> {
        let statement = Statement::new(format!(
            "SELECT {COLUMNS} FROM security_event WHERE practice = $1 ORDER BY id"
        ))
        .bind(practice.as_str());
        self.rows(statement).await?.iter().map(waiting_of).collect()
    }
}

impl WriteTx {
    /// Records a token that is to be told. `next_try` is when to bring it; `None` where it is fetched.
    pub fn record_event(
        &mut self,
        person: &PersonId,
        event: &SecurityEvent,
        next_try: Option<Timestamp>,
    ) {
        let statement = Statement::new(
            "INSERT INTO security_event (practice, subscriber, id, person, claims, created, tries, next_try)
             VALUES ($1, $2, $3, $4, $5, $6, 0, $7)",
        )
        .bind(self.practice().as_str())
        .bind(event.subscriber.as_str())
        .bind(event.id.as_str())
        .bind(person.as_str())
        .bind(event.claims.as_str())
        .bind(clock::to_text(self.now()))
        .bind(next_try.map(clock::to_text));
        self.later(statement);
    }

    /// Takes a token out of those waiting: its subscriber has it. Answers about whom it was; `None`
    /// when no such token waited.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn take_event(
        &mut self,
        subscriber: &SubscriberName,
        id: &EventId,
    ) -> Result<Option<PersonId>, StoreError> {
        use super::database::Reads as _;
        let statement = Statement::new(
            "DELETE FROM security_event WHERE practice = $1 AND subscriber = $2 AND id = $3 RETURNING person",
        )
        .bind(self.practice().as_str())
        .bind(subscriber.as_str())
        .bind(id.as_str());
        let row = self.row(statement).await?;
        row.map(|row| Ok(row.text("person")?.into())).transpose()
    }
}
