//! Who may push: tokens by their hash.

use jiff::Timestamp;
use tokio::time::Instant;

use super::{Store, StoreError, row::Row, statement::Statement};
use crate::{
    clock,
    ids::{PracticeName, SourceName, TokenId},
};

/// A token as it is stored: never the token itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredToken {
    /// The id, which is part of the token.
    pub id: TokenId,
    /// SHA-256 of the whole token, in lower-case hex.
    pub hash: String,
    /// Whom the token speaks for.
    pub practice: PracticeName,
    /// As which source.
    pub source: SourceName,
    /// When it stops working.
    pub expires: Timestamp,
    /// Whether it was revoked.
    pub revoked: bool,
}

impl Store {
    /// Finds a token by the id that is part of it, as it is or was within the last second.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_token(&self, id: &TokenId) -> Result<Option<StoredToken>, StoreError> {
        let now = Instant::now();
        if let Some(kept) = self.tokens.find(id, now) {
            return Ok(Some(kept));
        }
        let statement = Statement::new(
            "SELECT id, hash, practice, source, expires, revoked FROM token WHERE id = $1",
        )
        .bind(id.as_str());
        let row = self.row(statement).await?;
        let token = row.as_ref().map(token_of).transpose()?;
        if let Some(token) = &token {
            self.tokens.keep(token, now);
        }
        Ok(token)
    }

    /// Every token of every practice, the latest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_tokens(&self) -> Result<Vec<StoredToken>, StoreError> {
        let statement = Statement::new(
            "SELECT id, hash, practice, source, expires, revoked FROM token ORDER BY id DESC",
        );
        let rows = self.rows(statement).await?;
        rows.iter().map(token_of).collect()
    }
}

fn token_of(row: &Row) -> Result<StoredToken, StoreError> {
    Ok(StoredToken {
        id: row.text("id")?.into(),
        hash: row.text("hash")?,
        practice: row.text("practice")?.into(),
        source: row.text("source")?.into(),
        expires: row.time("expires")?,
        revoked: row.flag("revoked")?,
    })
}

impl super::WriteTx {
    /// Records a new token.
    pub fn record_token(&mut self, token: &StoredToken) {
        let created = clock::to_text(self.now());
        let statement = Statement::new(
            "INSERT INTO token (id, hash, practice, source, created, expires, revoked) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(token.id.as_str())
        .bind(token.hash.as_str())
        .bind(token.practice.as_str())
        .bind(token.source.as_str())
        .bind(created)
        .bind(clock::to_text(token.expires))
        .bind(i64::from(token.revoked));
        self.later(statement);
    }

    /// Has a token of this practice work until then at most.
    pub fn end_token(&mut self, id: &TokenId, until: Timestamp) {
        self.revokes_a_token();
        let statement = Statement::new(
            "UPDATE token SET expires = $1 WHERE id = $2 AND practice = $3 AND expires > $1",
        )
        .bind(clock::to_text(until))
        .bind(id.as_str())
        .bind(self.practice().as_str());
        self.later(statement);
    }

    /// Makes a token of this practice stop working.
    pub fn revoke_token(&mut self, id: &TokenId) {
        self.revokes_a_token();
        let statement =
            Statement::new("UPDATE token SET revoked = 1 WHERE id = $1 AND practice = $2")
                .bind(id.as_str())
                .bind(self.practice().as_str());
        self.later(statement);
    }
}
