//! The transaction every change goes through. Its evidence commits with it or not at all.

use jiff::Timestamp;
use sqlx::{Any, AnyConnection, Transaction};
use tokio::sync::OwnedMutexGuard;

use super::{Store, StoreError, row::Columns};
use crate::{
    evidence::{Entry, chain},
    ids::PracticeName,
};

/// An open write transaction in one practice.
///
/// It holds the practice's chain head, so that writers to one practice follow each other and what was
/// read inside it still stands at the commit. Dropped without [`WriteTx::commit`], nothing is written.
#[derive(Debug)]
pub struct WriteTx {
    transaction: Transaction<'static, Any>,
    practice: PracticeName,
    dialect: super::Dialect,
    applied_roles: Option<String>,
    now: Timestamp,
    sequence: i64,
    head: chain::Hash,
    entries: Vec<Entry>,
    pub(super) counts: Counts,
    // After `transaction`: the next writer starts when this one is over.
    _writer: Option<OwnedMutexGuard<()>>,
}

/// By how much the numbers of resources change.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) users: i64,
    pub(super) users_removed: i64,
    pub(super) groups: i64,
    pub(super) groups_removed: i64,
}

impl Store {
    /// Begins to write. `now` is the time of everything in it.
    ///
    /// # Errors
    /// When the database cannot be written now.
    pub async fn begin(
        &self,
        practice: &PracticeName,
        now: Timestamp,
    ) -> Result<WriteTx, StoreError> {
        let writer = match self.dialect {
            super::Dialect::Sqlite => Some(self.writer.clone().lock_owned().await),
            super::Dialect::Postgres => None,
        };
        let mut transaction = self.pool.begin_with(self.dialect.begin_write()).await?;
        let head = sqlx::query(self.dialect.lock_chain_head())
            .bind(practice.as_str())
            .fetch_optional(&mut *transaction)
            .await?
            .ok_or_else(|| StoreError::Corrupt(format!("practice `{practice}` has no row")))?;
        let hash = chain::from_hex(&head.text("ledger_hash")?)
            .ok_or_else(|| super::row::corrupt("ledger_hash"))?;
        Ok(WriteTx {
            transaction,
            practice: practice.clone(),
            dialect: self.dialect,
            applied_roles: head.maybe_text("applied_roles")?,
            now,
            sequence: head.number("ledger_sequence")?,
            head: hash,
            entries: Vec::new(),
            counts: Counts::default(),
            _writer: writer,
        })
    }
}

impl WriteTx {
    /// The practice it writes to.
    pub const fn practice(&self) -> &PracticeName {
        &self.practice
    }

    /// The time of everything in it.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The role matrix in force, as text; `None` before the first start.
    pub fn applied_roles(&self) -> Option<&str> {
        self.applied_roles.as_deref()
    }

    pub(super) const fn dialect(&self) -> super::Dialect {
        self.dialect
    }

    /// Adds a record to the evidence, written at the commit.
    pub fn record(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    pub(super) fn connection(&mut self) -> &mut AnyConnection {
        &mut self.transaction
    }

    /// Runs any statement, to show what the database itself refuses.
    ///
    /// # Errors
    /// With what the database says.
    #[doc(hidden)]
    pub async fn execute_for_tests(&mut self, statement: &'static str) -> Result<(), StoreError> {
        sqlx::query(statement)
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// Writes the evidence and makes everything durable.
    ///
    /// # Errors
    /// When the database cannot be written; nothing is then.
    pub async fn commit(mut self) -> Result<(), StoreError> {
        if self.entries.is_empty() && self.counts == Counts::default() {
            return Ok(self.transaction.commit().await?);
        }
        for entry in std::mem::take(&mut self.entries) {
            self.sequence += 1;
            let text = entry.to_text(&self.practice, self.sequence);
            self.head = chain::link(&self.head, &chain::text_hash(&text));
            sqlx::query("INSERT INTO evidence (practice, sequence, person, text, hash) VALUES ($1, $2, $3, $4, $5)")
                .bind(self.practice.as_str())
                .bind(self.sequence)
                .bind(entry.person.as_ref().map(|person| person.as_str().to_owned()))
                .bind(text)
                .bind(chain::to_hex(&self.head))
                .execute(&mut *self.transaction)
                .await?;
        }
        sqlx::query(
            "UPDATE practice SET ledger_sequence = $1, ledger_hash = $2, user_count = user_count + $3,
                 user_removals = user_removals + $4, group_count = group_count + $5,
                 group_removals = group_removals + $6 WHERE name = $7",
        )
            .bind(self.sequence)
            .bind(chain::to_hex(&self.head))
            .bind(self.counts.users)
            .bind(self.counts.users_removed)
            .bind(self.counts.groups)
            .bind(self.counts.groups_removed)
            .bind(self.practice.as_str())
            .execute(&mut *self.transaction)
            .await?;
        Ok(self.transaction.commit().await?)
    }
}
