//! Evidence as a file, read from the ledger and written page by page: however long a chain is, it is read once, and
//! only a page of it is held.

use jiff::Timestamp;

use super::{Store, StoreError, row::corrupt, statement::Statement};
use crate::{
    evidence::{
        About, Scope, Walk,
        pack::{self, Counted, Packer},
    },
    ids::PracticeName,
};

/// How many records are read at a time.
const PAGE: u32 = 1_000;

/// A file of evidence on its way.
#[derive(Debug)]
pub struct Export {
    store: Store,
    practice: PracticeName,
    scope: Scope,
    /// The last record of it: the note that it is made.
    last: i64,
    at: i64,
    shown: usize,
    left: Option<Packer>,
    first: Option<String>,
}

impl Export {
    /// How many records its chain has.
    pub const fn length(&self) -> i64 {
        self.last
    }

    /// How many records of it were read so far.
    pub const fn read(&self) -> i64 {
        self.at
    }

    /// How many records were shown so far.
    pub const fn shown(&self) -> usize {
        self.shown
    }

    /// The next part of the file; `None` after its end.
    ///
    /// # Errors
    /// When the database does not answer. The file is not whole then, and no seal says that it is.
    pub async fn next_part(&mut self) -> Result<Option<String>, StoreError> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let Some(packer) = &mut self.left else {
            return Ok(None);
        };
        if self.at < self.last {
            let most = u32::try_from(self.last - self.at).unwrap_or(PAGE).min(PAGE);
            let mut records = self
                .store
                .list_records_after(&self.practice, &self.scope, self.at, most)
                .await?;
            for record in &mut records {
                record.is_theirs |= record.sequence == self.last;
            }
            // Where nothing is left although there should be, the file says so by its links.
            self.at = records.last().map_or(self.last, |last| last.sequence);
            self.shown += records.iter().filter(|record| record.is_theirs).count();
            return Ok(Some(
                records.iter().map(|record| packer.link(record)).collect(),
            ));
        }
        let next = packer.next_file().map(str::to_owned);
        if let Some(hash) = next {
            let file = self.store.find_signed_file(&self.practice, &hash).await?;
            let file = file.ok_or_else(|| corrupt("sha256"))?;
            return Ok(Some(packer.file(&file)));
        }
        Ok(self.left.take().map(Packer::seal))
    }

    /// The whole file, for whoever has room for it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn whole(mut self) -> Result<String, StoreError> {
        let mut text = String::new();
        while let Some(part) = self.next_part().await? {
            text.push_str(&part);
        }
        Ok(text)
    }
}

impl Store {
    /// Begins a file of evidence. That it is taken away, by whom, and how much it has to show is written into the
    /// ledger first: that record is the last one in the file.
    ///
    /// # Errors
    /// When the database does not answer, or cannot be written.
    pub async fn export(
        &self,
        practice: &PracticeName,
        about: &About,
        who: &str,
        now: Timestamp,
    ) -> Result<Export, StoreError> {
        let counted = self.count_evidence(practice, about).await?;
        self.export_counted(practice, counted, who, now).await
    }

    /// Begins the file of which this was counted.
    ///
    /// # Errors
    /// When the database does not answer, or cannot be written.
    pub async fn export_counted(
        &self,
        practice: &PracticeName,
        counted: Counted,
        who: &str,
        now: Timestamp,
    ) -> Result<Export, StoreError> {
        let mut tx = self.begin(practice, now).await?;
        tx.record(counted.note(who, now));
        tx.commit().await?;
        let head = self.find_note(practice, &counted).await?;
        let header = pack::header(practice.as_str(), &counted, now, &head);
        let (packer, first) = Packer::begin(&header);
        Ok(Export {
            store: self.clone(),
            practice: practice.clone(),
            scope: counted.scope,
            last: head.0,
            at: 0,
            shown: 0,
            left: Some(packer),
            first: Some(first),
        })
    }

    /// Where it is noted that this was counted: the sequence and hash of that record.
    async fn find_note(
        &self,
        practice: &PracticeName,
        counted: &Counted,
    ) -> Result<(i64, String), StoreError> {
        let statement = Statement::new(
            "SELECT sequence, hash FROM evidence WHERE practice = $1 AND sequence > $2 AND text LIKE $3
             ORDER BY sequence LIMIT 1",
        )
        .bind(practice.as_str())
        .bind(counted.to)
        .bind(format!("%{}%", counted.pack));
        let row = self.row(statement).await?;
        let row = row.ok_or_else(|| corrupt("sequence"))?;
        Ok((row.number("sequence")?, row.text("hash")?))
    }

    /// Recomputes a practice's chain from its first record to its head. Answers how many records it has, or
    /// the first that was changed or is missing.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn check_chain(
        &self,
        practice: &PracticeName,
    ) -> Result<Result<i64, i64>, StoreError> {
        let head = self.find_ledger_head(practice).await?;
        self.check_chain_to(practice, head).await
    }

    /// The same up to a head that was noted before: the sequence and hash of its record.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn check_chain_to(
        &self,
        practice: &PracticeName,
        head: (i64, String),
    ) -> Result<Result<i64, i64>, StoreError> {
        let last = head.0;
        let mut walk = Walk::to(head);
        let mut at = 0;
        while at < last {
            let records = self
                .list_records_after(practice, &Scope::Chain, at, PAGE)
                .await?;
            for record in &records {
                if let Err(broken) = walk.take(record) {
                    return Ok(Err(broken));
                }
            }
            let Some(last) = records.last() else {
                break;
            };
            at = last.sequence;
            // A page takes some milliseconds to hash: others are answered in between.
            tokio::task::yield_now().await;
        }
        Ok(walk.end())
    }
}
