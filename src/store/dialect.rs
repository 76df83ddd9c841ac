//! What differs between SQLite and PostgreSQL; all other SQL is one text for both.

use std::borrow::Cow;

use sqlx::{
    SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
};

/// Which database this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// One file, one writer.
    Sqlite,
    /// Several bridges over one database.
    Postgres,
}

impl Dialect {
    /// The dialect of a database URL; `None` for neither.
    pub fn of_url(url: &str) -> Option<Self> {
        if url.starts_with("sqlite:") {
            Some(Self::Sqlite)
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            Some(Self::Postgres)
        } else {
            None
        }
    }

    /// Reads the head of a practice's chain and keeps others from moving it until the commit.
    pub(super) const fn lock_chain_head(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "SELECT ledger_sequence, ledger_hash, applied_roles FROM practice WHERE name = $1"
            }
            Self::Postgres => {
                "SELECT ledger_sequence, ledger_hash, applied_roles FROM practice WHERE name = $1 FOR UPDATE"
            }
        }
    }

    /// Ends a query inside a write transaction whose rows are written from what was read: a claim in
    /// between would otherwise be undone. SQLite's one writer needs nothing.
    pub(super) const fn lock_rows(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " FOR NO KEY UPDATE",
        }
    }

    /// The database's own time, `seconds` from now, as stored times are written. Leases use it, so that
    /// bridges with different clocks agree.
    pub(super) fn time_in(self, seconds: u64) -> String {
        match self {
            Self::Sqlite => format!("strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+{seconds} seconds')"),
            Self::Postgres => format!(
                "to_char((clock_timestamp() + interval '{seconds} seconds') AT TIME ZONE 'UTC', \
                 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
            ),
        }
    }

    /// Follows a text column that is compared or ordered: byte by byte, as [`crate::query`] does,
    /// whatever the language of the database.
    pub(super) const fn bytewise(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " COLLATE \"C\"",
        }
    }

    /// The function that tells where a text is in another, counted from one; zero is nowhere.
    pub(super) const fn position(self) -> &'static str {
        match self {
            Self::Sqlite => "instr",
            Self::Postgres => "strpos",
        }
    }

    /// Ends a subquery that picks rows to claim: rows another bridge is claiming are passed over.
    pub(super) const fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => "FOR UPDATE SKIP LOCKED",
        }
    }

    /// Marks in an open transaction what its first writers wrote, so many and one more. SQLite keeps track
    /// of one mark with less effort than of many; on PostgreSQL the one before stays, for whoever goes
    /// away while the new one is being set.
    pub(super) fn hand_over(self, writers: usize, has_mark: bool) -> Vec<Cow<'static, str>> {
        match self {
            Self::Sqlite if has_mark => vec![
                "RELEASE SAVEPOINT written".into(),
                "SAVEPOINT written".into(),
            ],
            Self::Sqlite => vec!["SAVEPOINT written".into()],
            Self::Postgres => vec![format!("SAVEPOINT written_{}", writers + 1).into()],
        }
    }

    /// Takes back whatever was written after the mark behind so many writers.
    pub(super) fn take_back(self, writers: usize) -> Cow<'static, str> {
        match self {
            Self::Sqlite => "ROLLBACK TO SAVEPOINT written".into(),
            Self::Postgres => format!("ROLLBACK TO SAVEPOINT written_{writers}").into(),
        }
    }

    /// Statements every new connection runs first.
    pub(super) const fn on_connect(self) -> &'static [&'static str] {
        match self {
            Self::Sqlite => &[
                "PRAGMA busy_timeout = 4000",
                "PRAGMA journal_mode = WAL",
                "PRAGMA synchronous = FULL",
                "PRAGMA foreign_keys = ON",
                // Savepoints keep what pages were before: in memory, not in a file for each.
                "PRAGMA temp_store = MEMORY",
                // Without it, INSERT OR REPLACE slips past the triggers that guard the evidence.
                "PRAGMA recursive_triggers = ON",
            ],
            Self::Postgres => &[
                // A bridge that is held up in the middle of a transaction, or cut off, would keep its
                // locks for as long as that takes: nobody else could write, or even start. Nothing is
                // ever waited for inside a transaction, so five seconds are never needed.
                "SET idle_in_transaction_session_timeout = '5s'",
                // Longer than that, so that whoever waits for such a bridge gets its turn, and short
                // enough that who waits for anything else is told in time.
                "SET lock_timeout = '8s'",
                // Whatever the role or the database says: what must not change between reading and
                // writing is locked, and at a higher level each who waited for a lock would be refused.
                "SET default_transaction_isolation = 'read committed'",
            ],
        }
    }

    /// The migrations, embedded.
    pub(super) fn migrator(self) -> Migrator {
        Migrator::with_migrations(self.migrations())
    }

    /// In the order in which they are run. One that has been released is never changed.
    pub(super) fn migrations(self) -> Vec<Migration> {
        let [append_only, order, lean, leaner] = match self {
            Self::Sqlite => [
                include_str!("migrations/append_only_sqlite.sql"),
                // SQLite compares text byte by byte anyway.
                "SELECT 1",
                include_str!("migrations/lean_sqlite.sql"),
                include_str!("migrations/leaner_sqlite.sql"),
            ],
            Self::Postgres => [
                include_str!("migrations/append_only_postgres.sql"),
                include_str!("migrations/order_postgres.sql"),
                include_str!("migrations/lean_postgres.sql"),
                include_str!("migrations/leaner_postgres.sql"),
            ],
        };
        let steps = [
            ("tables", include_str!("migrations/tables.sql")),
            ("append only", append_only),
            ("paging", include_str!("migrations/paging.sql")),
            ("order", order),
            ("lookups", include_str!("migrations/lookups.sql")),
            ("lean", lean),
            ("events", include_str!("migrations/events.sql")),
            ("returns", include_str!("migrations/returns.sql")),
            ("brake", include_str!("migrations/brake.sql")),
            ("moves", include_str!("migrations/moves.sql")),
            ("due", include_str!("migrations/due.sql")),
            ("console", include_str!("migrations/console.sql")),
            ("leaner", leaner),
            ("access", include_str!("migrations/access.sql")),
            ("token use", include_str!("migrations/token_use.sql")),
            ("board", include_str!("migrations/board.sql")),
            ("aside", include_str!("migrations/aside.sql")),
            ("files", include_str!("migrations/files.sql")),
            ("alerts", include_str!("migrations/alerts.sql")),
            ("confirmed", include_str!("migrations/confirmed.sql")),
            ("cards", include_str!("migrations/cards.sql")),
            ("scheduled", include_str!("migrations/scheduled.sql")),
            ("undone", include_str!("migrations/undone.sql")),
            ("fewer pages", include_str!("migrations/fewer_pages.sql")),
            (
                "own schedules",
                include_str!("migrations/own_schedules.sql"),
            ),
            ("proved", include_str!("migrations/proved.sql")),
            ("passkeys", include_str!("migrations/passkeys.sql")),
            ("snooze", include_str!("migrations/snooze.sql")),
            ("together", include_str!("migrations/together.sql")),
            ("failed", include_str!("migrations/failed.sql")),
            (
                "identity address",
                include_str!("migrations/identity_address.sql"),
            ),
            ("alert news", include_str!("migrations/alert_news.sql")),
            ("certificates", include_str!("migrations/certificates.sql")),
            ("superseded", include_str!("migrations/superseded.sql")),
            (
                "admin addresses",
                include_str!("migrations/admin_addresses.sql"),
            ),
            ("alert told", include_str!("migrations/alert_told.sql")),
        ];
        (1..)
            .zip(steps)
            .map(|(version, (description, sql))| {
                Migration::new(
                    version,
                    description.into(),
                    MigrationType::Simple,
                    sql.into_sql_str(),
                    false,
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of one transaction, and its savepoints as either database keeps them.
    #[derive(Default, Clone)]
    struct Shared {
        rows: Vec<&'static str>,
        savepoints: Vec<(String, usize)>,
    }

    impl Shared {
        /// Runs a statement about savepoints; answers whether there is such a savepoint.
        fn run(&mut self, statement: &str) -> bool {
            if let Some(name) = statement.strip_prefix("SAVEPOINT ") {
                self.savepoints.push((name.to_owned(), self.rows.len()));
                return true;
            }
            let (releases, name) = match statement.strip_prefix("RELEASE SAVEPOINT ") {
                Some(name) => (true, name),
                None => (
                    false,
                    statement.strip_prefix("ROLLBACK TO SAVEPOINT ").unwrap(),
                ),
            };
            let found = self.savepoints.iter().rposition(|(own, _)| own == name);
            let Some(found) = found else {
                return false;
            };
            if releases {
                self.savepoints.truncate(found);
            } else {
                self.rows.truncate(self.savepoints[found].1);
                self.savepoints.truncate(found + 1);
            }
            true
        }
    }

    /// Two have written into a transaction, and a third has, and goes away after so many statements of
    /// handing over.
    fn what_is_left(dialect: Dialect, statements: usize) -> Option<Vec<&'static str>> {
        let mut shared = Shared::default();
        for (writers, row) in ["first", "second"].into_iter().enumerate() {
            shared.rows.push(row);
            for statement in dialect.hand_over(writers, writers > 0) {
                assert!(shared.run(&statement), "{statement}");
            }
        }
        shared.rows.push("third");
        for statement in dialect.hand_over(2, true).iter().take(statements) {
            assert!(shared.run(statement), "{statement}");
        }
        shared.run(&dialect.take_back(2)).then_some(shared.rows)
    }

    #[test]
    fn whoever_goes_away_while_handing_over_is_taken_back_alone() {
        let others = Some(vec!["first", "second"]);

        // Nothing is awaited there while these statements run, so nobody goes away between them.
        assert_eq!(what_is_left(Dialect::Sqlite, 0), others);
        for statements in 0..=Dialect::Postgres.hand_over(2, true).len() {
            let left = what_is_left(Dialect::Postgres, statements);
            assert_eq!(left, others, "after {statements} statements");
        }
    }
}
