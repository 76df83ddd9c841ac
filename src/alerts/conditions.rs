//! What is told while it is so, and told again should it come back: a refused password, a full disk.

use jiff::Timestamp;
use serde_json::{Map, json};

use super::{Alarm, TIME, Watched, silence::SILENT};
use crate::{
    clock,
    door::Door,
    ids::AlertId,
    store::{
        SecondLedger, StoreError,
        alerts::{Alert, FOUND_CHANGED, REFUSED_DISABLE},
    },
};

use drawbridge_sdk::FailureClass;

/// How long a refused credential stays told, at least.
const REFUSED_AGAIN_AFTER: std::time::Duration = std::time::Duration::from_secs(3_600);

/// How long a disable that was refused is not told again, however often it comes.
const REFUSED_FOR: std::time::Duration = std::time::Duration::from_secs(24 * 3_600);

/// What each condition is about: its alert stands for as long as it is so.
const CONDITION_DISK: &str = "disk";
const CONDITION_SECOND_LEDGER: &str = "second_ledger";
const CONDITION_OPENS_WAIT: &str = "opens_wait";

/// Something about this machine that somebody must look after.
struct Condition {
    about: &'static str,
    is_so: bool,
    title: &'static str,
    action: &'static str,
}

impl Alarm {
    /// Looks at what lasts: tells of what began, and notes what is over.
    ///
    /// # Errors
    /// When the archive does not answer.
    pub async fn look_around(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let opens_wait = self.store.find_opens_wait().await?.is_some();
        let conditions = [
            Condition {
                about: CONDITION_DISK,
                is_so: self.store.is_short_of_room(),
                title: "The disk of the database is full: only departures are taken, and nothing is opened",
                action: "make room on the disk of the database",
            },
            Condition {
                about: CONDITION_SECOND_LEDGER,
                is_so: self
                    .second
                    .as_ref()
                    .is_some_and(|second| !SecondLedger::is_writable(second)),
                title: "The second ledger cannot be written: closes would wait whenever the database cannot be",
                action: "look at its file and disk; `drawbridge doctor` says what is wrong",
            },
            Condition {
                about: CONDITION_OPENS_WAIT,
                is_so: opens_wait,
                title: "The database was restored, and nothing is opened until somebody has compared it",
                action: "compare with the identity provider, then sign with `drawbridge restored`",
            },
        ];
        for watched in self.practices.values() {
            for condition in &conditions {
                self.follow(watched, condition, now).await?;
            }
            self.follow_silence(watched, now).await?;
            self.end_what_is_over(watched, now).await?;
        }
        Ok(())
    }

    /// Tells that something is so, or notes that it is no longer.
    async fn follow(
        &self,
        watched: &Watched,
        condition: &Condition,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let stands = self
            .store
            .list_standing_alerts(&watched.name, condition.about)
            .await?;
        if condition.is_so != stands.is_empty() {
            return Ok(());
        }
        let mut tx = self.store.begin(&watched.name, now).await?;
        if condition.is_so {
            let alert = Alert {
                practice: watched.name.clone(),
                id: AlertId::generate(),
                kind: condition.about.to_owned(),
                about: condition.about.to_owned(),
                case: None,
                person: None,
                system: None,
                facts: Map::from_iter([
                    ("title".to_owned(), json!(condition.title)),
                    ("action".to_owned(), json!(condition.action)),
                ]),
                raised: now,
                addressed: None,
                over: None,
            };
            tx.raise(&alert).await?;
        } else {
            tx.end_alert(condition.about);
        }
        tx.commit().await
    }

    /// Whether what somebody is told of is so still, so that hearing of it late is better than never.
    pub(super) async fn is_still_so(&self, alert: &Alert) -> Result<bool, StoreError> {
        let (store, practice, now) = (&self.store, &alert.practice, self.clock.now());
        if alert.over.is_some() {
            return Ok(false);
        }
        let is_so = match (alert.kind.as_str(), &alert.person, &alert.system) {
            (TIME, ..) => {
                let case = match &alert.case {
                    Some(case) => store.find_case(practice, case).await?,
                    None => None,
                };
                case.is_some_and(|kept| kept.closed.is_none())
            }
            ("return.held", Some(person), _) => {
                let held = store.list_held_returns(practice).await?;
                held.iter().any(|held| held.person == *person)
            }
            ("brake.held", ..) => !store.list_held_doors(practice, now).await?.is_empty(),
            ("system.credential", _, Some(system)) => {
                let class = FailureClass::Credential;
                store.has_door_failing_as(practice, system, class).await?
            }
            (FOUND_CHANGED, Some(person), _) => {
                let doors = store.find_doors_of(practice, person).await?;
                let is_it = |door: &Door| match alert.changed_door() {
                    Some(id) => door.id.as_str() == id,
                    None => alert.system.as_ref() == Some(&door.system),
                };
                doors
                    .iter()
                    .any(|door| is_it(door) && !door.is_settled(now))
            }
            (CONDITION_DISK | CONDITION_SECOND_LEDGER | CONDITION_OPENS_WAIT | SILENT, ..) => true,
            _ => false,
        };
        Ok(is_so)
    }

    /// Notes which of the alerts that the ledger raised are over.
    async fn end_what_is_over(&self, watched: &Watched, now: Timestamp) -> Result<(), StoreError> {
        let (store, practice) = (&self.store, &watched.name);
        let mut over = Vec::new();
        for alert in store
            .list_standing_alerts(practice, "system.credential")
            .await?
        {
            let Some(system) = &alert.system else {
                continue;
            };
            let class = FailureClass::Credential;
            // Some readings fail so where the call before failed otherwise: they tell once an hour.
            let may_be_over = clock::after(alert.raised, REFUSED_AGAIN_AFTER) <= now;
            if may_be_over && !store.has_door_failing_as(practice, system, class).await? {
                over.push(alert.about);
            }
        }
        let held = store.list_standing_alerts(practice, "brake.held").await?;
        if !held.is_empty() {
            let waiting = store.list_held_doors(practice, now).await?;
            if waiting.is_empty() {
                over.extend(held.into_iter().map(|alert| alert.about));
            }
        }
        let refused = store
            .list_standing_alerts(practice, REFUSED_DISABLE)
            .await?;
        let is_old = |alert: &Alert| clock::after(alert.raised, REFUSED_FOR) <= now;
        over.extend(refused.into_iter().filter(is_old).map(|alert| alert.about));
        if over.is_empty() {
            return Ok(());
        }
        let mut tx = store.begin(practice, now).await?;
        for about in over {
            tx.end_alert(&about);
        }
        tx.commit().await
    }
}
