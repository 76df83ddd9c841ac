//! What a commit adds to a practice's books: the evidence chained on, and how many resources there are.

use std::sync::Arc;

use super::{
    Dialect, StoreError,
    database::Reads,
    row::{self, rows_of_placeholders},
    statement::Statement,
};
use crate::{
    evidence::{Entry, chain},
    ids::PracticeName,
};

/// How many rows one statement writes: as few texts as do, so that each is prepared once. A departure
/// leaves six records and more.
const AT_ONCE: [usize; 5] = [64, 8, 4, 2, 1];

/// The books of one practice within one transaction.
#[derive(Debug)]
pub(super) struct Book {
    sequence: i64,
    head: chain::Hash,
    /// The role matrix in force, as text.
    pub(super) applied_roles: Option<Arc<str>>,
    page: Page,
}

/// What one writer adds.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) entries: Vec<Entry>,
    pub(super) counts: Counts,
}

/// By how much the numbers of resources change.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) users: i64,
    /// Users who are active.
    pub(super) active: i64,
    pub(super) users_removed: i64,
    pub(super) groups: i64,
    pub(super) groups_removed: i64,
}

impl Book {
    /// Opens the books at the head of the chain, and keeps others from moving it until the commit.
    pub(super) async fn open(
        practice: &PracticeName,
        dialect: Dialect,
        mut transaction: impl Reads,
    ) -> Result<Self, StoreError> {
        let statement = Statement::new(dialect.lock_chain_head()).bind(practice.as_str());
        let rows = transaction.rows(statement).await?;
        let head = rows
            .first()
            .ok_or_else(|| StoreError::Corrupt(format!("practice `{practice}` has no row")))?;
        Ok(Self {
            sequence: head.number("ledger_sequence")?,
            head: chain::from_hex(&head.text("ledger_hash")?)
                .ok_or_else(|| row::corrupt("ledger_hash"))?,
            applied_roles: head.maybe_text("applied_roles")?.map(Arc::from),
            page: Page::default(),
        })
    }

    /// Adds what one writer has done.
    pub(super) fn add(&mut self, mut page: Page) {
        self.page.entries.append(&mut page.entries);
        self.page.counts.users += page.counts.users;
        self.page.counts.active += page.counts.active;
        self.page.counts.users_removed += page.counts.users_removed;
        self.page.counts.groups += page.counts.groups;
        self.page.counts.groups_removed += page.counts.groups_removed;
    }

    /// The statements that write it.
    pub(super) fn write(mut self, practice: &PracticeName, statements: &mut Vec<Statement>) {
        let page = std::mem::take(&mut self.page);
        if page.entries.is_empty() && page.counts == Counts::default() {
            return;
        }
        let mut entries = page.entries.as_slice();
        while let Some(rows) = AT_ONCE.into_iter().find(|rows| *rows <= entries.len()) {
            let (now, later) = entries.split_at(rows);
            statements.push(self.insert_entries(practice, now));
            entries = later;
        }
        statements.push(
            Statement::new(
                "UPDATE practice SET ledger_sequence = $1, ledger_hash = $2, user_count = user_count + $3,
                     user_removals = user_removals + $4, group_count = group_count + $5,
                     group_removals = group_removals + $6, active_count = active_count + $7 WHERE name = $8",
            )
            .bind(self.sequence)
            .bind(chain::to_hex(&self.head))
            .bind(page.counts.users)
            .bind(page.counts.users_removed)
            .bind(page.counts.groups)
            .bind(page.counts.groups_removed)
            .bind(page.counts.active)
            .bind(practice.as_str()),
        );
    }

    fn insert_entries(&mut self, practice: &PracticeName, entries: &[Entry]) -> Statement {
        let mut statement = Statement::new(format!(
            "INSERT INTO evidence (practice, sequence, person, text, hash) VALUES {}",
            rows_of_placeholders(entries.len(), 5)
        ));
        for entry in entries {
            self.sequence += 1;
            let text = entry.to_text(practice, self.sequence);
            self.head = chain::link(&self.head, &chain::text_hash(&text));
            statement = statement
                .bind(practice.as_str())
                .bind(self.sequence)
                .bind(entry.person.as_ref().map(|person| person.as_str()))
                .bind(text)
                .bind(chain::to_hex(&self.head));
        }
        statement
    }
}
