//! What somebody is told, and how far it is on its way.

use std::time::Duration;

use drawbridge_sdk::FailureClass;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    Store, StoreError, WriteTx,
    database::Reads as _,
    row::{Row, json_text, placeholders},
    statement::Statement,
};
use crate::{
    clock,
    evidence::Entry,
    ids::{AlertId, CaseId, ChannelName, PersonId, PracticeName, SystemName},
};

/// Something somebody is to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Whose practice it is about.
    pub practice: PracticeName,
    /// What receivers know a repeated one by.
    pub id: AlertId,
    /// What kind: `case.time`, `door.found_changed`, ...
    pub kind: String,
    /// What it is about: nothing is told twice while it stands.
    pub about: String,
    /// The case it is about, if it is about one.
    pub case: Option<CaseId>,
    /// The person, likewise.
    pub person: Option<PersonId>,
    /// The system, likewise.
    pub system: Option<SystemName>,
    /// What is said.
    pub facts: Map<String, Value>,
    /// When it came to be so.
    pub raised: Timestamp,
    /// When it was given to channels, or found to be for nobody.
    pub addressed: Option<Timestamp>,
    /// Since when it is so no longer.
    pub over: Option<Timestamp>,
}

/// One alert on its way through one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Whose practice.
    pub practice: PracticeName,
    /// Which alert.
    pub alert: AlertId,
    /// Through which channel.
    pub channel: ChannelName,
    /// For whom, as [`crate::policy::escalation::Contact::as_str`] has it.
    pub contact: String,
    /// Why it goes this way: another channel failed.
    pub because: Option<String>,
    /// How often it was tried in vain.
    pub tries: i64,
    /// When it is tried next.
    pub next_try: Option<Timestamp>,
    /// When it was taken.
    pub sent: Option<Timestamp>,
    /// What went wrong last.
    pub failure: Option<String>,
    /// When that was last written into the ledger.
    pub failure_recorded: Option<Timestamp>,
}

impl Delivery {
    /// Whether it is over and nobody was told this way.
    pub const fn ended_in_vain(&self) -> bool {
        self.sent.is_none() && self.next_try.is_none()
    }
}

/// How a channel is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelState {
    /// Which.
    pub name: ChannelName,
    /// When it took something last.
    pub last_sent: Option<Timestamp>,
    /// Since when it takes nothing, and what it says.
    pub failing: Option<(Timestamp, String)>,
}

/// A door that had been as wanted was found otherwise.
pub const FOUND_CHANGED: &str = "door.found_changed";

/// Records of the ledger that somebody is told of.
const TOLD: [&str; 6] = [
    FOUND_CHANGED,
    "brake.held",
    "return.held",
    "change.refused_disable",
    "clock.set",
    "second_ledger.imported",
];

/// How many deliveries are taken up in one go.
const AT_ONCE: usize = 50;

const ALERT: &str =
    "practice, id, kind, about, departure_case, person, system, facts, raised, addressed, over";

const DELIVERY: &str =
    "practice, alert, channel, contact, because, tries, next_try, sent, failure, failure_recorded";

/// What a record of the ledger has somebody told, if anything: kind, and what it is about.
fn told(entry: &Entry) -> Option<(&'static str, String)> {
    let detail = |key: &str| entry.detail.get(key).and_then(Value::as_str);
    let credential = FailureClass::Credential.as_str();
    if detail("failure") == Some(credential) {
        let system = entry.system.as_ref()?;
        return Some(("system.credential", format!("credential/{system}")));
    }
    let kind = TOLD.into_iter().find(|kind| *kind == entry.what)?;
    let about = match kind {
        // A wave is one thing, however many people are in it.
        "brake.held" => "brake".to_owned(),
        "return.held" => format!("return/{}", detail("return").unwrap_or_default()),
        // An identity provider asks again for weeks.
        "change.refused_disable" => format!("refused/{}", detail("user").unwrap_or_default()),
        FOUND_CHANGED => format!("found_changed/{}", detail("door").unwrap_or_default()),
        // Each of the others is something of its own.
        _ => format!("{kind}/{}", AlertId::generate()),
    };
    Some((kind, about))
}

