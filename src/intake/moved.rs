//! What moved is unproven (rule R12): looked at before the first call of every start.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Caller, Intake, users::entry};
use crate::{
    clock,
    ids::SystemName,
    store::{StoreError, WriteTx},
};

/// What the settings say of one practice's systems.
#[derive(Debug, Clone, Default)]
pub struct Stock {
    /// Each system in use, and what tells it from another one of that name.
    pub in_use: Vec<(SystemName, String)>,
    /// Systems no longer in use.
    pub retired: Vec<SystemName>,
    /// How long a departure holds.
    pub hold_for: Duration,
    /// Why this database is an older one than was here before.
    pub restored: Option<String>,
}

impl Intake {
    /// Takes the green from what is not what it was, and asks for it to be read again. Answers one
    /// sentence for each thing that moved.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn take_stock(
        &self,
        caller: &Caller,
        stock: &Stock,
    ) -> Result<Vec<String>, StoreError> {
        let now = self.clock.now();
        let mut tx = self.store.begin(&caller.practice, now).await?;
        let mut told = Vec::new();
        if let Some(why) = &stock.restored {
            let doors = tx.take_green_away(None).await?;
            note(
                &mut tx,
                caller,
                "database.restored",
                None,
                json!({"why": why, "doors_to_read": doors}),
            );
            told.push(format!(
                "the database was restored ({why}): {doors} doors are read again before they count"
            ));
        }
        let mut is_larger = false;
        for (system, identity) in &stock.in_use {
            let before = tx.find_system_identity(system).await?;
            if before.as_ref() == Some(identity) {
                continue;
            }
            if before.is_some() {
                let doors = tx.take_green_away(Some(system)).await?;
                // Nothing was called yet, so these rounds remember none.
                tx.forget_certificate(system);
                note(
                    &mut tx,
                    caller,
                    "system.moved",
                    Some(system),
                    json!({"doors_to_read": doors}),
                );
                told.push(format!(
                    "{system} is not where or what it was: its {doors} green doors are read again before they count"
                ));
            } else {
                is_larger = true;
                note(&mut tx, caller, "system.added", Some(system), json!({}));
            }
            tx.record_system_identity(system, identity);
        }
        if is_larger {
            let since = now.checked_sub(stock.hold_for).unwrap_or(Timestamp::MIN);
            tx.plan_leavers_again(since);
        }
        for system in &stock.retired {
            let text = format!(
                "{system} is retired and no longer called: close this by hand there and sign with `drawbridge attest`"
            );
            let doors = tx.make_tasks_of(system, &text).await?;
            if doors > 0 {
                told.push(format!(
                    "{system} is retired: {doors} of its doors wait for a signature"
                ));
            }
        }
        tx.count_doors_set_aside().await?;
        let ended = tx.end_cases_without_doors().await?;
        if ended > 0 {
            told.push(format!(
                "{ended} cases without a door are over: newer ones took over what was left of them"
            ));
        }
        tx.commit().await?;
        self.wake.notify_one();
        Ok(told)
    }

    /// Somebody has looked at the sources after a restore: opens go on.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn let_opens_go_on(
        &self,
        callers: &[Caller],
        by: &str,
        note_text: &str,
    ) -> Result<(), StoreError> {
        for caller in callers {
            let mut tx = self.store.begin(&caller.practice, self.clock.now()).await?;
            let detail = json!({"by": by, "note": note_text, "at": clock::to_text(tx.now())});
            note(&mut tx, caller, "database.restore_signed", None, detail);
            tx.commit().await?;
        }
        self.store.let_opens_go_on().await?;
        self.wake.notify_one();
        Ok(())
    }
}

fn note(
    tx: &mut WriteTx,
    caller: &Caller,
    what: &'static str,
    system: Option<&SystemName>,
    detail: Value,
) {
    let mut record = entry(tx, caller, None, what, detail);
    record.system = system.cloned();
    tx.record(record);
}
