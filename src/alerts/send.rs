//! Alerts on their way: one channel after the other, tried again with growing waits, and through another
//! channel at once where one fails.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::Instant};

use super::{
    Alarm, Watched, gone,
    text::{self, Message, Place},
};
use crate::{
    clock,
    config::alerts::How,
    evidence::Entry,
    ids::{AlertId, ChannelName, PracticeName},
    policy::escalation::Contact,
    rounds::retry,
    store::{
        StoreError, WriteTx,
        alerts::{Alert, Delivery, FOUND_CHANGED, REFUSED_DISABLE},
    },
    telemetry::metrics,
};

/// How long an alert that was taken up is left alone by other bridges: longer than sending it may take.
const LEASE: Duration = Duration::from_secs(60);

/// How long one channel may take for one alert.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long an alert of something that is past is tried. Whoever did not hear of it in a day learns nothing
/// from it any more, and the channel has been red all the while. What is so still is tried until it is over.
pub(super) const TRIED_FOR: Duration = Duration::from_secs(24 * 3_600);

/// How often it is tried at least, however late it is: a machine that was off over the weekend is up before
/// its network is. By then the waits have grown to their longest.
const TRIED_AT_LEAST: i64 = 9;

/// How long a failure that repeats itself is not written into the ledger again.
const SAME_AGAIN_AFTER: Duration = Duration::from_secs(24 * 3_600);

/// How long another one is not: a channel may fail in two ways by turns, for weeks.
const ANOTHER_AFTER: Duration = Duration::from_secs(3_600);

/// How long the archive may be away before somebody is told without it.
const ARCHIVE_IS_AWAY: Duration = Duration::from_secs(60);

/// What became of a delivery.
enum Became {
    Sent,
    /// It is about nothing any more.
    NotNeeded,
    /// It failed again, and is about what is past for too long.
    Past(String),
    /// The settings name its channel no more.
    Gone,
    Failed(String),
}

impl Alarm {
    /// Sends what is due now, all channels at once, so that one that does not answer keeps no other
    /// waiting. Answers how many were due.
    ///
    /// # Errors
    /// When the archive does not answer.
    pub async fn send_due(&self) -> Result<usize, StoreError> {
        // Those of a practice without an alarm wait until it has one: nobody here could tell anybody.
        let practices: Vec<&PracticeName> = self.practices.keys().collect();
        let now = self.clock.now();
        let due = self.store.claim_deliveries(&practices, now, LEASE).await?;
        let total = due.len();
        let mut of_each: HashMap<(PracticeName, ChannelName), Vec<Delivery>> = HashMap::new();
        for delivery in due {
            let which = (delivery.practice.clone(), delivery.channel.clone());
            of_each.entry(which).or_default().push(delivery);
        }
        let mut channels = JoinSet::new();
        for deliveries in of_each.into_values() {
            let alarm = self.clone();
            channels.spawn(async move { alarm.send_each(deliveries).await });
        }
        while let Some(sent) = channels.join_next().await {
            sent.map_err(|error| StoreError::Unavailable(error.to_string()))??;
        }
        Ok(total)
    }

    /// Sends these through one channel. Once one fails, the others wait no less, and go another way.
    async fn send_each(&self, deliveries: Vec<Delivery>) -> Result<(), StoreError> {
        let began = Instant::now();
        let mut failed: Option<String> = None;
        for delivery in deliveries {
            let Some(watched) = self.practices.get(&delivery.practice) else {
                continue;
            };
            // What is left when the lease is used up is taken up again by itself.
            if began.elapsed() > LEASE / 2 {
                return Ok(());
            }
            let Some(alert) = self
                .store
                .find_alert(&delivery.practice, &delivery.alert)
                .await?
            else {
                continue;
            };
            let became = if let Some(reason) = self.why_not(watched, &alert, &delivery).await? {
                reason
            } else {
                if failed.is_none() {
                    failed = self.send_one(watched, &alert, &delivery).await?.err();
                }
                match &failed {
                    None => Became::Sent,
                    Some(failure) => self.failed(&alert, &delivery, failure.clone()).await?,
                }
            };
            self.note(watched, &alert, &delivery, became).await?;
        }
        Ok(())
    }

