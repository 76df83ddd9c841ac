//! What is looked at before the first call: whether anything moved since the last start (rule R12).

use ring::digest::{SHA256, digest};

use super::Bridge;
use crate::{
    alerts::gone,
    config::{Practice, Settings, SystemSettings},
    evidence::chain,
    intake::{Caller, moved::Stock},
    store::{Store, StoreError},
};

/// Systems that the settings no longer name although doors into them are not closed: a sentence for
/// each, with the way out. Nothing may start over them.
///
/// # Errors
/// When the database does not answer.
pub async fn find_missing_systems(
    settings: &Settings,
    store: &Store,
) -> Result<Vec<String>, StoreError> {
    let mut missing = Vec::new();
    for practice in &settings.practices {
        let unclosed = store
            .list_systems_with_unclosed_doors(&practice.name)
            .await?;
        missing.extend(
            unclosed
                .into_iter()
                .filter(|system| !practice.systems.iter().any(|own| own.name == *system))
                .map(|system| {
                    format!(
                        "practice `{}`: doors into `{system}` are not closed, and the settings no longer name it: \
                         put the system back, or keep it there with `retired = true`, which turns them into tasks",
                        practice.name
                    )
                }),
        );
    }
    Ok(missing)
}

impl Bridge {
    /// Takes the green from whatever moved, before anything is called. Opens wait after a restore.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn take_stock(&self, settings: &Settings) -> Result<(), StoreError> {
        let restored = self.store.find_restore().await?;
        if restored.is_some() {
            self.store.have_opens_wait(self.clock.now()).await?;
        }
        for practice in &settings.practices {
            let told = self
                .intake
                .take_stock(&bridge(practice), &stock(practice, restored.as_ref()))
                .await?;
            for text in told {
                tracing::warn!(practice.name = %practice.name, "{text}");
            }
        }
        gone::end_what_waits(&self.store, self.alarm.as_ref(), self.clock.now()).await?;
        self.store.forget_that_it_is_a_copy().await?;
        self.store.note_progress().await?;
        if let Some(since) = self.store.find_opens_wait().await? {
            tracing::warn!(
                "since {since} nothing is opened: look whether the identity providers still say the same, then sign with \
                 `drawbridge restored`"
            );
        }
        Ok(())
    }
}

fn bridge(practice: &Practice) -> Caller {
    Caller {
        practice: practice.name.clone(),
        actor: "bridge".to_owned(),
        request_id: "start".to_owned(),
    }
}

fn stock(practice: &Practice, restored: Option<&String>) -> Stock {
    let (retired, in_use): (Vec<_>, Vec<_>) =
        practice.systems.iter().partition(|system| system.retired);
    Stock {
        in_use: in_use
            .into_iter()
            .map(|system| (system.name.clone(), identity(system)))
            .collect(),
        retired: retired
            .into_iter()
            .map(|system| system.name.clone())
            .collect(),
        hold_for: practice.hold_for,
        restored: restored.cloned(),
    }
}

/// Connector and settings, as a hash: secrets stand there by reference only, and still nobody needs
/// to read addresses in the database.
fn identity(system: &SystemSettings) -> String {
    let text = format!("{} {}", system.connector, system.settings);
    let hash = digest(&SHA256, text.as_bytes());
    let mut bytes = chain::GENESIS;
    bytes.copy_from_slice(hash.as_ref());
    chain::to_hex(&bytes)
}
