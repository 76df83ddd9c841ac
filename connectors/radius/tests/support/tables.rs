//! A SQLite file with the tables of FreeRADIUS, and what an administrator would do in them.

use std::path::Path;

use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};

/// The part of FreeRADIUS's own `schema.sql` that sign-in and accounting use.
const SCHEMA: &str = "
    CREATE TABLE radcheck (id INTEGER PRIMARY KEY AUTOINCREMENT,
        username varchar(64) NOT NULL default '', attribute varchar(64) NOT NULL default '',
        op char(2) NOT NULL DEFAULT '==', value varchar(253) NOT NULL default '');
    CREATE TABLE radreply (id INTEGER PRIMARY KEY AUTOINCREMENT,
        username varchar(64) NOT NULL default '', attribute varchar(64) NOT NULL default '',
        op char(2) NOT NULL DEFAULT '=', value varchar(253) NOT NULL default '');
    CREATE TABLE radgroupcheck (id INTEGER PRIMARY KEY AUTOINCREMENT,
        groupname varchar(64) NOT NULL default '', attribute varchar(64) NOT NULL default '',
        op char(2) NOT NULL DEFAULT '==', value varchar(253) NOT NULL default '');
    CREATE TABLE radusergroup (id INTEGER PRIMARY KEY AUTOINCREMENT,
        username varchar(64) NOT NULL default '', groupname varchar(64) NOT NULL default '',
        priority int(11) NOT NULL default '1');
    CREATE TABLE radacct (radacctid INTEGER PRIMARY KEY AUTOINCREMENT,
        acctsessionid varchar(64) NOT NULL default '', username varchar(64) NOT NULL default '',
        nasipaddress varchar(15) NOT NULL default '', acctstoptime datetime NULL default NULL,
        acctterminatecause varchar(32) NOT NULL default '');
    CREATE TABLE radpostauth (id INTEGER PRIMARY KEY AUTOINCREMENT,
        username varchar(64) NOT NULL default '', pass varchar(64) NOT NULL default '');";

/// FreeRADIUS's database as its administrator sees it.
#[derive(Clone)]
pub struct Tables {
    pool: SqlitePool,
}

impl Tables {
    /// Makes the file and its tables.
    pub async fn create(file: &Path) -> Self {
        let tables = Self::open_with(file, true).await;
        sqlx::raw_sql(SCHEMA)
            .execute(&tables.pool)
            .await
            .expect("the schema");
        tables
    }

    /// Opens a file that FreeRADIUS already uses.
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
            pool: pool.await.expect("the tables"),
        }
    }

    /// A user with a password.
    pub async fn add_user(&self, name: &str, password: &str) {
        self.add_check(name, "Cleartext-Password", ":=", password)
            .await;
    }

    /// A check item of a user.
    pub async fn add_check(&self, name: &str, attribute: &str, op: &str, value: &str) {
        sqlx::query("INSERT INTO radcheck (username, attribute, op, value) VALUES (?, ?, ?, ?)")
            .bind(name)
            .bind(attribute)
            .bind(op)
            .bind(value)
            .execute(&self.pool)
            .await
            .expect("a check item");
    }

    /// A check item of a group.
    pub async fn add_group_check(&self, group: &str, attribute: &str, op: &str, value: &str) {
        sqlx::query(
            "INSERT INTO radgroupcheck (groupname, attribute, op, value) VALUES (?, ?, ?, ?)",
        )
        .bind(group)
        .bind(attribute)
        .bind(op)
        .bind(value)
        .execute(&self.pool)
        .await
        .expect("a check item of a group");
    }

    /// Puts a user in a group.
    pub async fn add_to_group(&self, name: &str, group: &str) {
        sqlx::query("INSERT INTO radusergroup (username, groupname) VALUES (?, ?)")
            .bind(name)
            .bind(group)
            .execute(&self.pool)
            .await
            .expect("a membership");
    }

    /// What accounting notes when a session begins.
    pub async fn start_session(&self, name: &str, session: &str, gateway: &str) {
        sqlx::query("INSERT INTO radacct (username, acctsessionid, nasipaddress) VALUES (?, ?, ?)")
            .bind(name)
            .bind(session)
            .bind(gateway)
            .execute(&self.pool)
            .await
            .expect("a session");
    }

    /// What accounting notes when a session ends. Says whether it was open.
    pub async fn stop_session(&self, name: &str, session: &str) -> bool {
        sqlx::query(
            "UPDATE radacct SET acctstoptime = datetime('now')
             WHERE username = ? AND acctsessionid = ? AND acctstoptime IS NULL",
        )
        .bind(name)
        .bind(session)
        .execute(&self.pool)
        .await
        .expect("the accounting")
        .rows_affected()
            > 0
    }

    /// How many sessions accounting shows as open.
    pub async fn open_sessions(&self, name: &str) -> u32 {
        sqlx::query_scalar(
            "SELECT COUNT(*) FROM radacct WHERE username = ? AND acctstoptime IS NULL",
        )
        .bind(name)
        .fetch_one(&self.pool)
        .await
        .expect("a count")
    }

    /// How many rows refuse every sign-in of this user.
    pub async fn refusing_rows(&self, name: &str) -> u32 {
        sqlx::query_scalar(
            "SELECT COUNT(*) FROM radcheck
             WHERE username = ? AND attribute = 'Auth-Type' AND op = ':=' AND value = 'Reject'",
        )
        .bind(name)
        .fetch_one(&self.pool)
        .await
        .expect("a count")
    }

    /// How many check items a user has.
    pub async fn check_rows(&self, name: &str) -> u32 {
        sqlx::query_scalar("SELECT COUNT(*) FROM radcheck WHERE username = ?")
            .bind(name)
            .fetch_one(&self.pool)
            .await
            .expect("a count")
    }

    /// The groups of a user.
    pub async fn groups(&self, name: &str) -> Vec<String> {
        sqlx::query_scalar("SELECT groupname FROM radusergroup WHERE username = ? ORDER BY id")
            .bind(name)
            .fetch_all(&self.pool)
            .await
            .expect("groups")
    }
}
