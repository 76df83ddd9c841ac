//! Evidence as a file, read from the ledger and written page by page: however long a chain is, only a
//! page of it is held.

use jiff::Timestamp;

use super::{Store, StoreError, row::corrupt};
use crate::{
    evidence::{
        Period, Scope, Walk,
        pack::{self, Packer},
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
    /// The last record of it: what comes later, for example that it was made, is not in it.
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
            let records = self
                .store
                .list_records_after(&self.practice, &self.scope, self.at, most)
                .await?;
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
    /// Begins a file of evidence.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn export(
        &self,
        practice: &PracticeName,
        scope: Scope,
        now: Timestamp,
    ) -> Result<Export, StoreError> {
        let head = self.find_ledger_head(practice).await?;
        let (packer, first) = Packer::begin(&pack::header(practice.as_str(), &scope, now, &head));
        Ok(Export {
            store: self.clone(),
            practice: practice.clone(),
            scope,
            last: head.0,
            at: 0,
            shown: 0,
            left: Some(packer),
            first: Some(first),
        })
    }

    /// A time with whoever had a case that began in it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_period(
        &self,
        practice: &PracticeName,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Period, StoreError> {
        let cases = self.list_cases_between(practice, (from, to)).await?;
        Ok(Period {
            from,
            to,
            cases: cases.len(),
            people: cases.into_iter().map(|kept| kept.case.person).collect(),
        })
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
