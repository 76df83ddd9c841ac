//! Settings: as they are used ([`Settings`]), which cannot be wrong, and how they are read.
//!
//! - `section`, `value`, `duration`: a file as it is written, with the line of every key
//! - `load`, `practice`, `system`, `events`, `console`, `alerts`, `roles_file`: from there to [`Settings`]
//! - `error`, `suggest`: every mistake that was found, and what was probably meant

pub mod alerts;
mod console;
mod duration;
mod error;
mod events;
mod load;
mod practice;
mod roles_file;
mod section;
#[cfg(test)]
mod shipped;
mod suggest;
mod system;
mod value;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use drawbridge_sdk::{SecretRef, http::ClientAuth, secret::SecretError};
pub use error::{ConfigError, Place, Problem};
use jiff::civil::Date;

use crate::{
    ids::{PracticeName, SourceName, SubscriberName, SystemName},
    policy::{Category, Roles},
    store::{StoreError, sqlite_path},
};

/// Settings that can be used.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Folder of the settings file: relative paths start here.
    pub base_dir: PathBuf,
    /// Where to listen.
    pub listen: SocketAddr,
    /// Certificate and key, when this program ends TLS itself.
    pub tls: Option<Tls>,
    /// Whether clients reach us by https: we end TLS, or the proxy before us does.
    pub is_https: bool,
    /// Where metrics are served, if anywhere.
    pub metrics_listen: Option<SocketAddr>,
    /// What a caller may take up.
    pub limits: Limits,
    /// How departures are told to subscribers; `None` is not at all.
    pub events: Option<Events>,
    /// The admin's pages.
    pub console: Console,
    /// The practices, in file order.
    pub practices: Vec<Practice>,
    /// What checkpoints of the ledger are signed with, an Ed25519 key as PKCS#8 PEM; `None` is that none are.
    pub checkpoint_key: Option<SecretRef>,
    database: Database,
    /// The second ledger, where the file names it.
    second_ledger: Option<PathBuf>,
}

/// Where the database is.
#[derive(Debug, Clone)]
pub enum Database {
    /// A URL without a secret.
    Url(String),
    /// A URL that holds a password.
    Secret(SecretRef),
}

/// Certificate and key files, PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// What a caller may take up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Requests a second per token; `None` is no limit.
    pub requests_per_second: Option<f64>,
    /// Requests served at a time.
    pub concurrency: usize,
    /// Longest body, in bytes.
    pub body_bytes: usize,
    /// Connections open at a time.
    pub connections: usize,
    /// How long each step of a request may take.
    pub waits: Waits,
}

/// How long a caller may take. No file says these: nobody but a test has reason to change them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// From the first byte of a request to the end of its header; also for a TLS handshake.
    pub head: Duration,
    /// For the body.
    pub body: Duration,
    /// From a request's header to its answer.
    pub request: Duration,
    /// The same for a Bulk request, which is many in one. After it any connection is closed.
    pub bulk: Duration,
    /// Between two requests on one connection.
    pub idle: Duration,
    /// For what is still running when the bridge is asked to stop.
    pub drain: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            body: Duration::from_secs(15),
            request: Duration::from_secs(30),
            bulk: Duration::from_secs(300),
            idle: Duration::from_secs(75),
            drain: Duration::from_secs(20),
        }
    }
}

/// One practice.
#[derive(Debug, Clone)]
pub struct Practice {
    /// Its permanent key.
    pub name: PracticeName,
    /// What people read.
    pub title: String,
    /// IANA name of its time zone.
    pub time_zone: String,
    /// Within what time a leaver's doors must be closed.
    pub close_within: Duration,
    /// How long a departure holds.
    pub hold_for: Duration,
    /// How long losing every role closes nothing.
    pub role_grace: Duration,
    /// The role matrix of the file.
    pub roles: Roles,
    /// The file's text, as it is put into force.
    pub roles_text: String,
    /// userNames that belong to no person and are never closed automatically.
    pub break_glass: Vec<String>,
    /// When a wave of departures is held.
    pub brake: Brake,
    /// Who tells about people.
    pub sources: Vec<Source>,
    /// Who is told of departures.
    pub subscribers: Vec<Subscriber>,
    /// Who is told when a leaver's time runs short; `None` is nobody.
    pub alerts: Option<alerts::Alerts>,
    /// Its systems, in file order.
    pub systems: Vec<SystemSettings>,
    /// Its own identity provider for the console; `None` is that of all.
    pub oidc: Option<Oidc>,
}

/// When a wave of departures is held for a look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Brake {
    /// More people than this within 15 minutes.
    pub people: u32,
    /// And more than this share of the active ones.
    pub share: f64,
    /// Never.
    pub off: bool,
}

/// Who tells about people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub name: SourceName,
    /// Refuse what the protocol does not know, instead of ignoring it.
    pub strict: bool,
    /// Answer 204 to a PATCH of a group.
    pub group_patch_204: bool,
    /// How long it may say nothing; zero is for ever.
    pub silent_after: Duration,
}

