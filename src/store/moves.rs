//! What moved since the last start: systems, and the database itself (rule R12).

use std::{collections::BTreeMap, io::Write as _, path::PathBuf};

use drawbridge_sdk::FailureClass;

use super::{
    Store, StoreError, WriteTx,
    database::{Database, Reads as _},
    statement::Statement,
};
use crate::{
    clock,
    ids::{PracticeName, SystemName},
};

/// Since when opens wait for somebody's word.
pub(super) const OPENS_WAIT: &str = "opens_wait_since";

/// Stands in every copy that `backup` made.
pub(super) const IS_A_COPY: &str = "is_a_copy_of";

/// Written to see whether there is room.
const ROOM: &str = "room";

/// Which PostgreSQL this is.
const DATABASE: &str = "database_identity";

/// How far the ledgers of the practices had come.
type Progress = BTreeMap<String, i64>;

impl Store {
    /// Why this database is not the one that was here last, as far as that can be told: a copy that
    /// `backup` made, ledgers that are shorter than they were, or another PostgreSQL cluster, timeline
    /// or set of tables.
    ///
    /// # Errors
    /// When the database does not answer, or the mark beside it cannot be read.
    pub async fn find_restore(&self) -> Result<Option<String>, StoreError> {
        match &self.database {
            Database::Sqlite(_) => {
                if let Some(made) = self.find_install_value(IS_A_COPY).await? {
                    return Ok(Some(format!("it is a copy made by `backup` at {made}")));
                }
                let now = self.progress().await?;
                let before = self.read_mark()?;
                Ok(before
                    .iter()
                    .find_map(|(practice, before)| match now.get(practice) {
                        // An empty file is a new one, not an old one.
                        Some(now) if *now > 0 && now < before => Some(format!(
                            "the ledger of {practice} ends at record {now} and was at {before}"
                        )),
                        _ => None,
                    }))
            }
            Database::Postgres(_) => {
                let now = self.postgres_identity().await?;
                let before = self.find_install_value(DATABASE).await?;
                Ok(before
                    .filter(|before| *before != now)
                    .map(|before| format!("it was PostgreSQL {before} and is {now}")))
            }
        }
    }

    /// Notes how far the ledgers have come, beside the database, so that an older one is recognised.
    ///
    /// # Errors
    /// When the database does not answer, or the mark cannot be written.
    pub async fn note_progress(&self) -> Result<(), StoreError> {
        match &self.database {
            Database::Sqlite(_) => {
                let now = self.progress().await?;
                if self.read_mark()? != now {
                    self.write_mark(&now)?;
                }
                Ok(())
            }
            Database::Postgres(_) => {
                let now = self.postgres_identity().await?;
                if self.find_install_value(DATABASE).await?.as_ref() != Some(&now) {
                    self.set_install_value(DATABASE, &now).await?;
                }
                Ok(())
            }
        }
    }

    /// A copy has become the database in use.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn forget_that_it_is_a_copy(&self) -> Result<(), StoreError> {
        self.remove_install_value(IS_A_COPY).await
    }

    /// Since when opens wait until somebody signs that the sources were looked at.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_opens_wait(&self) -> Result<Option<String>, StoreError> {
        self.find_install_value(OPENS_WAIT).await
    }

    /// Has opens wait.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn have_opens_wait(&self, since: jiff::Timestamp) -> Result<(), StoreError> {
        let since = clock::to_text(since);
        self.set_install_value(OPENS_WAIT, &since).await
    }

    /// Lets opens go on.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn let_opens_go_on(&self) -> Result<(), StoreError> {
        self.remove_install_value(OPENS_WAIT).await
    }

    /// Systems into which doors lead that are not closed and proved.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_systems_with_unclosed_doors(
        &self,
        practice: &PracticeName,
    ) -> Result<Vec<SystemName>, StoreError> {
        let statement = Statement::new(
            "SELECT DISTINCT system FROM door WHERE practice = $1
             AND NOT (wanted = 'closed' AND assurance IN ('verified', 'attested')) ORDER BY system",
        )
        .bind(practice.as_str());
        let rows = self.rows(statement).await?;
        rows.iter()
            .map(|row| Ok(row.text("system")?.into()))
            .collect()
    }

    /// What is wrong inside the file, in SQLite's words; nothing for a file that is whole.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn check_integrity(&self) -> Result<Vec<String>, StoreError> {
        let Database::Sqlite(_) = &self.database else {
            return Ok(Vec::new());
        };
        let rows = self
            .rows(Statement::new("SELECT * FROM pragma_integrity_check"))
            .await?;
        let found: Vec<String> = rows
            .iter()
            .map(|row| row.text("integrity_check"))
            .collect::<Result<_, _>>()?;
        Ok(found.into_iter().filter(|text| text != "ok").collect())
    }

    /// Writes something that needs room, and takes it back.
    pub(super) async fn try_to_write(&self) -> Result<(), StoreError> {
        let text = "x".repeat(64 * 1024);
        self.set_install_value(ROOM, &text).await?;
        self.remove_install_value(ROOM).await
    }

    /// The practices the database knows.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_practices(&self) -> Result<Vec<PracticeName>, StoreError> {
        Ok(self.progress().await?.into_keys().map(Into::into).collect())
    }

    async fn progress(&self) -> Result<Progress, StoreError> {
        let rows = self
            .rows(Statement::new("SELECT name, ledger_sequence FROM practice"))
            .await?;
        rows.iter()
            .map(|row| Ok((row.text("name")?, row.number("ledger_sequence")?)))
            .collect()
    }

    /// Cluster, timeline and tables: a dump read back has other tables, a backup rolled forward
    /// another timeline.
    async fn postgres_identity(&self) -> Result<String, StoreError> {
        let tables = "CAST(CAST('install' AS regclass)::oid AS TEXT)";
        let whole = format!(
            "SELECT (SELECT CAST(system_identifier AS TEXT) FROM pg_control_system()) || '/'
                 || (SELECT CAST(timeline_id AS TEXT) FROM pg_control_checkpoint()) || '/' || {tables} AS identity"
        );
        let row = match self.row(Statement::new(whole)).await {
            Ok(row) => row,
            // A hosted PostgreSQL may keep its control file to itself.
            Err(_) => {
                let tables = format!("SELECT {tables} AS identity");
                self.row(Statement::new(tables)).await?
            }
        };
        row.ok_or_else(|| super::row::corrupt("identity"))?
            .text("identity")
    }

    fn mark(&self) -> Option<PathBuf> {
        let Database::Sqlite(file) = &self.database else {
            return None;
        };
        let mut name = file.path().to_owned().into_os_string();
        name.push(".mark");
        Some(PathBuf::from(name))
    }

    fn read_mark(&self) -> Result<Progress, StoreError> {
        let Some(path) = self.mark() else {
            return Ok(Progress::new());
        };
        match std::fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| StoreError::File {
                path,
                problem: format!("{error}: move it away, and the next start writes a new one"),
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Progress::new()),
            Err(error) => Err(StoreError::File {
                path,
                problem: error.to_string(),
            }),
        }
    }

    fn write_mark(&self, progress: &Progress) -> Result<(), StoreError> {
        let Some(path) = self.mark() else {
            return Ok(());
        };
        let written = || -> std::io::Result<()> {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(".".as_ref()))?;
            file.write_all(serde_json::to_string(progress)?.as_bytes())?;
            file.persist(&path)?;
            Ok(())
        };
        written().map_err(|error| StoreError::File {
            path: path.clone(),
            problem: error.to_string(),
        })
    }

    async fn find_install_value(&self, key: &str) -> Result<Option<String>, StoreError> {
        let statement = Statement::new("SELECT value FROM install WHERE key = $1").bind(key);
        let row = self.row(statement).await?;
        row.map(|row| row.text("value")).transpose()
    }

    async fn set_install_value(&self, key: &str, value: &str) -> Result<(), StoreError> {
        let statement = Statement::new(
            "INSERT INTO install (key, value) VALUES ($1, $2)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )
        .bind(key)
        .bind(value);
        self.run_alone(statement).await?;
        Ok(())
    }

    async fn remove_install_value(&self, key: &str) -> Result<(), StoreError> {
        let statement = Statement::new("DELETE FROM install WHERE key = $1").bind(key);
        self.run_alone(statement).await?;
        Ok(())
    }
}

