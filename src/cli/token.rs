//! `drawbridge token create|revoke|list`

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    CliError, Exit, output,
    setup::{ConfigArg, caller, open_store},
};
use crate::{
    clock::{self, Clock, SystemClock},
    config::Practice,
    ids::TokenId,
    intake::tokens,
};

/// Tokens the identity provider pushes with.
#[derive(Debug, Subcommand)]
pub enum Token {
    /// Make a token; it is printed once and never again
    #[command(after_help = "Example:
  drawbridge token create --practice elm --source entra
  drawbridge token create --practice elm --api hr        for the API that starts departures

Paste it as the Secret Token into the identity provider. Two tokens of one source work side by side,
so make the new one before revoking the old.")]
    Create(Create),
    /// List tokens, without the tokens themselves
    List(List),
    /// Make a token stop working at once
    Revoke(Revoke),
}

/// `token create`
#[derive(Debug, Args)]
pub struct Create {
    #[command(flatten)]
    config: ConfigArg,
    /// The practice it speaks for
    #[arg(long, value_name = "NAME")]
    practice: String,
    /// The source it speaks as, as the settings name it
    #[arg(
        long,
        value_name = "NAME",
        required_unless_present = "api",
        conflicts_with = "api"
    )]
    source: Option<String>,
    /// For the HTTP API that starts departures, and nothing else: who it speaks as, any short name
    #[arg(long, value_name = "NAME")]
    api: Option<String>,
    /// How many days it works
    #[arg(long, value_name = "N", default_value_t = 180, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
}

/// `token list`
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    config: ConfigArg,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `token revoke`
#[derive(Debug, Args)]
pub struct Revoke {
    #[command(flatten)]
    config: ConfigArg,
    /// The token's id, as `token list` shows it
    #[arg(value_name = "ID")]
    id: String,
}

impl Token {
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        match self {
            Self::Create(create) => create.run().await,
            Self::List(list) => list.run().await,
            Self::Revoke(revoke) => revoke.run().await,
        }
    }
}

impl Create {
    async fn run(self) -> Result<Exit, CliError> {
        let settings = self.config.load()?;
        let chosen = super::setup::PracticeArg {
            practice: Some(self.practice),
        };
        let practice = chosen.choose(&settings)?;
        let now = SystemClock.now();
        let expires = clock::after(now, Duration::from_secs(u64::from(self.days) * 24 * 3_600));
        let made = match (&self.source, &self.api) {
            (Some(source), _) => {
                check_source(practice, source)?;
                tokens::new_token(&practice.name, &source.as_str().into(), expires)
            }
            (None, Some(name)) => {
                check_name(name)?;
                tokens::new_api_token(&practice.name, name, expires)
            }
            (None, None) => {
                let text = "say for whom: --source NAME, or --api NAME";
                return Err(CliError::Problem(text.to_owned()));
            }
        };
        let (token, stored) = made.map_err(|error| CliError::Problem(error.to_string()))?;
        let store = open_store(&settings).await?;
        tokens::record(&store, &caller(&practice.name), &stored, now).await?;
        eprintln!(
            "works until {}; it is not shown again",
            clock::to_text(expires)
        );
        println!("{token}");
        Ok(Exit::Ok)
    }
}

/// A name that evidence can show: `api:hr`.
fn check_name(name: &str) -> Result<(), CliError> {
    let is_plain = |letter: char| {
        letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_".contains(letter)
    };
    if name.is_empty() || name.len() > 40 || !name.chars().all(is_plain) {
        return Err(CliError::Problem(format!(
            "`{name}` cannot be the name of a token: use small letters, digits, `-` and `_`"
        )));
    }
    Ok(())
}

/// A source that the settings name.
fn check_source(practice: &Practice, source: &str) -> Result<(), CliError> {
    let names: Vec<&str> = practice
        .sources
        .iter()
        .map(|source| source.name.as_str())
        .collect();
    if names.contains(&source) {
        return Ok(());
    }
    Err(CliError::Problem(format!(
        "practice `{}` has no source `{source}`: the settings name {}",
        practice.name,
        if names.is_empty() {
            "none; add a [[practice.source]]".to_owned()
        } else {
            names.join(", ")
        }
    )))
}

impl List {
    async fn run(self) -> Result<Exit, CliError> {
        let settings = self.config.load()?;
        let store = open_store(&settings).await?;
        let tokens = store.list_tokens().await?;
        let state = |token: &crate::store::StoredToken| {
            if token.revoked {
                "revoked"
            } else if token.expires <= SystemClock.now() {
                "expired"
            } else {
                "works"
            }
        };
        if self.json {
            let tokens: Vec<_> = tokens
                .iter()
                .map(|token| {
                    json!({"id": token.id, "practice": token.practice, "source": token.source,
                           "expires": clock::to_text(token.expires), "state": state(token)})
                })
                .collect();
            output::json(&tokens);
        } else {
            output::table(
                &["id", "practice", "source", "expires", "state"],
                tokens
                    .iter()
                    .map(|token| {
                        vec![
                            token.id.to_string(),
                            token.practice.to_string(),
                            token.source.to_string(),
                            clock::to_text(token.expires),
                            state(token).to_owned(),
                        ]
                    })
                    .collect(),
                "no tokens yet: make one with `drawbridge token create --practice NAME --source NAME`",
            );
        }
        Ok(Exit::Ok)
    }
}

impl Revoke {
    async fn run(self) -> Result<Exit, CliError> {
        let settings = self.config.load()?;
        let store = open_store(&settings).await?;
        let id = TokenId::from(self.id);
        let token = store.find_token(&id).await?.ok_or_else(|| {
            CliError::Problem(format!(
                "there is no token `{id}`: `drawbridge token list` shows them"
            ))
        })?;
        tokens::revoke(&store, &caller(&token.practice), &id, SystemClock.now()).await?;
        println!("token {id} stopped working");
        Ok(Exit::Ok)
    }
}
