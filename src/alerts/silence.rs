//! Tells that an identity provider has said nothing for too long, and notes when it speaks again.

use jiff::Timestamp;
use serde_json::{Map, json};

use super::{Alarm, Watched};
use crate::{
    cases::silence::{self, Silence},
    clock,
    ids::AlertId,
    store::{StoreError, alerts::Alert},
};

/// The kind of alert that a silent source raises.
pub(super) const SILENT: &str = "source.silent";

fn about(silence: &Silence) -> String {
    format!("silent/{}", silence.source)
}

impl Alarm {
    /// Looks which sources are silent: tells of those that became so, and notes which are heard again.
    pub(super) async fn follow_silence(
        &self,
        watched: &Watched,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (store, practice) = (&self.store, &watched.name);
        let silent = silence::look(store, practice, &watched.silent_after, now).await?;
        let told = store.list_standing_alerts(practice, SILENT).await?;
        let is_told = |silence: &Silence| told.iter().any(|alert| alert.about == about(silence));
        let is_so = |alert: &Alert| silent.iter().any(|silence| about(silence) == alert.about);
        let began: Vec<&Silence> = silent.iter().filter(|silence| !is_told(silence)).collect();
        let over: Vec<&Alert> = told.iter().filter(|alert| !is_so(alert)).collect();
        if began.is_empty() && over.is_empty() {
            return Ok(());
        }
        let mut tx = store.begin(practice, now).await?;
        for silence in began {
            tx.raise(&alert(watched, silence, now)).await?;
        }
        for alert in over {
            tx.end_alert(&alert.about);
        }
        tx.commit().await
    }
}

fn alert(watched: &Watched, silence: &Silence, now: Timestamp) -> Alert {
    Alert {
        practice: watched.name.clone(),
        id: AlertId::generate(),
        kind: SILENT.to_owned(),
        about: about(silence),
        case: None,
        person: None,
        system: None,
        facts: Map::from_iter([
            ("source".to_owned(), json!(silence.source)),
            ("since".to_owned(), json!(clock::to_text(silence.since))),
            ("refused".to_owned(), json!(silence.is_refused)),
        ]),
        raised: now,
        addressed: None,
        over: None,
    }
}
