//! The trait, what a connector can do, and how a kind of connector is registered.

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    answer::{AccountPage, Observation, Outcome},
    call::{Ask, CloseCall, Cursor, OpenCall},
    failure::CallError,
    receipt::Receipt,
    subject::Way,
};

/// Reads and changes one system.
///
/// Every method makes one try and returns within the server's timeout. A dropped future must leave
/// nothing behind that acts later.
#[async_trait]
pub trait Connector: Send + Sync + 'static {
    /// What this connector can do. The conformance suite tests exactly what is claimed here.
    fn capabilities(&self) -> Capabilities;

    /// Proves that the system can be reached and accepts the credential. Changes nothing.
    async fn check(&self) -> Result<Health, CallError>;

    /// Reads every account of this person, their sessions, and whether the canary is seen.
    ///
    /// No account is an empty list, not an error.
    async fn observe(&self, ask: &Ask) -> Result<Observation, CallError>;

    /// Creates or enables the account and sets its levels.
    async fn open(&self, call: &OpenCall) -> Result<Outcome, CallError>;

    /// Blocks new logins and ends open sessions of every account of this person. Never deletes.
    ///
    /// No account is [`crate::Change::NoAccount`], not an error. A part that failed is
    /// [`crate::Effect::Failed`] so that the other parts are told too; an error means that nothing
    /// is known to be done.
    async fn close(&self, call: &CloseCall) -> Result<Outcome, CallError>;

    /// Lists accounts, whoever they belong to, page by page.
    async fn list_accounts(&self, page: Option<&Cursor>) -> Result<AccountPage, CallError>;

    /// When the certificate ends that the system showed last. `None` before it was asked anything, and
    /// where it does not speak TLS.
    fn certificate_ends(&self) -> Option<Timestamp> {
        None
    }
}

/// What a connector can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Capabilities {
    /// Ways in that it knows.
    pub ways: Vec<Way>,
    /// Creates accounts.
    pub create: bool,
    /// Sets levels (groups, roles).
    pub set_role: bool,
    /// Blocks new logins.
    pub disable: bool,
    /// Ends open sessions.
    pub end_sessions: bool,
    /// Reads back whether an account is blocked.
    pub read_back: bool,
    /// Reads how many sessions are open.
    pub read_sessions: bool,
    /// Lists all accounts.
    pub list_accounts: bool,
    /// Longest time a session lives on after the account is blocked, where documented. `None` means
    /// unknown.
    pub session_lifetime: Option<Duration>,
    /// What "disabled" means in this system, in one sentence.
    pub disabled_means: &'static str,
}

impl Capabilities {
    /// A connector that can do nothing yet; its author claims one thing after the other.
    pub const fn none(disabled_means: &'static str) -> Self {
        Self {
            ways: Vec::new(),
            create: false,
            set_role: false,
            disable: false,
            end_sessions: false,
            read_back: false,
            read_sessions: false,
            list_accounts: false,
            session_lifetime: None,
            disabled_means,
        }
    }

    /// The claims that are made, by name, for the conformance suite and for people.
    pub fn claims(&self) -> Vec<&'static str> {
        [
            ("create", self.create),
            ("set_role", self.set_role),
            ("disable", self.disable),
            ("end_sessions", self.end_sessions),
            ("read_back", self.read_back),
            ("read_sessions", self.read_sessions),
            ("list_accounts", self.list_accounts),
        ]
        .into_iter()
        .filter_map(|(name, claimed)| claimed.then_some(name))
        .collect()
    }
}

/// What a check found.
#[derive(Debug, Clone)]
pub struct Health {
    /// Product and version, or what the system says of itself.
    pub product: String,
    /// One receipt per request made.
    pub receipts: Vec<Receipt>,
}

/// What a connector gets besides its own settings.
#[derive(Debug, Clone)]
pub struct BuildContext {
    /// The system's permanent name, for messages.
    pub system: String,
    /// Folder of the settings file: relative paths in settings start here.
    pub base_dir: PathBuf,
    /// Total time one call may take.
    pub call_timeout: Duration,
}

impl BuildContext {
    /// A context for tests and tools: relative paths start in the current folder, 20 s per call.
    pub fn named(system: &str) -> Self {
        Self {
            system: system.to_owned(),
            base_dir: PathBuf::from("."),
            call_timeout: Duration::from_secs(20),
        }
    }
}

/// Settings that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A key is unknown, missing or of the wrong type.
    #[error("settings: {0}")]
    Shape(String),
    /// A secret reference leads nowhere.
    #[error(transparent)]
    Secret(#[from] crate::secret::SecretError),
    /// A value is well-formed and still cannot be used; the text says why and what to write instead.
    #[error("`{key}`: {problem}")]
    Value {
        /// The settings key.
        key: &'static str,
        /// Why, and the way out.
        problem: String,
    },
}

type BuildFn =
    dyn Fn(Value, &BuildContext) -> Result<Arc<dyn Connector>, SettingsError> + Send + Sync;

/// One kind of connector, as registered in the server's list.
#[derive(Clone)]
pub struct Kind {
    /// The name in `connector = "..."`: the product or protocol, a noun in lower case.
    pub name: &'static str,
    /// One line for `drawbridge connector list`.
    pub summary: &'static str,
    schema: fn() -> Value,
    build: Arc<BuildFn>,
}

impl Kind {
    /// A kind whose settings are `S`, built by `build`.
    pub fn new<S, C>(
        name: &'static str,
        summary: &'static str,
        build: fn(S, &BuildContext) -> Result<C, SettingsError>,
    ) -> Self
    where
        S: DeserializeOwned + JsonSchema + 'static,
        C: Connector,
    {
        Self {
            name,
            summary,
            schema: || serde_json::to_value(schemars::schema_for!(S)).unwrap_or_default(),
            build: Arc::new(move |settings, context| {
                let settings: S = serde_json::from_value(settings)
                    .map_err(|error| SettingsError::Shape(error.to_string()))?;
                Ok(Arc::new(build(settings, context)?))
            }),
        }
    }

    /// The JSON Schema of the settings.
    pub fn schema(&self) -> Value {
        (self.schema)()
    }

    /// A connector with these settings.
    ///
    /// # Errors
    /// When a key is unknown, missing or unusable, or a secret reference leads nowhere. Nothing is
    /// sent to the system.
    pub fn build(
        &self,
        settings: Value,
        context: &BuildContext,
    ) -> Result<Arc<dyn Connector>, SettingsError> {
        (self.build)(settings, context)
    }
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kind")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
