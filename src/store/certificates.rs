//! When the certificates of systems end, as they were shown last: a system that is away shows none.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{Store, StoreError, WriteTx, statement::Statement};
use crate::{
    clock,
    ids::{PracticeName, SystemName},
};

impl Store {
    /// When the certificate of each system ends, of those that ever showed one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_certificates(
        &self,
        practice: &PracticeName,
    ) -> Result<BTreeMap<SystemName, Timestamp>, StoreError> {
        let statement =
            Statement::new("SELECT system, ends FROM system_certificate WHERE practice = $1")
                .bind(practice.as_str());
        let rows = self.rows(statement).await?;
        rows.iter()
            .map(|row| Ok((row.text("system")?.into(), row.time("ends")?)))
            .collect()
    }
}

impl WriteTx {
    /// Records when the certificate ends that a system has shown.
    pub fn record_certificate(&mut self, system: &SystemName, ends: Timestamp) {
        let statement = Statement::new(
            "INSERT INTO system_certificate (practice, system, ends) VALUES ($1, $2, $3)
             ON CONFLICT (practice, system) DO UPDATE SET ends = excluded.ends",
        )
        .bind(self.practice().as_str())
        .bind(system.as_str())
        .bind(clock::to_text(ends));
        self.later(statement);
    }

    /// Forgets when the certificate of a system ends: it is another system now, or somewhere else, and may
    /// show none there.
    pub fn forget_certificate(&mut self, system: &SystemName) {
        let statement =
            Statement::new("DELETE FROM system_certificate WHERE practice = $1 AND system = $2")
                .bind(self.practice().as_str())
                .bind(system.as_str());
        self.later(statement);
    }
}
