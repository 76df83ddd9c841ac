//! `drawbridge connector list|schema|test`

use std::time::Duration;

use clap::{Args, Subcommand};
use drawbridge_sdk::{Ask, CallError, Subject, Way};
use serde_json::json;

use super::{
    CliError, Exit, output,
    setup::{ConfigArg, PracticeArg},
};
use crate::{app, connectors};

/// Kinds of connectors, their settings, and trying one out.
#[derive(Debug, Subcommand)]
pub enum Connector {
    /// List the kinds a settings file can name
    List(List),
    /// Print the JSON Schema of a kind's settings
    #[command(after_help = "Example:
  drawbridge connector schema ldap")]
    Schema(Schema),
    /// Reach a configured system and read one person there; changes nothing
    #[command(after_help = "Examples:
  drawbridge connector test ehr                             reach it and check the credential
  drawbridge connector test ehr --login nina@elm.example    also read what it says about her")]
    Test(Test),
}

/// `connector list`
#[derive(Debug, Args)]
pub struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `connector schema`
#[derive(Debug, Args)]
pub struct Schema {
    /// The kind's name
    #[arg(value_name = "KIND")]
    kind: String,
}

/// `connector test`
#[derive(Debug, Args)]
pub struct Test {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    practice: PracticeArg,
    /// The system's name in the settings
    #[arg(value_name = "SYSTEM")]
    system: String,
    /// Also read what the system says about this login name or e-mail address
    #[arg(long, value_name = "NAME")]
    login: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Longest the test waits for one answer.
const PATIENCE: Duration = Duration::from_secs(25);

impl Connector {
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        match self {
            Self::List(list) => Ok(list.run()),
            Self::Schema(schema) => schema.run(),
            Self::Test(test) => test.run().await,
        }
    }
}

impl List {
    fn run(self) -> Exit {
        let kinds = connectors::kinds();
        if self.json {
            output::json(
                &kinds
                    .iter()
                    .map(|kind| json!({"name": kind.name, "summary": kind.summary}))
                    .collect::<Vec<_>>(),
            );
        } else {
            let rows = kinds
                .iter()
                .map(|kind| vec![kind.name.to_owned(), kind.summary.to_owned()])
                .collect();
            output::table(&["kind", "what it speaks to"], rows, "no kinds");
        }
        Exit::Ok
    }
}

impl Schema {
    fn run(self) -> Result<Exit, CliError> {
        let kind = connectors::find(&self.kind).ok_or_else(|| {
            CliError::Problem(format!(
                "there is no connector `{}`: see `drawbridge connector list`",
                self.kind
            ))
        })?;
        output::json(&kind.schema());
        Ok(Exit::Ok)
    }
}

impl Test {
    async fn run(self) -> Result<Exit, CliError> {
        let settings = self.config.load()?;
        let practice = self.practice.choose(&settings)?;
        let system = practice
            .systems
            .iter()
            .find(|system| system.name.as_str() == self.system)
            .ok_or_else(|| {
                let names: Vec<&str> = practice
                    .systems
                    .iter()
                    .map(|system| system.name.as_str())
                    .collect();
                CliError::Problem(format!(
                    "there is no system `{}`: the settings name {}",
                    self.system,
                    names.join(", ")
                ))
            })?;
        let connector = app::connector_of(&settings, system).map_err(CliError::Configuration)?;
        let capabilities = connector.capabilities();
        let health = in_time(connector.check()).await?;
        let seen = match &self.login {
            None => None,
            Some(login) => {
                let subject = Subject {
                    person: "connector-test".to_owned(),
                    user_names: vec![login.clone()],
                    emails: vec![login.clone()],
                    ..Subject::default()
                };
                let way = capabilities.ways.first().copied().unwrap_or(Way::Account);
                Some(
                    in_time(connector.observe(&Ask {
                        subject,
                        way,
                        canary: system.canary.clone(),
                    }))
                    .await?,
                )
            }
        };
        if self.json {
            output::json(&json!({
                "system": system.name,
                "product": health.product,
                "capabilities": capabilities,
                "accounts": seen.as_ref().map(|seen| &seen.accounts),
                "canary": seen.as_ref().map(|seen| seen.canary),
                "receipts": health.receipts,
            }));
            return Ok(Exit::Ok);
        }
        println!("reached: {}", health.product);
        println!("can: {}", capabilities.claims().join(", "));
        println!("\"disabled\" there means: {}", capabilities.disabled_means);
        if let Some(seen) = seen {
            let canary = json!(seen.canary);
            println!("canary: {}", canary.as_str().unwrap_or_default());
            let rows = seen
                .accounts
                .iter()
                .map(|account| {
                    let (state, sessions) = (json!(account.state), json!(account.sessions));
                    vec![
                        account.id.to_string(),
                        state.to_string(),
                        sessions.to_string(),
                        account.levels.join(", "),
                    ]
                })
                .collect();
            output::table(
                &["account", "state", "sessions", "levels"],
                rows,
                "no account of that name",
            );
        }
        Ok(Exit::Ok)
    }
}

async fn in_time<T>(call: impl Future<Output = Result<T, CallError>>) -> Result<T, CliError> {
    match tokio::time::timeout(PATIENCE, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(CliError::Unreachable(format!(
            "{} ({})",
            error, error.class
        ))),
        Err(_) => Err(CliError::Unreachable(
            "no answer in time: is the system running and reachable from here?".to_owned(),
        )),
    }
}
