//! Who used which token last, and what came to the front door with it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;

use super::{Store, StoreError, row::Row, statement::Statement};
use crate::{
    clock,
    ids::{PracticeName, SourceName, TokenId},
};

/// How often it is written down that a token is in use: not with each request.
const NOTED_EVERY: Duration = Duration::from_secs(60);

/// The same for one that is refused.
const REFUSAL_NOTED_EVERY: Duration = Duration::from_secs(5);

/// A request that came to the front door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Came {
    /// When.
    pub at: Timestamp,
    /// From where, and what it called itself.
    pub from: String,
    /// What it asked for: `POST /Users`.
    pub what: String,
    /// What it was answered.
    pub status: u16,
    /// Why it was refused; empty if it was not.
    pub why: String,
}

/// What is known of a token's use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenUse {
    /// Which token.
    pub token: TokenId,
    /// The first request that was taken.
    pub first: Option<Came>,
    /// The latest, within a minute.
    pub last: Option<Came>,
    /// The latest that was refused.
    pub refused: Option<Came>,
}

impl TokenUse {
    /// Changes whenever there is something new to see.
    pub fn stamp(&self) -> String {
        let at = |came: &Option<Came>| came.as_ref().map(|came| clock::to_text(came.at));
        format!(
            "{:?}{:?}{:?}",
            at(&self.first),
            at(&self.last),
            at(&self.refused)
        )
    }
}

/// When a source was last heard, whichever token it used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Which source.
    pub source: SourceName,
    /// Its latest request that was taken.
    pub last: Option<Timestamp>,
    /// Its latest that was refused.
    pub refused: Option<Timestamp>,
}

/// When something was last noted of a token.
#[derive(Debug, Clone, Copy, Default)]
struct Noted {
    taken: Option<Instant>,
    refused: Option<Instant>,
}

/// What was noted by this bridge, and the latest request that no token of ours came with: whose it was meant
/// for is not known, so it is kept in memory alone, and strangers cannot fill the database.
#[derive(Debug, Default)]
pub(super) struct Doorbell {
    noted: Mutex<HashMap<TokenId, Noted>>,
    stranger: Mutex<Option<Came>>,
}

impl Doorbell {
    fn noted(&self) -> MutexGuard<'_, HashMap<TokenId, Noted>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stranger(&self) -> MutexGuard<'_, Option<Came>> {
        self.stranger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, token: &TokenId) {
        self.noted().remove(token);
    }

    /// Whether it is time to write it down, which the caller does then.
    fn is_worth_noting(&self, token: &TokenId, is_refused: bool, now: Instant) -> bool {
        let mut all = self.noted();
        let noted = all.entry(token.clone()).or_default();
        let is_due =
            |at: Option<Instant>, every| at.is_none_or(|at| now.duration_since(at) >= every);
        if is_refused {
            let is_due = is_due(noted.refused, REFUSAL_NOTED_EVERY);
            if is_due {
                noted.refused = Some(now);
            }
            return is_due;
        }
        // That it works again is worth knowing at once.
        let is_due = is_due(noted.taken, NOTED_EVERY) || noted.refused > noted.taken;
        if is_due {
            noted.taken = Some(now);
        }
        is_due
    }
}

fn came(row: &Row, prefix: &str) -> Result<Option<Came>, StoreError> {
    let column = |name: &str| format!("{prefix}_{name}");
    let Some(at) = row.maybe_time(&column("at"))? else {
        return Ok(None);
    };
    let text = |name: &str| {
        let found = row.maybe_text(&column(name));
        found.map(Option::unwrap_or_default)
    };
    Ok(Some(Came {
        at,
        from: text("from")?,
        what: text("what")?,
        status: u16::try_from(row.number(&column("status"))?).unwrap_or_default(),
        why: if prefix == "refused" {
            text("why")?
        } else {
            String::new()
        },
    }))
}

const COLUMNS: &str = "u.token AS token, first_at, first_from, first_what, first_status, last_at, last_from, last_what,
    last_status, refused_at, refused_from, refused_what, refused_status, refused_why";

fn use_of(row: &Row) -> Result<TokenUse, StoreError> {
    Ok(TokenUse {
        token: row.text("token")?.into(),
        first: came(row, "first")?,
        last: came(row, "last")?,
        refused: came(row, "refused")?,
    })
}

