//! FreeRADIUS's own tables: who may sign in, in which groups, and which sessions are open.
//!
//! `radpostauth` is never read: it holds passwords as they were typed.

use std::net::IpAddr;

use drawbridge_sdk::{
    AccountState, CallError, Finality, Subject,
    sql::{failure, folded_placeholders, search_terms},
};
use sqlx::{Any, AnyConnection, AssertSqlSafe, Row, Transaction, any::AnyRow, query::Query};

/// The check item that refuses every sign-in, as FreeRADIUS's manual writes it.
const REJECT: &str = "Reject";

/// One user as FreeRADIUS's tables show it.
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) state: AccountState,
    pub(crate) groups: Vec<String>,
    pub(crate) sessions: Vec<Session>,
}

/// An open session as accounting noted it.
pub(crate) struct Session {
    pub(crate) id: String,
    /// The gateway's address; `None` where what was noted is no address.
    pub(crate) gateway: Option<IpAddr>,
}

/// Why a sign-in would or would not be refused.
pub(crate) enum Refusal {
    /// The user's own `Auth-Type := Reject` stands.
    Stands,
    /// There is none.
    Missing,
    /// There is one, and a group of the user overrides it.
    Overridden,
}

/// Names of users that an id or an identifier of this person fits, whatever the case.
pub(crate) async fn find_names(
    connection: &mut AnyConnection,
    subject: &Subject,
) -> Result<Vec<String>, CallError> {
    let terms = search_terms(subject);
    if terms.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = folded_placeholders(terms.len());
    // Sessions are searched too: a user whose rows somebody removed may still be connected.
    let statement = format!(
        "SELECT CAST(username AS TEXT) AS username FROM radcheck WHERE lower(username) IN ({wanted})
         UNION
         SELECT CAST(username AS TEXT) FROM radreply WHERE lower(username) IN ({wanted})
         UNION
         SELECT CAST(username AS TEXT) FROM radusergroup WHERE lower(username) IN ({wanted})
         UNION
         SELECT CAST(username AS TEXT) FROM radacct
         WHERE acctstoptime IS NULL AND lower(username) IN ({wanted})
         ORDER BY 1"
    );
    let mut query = sqlx::query(AssertSqlSafe(statement));
    for term in terms {
        query = query.bind(term);
    }
    // The database's answer is compared with what was asked for, as every system's is.
    let mut names = texts(connection, query).await?;
    names.retain(|name| subject.owns(name) || subject.bears(name));
    Ok(names)
}

/// Reads one user.
pub(crate) async fn read_user(
    connection: &mut AnyConnection,
    name: &str,
) -> Result<User, CallError> {
    let state = match refusal(connection, name).await? {
        Refusal::Stands => AccountState::Disabled,
        Refusal::Missing | Refusal::Overridden => AccountState::Enabled,
    };
    let groups = sqlx::query(
        "SELECT CAST(groupname AS TEXT) FROM radusergroup WHERE username = $1 ORDER BY priority",
    );
    Ok(User {
        state,
        groups: texts(connection, groups.bind(name)).await?,
        sessions: open_sessions(connection, name).await?,
        name: name.to_owned(),
    })
}

/// Whether sign-in is refused, read the way FreeRADIUS weighs the rows.
///
/// # Source
/// Measured on FreeRADIUS 3.2.1: among a user's own rows any `Auth-Type := Reject` wins in any
/// order, one with `==` does nothing, and `Auth-Type :=` of a group overrides the user's own.
pub(crate) async fn refusal(
    connection: &mut AnyConnection,
    name: &str,
) -> Result<Refusal, CallError> {
    let own = sqlx::query(
        "SELECT CAST(id AS TEXT) FROM radcheck
         WHERE username = $1 AND lower(attribute) = 'auth-type' AND op = ':='
           AND lower(value) = 'reject'",
    );
    if texts(connection, own.bind(name)).await?.is_empty() {
        return Ok(Refusal::Missing);
    }
    let overriding = sqlx::query(
        "SELECT CAST(radgroupcheck.id AS TEXT) FROM radgroupcheck
         JOIN radusergroup ON radusergroup.groupname = radgroupcheck.groupname
         WHERE radusergroup.username = $1 AND lower(radgroupcheck.attribute) = 'auth-type'
           AND radgroupcheck.op = ':=' AND lower(radgroupcheck.value) <> 'reject'",
    );
    if texts(connection, overriding.bind(name)).await?.is_empty() {
        Ok(Refusal::Stands)
    } else {
        Ok(Refusal::Overridden)
    }
}

/// Open sessions of one user.
pub(crate) async fn open_sessions(
    connection: &mut AnyConnection,
    name: &str,
) -> Result<Vec<Session>, CallError> {
    let query = sqlx::query(
        "SELECT CAST(acctsessionid AS TEXT), CAST(nasipaddress AS TEXT) FROM radacct
         WHERE username = $1 AND acctstoptime IS NULL ORDER BY radacctid",
    );
    let rows = rows(connection, query.bind(name)).await?;
    rows.iter()
        .map(|row| {
            let noted: String = text(row, 1)?;
            // PostgreSQL keeps an `inet`, whose text ends with its width.
            let address = noted.split('/').next().unwrap_or_default();
            Ok(Session {
                id: text(row, 0)?,
                gateway: address.parse().ok(),
            })
        })
        .collect()
}