    /// Why an alert is not even tried, if there is a reason. That it is late is none.
    async fn why_not(
        &self,
        watched: &Watched,
        alert: &Alert,
        delivery: &Delivery,
    ) -> Result<Option<Became>, StoreError> {
        if self.is_over(alert).await? {
            return Ok(Some(Became::NotNeeded));
        }
        Ok(watched.has_lost(&delivery.channel).then_some(Became::Gone))
    }

    /// What becomes of an alert that its channel did not take: what is past is not tried for ever.
    async fn failed(
        &self,
        alert: &Alert,
        delivery: &Delivery,
        failure: String,
    ) -> Result<Became, StoreError> {
        let since = alert.addressed.unwrap_or(alert.raised);
        let is_old = clock::after(since, TRIED_FOR) <= self.clock.now();
        let is_tried = delivery.tries + 1 >= TRIED_AT_LEAST;
        if is_old && is_tried && !self.is_still_so(alert).await? {
            return Ok(Became::Past(failure));
        }
        Ok(Became::Failed(failure))
    }

    /// Sends an alert. The inner error is what the channel said.
    async fn send_one(
        &self,
        watched: &Watched,
        alert: &Alert,
        delivery: &Delivery,
    ) -> Result<Result<(), String>, StoreError> {
        let message = self
            .message(watched, alert, delivery.because.as_deref())
            .await?;
        let contact = Contact::from_name(&delivery.contact);
        let channel = &delivery.channel;
        Ok(self.send_now(watched, channel, contact, &message).await)
    }

    /// Whether what an alert is about has come to its end.
    async fn is_over(&self, alert: &Alert) -> Result<bool, StoreError> {
        // Somebody could get in, or was not shut out: that is told though it was put right, or stands no more
        // because the next one is another incident.
        let is_told_late = [FOUND_CHANGED, REFUSED_DISABLE].contains(&alert.kind.as_str());
        if alert.over.is_some() && !is_told_late {
            return Ok(true);
        }
        let Some(case) = &alert.case else {
            return Ok(false);
        };
        let case = self.store.find_case(&alert.practice, case).await?;
        Ok(case.is_some_and(|kept| kept.closed.is_some()))
    }

    async fn message(
        &self,
        watched: &Watched,
        alert: &Alert,
        because: Option<&str>,
    ) -> Result<Message, StoreError> {
        let who = match &alert.person {
            Some(person) => self.name_of(watched, person).await?,
            None => String::new(),
        };
        let system = alert.system.as_ref();
        let system = system.map_or_else(String::new, |system| watched.title_of(system));
        let place = self.place(watched);
        Ok(text::message(
            alert,
            (&who, &system),
            place,
            because,
            self.clock.now(),
        ))
    }

    fn place<'a>(&'a self, watched: &'a Watched) -> Place<'a> {
        Place {
            title: &watched.title,
            zone: &watched.zone,
            public_url: &self.public_url,
        }
    }

    /// Sends a message through a channel, and waits for its answer.
    async fn send_now(
        &self,
        watched: &Watched,
        channel: &ChannelName,
        contact: Option<Contact>,
        message: &Message,
    ) -> Result<(), String> {
        let Some(line) = watched.lines.get(channel) else {
            return Err(format!("there is no channel `{channel}`"));
        };
        let reach = contact.and_then(|contact| watched.alerts.reach(contact));
        let to = reach.map_or(&[][..], |reach| reach.email.as_slice());
        let now = self.clock.now();
        match tokio::time::timeout(PATIENCE, line.send(message, to, now)).await {
            Ok(sent) => sent,
            Err(_) => Err("it did not answer within 20 seconds".to_owned()),
        }
    }

    /// Writes down what became of an alert, and has it go another way if it failed.
    async fn note(
        &self,
        watched: &Watched,
        alert: &Alert,
        delivery: &Delivery,
        became: Became,
    ) -> Result<(), StoreError> {
        // Before the transaction: nothing is read on another connection inside it.
        let used = self.store.list_deliveries(&watched.name, &alert.id).await?;
        let mut tx = self.store.begin(&watched.name, self.clock.now()).await?;
        match became {
            Became::Sent => {
                tx.settle_delivery(delivery);
                tx.record_channel_state(&delivery.channel, None);
                tx.record(entry(&tx, alert, delivery, "alert.sent", &[]));
                metrics::count_alert(&watched.name, "sent");
            }
            Became::NotNeeded => {
                tx.end_delivery(delivery, "what it was about is over");
                tx.record(entry(&tx, alert, delivery, "alert.not_needed", &[]));
            }
            Became::Past(failure) => {
                tx.end_delivery(delivery, &failure);
                tx.record_channel_state(&delivery.channel, Some(&failure));
                let said = [("failure_text", json!(failure))];
                tx.record(entry(&tx, alert, delivery, "alert.given_up", &said));
                metrics::count_alert(&watched.name, "failed");
            }
            Became::Gone => gone::end(&mut tx, watched, (alert, delivery), &used),
            Became::Failed(failure) => {
                metrics::count_alert(&watched.name, "failed");
                note_failure(&mut tx, watched, (alert, delivery), &used, &failure);
            }
        }
        tx.commit().await
    }
}

