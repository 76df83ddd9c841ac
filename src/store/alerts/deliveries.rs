//! Alerts on their way, each through one channel.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    super::{
        Store, StoreError, WriteTx,
        row::{Row, placeholders},
        statement::Statement,
    },
    AT_ONCE,
};
use crate::{
    clock,
    ids::{AlertId, ChannelName, PracticeName},
};

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
    /// When the ledger last said what goes wrong.
    pub failure_recorded: Option<Timestamp>,
    /// What it said then.
    pub failure_told: Option<String>,
}

impl Delivery {
    /// Whether it is over and nobody was told this way.
    pub const fn ended_in_vain(&self) -> bool {
        self.sent.is_none() && self.next_try.is_none()
    }
}

const DELIVERY: &str = "practice, alert, channel, contact, because, tries, next_try, sent, failure, \
    failure_recorded, failure_told";

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
        failure_told: row.maybe_text("failure_told")?,
    })
}

impl Store {
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
}

impl WriteTx {
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
                 failure = NULL, failure_recorded = NULL, failure_told = NULL
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

    /// Records that a channel did not take an alert, and when it is tried again.
    pub fn postpone_delivery(&mut self, delivery: &Delivery, next_try: Timestamp, failure: &str) {
        let statement = Statement::new(
            "UPDATE alert_delivery SET tries = tries + 1, next_try = $1, failure = $2
             WHERE practice = $3 AND alert = $4 AND channel = $5 AND sent IS NULL",
        )
        .bind(clock::to_text(next_try))
        .bind(failure)
        .bind(self.practice().as_str())
        .bind(delivery.alert.as_str())
        .bind(delivery.channel.as_str());
        self.later(statement);
    }

    /// Keeps what the ledger says of a failure, and since when.
    pub fn record_failure_told(&mut self, delivery: &Delivery, failure: &str) {
        let statement = Statement::new(
            "UPDATE alert_delivery SET failure_recorded = $1, failure_told = $2
             WHERE practice = $3 AND alert = $4 AND channel = $5",
        )
        .bind(clock::to_text(self.now()))
        .bind(failure)
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
}
