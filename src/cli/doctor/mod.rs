//! `drawbridge doctor`

mod expiry;
mod machine;

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    app,
    cli::{
        CliError, Exit, checkpoint, output,
        setup::{ConfigArg, open_store},
    },
    clock::{self, Clock as _, SystemClock},
    config::{Practice, Settings, alerts::Channel},
    ids::PracticeName,
    store::{Store, StoreError},
};

/// Longest one system is waited for.
const PATIENCE: Duration = Duration::from_secs(25);

/// Check database, disk, clock, chain, secrets, what runs out or waits for somebody, and the reach of every system.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  drawbridge doctor --config practice.toml

Exit code 1 when something was found. Changes nothing at any system.")]
pub struct Doctor {
    #[command(flatten)]
    config: ConfigArg,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Finding {
    what: String,
    ok: bool,
    level: Level,
    says: String,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Level {
    Ok,
    /// Nothing is wrong yet.
    Warning,
    Problem,
}

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "SOON",
            Self::Problem => "PROBLEM",
        }
    }
}

impl Finding {
    fn new(what: impl Into<String>, result: Result<String, String>) -> Self {
        let (level, says) = match result {
            Ok(says) => (Level::Ok, says),
            Err(problem) => (Level::Problem, problem),
        };
        Self::of(what, level, says)
    }

    fn of(what: impl Into<String>, level: Level, says: String) -> Self {
        Self {
            what: what.into(),
            ok: level != Level::Problem,
            level,
            says,
        }
    }
}

impl Doctor {
    pub(in crate::cli) async fn run(self) -> Result<Exit, CliError> {
        let settings = self.config.load()?;
        let store = open_store(&settings).await?;
        let mut findings = vec![
            Finding::new("database", check_database(&store).await?),
            Finding::new("opens", check_opens(&store).await?),
        ];
        findings.extend(machine::check(&settings, &store).await?);
        let now = SystemClock.now();
        findings.extend(expiry::check_certificate(&settings, now));
        let tokens = store.list_tokens().await?;
        for practice in &settings.practices {
            let says = check_chain(&store, &practice.name)
                .await
                .map_err(|error| error.to_string());
            findings.push(Finding::new(
                format!("chain of {}", practice.name),
                says.and_then(|says| says),
            ));
            findings.extend(expiry::check_tokens(practice, &tokens, now));
            findings.extend(expiry::check_credentials(practice, now));
            findings.extend(name_break_glass(practice));
            findings.extend(check_returns(&store, &practice.name).await?);
            findings.extend(check_events(&store, &practice.name).await?);
            findings.extend(check_alerts(&store, practice).await?);
        }
        for text in app::find_missing_systems(&settings, &store).await? {
            findings.push(Finding::new("settings", Err(text)));
        }
        findings.push(check_checkpoints(&settings));
        if settings.events.is_some() {
            let key =
                app::Telling::new(&settings).map(|_| "key and secrets can be used".to_owned());
            findings.push(Finding::new("security events", key));
        }
        if settings
            .practices
            .iter()
            .any(|practice| practice.alerts.is_some())
        {
            let channels = app::watched(&settings).map(|_| "channels can be used".to_owned());
            findings.push(Finding::new("alerts", channels));
        }
        findings.extend(check_systems(&settings, now).await?);
        let all_well = findings.iter().all(|finding| finding.ok);
        if self.json {
            output::json(&findings);
        } else {
            let rows = findings
                .into_iter()
                .map(|finding| {
                    vec![
                        finding.level.as_str().to_owned(),
                        finding.what,
                        finding.says,
                    ]
                })
                .collect();
            output::table(&["", "what", "says"], rows, "nothing to check");
        }
        Ok(if all_well {
            Exit::Ok
        } else {
            Exit::ProblemFound
        })
    }
}

/// Recomputes the practice's chain from its first record.
pub(in crate::cli) async fn check_chain(
    store: &Store,
    practice: &PracticeName,
) -> Result<Result<String, String>, StoreError> {
    Ok(match store.check_chain(practice).await? {
        Ok(length) => Ok(format!("{length} records, intact")),
        Err(sequence) => Err(format!(
            "record {sequence} was changed or is missing: restore a backup and keep this one as evidence"
        )),
    })
}

/// Opens, reads the whole file, and finds the tables up to date.
async fn check_database(store: &Store) -> Result<Result<String, String>, StoreError> {
    let found = store.check_integrity().await?;
    Ok(match found.first() {
        None => Ok("open, whole, tables up to date".to_owned()),
        Some(first) => Err(format!(
            "damaged ({first}): stop the server, and `drawbridge restore` the latest copy that passes `--verify`"
        )),
    })
}

