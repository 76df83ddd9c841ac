//! THE ARCHIVE: all SQL, for SQLite and PostgreSQL from one text.
//!
//! - [`mod@write`]: the transaction every change goes through, which also writes the evidence
//! - `line`, `book`, `statement`: how those who write at once share a commit
//! - [`resources`], [`search`], `lower`, `bookmarks`: SCIM Users and Groups, and finding them
//! - [`persons`]: people and the identifiers they bore
//! - [`doors`], [`claims`], [`attempts`]: doors, who works on them, and the calls made
//! - [`records`], `case_ends`, [`returns`]: the ledger, cases and how they end, and returns that wait
//! - [`moves`]: what moved since the last start: systems, and the database itself
//! - [`second_ledger`], [`outage`], [`ballast`]: what goes on while the database cannot be written
//! - `waves`: how many people lose doors
//! - [`events`]: security event tokens on their way
//! - [`tokens`], [`token_uses`]: who may push, and who did last
//! - [`bell`]: what bridges over one PostgreSQL say to each other
//! - [`alerts`]: what somebody is told, and how far it is on its way
//! - [`scheduled`]: departures that wait for their time
//! - [`undo`]: what a departure closed
//! - [`cards`]: doors that a person may shut beside the bridge
//! - [`export`]: evidence as a file, page by page
//! - `leavers`: admins who leave the practice, and what of theirs is over then
//! - [`admins`], [`identities`], [`cases`], [`begun`], [`inbox`], [`faces`], [`files`]: what the console asks

pub mod admins;
pub mod alerts;
pub mod attempts;
pub mod ballast;
pub mod begun;
pub mod bell;
mod book;
mod bookmarks;
pub mod cards;
mod case_ends;
pub mod cases;
mod certificates;
pub mod claims;
mod counted;
mod database;
mod dialect;
pub mod doors;
pub mod events;
pub mod export;
pub mod faces;
pub mod failed;
pub mod files;
pub mod identities;
pub mod inbox;
mod kept_tokens;
mod leavers;
mod line;
mod lower;
pub mod moves;
pub mod outage;
pub mod passkeys;
pub mod persons;
#[cfg(test)]
mod plans;
pub mod records;
pub mod resources;
pub mod returns;
mod row;
pub mod scheduled;
pub mod search;
pub mod second_ledger;
mod snoozes;
mod statement;
pub mod system_calls;
pub mod token_uses;
pub mod tokens;
pub mod undo;
#[cfg(test)]
mod upgrade;
mod waves;
pub mod write;
mod writer;

use std::{
    collections::HashMap,
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use rusqlite::ffi;

use self::writer::Writer;
use self::{
    ballast::Ballast,
    database::{Database, Reads},
    kept_tokens::KeptTokens,
    line::{Line, Then},
    row::Row,
    statement::Statement,
};
pub use self::{
    dialect::Dialect,
    search::{Found, Search, Start},
    second_ledger::SecondLedger,
    tokens::StoredToken,
    write::WriteTx,
};
use crate::{evidence::chain, ids::PracticeName};

/// The archive could not answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The database is locked, full or out of reach; nothing was written.
    #[error("the database did not answer: {0}")]
    Unavailable(String),
    /// Others were writing the same, and this was taken back whole: begun anew, it may well succeed.
    #[error("others were writing the same: {0}")]
    Crossed(String),
    /// The tables cannot be brought up to date: made by a newer version, or changed by hand.
    #[error("the tables cannot be brought up to date: {0}")]
    Tables(String),
    /// A unique value is taken: the name of the index says which.
    #[error("a value that must be unique is taken: {0}")]
    Taken(String),
    /// A text has a NUL character, which no database keeps: nothing here is called so. Nothing was asked.
    #[error("a text has a NUL character, which no database keeps: leave it out")]
    Nul,
    /// A stored row makes no sense.
    #[error("a stored row cannot be read: {0}")]
    Corrupt(String),
    /// The URL names no database this program knows.
    #[error(
        "`{0}` is not a database URL: write `sqlite://drawbridge.db` or `postgres://user@host/name`"
    )]
    Url(String),
    /// Another server works on this SQLite file.
    #[error("another drawbridge server is using `{0}`: stop it, or use PostgreSQL to run several")]
    InUse(PathBuf),
    /// The file cannot be made or locked.
    #[error("`{path}` cannot be used: {problem}")]
    File {
        /// The database file or its lock.
        path: PathBuf,
        /// What the operating system says.
        problem: String,
    },
}

/// What PostgreSQL calls it: a serialization failure, a deadlock.
const CROSSED: [&str; 2] = ["40001", "40P01"];

