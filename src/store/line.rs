//! Writers in line. Each goes on in the transaction the one before left open, and one commit makes what
//! all of them wrote durable: waiting for the disk is what costs most, and it costs the same for one as
//! for many.
//!
//! - Nobody is told that something was written before the commit that holds it.
//! - A writer that gives up takes back what it wrote itself, and nothing else.
//! - When the database fails, everybody in that transaction is told so.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::{Mutex, OwnedMutexGuard, oneshot},
    time::Instant,
};

use super::{
    Dialect, StoreError,
    book::Book,
    database::{Database, Reads as _, Transaction},
    row::Row,
    statement::Statement,
};
use crate::{
    failpoint::{self, Point},
    ids::PracticeName,
};

/// How many share one commit at most; PostgreSQL keeps track of so many savepoints without effort.
const MOST: usize = 64;

/// From how many on a commit is not put off for as many as wait.
const SOME: usize = 8;

/// How long somebody waits in line and still tries to begin a transaction.
const PATIENCE: Duration = Duration::from_secs(3);

/// Those who want to write, one after the other: on SQLite everybody, on PostgreSQL those of one
/// practice.
#[derive(Debug, Default)]
pub(super) struct Line {
    open: Arc<Mutex<Option<Batch>>>,
    waiting: AtomicUsize,
}

/// The books of the practices written to, as they will be.
pub(super) type Books = BTreeMap<PracticeName, Book>;

/// A transaction that several share.
#[derive(Debug)]
pub(super) struct Batch {
    transaction: Transaction,
    dialect: Dialect,
    books: Books,
    /// Those who have written and wait for the commit.
    members: Vec<Member>,
    /// Whether a savepoint tells what all members wrote.
    has_savepoint: bool,
}

/// Somebody who has written.
#[derive(Debug)]
struct Member {
    told: oneshot::Sender<Result<(), StoreError>>,
    then: Then,
}

/// What is done the moment something is durable, even if whoever wrote it has gone away.
#[derive(Default)]
pub(super) struct Then(Vec<Box<dyn FnOnce() + Send>>);

impl Then {
    pub(super) fn add(&mut self, act: impl FnOnce() + Send + 'static) {
        self.0.push(Box::new(act));
    }
}

impl std::fmt::Debug for Then {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Then({})", self.0.len())
    }
}

/// The right to write now. Dropped without [`Turn::done`], what was written in it is taken back.
#[derive(Debug)]
pub(super) struct Turn {
    line: Arc<Line>,
    dialect: Dialect,
    guard: Option<OwnedMutexGuard<Option<Batch>>>,
    later: Vec<Statement>,
    /// Whether something of it could not be written.
    has_failed: bool,
}

impl Line {
    /// Takes a place in the line. Whoever writes now relies on it being used or given up.
    pub(super) fn queue(self: &Arc<Self>) -> Queued {
        Queued::new(Arc::clone(self))
    }

    fn is_waited_for(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// How many are to share a commit now: as many as wait behind it. So one half of a crowd writes while
    /// the other is away with what it was told. All in one commit would be away, and in line, together.
    fn shares_a_commit(&self) -> usize {
        match self.waiting.load(Ordering::SeqCst) {
            0 => 1,
            waiting => waiting.clamp(SOME, MOST),
        }
    }
}

/// Counts as waiting. Whoever hands over relies on somebody who waits to commit; one that stops waiting
/// sees to it that somebody does.
#[derive(Debug)]
pub(super) struct Queued {
    line: Arc<Line>,
    since: Instant,
    is_served: bool,
}

impl Queued {
    fn new(line: Arc<Line>) -> Self {
        line.waiting.fetch_add(1, Ordering::SeqCst);
        Self {
            line,
            since: Instant::now(),
            is_served: false,
        }
    }

    /// Waits for its turn.
    ///
    /// # Errors
    /// When no transaction can be begun.
    pub(super) async fn turn(
        mut self,
        database: &Database,
        dialect: Dialect,
    ) -> Result<Turn, StoreError> {
        let mut guard = Arc::clone(&self.line.open).lock_owned().await;
        self.is_served = true;
        let line = Arc::clone(&self.line);
        let has_waited = self.since.elapsed();
        drop(self);
        if guard.is_none() {
            // Those before could not begin; whoever has waited for them would wait as long again.
            if has_waited > PATIENCE {
                return Err(StoreError::Unavailable(
                    "others have been waiting for the database for too long".to_owned(),
                ));
            }
            *guard = Some(Batch {
                transaction: database.begin().await?,
                dialect,
                books: BTreeMap::new(),
                members: Vec::new(),
                has_savepoint: false,
            });
        }
        Ok(Turn {
            line,
            dialect,
            guard: Some(guard),
            later: Vec::new(),
            has_failed: false,
        })
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.line.waiting.fetch_sub(1, Ordering::SeqCst);
        if self.is_served {
            return;
        }
        let line = Arc::clone(&self.line);
        // Without a runtime the process is ending, and nobody waits for an answer.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                let guard = Arc::clone(&line.open).lock_owned().await;
                commit_unless_waited_for(&line, guard).await;
            });
        }
    }
}

async fn commit_unless_waited_for(line: &Line, mut guard: OwnedMutexGuard<Option<Batch>>) {
    if !line.is_waited_for()
        && let Some(batch) = guard.take()
    {
        batch.commit().await;
    }
}