fn note_failure(
    tx: &mut WriteTx,
    watched: &Watched,
    (alert, delivery): (&Alert, &Delivery),
    used: &[Delivery],
    failure: &str,
) {
    tracing::warn!(
        practice.name = %watched.name, channel.name = %delivery.channel, alert.id = %alert.id, failure,
        "an alert could not be sent"
    );
    let next_try = clock::after(tx.now(), retry::delay(delivery.tries + 1));
    tx.postpone_delivery(delivery, next_try, failure);
    tx.record_channel_state(&delivery.channel, Some(failure));
    let other = match delivery.tries {
        0 => another_channel(watched, delivery, used),
        _ => None,
    };
    let mut said = vec![("failure_text", json!(failure))];
    if let Some(other) = &other {
        said.push(("goes_through", json!(other)));
        let because = format!("the channel `{}` fails: {failure}", delivery.channel);
        tx.send_through(&alert.id, other, &delivery.contact, Some(&because));
    }
    // The first try is always news.
    if is_news(delivery, failure, tx.now()) {
        tx.record_failure_told(delivery, failure);
        tx.record(entry(tx, alert, delivery, "alert.failed", &said));
    }
}

/// Whether a failure goes into the ledger: what fails for weeks fills none.
fn is_news(delivery: &Delivery, failure: &str, now: Timestamp) -> bool {
    let Some(recorded) = delivery.failure_recorded else {
        return true;
    };
    let quiet = if delivery.failure_told.as_deref() == Some(failure) {
        SAME_AGAIN_AFTER
    } else {
        ANOTHER_AFTER
    };
    clock::after(recorded, quiet) <= now
}

/// Another way for an alert that could not be sent: the next channel of whom it is for, and then any that
/// reaches somebody. A way that ended with nobody told may be taken again: its channel is back.
pub(super) fn another_channel(
    watched: &Watched,
    delivery: &Delivery,
    used: &[Delivery],
) -> Option<ChannelName> {
    let contact = Contact::from_name(&delivery.contact)?;
    let reach = watched.alerts.reach(contact)?;
    let any = watched.alerts.channels.iter().filter(|channel| {
        let needs_address = matches!(channel.how, How::Email(_));
        !needs_address || !reach.email.is_empty()
    });
    let mut ways = reach
        .channels
        .iter()
        .chain(any.map(|channel| &channel.name));
    let is_used = |name: &ChannelName| {
        let mut taken = used.iter().filter(|other| !other.ended_in_vain());
        taken.any(|other| other.channel == *name)
    };
    ways.find(|name| !is_used(name) && **name != delivery.channel)
        .cloned()
}

pub(super) fn entry(
    tx: &WriteTx,
    alert: &Alert,
    delivery: &Delivery,
    what: &'static str,
    said: &[(&str, Value)],
) -> Entry {
    let mut detail = serde_json::Map::from_iter([
        ("alert".to_owned(), json!(alert.id)),
        ("kind".to_owned(), json!(alert.kind)),
        ("channel".to_owned(), json!(delivery.channel)),
        ("contact".to_owned(), json!(delivery.contact)),
        ("try".to_owned(), json!(delivery.tries + 1)),
    ]);
    for key in ["step", "after"] {
        if let Some(value) = alert.facts.get(key) {
            detail.insert(key.to_owned(), value.clone());
        }
    }
    if let Some(case) = &alert.case {
        detail.insert("case".to_owned(), json!(case));
    }
    detail.extend(
        said.iter()
            .map(|(key, value)| ((*key).to_owned(), value.clone())),
    );
    Entry {
        at: tx.now(),
        who: "bridge".to_owned(),
        what,
        person: alert.person.clone(),
        system: alert.system.clone(),
        detail,
    }
}

