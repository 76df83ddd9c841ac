//! SQLite, on the thread that asks: a look-up takes microseconds, and a way to another thread and back
//! many times as long. What may take long leaves the thread's other tasks to another one.
//!
//! # Source
//! <https://www.sqlite.org/np1queryprob.html>, <https://www.sqlite.org/wal.html>.

mod log;

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use log::Log;
use rusqlite::{Connection, ErrorCode, config::DbConfig, types::ValueRef};
use sqlx::{
    ConnectOptions as _, Connection as _,
    migrate::MigrateError,
    sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous},
};
use tokio::{
    runtime::{Handle, RuntimeFlavor},
    sync::Semaphore,
};

use crate::store::{
    Dialect,
    moves::IS_A_COPY,
    row::{Row, SqliteRow},
    statement::{Statement, Value},
};

/// How long to wait for another process that writes. A disable that is refused for it waits once more
/// to be recorded, and the identity provider is answered within ten seconds.
const PATIENCE: Duration = Duration::from_secs(4);

/// How many statements a connection keeps prepared.
const PREPARED: usize = 128;

/// How many connections stay open for reading.
const IDLE_READERS: usize = 8;

/// How many long readings there may be at once.
const LONG_READINGS: usize = 6;

/// After how many steps of SQLite's machine a reading is looked at.
const STRIDE: i32 = 1_000;

/// How often it is looked at before it is a long one: about a millisecond.
const STRIDES: u32 = 20;

/// One database file: a connection that writes, and some that read.
#[derive(Debug)]
pub(in crate::store) struct File {
    path: PathBuf,
    writer: Mutex<Option<Connection>>,
    readers: Mutex<Vec<Reader>>,
    long_readings: Semaphore,
    log: Arc<Log>,
}

/// A connection that reads.
#[derive(Debug)]
struct Reader {
    connection: Connection,
    /// How many strides are left before a reading is interrupted; zero is no limit.
    strides_left: Arc<AtomicU32>,
}

/// An open transaction that writes.
#[derive(Debug)]
pub(in crate::store) struct Transaction {
    file: Arc<File>,
    connection: Option<Connection>,
}

impl File {
    /// The file at a path, which exists.
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            writer: Mutex::new(None),
            readers: Mutex::new(Vec::new()),
            long_readings: Semaphore::const_new(LONG_READINGS),
            log: Arc::default(),
        }
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let connection = Connection::open(&self.path)?;
        connection.busy_timeout(PATIENCE)?;
        for statement in Dialect::Sqlite.on_connect() {
            connection.execute_batch(statement)?;
        }
        // Else a statement with a range is prepared anew whenever another value is bound.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.set_prepared_statement_cache_capacity(PREPARED);
        Ok(connection)
    }

    /// Reads. Begins at once; a reading that turns out to be a long one begins again where it keeps
    /// nobody waiting.
    pub(super) async fn read(&self, statement: &Statement) -> rusqlite::Result<Vec<Row>> {
        if let ControlFlow::Break(rows) = self.read_briefly(self.reader()?, statement) {
            return rows;
        }
        let _permit = self.long_readings.acquire().await;
        let reader = self.reader()?;
        reader.strides_left.store(0, Ordering::Relaxed);
        let rows = at_length(|| rows(&reader.connection, statement));
        self.take_back(reader);
        rows
    }

    fn read_briefly(
        &self,
        reader: Reader,
        statement: &Statement,
    ) -> ControlFlow<rusqlite::Result<Vec<Row>>> {
        reader.strides_left.store(STRIDES, Ordering::Relaxed);
        let rows = rows(&reader.connection, statement);
        self.take_back(reader);
        match rows {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
                ControlFlow::Continue(())
            }
            rows => ControlFlow::Break(rows),
        }
    }

    fn reader(&self) -> rusqlite::Result<Reader> {
        let idle = lock(&self.readers).pop();
        idle.map_or_else(|| Reader::new(self.connect()?), Ok)
    }

    fn take_back(&self, reader: Reader) {
        let mut readers = lock(&self.readers);
        if readers.len() < IDLE_READERS {
            readers.push(reader);
        }
    }

    pub(in crate::store) fn path(&self) -> &Path {
        &self.path
    }

    /// Copies the database into one file, as of now, and has it say that it is a copy.
    pub(in crate::store) fn copy_to(&self, to: &Path) -> rusqlite::Result<()> {
        let connection = self.connect()?;
        at_length(|| connection.execute("VACUUM INTO ?1", [to.to_string_lossy()]))?;
        let copy = Connection::open(to)?;
        let now = Dialect::Sqlite.time_in(0);
        let sql = format!("INSERT OR REPLACE INTO install (key, value) VALUES (?1, {now})");
        copy.execute(&sql, [IS_A_COPY])?;
        Ok(())
    }

    pub(super) fn close(&self) {
        self.log.close();
        lock(&self.readers).clear();
        lock(&self.writer).take();
    }
}

impl Reader {
    fn new(connection: Connection) -> rusqlite::Result<Self> {
        connection.execute_batch("PRAGMA query_only = ON")?;
        let strides_left = Arc::new(AtomicU32::new(0));
        let left = Arc::clone(&strides_left);
        connection.progress_handler(
            STRIDE,
            Some(move || match left.load(Ordering::Relaxed) {
                0 => false,
                1 => true,
                more => {
                    left.store(more - 1, Ordering::Relaxed);
                    false
                }
            }),
        )?;
        Ok(Self {
            connection,
            strides_left,
        })
    }
}

