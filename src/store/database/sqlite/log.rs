//! The write-ahead log, carried over into the database beside the writer: it takes as long as writing
//! does, and those who wait for a commit hardly ever have to wait for it.
//!
//! # Source
//! <https://www.sqlite.org/wal.html#ckpt>.

use std::{
    cell::Cell,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use rusqlite::{Connection, hooks::Wal};
use tokio::runtime::Handle;

use super::lock;

/// How many pages more there are in the log before it is carried over again.
const SOME: u32 = 1_000;

/// From how many pages on the writer carries over what is left, so that the log begins anew: beside a
/// writer that never rests it grows for ever.
const MOST: u32 = 4_000;

thread_local! {
    /// How many pages the log had after the commit this thread made last.
    static PAGES: Cell<u32> = const { Cell::new(0) };
}

/// What is known of the log of one database.
#[derive(Debug, Default)]
pub(super) struct Log {
    /// How long it was when it was carried over last.
    carried: AtomicU32,
    /// Held while it is carried over.
    carrier: Mutex<Carrier>,
}

/// Who carries it over.
#[derive(Debug, Default)]
struct Carrier {
    connection: Option<Connection>,
    has_stopped: bool,
}

/// Has a connection that writes count the pages of the log, and carry over nothing by itself.
pub(super) fn watch(connection: &Connection) {
    connection.wal_hook(Some(note));
}

fn note(_: &Wal, pages: i32) -> rusqlite::Result<()> {
    PAGES.set(u32::try_from(pages).unwrap_or(0));
    Ok(())
}

impl Log {
    /// Carries the log over once it is long enough; called after each commit, by the thread that made it.
    /// A full disk or another process can keep it from that: a later commit tries again.
    pub(super) fn carry_over(self: &Arc<Self>, path: &Path, writer: &Connection) {
        let pages = PAGES.get();
        if pages >= MOST {
            let _ = checkpoint(writer);
            return;
        }
        // Shorter than it was: it has begun anew.
        let carried = self.carried.load(Ordering::Relaxed);
        let carried = if pages < carried { 0 } else { carried };
        let is_due = pages - carried >= SOME;
        self.carried
            .store(if is_due { pages } else { carried }, Ordering::Relaxed);
        if is_due && let Ok(runtime) = Handle::try_current() {
            let (log, path) = (Arc::clone(self), path.to_owned());
            runtime.spawn_blocking(move || log.carry_over_beside(&path));
        }
    }

    fn carry_over_beside(&self, path: &Path) {
        let Ok(mut carrier) = self.carrier.try_lock() else {
            return;
        };
        if carrier.has_stopped {
            return;
        }
        if carrier.connection.is_none() {
            carrier.connection = Connection::open(path).ok();
        }
        if let Some(connection) = &carrier.connection {
            let _ = checkpoint(connection);
        }
    }

    /// Waits until nothing is being carried over, and has nothing carried over beside a writer any more.
    pub(super) fn close(&self) {
        let mut carrier = lock(&self.carrier);
        carrier.has_stopped = true;
        carrier.connection = None;
    }
}

fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::database::sqlite::{File, Transaction};
    use crate::store::statement::Statement;

    /// Bytes of a page in the log, with its header.
    const PAGE: u64 = 4096 + 24;

    #[tokio::test]
    async fn the_log_begins_anew_beside_a_writer_that_never_rests() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let log = folder.path().join("test.db-wal");
        let file = Arc::new(File::new(path));
        let write = |sql: &'static str| {
            let transaction = Transaction::begin(&file).unwrap();
            transaction.rows(&Statement::new(sql)).unwrap();
            transaction.commit().unwrap();
        };

        write("CREATE TABLE t (x BLOB)");
        for _ in 0..(3 * MOST / 100) {
            write("INSERT INTO t VALUES (zeroblob(100 * 4096))");
        }

        let length = log.metadata().unwrap().len();
        assert!(length < u64::from(MOST + 200) * PAGE, "{length} bytes");
        // Whoever carries it over is waited for: the last to close takes the log away.
        file.close();
        assert!(!log.exists());
    }
}
