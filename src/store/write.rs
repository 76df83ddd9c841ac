//! The transaction every change goes through. Its evidence commits with it or not at all.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::timeout;

use super::{
    Dialect, Store, StoreError,
    book::{Counts, Page},
    database::Reads,
    line::{Books, Queued, Then, Turn},
    row::Row,
    statement::Statement,
    writer::Writer,
};
use crate::{evidence::Entry, ids::PracticeName};

/// Longest wait for the right to write, in line here and for other bridges together: an identity provider
/// is told within ten seconds.
const PATIENCE: Duration = Duration::from_secs(9);

/// An open write transaction in one practice.
///
/// It holds the practice's chain head, so that writers to one practice follow each other and what was
/// read inside it still stands at the commit. What is recorded is written before the next reading, or at
/// the commit: then it is told whether a unique value was taken. Dropped without [`WriteTx::commit`],
/// nothing is written.
#[derive(Debug)]
pub struct WriteTx {
    turn: Turn,
    practice: PracticeName,
    applied_roles: Option<Arc<str>>,
    now: Timestamp,
    page: Page,
    store: Store,
    has_revoked: bool,
    then: Then,
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
        let queued = self.line(practice).queue();
        self.begin_queued(queued, practice, now).await
    }

    async fn begin_queued(
        &self,
        queued: Queued,
        practice: &PracticeName,
        now: Timestamp,
    ) -> Result<WriteTx, StoreError> {
        let begun = timeout(PATIENCE, async {
            let mut turn = queued.turn(&self.database, self.dialect).await?;
            let applied_roles = turn.book(practice).await?.applied_roles.clone();
            Ok((turn, applied_roles))
        });
        let begun = begun.await.unwrap_or_else(|_| {
            let problem = "others have been writing for too long";
            Err(StoreError::Unavailable(problem.to_owned()))
        });
        let (turn, applied_roles) = begun.inspect_err(|error| self.note_trouble(error))?;
        Ok(WriteTx {
            turn,
            practice: practice.clone(),
            applied_roles,
            now,
            page: Page::default(),
            store: self.clone(),
            has_revoked: false,
            then: Then::default(),
        })
    }

    /// Begins to write and does this with the transaction, where it costs least: on SQLite on the one
    /// thread that writes, so that those in line follow each other without waking threads in between.
    /// There it goes on to its end even if the caller goes away.
    ///
    /// # Errors
    /// When the database cannot be written now.
    pub async fn write<T, F>(
        &self,
        practice: &PracticeName,
        now: Timestamp,
        work: impl FnOnce(WriteTx) -> F + Send + 'static,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let queued = self.line(practice).queue();
        let (store, practice) = (self.clone(), practice.clone());
        let written = async move {
            let tx = store.begin_queued(queued, &practice, now).await?;
            Ok(work(tx).await)
        };
        match self.dialect {
            Dialect::Sqlite if Writer::is_of_use() => self.writer.run(written).await?,
            Dialect::Sqlite | Dialect::Postgres => written.await,
        }
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

    /// Puts a role matrix into force.
    pub fn record_applied_roles(&mut self, text: &str) {
        self.applied_roles = Some(text.into());
        let statement = Statement::new("UPDATE practice SET applied_roles = $1 WHERE name = $2")
            .bind(text)
            .bind(self.practice.as_str());
        self.later(statement);
    }

    pub(super) const fn dialect(&self) -> Dialect {
        self.turn.dialect()
    }

    /// Adds a record to the evidence, written at the commit.
    pub fn record(&mut self, entry: Entry) {
        self.raise_for(&entry);
        self.page.entries.push(entry);
    }

    pub(super) const fn revokes_a_token(&mut self) {
        self.has_revoked = true;
    }

    pub(super) const fn counts(&mut self) -> &mut Counts {
        &mut self.page.counts
    }

    /// Has a statement run before the next reading, or at the commit.
    pub(super) fn later(&mut self, statement: Statement) {
        self.turn.later(statement);
    }

    /// Has something done the moment this transaction is durable; it is dropped if it never is.
    pub fn then(&mut self, act: impl FnOnce() + Send + 'static) {
        self.then.add(act);
    }

    /// Runs any statement, to show what the database itself refuses.
    ///
    /// # Errors
    /// With what the database says.
    #[doc(hidden)]
    pub async fn execute_for_tests(&mut self, statement: &'static str) -> Result<(), StoreError> {
        self.later(Statement::new(statement));
        self.turn.write().await
    }

    /// Writes the evidence and makes everything durable, together with others that write now.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when a unique value is another's; or the database cannot be written.
    /// Nothing of it is written then.
    pub async fn commit(self) -> Result<(), StoreError> {
        let Self {
            turn,
            practice,
            applied_roles,
            page,
            store,
            has_revoked,
            then,
            ..
        } = self;
        let note = |books: &mut Books| {
            if let Some(book) = books.get_mut(&practice) {
                book.applied_roles = applied_roles;
                book.add(page);
            }
        };
        let done = turn.done(note, then);
        done.await.inspect_err(|error| store.note_trouble(error))?;
        if has_revoked {
            store.tokens.forget();
        }
        Ok(())
    }
}

impl Reads for WriteTx {
    /// What stands once all that was recorded is written.
    async fn rows(&mut self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        self.turn.rows(statement).await
    }
}