fn alert_of(row: &Row) -> Result<Alert, StoreError> {
    Ok(Alert {
        practice: row.text("practice")?.into(),
        id: row.text("id")?.into(),
        kind: row.text("kind")?,
        about: row.text("about")?,
        case: row.maybe_text("departure_case")?.map(Into::into),
        person: row.maybe_text("person")?.map(Into::into),
        system: row.maybe_text("system")?.map(Into::into),
        facts: row.json("facts")?,
        raised: row.time("raised")?,
        addressed: row.maybe_time("addressed")?,
        over: row.maybe_time("over")?,
    })
}

fn delivery_of(row: &Row) -> Result<Delivery, StoreError> {
    Ok(Delivery {
        practice: row.text("practice")?.into(),
        alert: row.text("alert")?.into(),
        channel: row.text("channel")?.into(),
        contact: row.text("contact")?,
        because: row.maybe_text("because")?,
        tries: row.number("tries")?,
        next_try: row.maybe_time("next_try")?,
        sent: row.maybe_time("sent")?,
        failure: row.maybe_text("failure")?,
        failure_recorded: row.maybe_time("failure_recorded")?,
    })
}

impl Store {
    /// Alerts that were given to nobody yet, the oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_unaddressed_alerts(
        &self,
        practice: &PracticeName,
    ) -> Result<Vec<Alert>, StoreError> {
        let statement = Statement::new(format!(
            "SELECT {ALERT} FROM alert WHERE practice = $1 AND addressed IS NULL ORDER BY id LIMIT {AT_ONCE}"
        ))
        .bind(practice.as_str());
        self.rows(statement).await?.iter().map(alert_of).collect()
    }

    /// Alerts of this kind that stand, the oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_standing_alerts(
        &self,
        practice: &PracticeName,
        kind: &str,
    ) -> Result<Vec<Alert>, StoreError> {
        let statement = Statement::new(format!(
            "SELECT {ALERT} FROM alert WHERE practice = $1 AND kind = $2 AND over IS NULL ORDER BY id"
        ))
        .bind(practice.as_str())
        .bind(kind);
        self.rows(statement).await?.iter().map(alert_of).collect()
    }

    /// What was told of a case, the oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_alerts_of_case(
        &self,
        practice: &PracticeName,
        case: &CaseId,
    ) -> Result<Vec<Alert>, StoreError> {
        let statement = Statement::new(format!(
            "SELECT {ALERT} FROM alert WHERE practice = $1 AND departure_case = $2 ORDER BY id"
        ))
        .bind(practice.as_str())
        .bind(case.as_str());
        self.rows(statement).await?.iter().map(alert_of).collect()
    }

    /// The alert with this id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_alert(
        &self,
        practice: &PracticeName,
        id: &AlertId,
    ) -> Result<Option<Alert>, StoreError> {
        let statement = Statement::new(format!(
            "SELECT {ALERT} FROM alert WHERE practice = $1 AND id = $2"
        ))
        .bind(practice.as_str())
        .bind(id.as_str());
        self.row(statement)
            .await?
            .as_ref()
            .map(alert_of)
            .transpose()
    }

    /// The latest alerts, newest first, each with its ways.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_latest_alerts(
        &self,
        practice: &PracticeName,
        most: usize,
    ) -> Result<Vec<(Alert, Vec<Delivery>)>, StoreError> {
        let statement = Statement::new(format!(
            "SELECT {ALERT} FROM alert WHERE practice = $1 ORDER BY id DESC LIMIT {most}"
        ))
        .bind(practice.as_str());
        let rows = self.rows(statement).await?;
        let alerts = rows.iter().map(alert_of).collect::<Result<Vec<_>, _>>()?;
        let mut latest = Vec::with_capacity(alerts.len());
        for alert in alerts {
            let ways = self.list_deliveries(practice, &alert.id).await?;
            latest.push((alert, ways));
        }
        Ok(latest)
    }

    /// The ways an alert went or goes.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_deliveries(
        &self,
        practice: &PracticeName,
        alert: &AlertId,
    ) -> Result<Vec<Delivery>, StoreError> {
        let statement = Statement::new(format!(
            "SELECT {DELIVERY} FROM alert_delivery WHERE practice = $1 AND alert = $2 ORDER BY channel"
        ))
        .bind(practice.as_str())
        .bind(alert.as_str());
        self.rows(statement)
            .await?
            .iter()
            .map(delivery_of)
            .collect()
    }

    /// All that is on its way or waits to be, in every practice that ever was.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_waiting_deliveries(&self) -> Result<Vec<Delivery>, StoreError> {
        let statement = Statement::new(format!(
            "SELECT {DELIVERY} FROM alert_delivery WHERE next_try IS NOT NULL ORDER BY next_try"
        ));
        self.rows(statement)
            .await?
            .iter()
            .map(delivery_of)
            .collect()
    }

    /// Takes up what is due in these practices. Until `lease` has passed no other bridge does.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn claim_deliveries(
        &self,
        practices: &[&PracticeName],
        now: Timestamp,
        lease: Duration,
    ) -> Result<Vec<Delivery>, StoreError> {
        if practices.is_empty() {
            return Ok(Vec::new());
        }
        // Hiding the practice has SQLite look for the few that are due, not for all that ever were.
        let mut statement = Statement::new(format!(
            "UPDATE alert_delivery SET next_try = $1 WHERE (practice, alert, channel) IN (
                 SELECT practice, alert, channel FROM alert_delivery
                 WHERE next_try <= $2 AND practice || '' IN ({these})
                 ORDER BY next_try LIMIT {AT_ONCE} {skip_locked})
             RETURNING {DELIVERY}",
            these = placeholders(3, practices.len()),
            skip_locked = self.dialect.skip_locked(),
        ))
        .bind(clock::to_text(clock::after(now, lease)))
        .bind(clock::to_text(now));
        for practice in practices {
            statement = statement.bind(practice.as_str());
        }
        let rows = self.run_alone(statement).await?;
        let mut due = rows
            .iter()
            .map(delivery_of)
            .collect::<Result<Vec<_>, _>>()?;
        due.sort_by(|one, other| one.alert.cmp(&other.alert));
        Ok(due)
    }

    /// How the channels of a practice are doing that were ever used.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_channel_states(
        &self,
        practice: &PracticeName,
    ) -> Result<Vec<ChannelState>, StoreError> {
        let statement = Statement::new(
            "SELECT name, last_sent, failing_since, failure FROM alert_channel WHERE practice = $1 ORDER BY name",
        )
        .bind(practice.as_str());
        let rows = self.rows(statement).await?;
        rows.iter()
            .map(|row| {
                Ok(ChannelState {
                    name: row.text("name")?.into(),
                    last_sent: row.maybe_time("last_sent")?,
                    failing: row
                        .maybe_time("failing_since")?
                        .zip(row.maybe_text("failure")?),
                })
            })
            .collect()
    }

    /// The channels that are known to have taken something or nothing, of all practices.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_channels_ever_used(
        &self,
    ) -> Result<Vec<(PracticeName, ChannelName)>, StoreError> {
        let statement = Statement::new("SELECT practice, name FROM alert_channel");
        let rows = self.rows(statement).await?;
        rows.iter()
            .map(|row| Ok((row.text("practice")?.into(), row.text("name")?.into())))
            .collect()
    }

    /// How many channels take nothing, of all practices.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_failing_channels(&self) -> Result<Vec<(PracticeName, i64)>, StoreError> {
        let statement = Statement::new(
            "SELECT practice, COUNT(*) AS failing FROM alert_channel WHERE failing_since IS NOT NULL GROUP BY practice",
        );
        let rows = self.rows(statement).await?;
        rows.iter()
            .map(|row| Ok((row.text("practice")?.into(), row.number("failing")?)))
            .collect()
    }

    /// Whether a system refused the bridge's own credential at the last call for some door.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn has_door_failing_as(
        &self,
        practice: &PracticeName,
        system: &SystemName,
        class: FailureClass,
    ) -> Result<bool, StoreError> {
        let statement = Statement::new(
            "SELECT 1 AS one FROM door WHERE practice = $1 AND system = $2 AND failure = $3 LIMIT 1",
        )
        .bind(practice.as_str())
        .bind(system.as_str())
        .bind(class.as_str());
        Ok(self.row(statement).await?.is_some())
    }
}