impl StoreError {
    /// Whether the same may succeed in a moment.
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Crossed(_))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) if database.is_unique_violation() => {
                let constraint = database.constraint().unwrap_or_default();
                Self::Taken(format!("{constraint} {}", database.message()))
            }
            sqlx::Error::Database(database)
                if database
                    .code()
                    .is_some_and(|code| CROSSED.contains(&code.as_ref())) =>
            {
                Self::Crossed(error.to_string())
            }
            sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::RowNotFound => Self::Corrupt(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match &error {
            rusqlite::Error::SqliteFailure(failure, _)
                if matches!(
                    failure.extended_code,
                    ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
                ) =>
            {
                Self::Taken(error.to_string())
            }
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// The archive. Cheap to clone; all clones share its connections.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
    dialect: Dialect,
    /// Who writes now: one line for SQLite, one for each practice on PostgreSQL.
    lines: Arc<Mutex<HashMap<PracticeName, Arc<Line>>>>,
    the_line: Arc<Line>,
    /// The thread that writes to SQLite.
    writer: Arc<Writer>,
    bookmarks: Arc<bookmarks::Bookmarks>,
    exports: Arc<begun::Exports>,
    tokens: Arc<KeptTokens>,
    doorbell: Arc<token_uses::Doorbell>,
    /// Whether the last change could not be written.
    is_in_trouble: Arc<AtomicBool>,
    ballast: Arc<OnceLock<Ballast>>,
}

impl Store {
    /// Opens the database, creating the file and bringing the tables up to date.
    ///
    /// # Errors
    /// When the URL is not one, the database does not answer, or a migration fails.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let dialect =
            Dialect::of_url(url).ok_or_else(|| StoreError::Url(url_without_password(url)))?;
        let store = Self {
            database: Database::open(url, dialect).await?,
            dialect,
            lines: Arc::default(),
            the_line: Arc::default(),
            writer: Arc::default(),
            bookmarks: Arc::default(),
            exports: Arc::default(),
            tokens: Arc::default(),
            doorbell: Arc::default(),
            is_in_trouble: Arc::default(),
            ballast: Arc::default(),
        };
        store.migrate().await?;
        Ok(store)
    }

    /// Brings the tables up to date.
    ///
    /// # Errors
    /// When a migration fails or was made by a newer version of this program.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        self.database.migrate().await
    }

    /// Which database this is.
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Makes sure the practice has its row, which holds the head of its chain.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn ensure_practice(&self, practice: &PracticeName) -> Result<(), StoreError> {
        let statement = Statement::new(
            "INSERT INTO practice (name, ledger_sequence, ledger_hash) VALUES ($1, 0, $2) ON CONFLICT (name) DO NOTHING",
        )
        .bind(practice.as_str())
        .bind(chain::to_hex(&chain::GENESIS));
        self.run_alone(statement).await?;
        Ok(())
    }

    /// A value of this installation: the stored one, else `new`, which is stored.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn install_value(&self, key: &str, new: &str) -> Result<String, StoreError> {
        let read = || Statement::new("SELECT value FROM install WHERE key = $1").bind(key);
        if let Some(row) = self.row(read()).await? {
            return row.text("value");
        }
        let statement = Statement::new(
            "INSERT INTO install (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING",
        )
        .bind(key)
        .bind(new);
        self.run_alone(statement).await?;
        let row = self.row(read()).await?;
        row.ok_or_else(|| row::corrupt("value"))?.text("value")
    }

    /// The rows a statement answers that writes nothing.
    async fn rows(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        self.database.read(statement).await
    }

    /// The first of them.
    async fn row(&self, statement: Statement) -> Result<Option<Row>, StoreError> {
        Ok(self.rows(statement).await?.into_iter().next())
    }

    /// Where those who write to a practice wait for each other. SQLite has one writer; waiting here is
    /// fair and needs no polling of the file.
    fn line(&self, practice: &PracticeName) -> Arc<Line> {
        match self.dialect {
            Dialect::Sqlite => Arc::clone(&self.the_line),
            Dialect::Postgres => {
                let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(lines.entry(practice.clone()).or_default())
            }
        }
    }

    /// Runs one statement that writes, in a transaction of its own, or on SQLite in the one that all
    /// who write now share. Answers its rows once they are durable.
    async fn run_alone(&self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        match self.dialect {
            Dialect::Sqlite => {
                let mut turn = self
                    .the_line
                    .queue()
                    .turn(&self.database, self.dialect)
                    .await?;
                let rows = turn.rows(statement).await?;
                turn.done(|_| {}, Then::default()).await?;
                Ok(rows)
            }
            Dialect::Postgres => self.database.read(statement).await,
        }
    }

    /// Whether the database answers, and takes what is written: after a change could not be written,
    /// that is tried.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.rows(Statement::new("SELECT 1 AS one")).await?;
        self.try_again().await
    }

    /// Whether the last change could not be written.
    pub fn is_in_trouble(&self) -> bool {
        self.is_in_trouble.load(Ordering::Relaxed)
    }

    /// After a change could not be written: tries whether one can be now.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn try_again(&self) -> Result<(), StoreError> {
        if self.is_in_trouble() {
            self.try_to_write().await?;
            self.is_in_trouble.store(false, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Takes in that something could not be written.
    pub fn note_trouble(&self, error: &StoreError) {
        let StoreError::Unavailable(text) = error else {
            return;
        };
        self.is_in_trouble.store(true, Ordering::Relaxed);
        let ballast = self.ballast.get();
        if ballast.is_some_and(|ballast| ballast.free_if_full(text)) {
            tracing::error!(
                "the disk of the database is full: what is under way is written into the room that was kept for this, \
                 identity providers get 503 for all but departures, and nothing is opened until there is room again"
            );
        }
    }

    /// Keeps room on the disk of a SQLite database, for the day it is full.
    pub fn keep_ballast(&self, size: u64) {
        if let Database::Sqlite(file) = &self.database {
            let mut name = file.path().to_owned().into_os_string();
            name.push(".ballast");
            self.ballast
                .get_or_init(|| Ballast::lay(PathBuf::from(name), size));
        }
    }

    /// Whether the disk was full, and there is not room enough again.
    pub fn is_short_of_room(&self) -> bool {
        self.ballast.get().is_some_and(Ballast::is_used)
    }

    /// Keeps the room again that was needed, where there is enough. Answers whether it does now and
    /// did not before.
    pub fn look_for_room(&self) -> bool {
        let ballast = self.ballast.get().filter(|_| !self.is_in_trouble());
        ballast.is_some_and(Ballast::lay_again)
    }

    /// Copies a SQLite database into one file while it is in use. The file must not exist.
    ///
    /// # Errors
    /// When the file exists or cannot be written, or the database is PostgreSQL, which has `pg_dump`.
    pub async fn backup(&self, to: &Path) -> Result<(), StoreError> {
        let problem = |problem: &str| StoreError::File {
            path: to.to_owned(),
            problem: problem.to_owned(),
        };
        let Database::Sqlite(file) = &self.database else {
            return Err(problem("this is PostgreSQL: use `pg_dump`"));
        };
        if to.exists() {
            return Err(problem("it exists already: name a new file"));
        }
        create_private(to)?;
        let copied = file.copy_to(to);
        if copied.is_err() {
            // An empty file would stand in the way of the next try.
            let _ = std::fs::remove_file(to);
        }
        Ok(copied?)
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

impl Reads for &Store {
    async fn rows(&mut self, statement: Statement) -> Result<Vec<Row>, StoreError> {
        Store::rows(self, statement).await
    }
}

/// Keeps a second server off a SQLite file. The lock dies with the process.
#[derive(Debug)]
pub struct ServerLock {
    _file: Option<File>,
}

impl ServerLock {
    /// Takes the lock beside the SQLite file; PostgreSQL needs none.
    ///
    /// # Errors
    /// When another server holds it, or the lock file cannot be made.
    pub fn take(url: &str) -> Result<Self, StoreError> {
        let Some(database) = sqlite_path(url) else {
            return Ok(Self { _file: None });
        };
        create_private(&database)?;
        let mut name = database.clone().into_os_string();
        name.push(".lock");
        let path = PathBuf::from(name);
        let unusable = |error: std::io::Error| StoreError::File {
            path: path.clone(),
            problem: error.to_string(),
        };
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: Some(file) }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse(database)),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }
}

/// The file of a SQLite URL; `None` for PostgreSQL and for databases in memory.
pub fn sqlite_path(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = path.split('?').next().unwrap_or(path);
    (!path.is_empty() && path != ":memory:").then(|| PathBuf::from(path))
}

/// Creates the file readable by this user alone, if it does not exist.
fn create_private(path: &Path) -> Result<(), StoreError> {
    let unusable = |error: std::io::Error| StoreError::File {
        path: path.to_owned(),
        problem: error.to_string(),
    };
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder).map_err(unusable)?;
    }
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(unusable)?;
    Ok(())
}

fn url_without_password(url: &str) -> String {
    url::Url::parse(url).map_or_else(
        |_| "(not a URL)".to_owned(),
        |mut parsed| {
            if parsed.password().is_some() {
                let _ = parsed.set_password(Some("***"));
            }
            parsed.to_string()
        },
    )
}
