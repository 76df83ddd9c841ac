//! Reading rows: text and numbers into types.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use jiff::Timestamp;
use sqlx::{Row as _, postgres::PgRow};

use super::{StoreError, statement::Value};
use crate::clock;

/// A row, as either database answers it.
#[derive(Debug)]
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// A row of SQLite.
#[derive(Debug)]
pub(super) struct SqliteRow {
    names: Arc<[Box<str>]>,
    /// `None` is a value of a kind that we never write.
    values: Box<[Option<Value>]>,
    /// Where the next one is probably asked for: most rows are read from the first to the last.
    next: AtomicUsize,
}

impl SqliteRow {
    pub(super) fn new(names: Arc<[Box<str>]>, values: Box<[Option<Value>]>) -> Self {
        Self {
            names,
            values,
            next: AtomicUsize::new(0),
        }
    }

    fn value(&self, column: &str) -> Option<&Value> {
        let is_it = |at: &usize| self.names.get(*at).is_some_and(|name| **name == *column);
        let at = Some(self.next.load(Ordering::Relaxed))
            .filter(is_it)
            .or_else(|| (0..self.names.len()).find(is_it))?;
        self.next.store(at + 1, Ordering::Relaxed);
        self.values.get(at)?.as_ref()
    }
}

/// Columns by name. An error says which column makes no sense.
impl Row {
    pub(super) fn maybe_text(&self, column: &str) -> Result<Option<String>, StoreError> {
        match self {
            Self::Sqlite(row) => match row.value(column) {
                Some(Value::Text(text)) => Ok(Some(text.clone())),
                Some(Value::Null) => Ok(None),
                Some(Value::Number(_)) | None => Err(corrupt(column)),
            },
            Self::Postgres(row) => Ok(row.try_get(column)?),
        }
    }

    pub(super) fn text(&self, column: &str) -> Result<String, StoreError> {
        self.maybe_text(column)?.ok_or_else(|| corrupt(column))
    }

    pub(super) fn number(&self, column: &str) -> Result<i64, StoreError> {
        match self {
            Self::Sqlite(row) => match row.value(column) {
                Some(Value::Number(number)) => Ok(*number),
                _ => Err(corrupt(column)),
            },
            // Our columns are BIGINT, and a number written in a query is an INTEGER.
            Self::Postgres(row) => Ok(row
                .try_get(column)
                .or_else(|_| row.try_get::<i32, _>(column).map(i64::from))?),
        }
    }

    pub(super) fn flag(&self, column: &str) -> Result<bool, StoreError> {
        Ok(self.number(column)? != 0)
    }

    pub(super) fn time(&self, column: &str) -> Result<Timestamp, StoreError> {
        let text = self.text(column)?;
        clock::from_text(&text).map_err(|_| corrupt(column))
    }

    pub(super) fn maybe_time(&self, column: &str) -> Result<Option<Timestamp>, StoreError> {
        self.maybe_text(column)?
            .map(|text| clock::from_text(&text).map_err(|_| corrupt(column)))
            .transpose()
    }

    pub(super) fn json<T: serde::de::DeserializeOwned>(
        &self,
        column: &str,
    ) -> Result<T, StoreError> {
        serde_json::from_str(&self.text(column)?).map_err(|_| corrupt(column))
    }
}

/// JSON, for a column that [`Row::json`] reads.
pub(super) fn json_text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("what is stored as JSON can be written as JSON")
}

/// A column whose content makes no sense.
pub(super) fn corrupt(column: &str) -> StoreError {
    StoreError::Corrupt(format!("column `{column}`"))
}

/// `$2, $3, ...`: placeholders for a list of parameters.
pub(super) fn placeholders(first: usize, count: usize) -> String {
    let mut text = String::with_capacity(count * 6);
    push_placeholders(&mut text, first, count);
    text
}

/// `($1, $2), ($3, $4), ...`: placeholders for rows of so many columns.
pub(super) fn rows_of_placeholders(rows: usize, columns: usize) -> String {
    let mut text = String::with_capacity(rows * (columns * 6 + 4));
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        push_placeholders(&mut text, 1 + row * columns, columns);
        text.push(')');
    }
    text
}

fn push_placeholders(text: &mut String, first: usize, count: usize) {
    for number in first..first + count {
        text.push_str(if number == first { "$" } else { ", $" });
        text.push_str(&number.to_string());
    }
}
