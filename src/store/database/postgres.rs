//! PostgreSQL, through sqlx.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::store::{
    StoreError,
    row::Row,
    statement::{Statement, Value},
};

/// Runs a statement and answers its rows.
pub(super) async fn rows(
    statement: Statement,
    connection: &mut PgConnection,
) -> Result<Vec<Row>, StoreError> {
    let Statement { sql, values } = statement;
    let query = sqlx::query(AssertSqlSafe(sql.into_owned()));
    let query = values.into_iter().fold(query, |query, value| match value {
        Value::Text(text) => query.bind(text),
        Value::Number(number) => query.bind(number),
        Value::Null => query.bind(None::<String>),
    });
    let rows = query.fetch_all(connection).await?;
    Ok(rows.into_iter().map(Row::Postgres).collect())
}
