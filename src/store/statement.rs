//! A statement with what is bound to it: it can wait, and run together with others.

use std::borrow::Cow;

use sqlx::{
    Any, AnyConnection, AssertSqlSafe,
    any::{AnyArguments, AnyRow},
    query::Query,
};

use super::Dialect;

/// SQL with `$1, $2, ...` and their values.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    sql: Cow<'static, str>,
    values: Vec<Value>,
    /// Whether the database keeps it prepared.
    is_kept: bool,
}

/// A value in the types of our columns.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    Null,
}

/// Values that one execution of several statements takes; SQLite allows 32,766.
const MOST_VALUES: usize = 8_000;

impl Statement {
    pub(super) fn new(sql: impl Into<Cow<'static, str>>) -> Self {
        Self {
            sql: sql.into(),
            values: Vec::new(),
            is_kept: true,
        }
    }

    /// A text that hardly comes again: it does not push out those that do.
    pub(super) const fn once(mut self) -> Self {
        self.is_kept = false;
        self
    }

    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    fn query(self) -> Query<'static, Any, AnyArguments> {
        let query = match self.sql {
            Cow::Borrowed(sql) => sqlx::query(sql),
            Cow::Owned(sql) => sqlx::query(AssertSqlSafe(sql)),
        };
        self.values
            .into_iter()
            .fold(query.persistent(self.is_kept), |query, value| match value {
                Value::Text(text) => query.bind(text),
                Value::Number(number) => query.bind(number),
                Value::Null => query.bind(None::<String>),
            })
    }

    /// Runs it and answers its rows.
    pub(super) async fn rows(self, connection: &mut AnyConnection) -> sqlx::Result<Vec<AnyRow>> {
        self.query().fetch_all(connection).await
    }
}

/// Runs statements that answer no rows, then one that does.
pub(super) async fn run_then_read(
    mut statements: Vec<Statement>,
    last: Statement,
    dialect: Dialect,
    connection: &mut AnyConnection,
) -> sqlx::Result<Vec<AnyRow>> {
    statements.push(last);
    let rest = run_up_to_the_last(statements, dialect, connection).await?;
    match rest {
        Some(rest) => rest.rows(connection).await,
        None => Ok(Vec::new()),
    }
}

/// Runs statements in their order. On SQLite each execution is a way to another thread and back, which
/// costs more than most statements do, so several go as one.
pub(super) async fn run_all(
    statements: Vec<Statement>,
    dialect: Dialect,
    connection: &mut AnyConnection,
) -> sqlx::Result<()> {
    if let Some(rest) = run_up_to_the_last(statements, dialect, connection).await? {
        rest.query().execute(connection).await?;
    }
    Ok(())
}

/// Runs statements, and answers what is left to run as one execution, with the last of them.
async fn run_up_to_the_last(
    statements: Vec<Statement>,
    dialect: Dialect,
    connection: &mut AnyConnection,
) -> sqlx::Result<Option<Statement>> {
    let mut waiting: Option<Statement> = None;
    for statement in statements {
        let values = waiting.as_ref().map_or(0, |waiting| waiting.values.len());
        waiting = match (dialect, waiting) {
            (_, None) => Some(statement),
            (Dialect::Sqlite, Some(before)) if values + statement.values.len() <= MOST_VALUES => {
                Some(joined(before, statement))
            }
            (_, Some(before)) => {
                before.query().execute(&mut *connection).await?;
                Some(statement)
            }
        };
    }
    Ok(waiting)
}

/// Two statements as one text, the values of the second counted on from those of the first.
fn joined(mut first: Statement, second: Statement) -> Statement {
    let offset = first.values.len();
    let sql = first.sql.to_mut();
    sql.push_str(";\n");
    let mut pieces = second.sql.split('$');
    sql.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let end = piece
            .find(|next: char| !next.is_ascii_digit())
            .unwrap_or(piece.len());
        let (number, rest) = piece.split_at(end);
        sql.push('$');
        match number.parse::<usize>() {
            Ok(number) => sql.push_str(&(number + offset).to_string()),
            Err(_) => sql.push_str(number),
        }
        sql.push_str(rest);
    }
    first.values.extend(second.values);
    first.is_kept &= second.is_kept;
    first
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Number(i64::from(flag))
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_joined_statements_are_counted_on() {
        let first = Statement::new("INSERT INTO a VALUES ($1, $2)")
            .bind("x")
            .bind(1);
        let second = Statement::new("UPDATE b SET c = $2, d = $10 WHERE e = $1 -- $").bind("y");

        let both = joined(first, second);

        assert_eq!(
            both.sql,
            "INSERT INTO a VALUES ($1, $2);\nUPDATE b SET c = $4, d = $12 WHERE e = $3 -- $"
        );
        assert_eq!(both.values.len(), 3);
    }
}
