//! What bridges over one PostgreSQL say to each other: where something is due.
//!
//! Only a hint, by LISTEN and NOTIFY. Whoever missed it, or sits behind a pooler that carries none, finds
//! the same when it looks each second.

use std::time::Duration;

use sqlx::postgres::{PgListener, PgPoolOptions};

use super::{Dialect, Store, StoreError, WriteTx, database::Database, statement::Statement};
use crate::ids::{PracticeName, SystemName};

const CHANNEL: &str = "drawbridge_due";

/// Longest text that goes in one notice; PostgreSQL takes 8,000 bytes.
const NOTICE_BYTES: usize = 7_000;

/// Who says what a transaction itself says: no bridge.
const NO_BRIDGE: &str = "-";

/// How long to wait for the connection that listens.
const PATIENCE: Duration = Duration::from_secs(8);

/// A system of a practice.
pub type Where = (PracticeName, SystemName);

/// Hears what the other bridges say.
#[derive(Debug)]
pub struct Listener {
    listener: PgListener,
    /// Who listens, and knows what it said itself.
    owner: String,
}

impl Store {
    /// Tells the other bridges that something is due in these systems.
    ///
    /// Not in the transaction that makes it due: PostgreSQL lets only one that has notices commit at a
    /// time, whatever it writes, and under load every practice would wait for every other.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn ring(&self, owner: &str, systems: &[Where]) -> Result<(), StoreError> {
        if self.dialect == Dialect::Sqlite {
            return Ok(());
        }
        for notice in notices(owner, systems) {
            self.rows(notify(notice)).await?;
        }
        Ok(())
    }

    /// Listens to the other bridges on a connection of its own; `None` where there are none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn listen(&self, owner: &str) -> Result<Option<Listener>, StoreError> {
        let Database::Postgres(pool) = &self.database else {
            return Ok(None);
        };
        let own = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(PATIENCE)
            .connect_lazy_with(pool.connect_options().as_ref().clone());
        let mut listener = PgListener::connect_with(&own).await?;
        listener.listen(CHANNEL).await?;
        Ok(Some(Listener {
            listener,
            owner: owner.to_owned(),
        }))
    }
}

impl Listener {
    /// Where another bridge says that something is due. Nothing, when this one said it itself, or when
    /// the connection was lost and is back.
    ///
    /// # Errors
    /// When the connection was lost and cannot be had again.
    pub async fn next(&mut self) -> Result<Vec<Where>, StoreError> {
        let heard = self.listener.try_recv().await?;
        Ok(heard.map_or_else(Vec::new, |notice| read(notice.payload(), &self.owner)))
    }
}

impl WriteTx {
    /// Tells every bridge that something is due in a system, the moment this is durable. For commands,
    /// which have no rounds of their own and end before anything else could.
    pub fn tell_bridges(&mut self, system: &SystemName) {
        if self.dialect() == Dialect::Postgres {
            let due = (self.practice().clone(), system.clone());
            for notice in notices(NO_BRIDGE, &[due]) {
                self.later(notify(notice));
            }
        }
    }
}

fn notify(notice: String) -> Statement {
    Statement::new("SELECT pg_notify($1, $2)")
        .bind(CHANNEL)
        .bind(notice)
}

/// A line for who says it, then one for each system. Names hold no spaces.
fn notices(owner: &str, systems: &[Where]) -> Vec<String> {
    let mut notices: Vec<String> = Vec::new();
    for (practice, system) in systems {
        let line = format!("\n{practice} {system}");
        match notices.last_mut() {
            Some(notice) if notice.len() + line.len() <= NOTICE_BYTES => notice.push_str(&line),
            _ => notices.push(format!("{owner}{line}")),
        }
    }
    notices
}

fn read(notice: &str, owner: &str) -> Vec<Where> {
    let mut lines = notice.lines();
    if lines.next() == Some(owner) {
        return Vec::new();
    }
    lines
        .filter_map(|line| line.split_once(' '))
        .map(|(practice, system)| (practice.into(), system.into()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn somewhere(number: usize) -> Where {
        (format!("practice-{number}").as_str().into(), "ehr".into())
    }

    #[test]
    fn what_is_said_is_heard_by_others_and_not_by_whoever_said_it() {
        let systems: Vec<Where> = (0..1_000).map(somewhere).collect();

        let said = notices("bridge-1", &systems);
        let hear = |owner: &str| -> Vec<Where> {
            let mut heard = Vec::new();
            said.iter()
                .for_each(|notice| heard.extend(read(notice, owner)));
            heard
        };

        assert_eq!(hear("bridge-2"), systems);
        assert!(hear("bridge-1").is_empty());
        assert!(said.iter().all(|notice| notice.len() < 8_000));
    }

    #[test]
    fn what_somebody_else_says_on_the_channel_is_nothing() {
        assert!(read("", "bridge-1").is_empty());
        assert!(read("hello\nworld", "bridge-1").is_empty());
    }
}