/// After a restore opens wait for somebody who looks at the sources.
async fn check_opens(store: &Store) -> Result<Result<String, String>, StoreError> {
    Ok(match store.find_opens_wait().await? {
        None => Ok("go on".to_owned()),
        Some(since) => Err(format!(
            "nothing is opened since {since}, when the database was restored: compare with the identity provider, then \
             sign with `drawbridge restored`"
        )),
    })
}

/// Without checkpoints kept elsewhere nothing shows that the end of a chain was cut off.
fn check_checkpoints(settings: &Settings) -> Finding {
    let (level, says) = match checkpoint::signer(settings) {
        Ok(Some(signer)) => (
            Level::Ok,
            format!(
                "are signed with the key {}: note it elsewhere",
                signer.public_key()
            ),
        ),
        Ok(None) => (Level::Warning, checkpoint::NO_KEY.to_owned()),
        Err(problem) => (Level::Problem, problem),
    };
    Finding::of("checkpoints", level, says)
}

/// Accounts for emergencies are always listed.
fn name_break_glass(practice: &Practice) -> Option<Finding> {
    let says = format!(
        "{}: never opened or closed by the bridge",
        practice.break_glass.join(", ")
    );
    let is_there = !practice.break_glass.is_empty();
    is_there.then(|| {
        Finding::new(
            format!("break-glass accounts of {}", practice.name),
            Ok(says),
        )
    })
}

/// Returns that wait for somebody's word: each may be a nurse back from leave.
async fn check_returns(
    store: &Store,
    practice: &PracticeName,
) -> Result<Option<Finding>, StoreError> {
    let waiting = store.list_held_returns(practice).await?;
    Ok(waiting.first().map(|oldest| {
        let problem = format!(
            "{} wait to get in again, the first since {}: see `drawbridge returns list`",
            waiting.len(),
            clock::to_text(oldest.asked)
        );
        Finding::new(format!("returns of {practice}"), Err(problem))
    }))
}

/// Security events that could not be brought.
async fn check_events(
    store: &Store,
    practice: &PracticeName,
) -> Result<Option<Finding>, StoreError> {
    let waiting = store.list_events(practice).await?;
    let failed: Vec<_> = waiting.iter().filter(|waiting| waiting.tries > 0).collect();
    Ok(failed.first().map(|oldest| {
        let problem = format!(
            "{} could not be delivered, the first for `{}`: see `drawbridge events list`",
            failed.len(),
            oldest.event.subscriber
        );
        Finding::new(format!("security events of {practice}"), Err(problem))
    }))
}

/// Channels that take no alerts.
async fn check_alerts(store: &Store, practice: &Practice) -> Result<Vec<Finding>, StoreError> {
    let Some(alerts) = &practice.alerts else {
        return Ok(Vec::new());
    };
    let states = store.list_channel_states(&practice.name).await?;
    let finding = |channel: &Channel| {
        let state = states.iter().find(|state| state.name == channel.name);
        let says = match state.map(|state| (&state.failing, state.last_sent)) {
            Some((Some((since, failure)), _)) => Err(format!(
                "takes nothing since {}: {failure}; put it right, then `drawbridge alerts test`",
                clock::to_text(*since)
            )),
            Some((None, Some(sent))) => {
                Ok(format!("took something last at {}", clock::to_text(sent)))
            }
            _ => Ok("never used: try it with `drawbridge alerts test`".to_owned()),
        };
        Finding::new(
            format!("alerts by {} of {}", channel.name, practice.name),
            says,
        )
    };
    Ok(alerts.channels.iter().map(finding).collect())
}

async fn check_systems(settings: &Settings, now: Timestamp) -> Result<Vec<Finding>, CliError> {
    let systems = app::systems(settings, &app::InForce::new())
        .map_err(|problems| CliError::Configuration(problems.to_string()))?;
    let mut findings = Vec::new();
    for system in systems.iter() {
        eprintln!("reaching {} ...", system.name);
        let connector = system.connector();
        let says = if system.capabilities.disable || system.capabilities.read_back {
            match tokio::time::timeout(PATIENCE, connector.check()).await {
                Ok(Ok(health)) => Ok(format!("reached: {}", health.product)),
                Ok(Err(error)) => Err(format!("{error} ({})", error.class)),
                Err(_) => Err("no answer in time".to_owned()),
            }
        } else {
            Ok("done by a person, nothing to reach".to_owned())
        };
        findings.push(Finding::new(
            format!("system {} of {}", system.name, system.practice),
            says,
        ));
        if let Some(end) = connector.certificate_ends() {
            let what = format!("certificate of {} of {}", system.name, system.practice);
            findings.push(expiry::check_certificate_of_a_system(what, end, now));
        }
    }
    Ok(findings)
}
