//! What most commands need: settings, database, practice, person.

use std::path::PathBuf;

use clap::Args;

use super::CliError;
use crate::{
    app,
    config::{Practice, Settings},
    ids::{PersonId, PracticeName},
    intake::Caller,
    store::Store,
};

/// Where the settings are.
#[derive(Debug, Clone, Args)]
pub struct ConfigArg {
    /// The settings file
    #[arg(
        long,
        value_name = "FILE",
        default_value = "drawbridge.toml",
        env = "DRAWBRIDGE_CONFIG"
    )]
    pub config: PathBuf,
}

impl ConfigArg {
    /// Reads the settings.
    ///
    /// # Errors
    /// With every mistake found, each with its place and the way out.
    pub fn load(&self) -> Result<Settings, CliError> {
        app::load_settings(&self.config).map_err(|error| CliError::Configuration(error.to_string()))
    }
}

/// Which practice, in an install that serves several.
#[derive(Debug, Clone, Args)]
pub struct PracticeArg {
    /// The practice's name; not needed when there is only one
    #[arg(long, value_name = "NAME")]
    pub practice: Option<String>,
}

impl PracticeArg {
    /// The practice that is meant.
    ///
    /// # Errors
    /// When it is not in the settings, or none was named and there are several.
    pub fn choose<'a>(&self, settings: &'a Settings) -> Result<&'a Practice, CliError> {
        let names: Vec<&str> = settings
            .practices
            .iter()
            .map(|practice| practice.name.as_str())
            .collect();
        match &self.practice {
            Some(name) => settings
                .practices
                .iter()
                .find(|practice| practice.name.as_str() == name)
                .ok_or_else(|| {
                    CliError::Problem(format!(
                        "there is no practice `{name}`: the settings name {}",
                        names.join(", ")
                    ))
                }),
            None => match settings.practices.as_slice() {
                [only] => Ok(only),
                [] => Err(CliError::Configuration(
                    "the settings name no practice: add a [[practice]]".to_owned(),
                )),
                _ => Err(CliError::Problem(format!(
                    "say which practice with --practice: {}",
                    names.join(", ")
                ))),
            },
        }
    }
}

/// Which practice of which settings.
#[derive(Debug, Clone, Args)]
pub struct PlaceArgs {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    practice: PracticeArg,
}

/// A practice, with the settings and the database it is in.
#[derive(Debug)]
pub struct Place {
    /// All settings.
    pub settings: Settings,
    /// The practice.
    pub practice: Practice,
    /// The database.
    pub store: Store,
}

impl PlaceArgs {
    /// Reads the settings, finds the practice in them and opens the database.
    ///
    /// # Errors
    /// When one of the three cannot be.
    pub async fn open(&self) -> Result<Place, CliError> {
        let settings = self.config.load()?;
        let practice = self.practice.choose(&settings)?.clone();
        let store = open_store(&settings).await?;
        Ok(Place {
            settings,
            practice,
            store,
        })
    }
}

/// The database of these settings, with a row for each practice.
///
/// # Errors
/// When it cannot be opened.
pub async fn open_store(settings: &Settings) -> Result<Store, CliError> {
    Ok(app::open_store(settings).await?)
}

/// The one person a userName or an id means.
///
/// # Errors
/// When nobody is called so, or several people bore the name at different times.
pub async fn find_person(
    store: &Store,
    practice: &PracticeName,
    name: &str,
) -> Result<PersonId, CliError> {
    let people = find_people(store, practice, name).await?;
    match people.as_slice() {
        [only] => Ok(only.clone()),
        several => {
            let ids: Vec<&str> = several.iter().map(PersonId::as_str).collect();
            Err(CliError::Problem(format!(
                "several people bore the name `{name}`, the latest first: say which by id: {}",
                ids.join(", ")
            )))
        }
    }
}

/// Everybody a userName or an id means, the latest bearer first.
///
/// # Errors
/// When nobody is called so.
pub async fn find_people(
    store: &Store,
    practice: &PracticeName,
    name: &str,
) -> Result<Vec<PersonId>, CliError> {
    let people = store.find_people(practice, name).await?;
    if people.is_empty() {
        return Err(CliError::Problem(format!(
            "nobody here is called `{name}`: `drawbridge people list` shows who is known"
        )));
    }
    Ok(people)
}

/// Whoever runs this command, as evidence names them.
pub fn caller(practice: &PracticeName) -> Caller {
    let user = std::env::var("SUDO_USER")
        .or_else(|_| std::env::var("USER"))
        .unwrap_or_else(|_| "unknown".to_owned());
    Caller {
        practice: practice.clone(),
        actor: format!("cli:{user}"),
        request_id: uuid::Uuid::now_v7().to_string(),
    }
}