impl WriteTx {
    /// Notes what a record of the ledger has somebody told. Whoever is told, and how, is found later: what
    /// happened does not wait for it.
    pub(super) fn raise_for(&mut self, entry: &Entry) {
        let Some((kind, about)) = told(entry) else {
            return;
        };
        if kind == FOUND_CHANGED {
            // It had been put right meanwhile, or it could not be found so again: this is another incident.
            self.end_alert(&about);
        }
        let alert = Alert {
            practice: self.practice().clone(),
            id: AlertId::generate(),
            kind: kind.to_owned(),
            about,
            case: None,
            person: entry.person.clone(),
            system: entry.system.clone(),
            facts: Map::new(),
            raised: self.now(),
            addressed: None,
            over: None,
        };
        let statement = insert(&alert, "");
        self.later(statement);
    }

    /// Notes that somebody is to be told. Answers whether it was not noted already.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn raise(&mut self, alert: &Alert) -> Result<bool, StoreError> {
        Ok(self.row(insert(alert, " RETURNING id")).await?.is_some())
    }

    /// Notes that it is so no longer. Should it come back, somebody is told again.
    pub fn end_alert(&mut self, about: &str) {
        let statement = Statement::new(
            "UPDATE alert SET over = $1 WHERE practice = $2 AND about = $3 AND over IS NULL",
        )
        .bind(clock::to_text(self.now()))
        .bind(self.practice().as_str())
        .bind(about);
        self.later(statement);
    }

    /// Takes an alert to give it to channels. Answers whether nobody else has.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn address_alert(&mut self, id: &AlertId) -> Result<bool, StoreError> {
        let statement = Statement::new(
            "UPDATE alert SET addressed = $1 WHERE practice = $2 AND id = $3 AND addressed IS NULL RETURNING id",
        )
        .bind(clock::to_text(self.now()))
        .bind(self.practice().as_str())
        .bind(id.as_str());
        Ok(self.row(statement).await?.is_some())
    }

    /// Has an alert that nobody was told of given to channels anew, once there are some.
    pub fn address_later(&mut self, id: &AlertId) {
        let statement = Statement::new(
            "UPDATE alert SET addressed = NULL WHERE practice = $1 AND id = $2 AND NOT EXISTS (
                 SELECT 1 FROM alert_delivery d
                 WHERE d.practice = $1 AND d.alert = $2 AND d.sent IS NOT NULL)",
        )
        .bind(self.practice().as_str())
        .bind(id.as_str());
        self.later(statement);
    }

    /// Has an alert go out through a channel, if it does not already, or that ended with nobody told.
    pub fn send_through(
        &mut self,
        alert: &AlertId,
        channel: &ChannelName,
        contact: &str,
        because: Option<&str>,
    ) {
        let statement = Statement::new(
            "INSERT INTO alert_delivery (practice, alert, channel, contact, because, tries, next_try)
             VALUES ($1, $2, $3, $4, $5, 0, $6) ON CONFLICT (practice, alert, channel) DO UPDATE SET
                 contact = excluded.contact, because = excluded.because, tries = 0, next_try = excluded.next_try,
                 failure = NULL, failure_recorded = NULL
             WHERE alert_delivery.sent IS NULL AND alert_delivery.next_try IS NULL",
        )
        .bind(self.practice().as_str())
        .bind(alert.as_str())
        .bind(channel.as_str())
        .bind(contact)
        .bind(because)
        .bind(clock::to_text(self.now()));
        self.later(statement);
    }

    /// Records that a channel took an alert.
    pub fn settle_delivery(&mut self, delivery: &Delivery) {
        let statement = Statement::new(
            "UPDATE alert_delivery SET sent = $1, next_try = NULL, failure = NULL
             WHERE practice = $2 AND alert = $3 AND channel = $4",
        )
        .bind(clock::to_text(self.now()))
        .bind(self.practice().as_str())
        .bind(delivery.alert.as_str())
        .bind(delivery.channel.as_str());
        self.later(statement);
    }

    /// Records that a channel did not take an alert, when it is tried again, and when the ledger last said so.
    pub fn postpone_delivery(
        &mut self,
        delivery: &Delivery,
        next_try: Timestamp,
        (failure, recorded): (&str, Option<Timestamp>),
    ) {
        let statement = Statement::new(
            "UPDATE alert_delivery SET tries = tries + 1, next_try = $1, failure = $2, failure_recorded = $3
             WHERE practice = $4 AND alert = $5 AND channel = $6 AND sent IS NULL",
        )
        .bind(clock::to_text(next_try))
        .bind(failure)
        .bind(recorded.map(clock::to_text))
        .bind(self.practice().as_str())
        .bind(delivery.alert.as_str())
        .bind(delivery.channel.as_str());
        self.later(statement);
    }

    /// Records that an alert is tried through a channel no more, and why.
    pub fn end_delivery(&mut self, delivery: &Delivery, why: &str) {
        let statement = Statement::new(
            "UPDATE alert_delivery SET next_try = NULL, failure = $1
             WHERE practice = $2 AND alert = $3 AND channel = $4 AND sent IS NULL",
        )
        .bind(why)
        .bind(self.practice().as_str())
        .bind(delivery.alert.as_str())
        .bind(delivery.channel.as_str());
        self.later(statement);
    }

    /// Forgets how a channel was doing that is no more.
    pub fn forget_channel(&mut self, channel: &ChannelName) {
        let statement =
            Statement::new("DELETE FROM alert_channel WHERE practice = $1 AND name = $2")
                .bind(self.practice().as_str())
                .bind(channel.as_str());
        self.later(statement);
    }

    /// Records how a channel is doing: `None` is well.
    pub fn record_channel_state(&mut self, channel: &ChannelName, failure: Option<&str>) {
        let now = clock::to_text(self.now());
        let practice = self.practice().as_str().to_owned();
        let statement = match failure {
            None => Statement::new(
                "INSERT INTO alert_channel (practice, name, last_sent) VALUES ($1, $2, $3)
                 ON CONFLICT (practice, name) DO UPDATE SET last_sent = excluded.last_sent, failing_since = NULL,
                     failure = NULL",
            )
            .bind(practice)
            .bind(channel.as_str())
            .bind(now),
            Some(failure) => Statement::new(
                "INSERT INTO alert_channel (practice, name, failing_since, failure) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (practice, name) DO UPDATE SET
                     failing_since = COALESCE(alert_channel.failing_since, excluded.failing_since),
                     failure = excluded.failure",
            )
            .bind(practice)
            .bind(channel.as_str())
            .bind(now)
            .bind(failure),
        };
        self.later(statement);
    }
}