impl Transaction {
    /// Takes the one write lock of the file.
    pub(super) fn begin(file: &Arc<File>) -> rusqlite::Result<Self> {
        let kept = lock(&file.writer).take();
        let connection = match kept {
            Some(connection) => connection,
            None => {
                let connection = file.connect()?;
                log::watch(&connection);
                connection
            }
        };
        let transaction = Self {
            file: Arc::clone(file),
            connection: Some(connection),
        };
        let connection = transaction.connection()?;
        // Another process may be writing: then this waits, and not at the expense of others.
        connection.busy_timeout(Duration::ZERO)?;
        let begun = connection.execute_batch("BEGIN IMMEDIATE");
        connection.busy_timeout(PATIENCE)?;
        match begun {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                at_length(|| connection.execute_batch("BEGIN IMMEDIATE"))?;
            }
            begun => begun?,
        }
        Ok(transaction)
    }

    const fn connection(&self) -> rusqlite::Result<&Connection> {
        match &self.connection {
            Some(connection) => Ok(connection),
            None => Err(rusqlite::Error::InvalidQuery),
        }
    }

    /// Runs a statement and answers its rows.
    pub(super) fn rows(&self, statement: &Statement) -> rusqlite::Result<Vec<Row>> {
        rows(self.connection()?, statement)
    }

    /// Makes everything durable.
    pub(super) fn commit(self) -> rusqlite::Result<()> {
        let connection = self.connection()?;
        at_length(|| {
            connection.execute_batch("COMMIT")?;
            self.file.log.carry_over(&self.file.path, connection);
            Ok(())
        })
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        // Some failures (a full disk) have rolled everything back already. One that cannot be rolled
        // back takes its connection with it.
        if connection.is_autocommit() || connection.execute_batch("ROLLBACK").is_ok() {
            *lock(&self.file.writer) = Some(connection);
        }
    }
}

/// Brings the tables up to date. Foreign keys are not looked at meanwhile: a table that others refer to
/// is made anew under its name (<https://www.sqlite.org/lang_altertable.html#otheralter>).
pub(super) async fn migrate(file: &File) -> Result<(), MigrateError> {
    let options = SqliteConnectOptions::new()
        .filename(&file.path)
        .busy_timeout(PATIENCE)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(false);
    let mut connection: SqliteConnection = options.connect().await?;
    let done = Dialect::Sqlite.migrator().run(&mut connection).await;
    connection.close().await?;
    done
}

fn rows(connection: &Connection, statement: &Statement) -> rusqlite::Result<Vec<Row>> {
    // `$1` is the name of a parameter to SQLite, and `?1` its place.
    let sql = statement.sql.replace('$', "?");
    rows_of(&mut *connection.prepare_cached(&sql)?, &statement.values)
}

fn rows_of(prepared: &mut rusqlite::Statement<'_>, values: &[Value]) -> rusqlite::Result<Vec<Row>> {
    for (place, value) in (1..).zip(values) {
        match value {
            Value::Text(text) => prepared.raw_bind_parameter::<usize, _>(place, text)?,
            Value::Number(number) => prepared.raw_bind_parameter(place, number)?,
            Value::Null => prepared.raw_bind_parameter(place, rusqlite::types::Null)?,
        }
    }
    let mut read = Vec::new();
    let mut rows = prepared.raw_query();
    let mut names: Option<Arc<[Box<str>]>> = None;
    while let Some(row) = rows.next()? {
        let names = names.get_or_insert_with(|| {
            let names = row.as_ref().column_names();
            names.into_iter().map(Box::from).collect()
        });
        let values = (0..names.len())
            .map(|at| Ok(owned(row.get_ref(at)?)))
            .collect::<rusqlite::Result<_>>()?;
        read.push(Row::Sqlite(SqliteRow::new(Arc::clone(names), values)));
    }
    Ok(read)
}

fn owned(value: ValueRef<'_>) -> Option<Value> {
    match value {
        ValueRef::Null => Some(Value::Null),
        ValueRef::Integer(number) => Some(Value::Number(number)),
        ValueRef::Text(text) => String::from_utf8(text.to_vec()).ok().map(Value::Text),
        ValueRef::Real(_) | ValueRef::Blob(_) => None,
    }
}

/// Does what may take long. Where the runtime has several threads, this one's other tasks go on.
pub(in crate::store) fn at_length<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting_to(most: u32) -> Statement {
        Statement::new(format!(
            "WITH RECURSIVE up (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM up WHERE n < {most})
             SELECT COUNT(*) AS total FROM up"
        ))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_long_reading_is_begun_again_and_ends() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::new(folder.path().join("test.db"));
        for most in [10, 200_000, 10] {
            let reader = file.reader().unwrap();
            let is_long = file.read_briefly(reader, &counting_to(most)).is_continue();
            let rows = file.read(&counting_to(most)).await.unwrap();

            assert_eq!(is_long, most > 10);
            assert_eq!(rows[0].number("total").unwrap(), i64::from(most));
        }
    }

    #[tokio::test]
    async fn whoever_reads_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::new(folder.path().join("test.db"));

        let made = file.read(&Statement::new("CREATE TABLE t (x TEXT)")).await;

        assert!(made.is_err());
    }
}
