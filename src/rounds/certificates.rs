//! Keeps when the certificates of systems end. Each is shown with a call that is made anyway, and is kept
//! so that nobody has to ask a system for a page, and a restart forgets nothing.

use super::dispatch::Rounds;
use crate::store::StoreError;

impl Rounds {
    /// Writes down when the certificates end that were shown since the last time. Costs nothing where
    /// nothing is new.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn keep_certificates(&self) -> Result<(), StoreError> {
        for system in self.systems.iter() {
            let shown = system.connector().certificate_ends();
            let Some(ends) = shown.filter(|_| shown != system.kept_certificate()) else {
                continue;
            };
            let now = self.clock.now();
            let mut tx = self.store.begin(&system.practice, now).await?;
            tx.record_certificate(&system.name, ends);
            tx.commit().await?;
            system.keep_certificate(ends);
        }
        Ok(())
    }
}
