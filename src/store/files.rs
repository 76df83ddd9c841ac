//! What somebody signed with: photos and scans, each under its SHA-256.

use super::{Store, StoreError, WriteTx, statement::Statement};
use crate::{clock, evidence::pack::SignedFile, ids::PracticeName};

impl Store {
    /// The file with this SHA-256.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_signed_file(
        &self,
        practice: &PracticeName,
        sha256: &str,
    ) -> Result<Option<SignedFile>, StoreError> {
        let statement = Statement::new(
            "SELECT sha256, name, kind, content FROM signed_file WHERE practice = $1 AND sha256 = $2",
        )
        .bind(practice.as_str())
        .bind(sha256);
        let row = self.row(statement).await?;
        row.map(|row| {
            Ok(SignedFile {
                file: row.text("sha256")?,
                name: row.text("name")?,
                kind: row.text("kind")?,
                content: row.text("content")?,
            })
        })
        .transpose()
    }
}

impl WriteTx {
    /// Keeps a file that somebody signs with; the same bytes once.
    pub fn record_signed_file(&mut self, file: &SignedFile) {
        let statement = Statement::new(
            "INSERT INTO signed_file (practice, sha256, name, kind, added, content) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (practice, sha256) DO NOTHING",
        )
        .bind(self.practice().as_str())
        .bind(file.file.as_str())
        .bind(file.name.as_str())
        .bind(file.kind.as_str())
        .bind(clock::to_text(self.now()))
        .bind(file.content.as_str());
        self.later(statement);
    }
}