impl Store {
    /// Whether what came with this token is to be written down: the first request is at once, others now and
    /// then, and none while the database cannot be written.
    pub fn is_worth_noting(&self, token: &TokenId, is_refused: bool) -> bool {
        !self.is_in_trouble()
            && self
                .doorbell
                .is_worth_noting(token, is_refused, Instant::now())
    }

    /// Writes down what came with a token.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn note_came(&self, token: &TokenId, came: &Came) -> Result<(), StoreError> {
        let statement = if came.why.is_empty() {
            Statement::new(
                "INSERT INTO token_use (token, first_at, first_from, first_what, first_status,
                     last_at, last_from, last_what, last_status)
                 VALUES ($1, $2, $3, $4, $5, $2, $3, $4, $5)
                 ON CONFLICT (token) DO UPDATE SET
                     first_from = CASE WHEN token_use.first_at IS NULL THEN $3 ELSE token_use.first_from END,
                     first_what = CASE WHEN token_use.first_at IS NULL THEN $4 ELSE token_use.first_what END,
                     first_status = CASE WHEN token_use.first_at IS NULL THEN $5 ELSE token_use.first_status END,
                     first_at = COALESCE(token_use.first_at, $2),
                     last_at = $2, last_from = $3, last_what = $4, last_status = $5",
            )
        } else {
            Statement::new(
                "INSERT INTO token_use (token, refused_at, refused_from, refused_what, refused_status, refused_why)
                 VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (token) DO UPDATE SET refused_at = excluded.refused_at,
                     refused_from = excluded.refused_from, refused_what = excluded.refused_what,
                     refused_status = excluded.refused_status, refused_why = excluded.refused_why",
            )
        };
        let statement = statement
            .bind(token.as_str())
            .bind(clock::to_text(came.at))
            .bind(came.from.as_str())
            .bind(came.what.as_str())
            .bind(i64::from(came.status));
        let statement = if came.why.is_empty() {
            statement
        } else {
            statement.bind(came.why.as_str())
        };
        let noted = self.run_alone(statement).await;
        // What was not written is worth noting still.
        noted.inspect_err(|_| self.doorbell.forget(token))?;
        Ok(())
    }

    /// Notes a request that came without a token of ours.
    pub fn note_stranger(&self, came: Came) {
        *self.doorbell.stranger() = Some(came);
    }

    /// The latest request without a token of ours that came to this bridge since it started.
    pub fn find_stranger(&self) -> Option<Came> {
        self.doorbell.stranger().clone()
    }

    /// What is known of the use of each token of a practice; nothing of those that were never used.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_token_uses(
        &self,
        practice: &PracticeName,
    ) -> Result<Vec<TokenUse>, StoreError> {
        let statement = Statement::new(format!(
            "SELECT {COLUMNS} FROM token_use u JOIN token t ON t.id = u.token WHERE t.practice = $1"
        ))
        .bind(practice.as_str());
        self.rows(statement).await?.iter().map(use_of).collect()
    }

    /// When each source of a practice was last heard. One whose every token was taken back shall not be heard.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_sources_heard(
        &self,
        practice: &PracticeName,
    ) -> Result<Vec<Heard>, StoreError> {
        let statement = Statement::new(
            "SELECT t.source AS source, MAX(last_at) AS last_at, MAX(refused_at) AS refused_at
             FROM token t LEFT JOIN token_use u ON u.token = t.id
             WHERE t.practice = $1 GROUP BY t.source HAVING MIN(t.revoked) = 0",
        )
        .bind(practice.as_str());
        let rows = self.rows(statement).await?;
        rows.iter()
            .map(|row| {
                Ok(Heard {
                    source: row.text("source")?.into(),
                    last: row.maybe_time("last_at")?,
                    refused: row.maybe_time("refused_at")?,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_request_is_noted_at_once_and_the_next_after_a_minute() {
        let (bell, token, now) = (Doorbell::default(), TokenId::from("one"), Instant::now());
        let notes = |refused, seconds| {
            bell.is_worth_noting(&token, refused, now + Duration::from_secs(seconds))
        };

        let told = [
            notes(false, 0),
            notes(false, 59),
            notes(false, 60),
            notes(true, 61),
            notes(true, 62),
            notes(true, 66),
            notes(false, 67),
            notes(false, 68),
        ];

        assert_eq!(told, [true, false, true, true, false, true, true, false]);
    }
}
