//! The SQL table Dovecot asks who may log in, as its administrator sees it.

use std::path::Path;

use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};

#[derive(Clone)]
pub struct Users {
    pool: SqlitePool,
}

impl Users {
    /// Makes the file and its table.
    pub async fn create(file: &Path) -> Self {
        let users = Self::open_with(file, true).await;
        sqlx::raw_sql(
            "CREATE TABLE users (email TEXT PRIMARY KEY, password TEXT,
                                 enabled INTEGER NOT NULL DEFAULT 1)",
        )
        .execute(&users.pool)
        .await
        .expect("the table");
        users
    }

    /// Opens a file that Dovecot already uses.
    pub async fn open(file: &Path) -> Self {
        Self::open_with(file, false).await
    }

    async fn open_with(file: &Path, create: bool) -> Self {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(create)
            .journal_mode(SqliteJournalMode::Wal);
        let pool = SqlitePoolOptions::new()
            .max_connections(2)
            .connect_with(options);
        Self {
            pool: pool.await.expect("the table"),
        }
    }

    /// A mailbox one may log in to.
    pub async fn add(&self, email: &str, password: &str) {
        sqlx::query("INSERT INTO users (email, password, enabled) VALUES (?, ?, 1)")
            .bind(email)
            .bind(password)
            .execute(&self.pool)
            .await
            .expect("a row");
    }

    /// Admits or refuses logins, as an administrator would by hand.
    pub async fn set_enabled(&self, email: &str, enabled: bool) {
        sqlx::query("UPDATE users SET enabled = ? WHERE email = ?")
            .bind(enabled)
            .bind(email)
            .execute(&self.pool)
            .await
            .expect("the row");
    }

    /// Takes a row away.
    pub async fn remove(&self, email: &str) {
        sqlx::query("DELETE FROM users WHERE email = ?")
            .bind(email)
            .execute(&self.pool)
            .await
            .expect("no row");
    }

    /// Whether one may log in; `None` where there is no row.
    pub async fn is_enabled(&self, email: &str) -> Option<bool> {
        sqlx::query_scalar("SELECT enabled = 1 FROM users WHERE email = ?")
            .bind(email)
            .fetch_optional(&self.pool)
            .await
            .expect("a row or none")
    }

    /// The password as it is stored.
    pub async fn password(&self, email: &str) -> Option<String> {
        sqlx::query_scalar("SELECT password FROM users WHERE email = ?")
            .bind(email)
            .fetch_optional(&self.pool)
            .await
            .expect("a row or none")
    }

    /// Makes the table unusable, as a wrong migration would.
    pub async fn break_table(&self) {
        sqlx::raw_sql("ALTER TABLE users RENAME COLUMN enabled TO active")
            .execute(&self.pool)
            .await
            .expect("renamed");
    }
}