impl Practice {
    /// How long each source may say nothing that may not for ever.
    pub fn silent_after(&self) -> Vec<(SourceName, Duration)> {
        let sources = self.sources.iter();
        sources
            .filter(|source| !source.silent_after.is_zero())
            .map(|source| (source.name.clone(), source.silent_after))
            .collect()
    }
}

/// The admin's pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Console {
    /// Where people reach them, without a final `/`.
    pub url: Option<String>,
    /// How long after somebody proved who they are they may sign, export and make tokens.
    pub fresh_for: Duration,
    /// Who says who somebody is, for every practice without a provider of its own.
    pub oidc: Option<Oidc>,
}

/// An identity provider that people sign in to the console with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oidc {
    /// What people call it.
    pub title: String,
    /// What it calls itself, to the letter.
    pub issuer: String,
    /// What it calls the bridge.
    pub client_id: String,
    /// What the bridge says who it is with; `None` for a client that has none.
    pub client_secret: Option<SecretRef>,
    /// Where the two go.
    pub client_auth: ClientAuth,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// Whether an address counts that the provider does not say it verified.
    pub trust_email: bool,
    /// Whether `http://` to this machine is fine.
    pub allow_plain_http: bool,
    /// Networks beyond the public internet that may be connected to.
    pub allow_networks: Vec<String>,
    /// Certificates that are trusted instead of the machine's own.
    pub ca_file: Option<PathBuf>,
}

/// How departures are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Events {
    /// What this bridge calls itself.
    pub issuer: String,
    /// The signing key.
    pub key: SecretRef,
}

/// Who is told of departures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriber {
    /// Its name.
    pub name: SubscriberName,
    /// What it calls itself.
    pub audience: String,
    /// How tokens come to it.
    pub delivery: Delivery,
}

/// How tokens come to a subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// They are brought to it.
    Push {
        /// Where to.
        url: String,
        /// What the bridge says who it is with.
        token: Option<SecretRef>,
        /// Whether `http://` to this machine is fine.
        allow_plain_http: bool,
        /// Networks beyond the public internet that may be connected to.
        allow_networks: Vec<String>,
        /// Certificates that are trusted instead of the machine's own.
        ca_file: Option<PathBuf>,
    },
    /// It fetches them.
    Poll {
        /// What it says who it is with.
        token: SecretRef,
    },
}

/// One configured target.
#[derive(Debug, Clone)]
pub struct SystemSettings {
    /// Its permanent name.
    pub name: SystemName,
    /// What people read.
    pub title: String,
    /// What kind of system.
    pub category: Category,
    /// Which kind of connector.
    pub connector: String,
    /// Whether it holds electronic protected health information.
    pub holds_ephi: bool,
    /// Who looks after it.
    pub owner: Option<String>,
    /// Overrides the practice's.
    pub close_within: Option<Duration>,
    /// Why `close_within` may be longer than an hour, and who signed it.
    pub close_within_exception: Option<String>,
    /// How long after its time limit a call may still take effect.
    pub settle: Duration,
    /// An account known to exist.
    pub canary: Option<String>,
    /// The day from which what the bridge signs in with works no more.
    pub credential_ends: Option<Date>,
    /// Calls at a time.
    pub concurrency: usize,
    /// Where a leaver's mail goes when the manager cannot be found.
    pub forward_to: Option<String>,
    /// No longer in use.
    pub retired: bool,
    /// Levels of the matrix in the system's own words.
    pub levels: BTreeMap<String, Vec<String>>,
    /// The connector's own settings.
    pub settings: serde_json::Value,
    /// Where it is written, for messages about what the connector finds wrong.
    pub place: Place,
}

impl Settings {
    /// Where calls are written down while the database cannot be: beside a SQLite database, unless the
    /// file says otherwise. `None` for PostgreSQL: without it nobody can tell which bridge a door is for.
    ///
    /// # Errors
    /// When the database's URL is a secret and its reference leads nowhere.
    pub fn second_ledger(&self) -> Result<Option<PathBuf>, StoreError> {
        let Some(database) = sqlite_path(&self.database_url()?) else {
            return Ok(None);
        };
        let beside = || {
            let mut name = database.into_os_string();
            name.push(".second");
            PathBuf::from(name)
        };
        Ok(Some(self.second_ledger.clone().unwrap_or_else(beside)))
    }

    /// The database's URL.
    ///
    /// # Errors
    /// When it is a secret and its reference leads nowhere.
    pub fn database_url(&self) -> Result<String, StoreError> {
        use secrecy::ExposeSecret as _;
        match &self.database {
            Database::Url(url) => Ok(url.clone()),
            Database::Secret(reference) => {
                let secret = reference
                    .bind(&self.base_dir)
                    .and_then(|secret| secret.read())
                    .map_err(|error: SecretError| StoreError::Url(error.to_string()))?;
                Ok(secret.expose_secret().to_owned())
            }
        }
    }
}