impl Alarm {
    /// Sends a test through a channel, and writes down what became of it. The inner error is what the
    /// channel said; `None` when there is no such channel.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub async fn test(
        &self,
        practice: &PracticeName,
        channel: &ChannelName,
        who: &str,
    ) -> Result<Option<Result<(), String>>, StoreError> {
        let Some(watched) = self.practices.get(practice) else {
            return Ok(None);
        };
        if watched.alerts.channel(channel).is_none() {
            return Ok(None);
        }
        // Whoever has this channel among theirs; their address is what an e-mail needs.
        let has_it = watched
            .alerts
            .contacts
            .iter()
            .find(|reach| reach.channels.contains(channel));
        let contact = has_it.map(|reach| reach.contact);
        let message = Message {
            id: AlertId::generate().to_string(),
            kind: "test".to_owned(),
            title: format!("{}: test of the channel {channel}", watched.title),
            lines: vec![
                "This is a test: nothing has happened.".to_owned(),
                format!(
                    "Alerts reach {} this way.",
                    contact.map_or("nobody yet", Contact::in_words)
                ),
            ],
            action: "nothing; if you did not expect this, ask who pressed the button".to_owned(),
            link: self.public_url.clone(),
            minutes_left: None,
        };
        let sent = self.send_now(watched, channel, contact, &message).await;
        let mut tx = self.store.begin(practice, self.clock.now()).await?;
        tx.record_channel_state(channel, sent.as_ref().err().map(String::as_str));
        tx.record(Entry {
            at: tx.now(),
            who: who.to_owned(),
            what: "alert.tested",
            person: None,
            system: None,
            detail: serde_json::Map::from_iter([
                ("channel".to_owned(), json!(channel)),
                ("alert".to_owned(), json!(message.id)),
                ("failure_text".to_owned(), json!(sent.as_ref().err())),
            ]),
        });
        tx.commit().await?;
        Ok(Some(sent))
    }
}

/// How long the archive has been away, as far as the alarm saw, and who was told.
#[derive(Debug, Default)]
pub struct InVain {
    since: Option<Duration>,
    told: HashSet<PracticeName>,
}

impl InVain {
    /// The archive answers again.
    pub fn is_over(&mut self) {
        *self = Self::default();
    }
}

impl Alarm {
    /// The archive cannot be written or read: nothing can be noted, so somebody is told at once, and once.
    pub async fn tell_without_the_archive(&self, in_vain: &mut InVain, error: &StoreError) {
        tracing::warn!(%error, "the alarm cannot look: the archive does not answer");
        let now = self.clock.running();
        let since = *in_vain.since.get_or_insert(now);
        if now.saturating_sub(since) < ARCHIVE_IS_AWAY {
            return;
        }
        for watched in self.practices.values() {
            if !in_vain.told.contains(&watched.name) && self.tell_of_the_archive(watched).await {
                in_vain.told.insert(watched.name.clone());
            }
        }
    }

    /// Goes through the channels until one takes it.
    async fn tell_of_the_archive(&self, watched: &Watched) -> bool {
        let Some(reach) = watched.alerts.reach(Contact::Msp) else {
            return false;
        };
        let at: Timestamp = self.clock.now();
        let message = Message {
            id: AlertId::generate().to_string(),
            kind: "database".to_owned(),
            title: format!("{}: the database does not answer", watched.title),
            lines: vec![
                "The bridge cannot write to its database, or cannot read it.".to_owned(),
                format!("Noticed {} UTC.", at.strftime("%Y-%m-%d %H:%M")),
                "What was accepted is not lost; identity providers are told to try again."
                    .to_owned(),
            ],
            action: "look at the disk and the server of the database".to_owned(),
            link: self.public_url.clone(),
            minutes_left: None,
        };
        let others = watched.alerts.channels.iter().map(|channel| &channel.name);
        for channel in reach.channels.iter().chain(others) {
            let sent = self.send_now(watched, channel, Some(reach.contact), &message);
            match sent.await {
                Ok(()) => return true,
                Err(failure) => {
                    tracing::warn!(channel.name = %channel, failure, "an alert could not be sent");
                }
            }
        }
        false
    }
}