fn insert(alert: &Alert, returning: &str) -> Statement {
    Statement::new(format!(
        "INSERT INTO alert ({ALERT}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING{returning}"
    ))
    .bind(alert.practice.as_str())
    .bind(alert.id.as_str())
    .bind(alert.kind.as_str())
    .bind(alert.about.as_str())
    .bind(alert.case.as_ref().map(CaseId::as_str))
    .bind(alert.person.as_ref().map(PersonId::as_str))
    .bind(alert.system.as_ref().map(SystemName::as_str))
    .bind(json_text(&json!(alert.facts)))
    .bind(clock::to_text(alert.raised))
    .bind(alert.addressed.map(clock::to_text))
    .bind(alert.over.map(clock::to_text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(what: &'static str, detail: Value) -> Entry {
        Entry {
            at: Timestamp::UNIX_EPOCH,
            who: "bridge".to_owned(),
            what,
            person: Some("p1".into()),
            system: Some("ehr".into()),
            detail: detail.as_object().cloned().unwrap_or_default(),
        }
    }

    #[test]
    fn a_wave_a_return_and_a_refused_password_are_told_once_and_each_incident_by_itself() {
        let about = |what, detail| told(&entry(what, detail)).map(|(_, about)| about);

        let held = about("brake.held", json!({}));
        assert_eq!(held, about("brake.held", json!({})));
        assert_ne!(
            about("return.held", json!({"return": "r1"})),
            about("return.held", json!({"return": "r2"}))
        );
        assert_ne!(about("clock.set", json!({})), about("clock.set", json!({})));
        assert_eq!(
            about(FOUND_CHANGED, json!({"door": "d1"})).as_deref(),
            Some("found_changed/d1")
        );
        let refused = json!({"failure": "credential"});
        assert_eq!(
            about("attempt.failed", refused.clone()).as_deref(),
            Some("credential/ehr")
        );
        assert_eq!(
            about("door.not_read", refused).as_deref(),
            Some("credential/ehr")
        );
        assert_eq!(
            about("attempt.failed", json!({"failure": "retryable"})),
            None
        );
        assert_eq!(about("door.verified", json!({})), None);
    }
}
