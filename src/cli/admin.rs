//! `drawbridge admin invite|list|remove`

use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    CliError, Exit, output,
    setup::{Place, PlaceArgs, caller},
};
use crate::{
    clock::{Clock, SystemClock},
    config::Settings,
    console::admins,
    ids::PracticeName,
    policy::office::OfficeRole,
    store::{Store, StoreError},
};

/// Who may sign in to the console.
#[derive(Debug, Subcommand)]
pub enum Admin {
    /// Make a link that signs somebody in once, within 15 minutes
    #[command(after_help = "Examples:
  drawbridge admin invite --practice elm --name \"Dana Ruiz\" --role owner
  drawbridge admin invite --name \"Dana Ruiz\" --role owner --url https://bridge.elm.example

Roles: owner, admin, operator, integrator, auditor, board. Whoever is known already gets a new link, and the role
you name. The link alone is on standard output; send it in a way that only they read.")]
    Invite(Invite),
    /// List who may come in, and as what
    List(List),
    /// Send somebody away: their sessions and links end at once
    Remove(Remove),
}

/// `admin invite`
#[derive(Debug, Args)]
pub struct Invite {
    #[command(flatten)]
    place: PlaceArgs,
    /// Who, as the record shall name them
    #[arg(long, value_name = "NAME")]
    name: String,
    /// What they may do
    #[arg(long, value_name = "ROLE", value_parser = parse_role)]
    role: OfficeRole,
    /// The address their identity provider has of them, to come in by it from then on
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "",
        hide_default_value = true
    )]
    email: String,
    /// The address people reach the console at; without it, that of the settings, or the one the server listens on
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// `admin list`
#[derive(Debug, Args)]
pub struct List {
    #[command(flatten)]
    place: PlaceArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// `admin remove`
#[derive(Debug, Args)]
pub struct Remove {
    #[command(flatten)]
    place: PlaceArgs,
    /// Who, as `admin list` names them
    #[arg(long, value_name = "NAME")]
    name: String,
}

fn parse_role(name: &str) -> Result<OfficeRole, String> {
    OfficeRole::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = OfficeRole::ALL.iter().map(|role| role.as_str()).collect();
        format!("no such role: {}", known.join(", "))
    })
}

impl Admin {
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        match self {
            Self::Invite(invite) => invite.run().await,
            Self::List(list) => list.run().await,
            Self::Remove(remove) => remove.run().await,
        }
    }
}

impl Invite {
    async fn run(self) -> Result<Exit, CliError> {
        let Place {
            settings,
            practice,
            store,
        } = self.place.open().await?;
        let link = admins::invite(
            &store,
            &caller(&practice.name),
            admins::Guest {
                name: &self.name,
                role: self.role,
                email: &self.email,
            },
            SystemClock.now(),
        )
        .await?
        .map_err(CliError::Problem)?;
        eprintln!(
            "signs in {} once as {}, within {} minutes",
            self.name,
            self.role.as_str(),
            admins::LINK_WORKS_FOR.as_secs() / 60
        );
        warn_without_owner(&store, &practice.name).await?;
        println!("{}/sign-in/{link}", address(&settings, self.url.as_deref()));
        Ok(Exit::Ok)
    }
}

/// Where the console is, as far as it is known here: behind a proxy only people know.
fn address(settings: &Settings, url: Option<&str>) -> String {
    match url.or(settings.console.url.as_deref()) {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => {
            let scheme = if settings.is_https { "https" } else { "http" };
            format!("{scheme}://{}", settings.listen)
        }
    }
}

impl List {
    async fn run(self) -> Result<Exit, CliError> {
        let Place {
            practice, store, ..
        } = self.place.open().await?;
        let admins = store.list_admins(&practice.name).await?;
        if self.json {
            let admins: Vec<_> = admins
                .iter()
                .map(|admin| json!({"id": admin.id, "name": admin.name, "role": admin.role.as_str(), "email": admin.email}))
                .collect();
            output::json(&admins);
            return Ok(Exit::Ok);
        }
        let rows = admins
            .into_iter()
            .map(|admin| {
                let role = admin.role;
                vec![
                    admin.name,
                    role.as_str().to_owned(),
                    role.in_words().to_owned(),
                ]
            })
            .collect();
        output::table(
            &["name", "role", "may"],
            rows,
            "nobody yet: let the first one in with `drawbridge admin invite --name NAME --role owner`",
        );
        Ok(Exit::Ok)
    }
}

impl Remove {
    async fn run(self) -> Result<Exit, CliError> {
        let Place {
            practice, store, ..
        } = self.place.open().await?;
        let admins = store.list_admins(&practice.name).await?;
        let admin = admins
            .iter()
            .find(|admin| admin.is_called(&self.name))
            .ok_or_else(|| {
                CliError::Problem(format!(
                    "nobody here is called `{}`: `drawbridge admin list` shows who is",
                    self.name
                ))
            })?;
        admins::remove(&store, &caller(&practice.name), admin, SystemClock.now()).await?;
        println!("{} may not come in any more", admin.name);
        warn_without_owner(&store, &practice.name).await?;
        Ok(Exit::Ok)
    }
}

/// Says so when nobody in the console can let others in any more. Here that is allowed: this is the way back.
async fn warn_without_owner(store: &Store, practice: &PracticeName) -> Result<(), StoreError> {
    let admins = store.list_admins(practice).await?;
    if !admins.iter().any(|admin| admin.role == OfficeRole::Owner) {
        eprintln!(
            "{practice} has no owner now: let one in with `drawbridge admin invite --name NAME --role owner`"
        );
    }
    Ok(())
}
