//! How the channels that alerts go through are doing.

use jiff::Timestamp;

use super::super::{Store, StoreError, WriteTx, statement::Statement};
use crate::{
    clock,
    ids::{ChannelName, PracticeName},
};

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

impl Store {
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
}

impl WriteTx {
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

    /// Forgets how a channel was doing that is no more.
    pub fn forget_channel(&mut self, channel: &ChannelName) {
        let statement =
            Statement::new("DELETE FROM alert_channel WHERE practice = $1 AND name = $2")
                .bind(self.practice().as_str())
                .bind(channel.as_str());
        self.later(statement);
    }
}
