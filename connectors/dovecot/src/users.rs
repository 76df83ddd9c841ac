//! The SQL table Dovecot asks who may log in.
//!
//! Names of tables and columns come from the settings and stand in the statements; whatever comes
//! from a person is bound.

use drawbridge_sdk::{
    AccountState, CallError, Finality, Subject,
    sql::{Database, failure, folded_placeholders, search_terms},
};
use schemars::JsonSchema;
use serde::Deserialize;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Row, any::AnyRow};

/// A password no password fits, in the crypt scheme: the new owner sets a real one.
const UNUSABLE_PASSWORD: &str = "{CRYPT}!";

/// The name of a table or column: letters, digits and underscores, so that it cannot be anything
/// else in a statement.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
pub(crate) struct SqlName(String);

impl TryFrom<String> for SqlName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if is_name {
            Ok(Self(name))
        } else {
            Err("a table or column name has letters, digits and underscores only".to_owned())
        }
    }
}

impl std::fmt::Display for SqlName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The user table and its columns.
#[derive(Debug, Clone)]
pub(crate) struct UserTable {
    pub(crate) database: Database,
    pub(crate) table: SqlName,
    pub(crate) email: SqlName,
    pub(crate) password: SqlName,
    pub(crate) enabled: SqlName,
}

/// One row of it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct User {
    /// The login and address, as Dovecot sees it: in lower case.
    pub(crate) email: String,
    pub(crate) state: AccountState,
}

impl UserTable {
    pub(crate) async fn connect(&self) -> Result<AnyConnection, CallError> {
        self.database.connect().await
    }

    /// Users that an id or an identifier of this person fits, whatever the case.
    pub(crate) async fn find(
        &self,
        connection: &mut AnyConnection,
        subject: &Subject,
    ) -> Result<Vec<User>, CallError> {
        let terms = search_terms(subject);
        if terms.is_empty() {
            return Ok(Vec::new());
        }
        let email = &self.email;
        let wanted = folded_placeholders(terms.len());
        let filter = format!("lower({email}) IN ({wanted}) ORDER BY lower({email})");
        let mut query = sqlx::query(AssertSqlSafe(self.select(&filter)));
        for term in terms {
            query = query.bind(term);
        }
        let mut users = read(connection, query).await?;
        // The database's answer is compared with what was asked for, as every system's is.
        users.retain(|user| subject.owns(&user.email) || subject.bears(&user.email));
        // Rows that differ in case only are one login: open while any of them is.
        users.dedup_by(|later, first| {
            let is_same = later.email == first.email;
            if is_same && later.state == AccountState::Enabled {
                first.state = AccountState::Enabled;
            }
            is_same
        });
        Ok(users)
    }

    /// Users in the order of their addresses, after this one, at most `limit`.
    pub(crate) async fn page(
        &self,
        connection: &mut AnyConnection,
        after: &str,
        limit: i64,
    ) -> Result<Vec<User>, CallError> {
        let filter = format!(
            "lower({email}) > $1 ORDER BY lower({email}) LIMIT $2",
            email = self.email
        );
        let query = sqlx::query(AssertSqlSafe(self.select(&filter)));
        read(connection, query.bind(after).bind(limit)).await
    }

    /// Admits or refuses logins of one user.
    pub(crate) async fn set_state(
        &self,
        connection: &mut AnyConnection,
        email: &str,
        state: AccountState,
    ) -> Result<(), CallError> {
        // Both databases read these literals as a number or a truth value, whichever the column is.
        let value = match state {
            AccountState::Enabled => "'1'",
            AccountState::Disabled => "'0'",
        };
        let statement = format!(
            "UPDATE {table} SET {enabled} = {value} WHERE lower({column}) = lower($1)",
            table = self.table,
            enabled = self.enabled,
            column = self.email,
        );
        change(
            connection,
            sqlx::query(AssertSqlSafe(statement)).bind(email),
        )
        .await
    }

    /// Adds a user whose password nobody knows.
    pub(crate) async fn create(
        &self,
        connection: &mut AnyConnection,
        email: &str,
    ) -> Result<(), CallError> {
        let statement = format!(
            "INSERT INTO {table} ({email}, {password}, {enabled}) VALUES ($1, $2, '1')",
            table = self.table,
            email = self.email,
            password = self.password,
            enabled = self.enabled,
        );
        let query = sqlx::query(AssertSqlSafe(statement));
        change(connection, query.bind(email).bind(UNUSABLE_PASSWORD)).await
    }

    /// Reads no row, but all columns: a wrong name is found before it is needed.
    pub(crate) async fn try_columns(
        &self,
        connection: &mut AnyConnection,
    ) -> Result<(), CallError> {
        let filter = format!("{} IS NULL AND 1 = 0", self.password);
        read(connection, sqlx::query(AssertSqlSafe(self.select(&filter))))
            .await
            .map(drop)
    }

    fn select(&self, filter: &str) -> String {
        format!(
            "SELECT CAST({email} AS TEXT), CASE WHEN {enabled} = '1' THEN 1 ELSE 0 END
             FROM {table} WHERE {filter}",
            email = self.email,
            enabled = self.enabled,
            table = self.table,
        )
    }
}

type AnyQuery<'q> = sqlx::query::Query<'q, Any, sqlx::any::AnyArguments>;

async fn read(connection: &mut AnyConnection, query: AnyQuery<'_>) -> Result<Vec<User>, CallError> {
    let read = |row: &AnyRow| -> Result<User, sqlx::Error> {
        let email: String = row.try_get(0)?;
        let enabled: i32 = row.try_get(1)?;
        let state = if enabled == 1 {
            AccountState::Enabled
        } else {
            AccountState::Disabled
        };
        Ok(User {
            email: email.to_ascii_lowercase(),
            state,
        })
    };
    let rows = query.fetch_all(connection).await;
    rows.and_then(|rows| rows.iter().map(read).collect())
        .map_err(|error| failure(&error, Finality::NotSent))
}

/// One statement is its own transaction: a refused one has changed nothing, and one whose answer was
/// lost may have.
async fn change(connection: &mut AnyConnection, query: AnyQuery<'_>) -> Result<(), CallError> {
    query.execute(connection).await.map(drop).map_err(|error| {
        let answered = error.as_database_error().is_some();
        failure(
            &error,
            if answered {
                Finality::Answered
            } else {
                Finality::Unknown
            },
        )
    })
}