impl Turn {
    pub(super) const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The books of a practice, opened if they are not.
    ///
    /// # Errors
    /// When the practice has none, or the database does not answer.
    pub(super) async fn book(&mut self, practice: &PracticeName) -> Result<&Book, StoreError> {
        let dialect = self.dialect;
        let batch = self.batch()?;
        match batch.books.entry(practice.clone()) {
            Entry::Occupied(open) => Ok(open.into_mut()),
            Entry::Vacant(closed) => {
                let book = Book::open(practice, dialect, &mut batch.transaction).await?;
                Ok(closed.insert(book))
            }
        }
    }

    /// The shared transaction.
    fn batch(&mut self) -> Result<&mut Batch, StoreError> {
        self.guard
            .as_mut()
            .and_then(|guard| guard.as_mut())
            .ok_or_else(|| StoreError::Unavailable("the transaction is over".to_owned()))
    }

    /// Has a statement run before the next reading, or at the end.
    pub(super) fn later(&mut self, statement: Statement) {
        self.later.push(statement);
    }

    /// Writes all that waits.
    ///
    /// # Errors
    /// When something of that cannot be written.
    pub(super) async fn write(&mut self) -> Result<(), StoreError> {
        let later = std::mem::take(&mut self.later);
        if later.is_empty() {
            return Ok(());
        }
        // Until it is done: whoever goes away half-way must not have it committed.
        let had_failed = std::mem::replace(&mut self.has_failed, true);
        self.batch()?.transaction.run(later).await?;
        self.has_failed = had_failed;
        Ok(())
    }

    /// Reads, once all that waits was written.
    ///
    /// # Errors
    /// When something of that cannot be written, or the database does not answer.
    pub(super) async fn rows(&mut self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        self.write().await?;
        let had_failed = std::mem::replace(&mut self.has_failed, true);
        let rows = self.batch()?.transaction.rows(statement).await?;
        self.has_failed = had_failed;
        Ok(rows)
    }

    /// Ends the turn and waits until everything is durable. `note` adds to the books what belongs
    /// to what was written; `then` is done once it is durable, and dropped if it never is.
    ///
    /// # Errors
    /// When the database cannot be written; nothing of this turn is then.
    pub(super) async fn done(
        mut self,
        note: impl FnOnce(&mut Books),
        then: Then,
    ) -> Result<(), StoreError> {
        let (members, has_savepoint) = {
            let batch = self.batch()?;
            (batch.members.len(), batch.has_savepoint)
        };
        let hands_over = members + 1 < self.line.shares_a_commit();
        debug_assert!(
            members == 0 || has_savepoint,
            "a later member can be taken back"
        );
        if hands_over {
            for statement in self.dialect.hand_over(members, has_savepoint) {
                self.later(Statement::new(statement));
            }
        }
        self.write().await?;
        if self.has_failed {
            return Err(StoreError::Unavailable(
                "a part of this could not be written".to_owned(),
            ));
        }
        let (told, answer) = oneshot::channel();
        let batch = self.batch()?;
        batch.has_savepoint |= hands_over;
        note(&mut batch.books);
        batch.members.push(Member { told, then });
        if let Some(guard) = self.guard.take() {
            let line = Arc::clone(&self.line);
            if !(hands_over && line.is_waited_for()) {
                // A task of its own: a caller that goes away must not take the others with it.
                tokio::spawn(async move {
                    let mut guard = guard;
                    if let Some(batch) = guard.take() {
                        batch.commit().await;
                    }
                });
            }
        }
        match answer.await {
            Ok(done) => done,
            Err(_) => Err(StoreError::Unavailable(
                "the server stopped before the commit".to_owned(),
            )),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(mut guard) = self.guard.take() else {
            return;
        };
        let line = Arc::clone(&self.line);
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            if let Some(batch) = guard.take() {
                *guard = batch.without_the_last().await;
            }
            commit_unless_waited_for(&line, guard).await;
        });
    }
}

impl Batch {
    /// What is left when the writer whose turn it was gives up.
    async fn without_the_last(mut self) -> Option<Self> {
        if self.members.is_empty() {
            self.transaction.roll_back().await;
            return None;
        }
        // After some failures (a full disk) SQLite has rolled everything back, the savepoint too. Then
        // this fails, and nobody may be told that anything was written.
        let taken_back = Statement::new(self.dialect.take_back(self.members.len()));
        let taken_back = self.transaction.rows(taken_back).await;
        match taken_back {
            Ok(_) => Some(self),
            Err(error) => {
                self.transaction.roll_back().await;
                tell(self.members, &Err(error));
                None
            }
        }
    }

    /// Writes the books, makes everything durable and tells everybody.
    async fn commit(mut self) {
        let done = match self.write_books().await {
            Ok(()) => {
                failpoint::pass(Point::MidCommit);
                self.transaction.commit().await
            }
            Err(error) => Err(error),
        };
        tell(self.members, &done);
    }

    async fn write_books(&mut self) -> Result<(), StoreError> {
        let mut statements = Vec::new();
        for (practice, book) in std::mem::take(&mut self.books) {
            book.write(&practice, &mut statements);
        }
        self.transaction.run(statements).await
    }
}

fn tell(members: Vec<Member>, done: &Result<(), StoreError>) {
    let done = match done {
        // Each may begin anew.
        Ok(()) | Err(StoreError::Crossed(_)) => done.clone(),
        // Whatever it was, it is none of theirs: a value that is taken was not theirs either.
        Err(error) => Err(StoreError::Unavailable(error.to_string())),
    };
    for Member { told, then } in members {
        if done.is_ok() {
            then.0.into_iter().for_each(|act| act());
        }
        // Whoever does not listen any more has gone away.
        let _ = told.send(done.clone());
    }
}