impl WriteTx {
    /// What a system was at the last start; `None` for one that was not there.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_system_identity(
        &mut self,
        system: &SystemName,
    ) -> Result<Option<String>, StoreError> {
        let statement =
            Statement::new("SELECT identity FROM system_seen WHERE practice = $1 AND system = $2")
                .bind(self.practice().as_str())
                .bind(system.as_str());
        let row = self.row(statement).await?;
        row.map(|row| row.text("identity")).transpose()
    }

    /// Keeps what a system is now.
    pub fn record_system_identity(&mut self, system: &SystemName, identity: &str) {
        let statement = Statement::new(
            "INSERT INTO system_seen (practice, system, identity) VALUES ($1, $2, $3)
             ON CONFLICT (practice, system) DO UPDATE SET identity = excluded.identity",
        )
        .bind(self.practice().as_str())
        .bind(system.as_str())
        .bind(identity);
        self.later(statement);
    }

    /// Takes the green away from the doors of one system, or of all, and has each read again now.
    /// Answers how many lost it. Whoever works on one of them has lost it too.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn take_green_away(
        &mut self,
        system: Option<&SystemName>,
    ) -> Result<usize, StoreError> {
        let statement = Statement::new(
            "UPDATE door SET assurance = 'unproven', next_try = $1, fence = fence + 1, lease_owner = NULL,
                 lease_until = NULL
             WHERE practice = $2 AND ($3 = '' OR system = $3) AND assurance IN ('verified', 'attested')
             RETURNING id",
        )
        .bind(clock::to_text(self.now()))
        .bind(self.practice().as_str())
        .bind(system.map_or("", SystemName::as_str));
        Ok(self.rows(statement).await?.len())
    }

    /// Turns the doors of a system that is no longer called into tasks: whatever is not closed and
    /// proved waits for a person. Answers how many do.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn make_tasks_of(
        &mut self,
        system: &SystemName,
        text: &str,
    ) -> Result<usize, StoreError> {
        let statement = Statement::new(
            "UPDATE door SET failure = $1, failure_text = $2, next_try = NULL, fence = fence + 1, lease_owner = NULL,
                 lease_until = NULL
             WHERE practice = $3 AND system = $4 AND assurance NOT IN ('verified', 'attested')
             RETURNING id",
        )
        .bind(FailureClass::NeedsHuman.as_str())
        .bind(text)
        .bind(self.practice().as_str())
        .bind(system.as_str());
        Ok(self.rows(statement).await?.len())
    }

    /// Has the wishes of everybody who left since then computed again: a system they had no door
    /// into may be there now.
    pub fn plan_leavers_again(&mut self, since: jiff::Timestamp) {
        let statement = Statement::new(
            "UPDATE person SET replan_at = $1 WHERE practice = $2 AND departed_at >= $3",
        )
        .bind(clock::to_text(self.now()))
        .bind(self.practice().as_str())
        .bind(clock::to_text(since));
        self.later(statement);
    }
}
