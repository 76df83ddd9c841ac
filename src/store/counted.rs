//! How much a file of evidence has to show, counted before it is made. The chain itself is walked through once, when
//! the file is written: what is counted here is looked up by whom it is about.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Dialect, Store, StoreError, row::corrupt, statement::Statement};
use crate::{
    clock,
    evidence::{About, Period, Scope, pack::Counted},
    ids::{PersonId, PracticeName},
};

/// When a record was written, as its text says. The name of a practice has no quote, so nothing looks like it before.
fn when(dialect: Dialect) -> String {
    format!(
        "substr(text, {}(text, '\"when\":\"') + 8, 24){}",
        dialect.position(),
        dialect.bytewise()
    )
}

/// Of everybody with a case that began in a time: how many records since its beginning, and how many of them open
/// such a case. A case begins with its record, so the cases say whose records are looked up. The last record counted
/// is hidden from SQLite, which would otherwise walk through the whole chain up to it.
pub(super) fn of_people(dialect: Dialect) -> String {
    let (when, position) = (when(dialect), dialect.position());
    format!(
        "SELECT person, COUNT(*) AS shown,
             COUNT(CASE WHEN {position}(text, '\"what\":\"case.opened\"') > 0 AND {when} < $4 THEN 1 END) AS cases
         FROM evidence WHERE practice = $1
         AND person IN (SELECT person FROM departure_case WHERE practice = $1 AND learned >= $3 AND learned < $4)
         AND sequence + 0 <= $2 AND {when} >= $3 GROUP BY person"
    )
}

/// How many records about nobody were written in a time. Gathered by the index first, and then looked
/// up one by one: SQLite keeps to that order in a `CROSS JOIN`, and would otherwise walk through everybody's.
pub(super) fn of_nobody(dialect: Dialect) -> String {
    let when = when(dialect);
    format!(
        "WITH about_nobody AS MATERIALIZED (SELECT sequence FROM evidence WHERE practice = $1 AND person IS NULL)
         SELECT COUNT(*) AS shown FROM about_nobody n
         CROSS JOIN evidence e WHERE e.practice = $1 AND e.sequence = n.sequence
         AND n.sequence <= $2 AND {when} >= $3 AND {when} < $4"
    )
}

impl Store {
    /// Counts what a file of evidence has to show, up to the last record there is. Records are never changed, so what
    /// is written meanwhile makes no difference.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_evidence(
        &self,
        practice: &PracticeName,
        about: &About,
    ) -> Result<Counted, StoreError> {
        let to = self.find_ledger_length(practice).await?;
        let (scope, shows) = match about {
            About::Person(person) => {
                let shows = self.count_records_about(practice, person, to).await?;
                (Scope::Person(person.clone()), shows)
            }
            About::Time(from, until) => {
                let (period, shows) = self.count_period(practice, (*from, *until), to).await?;
                (Scope::Period(period), shows)
            }
        };
        Ok(Counted {
            pack: uuid::Uuid::now_v7().to_string(),
            scope,
            to,
            shows,
        })
    }

    /// A time with whoever had a case that began in it, as the ledger has it up to this record, and how many records
    /// its file shows: as many as [`Scope::shows`] lets through.
    async fn count_period(
        &self,
        practice: &PracticeName,
        (from, to): (Timestamp, Timestamp),
        last: i64,
    ) -> Result<(Period, usize), StoreError> {
        let asked = |sql: String| {
            Statement::new(sql)
                .bind(practice.as_str())
                .bind(last)
                .bind(clock::to_text(from))
                .bind(clock::to_text(to))
        };
        let mut period = Period {
            from,
            to,
            people: BTreeSet::new(),
            cases: 0,
        };
        let of_nobody = self.row(asked(of_nobody(self.dialect))).await?;
        let of_nobody = of_nobody.ok_or_else(|| corrupt("shown"))?;
        let mut shows = size(of_nobody.number("shown")?, "shown")?;
        for row in self.rows(asked(of_people(self.dialect))).await? {
            let cases = size(row.number("cases")?, "cases")?;
            // Their case was opened since the last record that is counted.
            if cases == 0 {
                continue;
            }
            period.cases += cases;
            period.people.insert(PersonId::from(row.text("person")?));
            shows += size(row.number("shown")?, "shown")?;
        }
        Ok((period, shows))
    }

    async fn count_records_about(
        &self,
        practice: &PracticeName,
        person: &PersonId,
        last: i64,
    ) -> Result<usize, StoreError> {
        let statement = Statement::new(
            "SELECT COUNT(*) AS shown FROM evidence WHERE practice = $1 AND person = $2 AND sequence <= $3",
        )
        .bind(practice.as_str())
        .bind(person.as_str())
        .bind(last);
        let row = self.row(statement).await?;
        size(
            row.ok_or_else(|| corrupt("shown"))?.number("shown")?,
            "shown",
        )
    }
}

fn size(number: i64, column: &str) -> Result<usize, StoreError> {
    usize::try_from(number).map_err(|_| corrupt(column))
}
