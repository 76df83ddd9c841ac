//! Channels that the settings name no more: what waits for one ends, where people can see it, and costs
//! nothing from then on. The settings are read at the start alone, so that is when most of it is found.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::{
    Alarm, Watched,
    send::{another_channel, entry},
};
use crate::{
    ids::{ChannelName, PracticeName},
    store::{
        Store, StoreError, WriteTx,
        alerts::{Alert, Delivery},
    },
};

/// Why nothing goes out by a channel.
const CHANNEL: &str = "the settings name no such channel any more";

/// The same where the whole practice has none.
const NOBODY: &str = "the settings name nobody who is told any more";

/// Ends what waits in practices where nobody is told any more, and forgets how channels were doing that
/// are no more. Whoever is named there later is told of all that is so still.
///
/// # Errors
/// When the archive does not answer.
pub async fn end_what_waits(
    store: &Store,
    alarm: Option<&Alarm>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let watched = |practice: &PracticeName| alarm.and_then(|alarm| alarm.watched(practice));
    let mut waiting: BTreeMap<PracticeName, Vec<Delivery>> = BTreeMap::new();
    for delivery in store.list_waiting_deliveries().await? {
        // Where somebody is told, each is looked at when its time comes, and may go another way.
        if watched(&delivery.practice).is_none() {
            let own = waiting.entry(delivery.practice.clone()).or_default();
            own.push(delivery);
        }
    }
    for (practice, deliveries) in waiting {
        end_where_nobody_is_told(store, &practice, &deliveries, now).await?;
    }
    let mut gone: BTreeMap<PracticeName, Vec<ChannelName>> = BTreeMap::new();
    for (practice, channel) in store.list_channels_ever_used().await? {
        if !watched(&practice).is_some_and(|watched| watched.lines.contains_key(&channel)) {
            gone.entry(practice).or_default().push(channel);
        }
    }
    for (practice, channels) in gone {
        let mut tx = store.begin(&practice, now).await?;
        for channel in &channels {
            tx.forget_channel(channel);
        }
        tx.commit().await?;
    }
    Ok(())
}

async fn end_where_nobody_is_told(
    store: &Store,
    practice: &PracticeName,
    deliveries: &[Delivery],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut alerts = Vec::with_capacity(deliveries.len());
    for delivery in deliveries {
        alerts.push(store.find_alert(practice, &delivery.alert).await?);
    }
    let mut tx = store.begin(practice, now).await?;
    for (delivery, alert) in deliveries.iter().zip(&alerts) {
        tx.end_delivery(delivery, NOBODY);
        if let Some(alert) = alert {
            let said = [("failure_text", json!(NOBODY))];
            tx.record(entry(&tx, alert, delivery, "alert.given_up", &said));
            tx.address_later(&alert.id);
        }
    }
    tx.commit().await
}

impl Watched {
    /// Whether the settings name this channel no more.
    pub(super) fn has_lost(&self, channel: &ChannelName) -> bool {
        !self.lines.contains_key(channel)
    }
}

/// Ends the way of an alert through a channel that is no more, and has another channel take its turn,
/// also one that is new.
pub(super) fn end(
    tx: &mut WriteTx,
    watched: &Watched,
    (alert, delivery): (&Alert, &Delivery),
    used: &[Delivery],
) {
    tx.end_delivery(delivery, CHANNEL);
    tx.forget_channel(&delivery.channel);
    let mut said = vec![("failure_text", json!(CHANNEL))];
    let other = another_channel(watched, delivery, used);
    if let Some(other) = &other {
        said.push(("goes_through", json!(other)));
        let because = format!("the channel `{}` fails: {CHANNEL}", delivery.channel);
        tx.send_through(&alert.id, other, &delivery.contact, Some(&because));
    }
    let what = match other {
        Some(_) => "alert.failed",
        None => "alert.given_up",
    };
    tx.record(entry(tx, alert, delivery, what, &said));
}
