//! What somebody is told.
//!
//! - this file: what is to be told, noted once
//! - `deliveries`: how far it is on its way
//! - `channels`: how the channels are doing that it goes through

mod channels;
mod deliveries;

pub use self::{channels::ChannelState, deliveries::Delivery};
use drawbridge_sdk::FailureClass;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    Store, StoreError, WriteTx,
    database::Reads as _,
    row::{Row, json_text},
    statement::Statement,
};
use crate::{
    clock,
    evidence::Entry,
    ids::{AlertId, CaseId, PersonId, PracticeName, SystemName},
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

impl Alert {
    /// The door that was found changed; `None` where an earlier version raised the alert, which named none.
    pub fn changed_door(&self) -> Option<&str> {
        self.about.strip_prefix(CHANGED_DOOR)
    }
}

/// A door that had been as wanted was found otherwise.
pub const FOUND_CHANGED: &str = "door.found_changed";

/// What is before the door in what such an alert is about.
const CHANGED_DOOR: &str = "found_changed/";

/// A request that would have closed somebody's doors had to be refused.
pub const REFUSED_DISABLE: &str = "change.refused_disable";

/// Records of the ledger that somebody is told of.
const TOLD: [&str; 6] = [
    FOUND_CHANGED,
    "brake.held",
    "return.held",
    REFUSED_DISABLE,
    "clock.set",
    "second_ledger.imported",
];

/// How many are taken up in one go.
const AT_ONCE: usize = 50;

const ALERT: &str =
    "practice, id, kind, about, departure_case, person, system, facts, raised, addressed, over";

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
        REFUSED_DISABLE => format!("refused/{}", detail("user").unwrap_or_default()),
        FOUND_CHANGED => format!("{CHANGED_DOOR}{}", detail("door").unwrap_or_default()),
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