/// Writes the one row that refuses every sign-in. Says whether it had to be written.
pub(crate) async fn refuse_sign_in(
    transaction: &mut Transaction<'_, Any>,
    name: &str,
) -> Result<bool, CallError> {
    if !matches!(refusal(transaction, name).await?, Refusal::Missing) {
        return Ok(false);
    }
    let insert = sqlx::query(
        "INSERT INTO radcheck (username, attribute, op, value) VALUES ($1, 'Auth-Type', ':=', $2)",
    );
    execute(transaction, insert.bind(name).bind(REJECT)).await?;
    Ok(true)
}

/// Takes the refusing rows away. Says whether there were any.
pub(crate) async fn admit_sign_in(
    transaction: &mut Transaction<'_, Any>,
    name: &str,
) -> Result<bool, CallError> {
    let delete = sqlx::query(
        "DELETE FROM radcheck
         WHERE username = $1 AND lower(attribute) = 'auth-type' AND lower(value) = 'reject'",
    );
    Ok(execute(transaction, delete.bind(name)).await? > 0)
}

/// Of the managed groups, leaves the user exactly the wanted ones. Says whether anything changed.
pub(crate) async fn set_groups(
    transaction: &mut Transaction<'_, Any>,
    name: &str,
    wanted: &[String],
    managed: &[String],
) -> Result<bool, CallError> {
    let mut changed = false;
    for group in managed.iter().filter(|group| !wanted.contains(group)) {
        let delete = sqlx::query("DELETE FROM radusergroup WHERE username = $1 AND groupname = $2");
        changed |= execute(transaction, delete.bind(name).bind(group.as_str())).await? > 0;
    }
    for group in wanted {
        let insert = sqlx::query(
            "INSERT INTO radusergroup (username, groupname, priority)
             SELECT $1, $2, 1 WHERE NOT EXISTS
               (SELECT 1 FROM radusergroup WHERE username = $1 AND groupname = $2)",
        );
        changed |= execute(transaction, insert.bind(name).bind(group.as_str())).await? > 0;
    }
    Ok(changed)
}

/// Users in the order of their names, after this one, at most `limit`.
pub(crate) async fn names_after(
    connection: &mut AnyConnection,
    after: &str,
    limit: i64,
) -> Result<Vec<String>, CallError> {
    let query = sqlx::query(
        "SELECT username FROM (
           SELECT CAST(username AS TEXT) AS username FROM radcheck
           UNION SELECT CAST(username AS TEXT) FROM radreply
           UNION SELECT CAST(username AS TEXT) FROM radusergroup
           UNION SELECT CAST(username AS TEXT) FROM radacct WHERE acctstoptime IS NULL
         ) AS users
         WHERE username > $1 ORDER BY username LIMIT $2",
    );
    texts(connection, query.bind(after).bind(limit)).await
}

/// Reads one row of each table, so that a missing table or right is found before it is needed.
pub(crate) async fn try_tables(connection: &mut AnyConnection) -> Result<(), CallError> {
    for statement in [
        "SELECT CAST(id AS TEXT) FROM radcheck WHERE username = '' AND attribute = '' AND op = ''",
        "SELECT CAST(username AS TEXT) FROM radreply WHERE username = ''",
        "SELECT CAST(groupname AS TEXT) FROM radusergroup WHERE username = '' AND priority = 0",
        "SELECT CAST(id AS TEXT) FROM radgroupcheck WHERE groupname = '' AND op = ''",
        "SELECT CAST(acctsessionid AS TEXT) FROM radacct
         WHERE username = '' AND acctstoptime IS NULL AND nasipaddress IS NULL",
    ] {
        rows(connection, sqlx::query(statement)).await?;
    }
    Ok(())
}

type AnyQuery<'q> = Query<'q, Any, sqlx::any::AnyArguments>;

async fn rows(
    connection: &mut AnyConnection,
    query: AnyQuery<'_>,
) -> Result<Vec<AnyRow>, CallError> {
    query
        .fetch_all(connection)
        .await
        .map_err(|error| failure(&error, Finality::NotSent))
}

async fn texts(
    connection: &mut AnyConnection,
    query: AnyQuery<'_>,
) -> Result<Vec<String>, CallError> {
    rows(connection, query)
        .await?
        .iter()
        .map(|row| text(row, 0))
        .collect()
}

fn text(row: &AnyRow, column: usize) -> Result<String, CallError> {
    row.try_get(column)
        .map_err(|error| failure(&error, Finality::NotSent))
}

/// Before its commit a transaction has changed nothing, so a failed statement leaves nothing behind.
async fn execute(
    transaction: &mut Transaction<'_, Any>,
    query: AnyQuery<'_>,
) -> Result<u64, CallError> {
    query
        .execute(&mut **transaction)
        .await
        .map(|done| done.rows_affected())
        .map_err(|error| failure(&error, Finality::NotSent))
}
