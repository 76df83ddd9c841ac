//! `drawbridge alerts list|test`

use std::sync::Arc;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    CliError, Exit, output,
    setup::{ConfigArg, PracticeArg, caller, open_store},
};
use crate::{app, clock, clock::SystemClock, ids::ChannelName};

/// Who is told when a leaver's time runs short, and whether it reached them.
#[derive(Debug, Subcommand)]
pub enum Alerts {
    /// List the latest alerts, the newest first, and the way each took
    #[command(after_help = "Examples:
  drawbridge alerts list
  drawbridge alerts list --json")]
    List(List),
    /// Send a test through each channel, or through one
    #[command(after_help = "Examples:
  drawbridge alerts test
  drawbridge alerts test --channel mail

Exit code 1 when a channel did not take it. That it was tested is in the ledger.")]
    Test(Test),
}

/// `alerts list`
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    practice: PracticeArg,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    most: u16,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `alerts test`
#[derive(Debug, Args)]
pub struct Test {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    practice: PracticeArg,
    /// Through this one only
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
}

impl Alerts {
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        match self {
            Self::List(list) => list.run().await,
            Self::Test(test) => test.run().await,
        }
    }
}

impl List {
    async fn run(self) -> Result<Exit, CliError> {
        let settings = self.config.load()?;
        let practice = self.practice.choose(&settings)?;
        let store = open_store(&settings).await?;
        let latest = store
            .list_latest_alerts(&practice.name, usize::from(self.most))
            .await?;
        if self.json {
            let alerts: Vec<_> = latest
                .iter()
                .map(|(alert, ways)| {
                    let ways: Vec<_> = ways
                        .iter()
                        .map(|way| {
                            json!({"channel": way.channel, "contact": way.contact, "tries": way.tries,
                                   "sent": way.sent.map(clock::to_text), "next_try": way.next_try.map(clock::to_text),
                                   "failure": way.failure, "because": way.because})
                        })
                        .collect();
                    json!({"id": alert.id, "kind": alert.kind, "case": alert.case, "person": alert.person,
                           "system": alert.system, "raised": clock::to_text(alert.raised),
                           "over": alert.over.map(clock::to_text), "ways": ways})
                })
                .collect();
            output::json(&alerts);
            return Ok(Exit::Ok);
        }
        let mut rows = Vec::new();
        for (alert, ways) in latest {
            let who = match &alert.person {
                Some(person) => store.name_of(&practice.name, person).await?,
                None => alert
                    .system
                    .as_ref()
                    .map_or_else(|| "-".to_owned(), ToString::to_string),
            };
            let ways: Vec<String> = ways
                .iter()
                .map(|way| match (way.sent, &way.failure) {
                    (Some(at), _) => {
                        format!("{} to {} {}", way.channel, way.contact, clock::to_text(at))
                    }
                    (None, Some(failure)) => format!("{} FAILS: {failure}", way.channel),
                    (None, None) => format!("{} waits", way.channel),
                })
                .collect();
            rows.push(vec![
                clock::to_text(alert.raised),
                alert.kind,
                who,
                if ways.is_empty() {
                    "nobody told yet".to_owned()
                } else {
                    ways.join("; ")
                },
            ]);
        }
        output::table(
            &["raised", "what", "about", "told"],
            rows,
            "nobody had to be told of anything",
        );
        Ok(Exit::Ok)
    }
}

impl Test {
    async fn run(self) -> Result<Exit, CliError> {
        let settings = self.config.load()?;
        let practice = self.practice.choose(&settings)?;
        let Some(alerts) = &practice.alerts else {
            return Err(CliError::Problem(format!(
                "nobody is told anything in `{}`: add [practice.alerts] to the settings",
                practice.name
            )));
        };
        let store = open_store(&settings).await?;
        let alarm = app::alarm(&settings, &store, Arc::new(SystemClock))
            .map_err(CliError::Configuration)?
            .ok_or_else(|| CliError::Configuration("no practice has alerts".to_owned()))?;
        let chosen: Vec<ChannelName> = match self.channel {
            Some(name) => vec![name.as_str().into()],
            None => alerts
                .channels
                .iter()
                .map(|channel| channel.name.clone())
                .collect(),
        };
        let who = caller(&practice.name).actor;
        let mut rows = Vec::new();
        let mut has_failed = false;
        for channel in chosen {
            let sent = alarm.test(&practice.name, &channel, &who).await?;
            let sent = sent.ok_or_else(|| {
                CliError::Problem(format!(
                    "there is no channel `{channel}` in `{}`: the settings name them",
                    practice.name
                ))
            })?;
            has_failed |= sent.is_err();
            rows.push(vec![
                if sent.is_ok() { "ok" } else { "PROBLEM" }.to_owned(),
                channel.to_string(),
                sent.err().unwrap_or_else(|| "took the test".to_owned()),
            ]);
        }
        output::table(
            &["", "channel", "says"],
            rows,
            "the settings name no channel",
        );
        Ok(if has_failed {
            Exit::ProblemFound
        } else {
            Exit::Ok
        })
    }
}
