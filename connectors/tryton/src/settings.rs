//! How to reach a Tryton server.

use std::path::PathBuf;

use drawbridge_sdk::SecretRef;
use schemars::JsonSchema;
use serde::Deserialize;

/// `[practice.system.settings]` of a `tryton` system.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The server's address, without the database: `https://ehr.example`.
    pub base_url: String,
    /// The database's name.
    pub database: String,
    /// Login of the bridge's own user, who may read and write users and groups.
    pub login: String,
    /// That user's password.
    pub password: SecretRef,
    /// Admits `http://` to loopback addresses.
    #[serde(default)]
    pub allow_plain_http: bool,
    /// Private networks the server may be in, for example `["10.0.0.0/8"]`.
    #[serde(default)]
    pub allow_networks: Vec<String>,
    /// Certificates of the practice's own authority (PEM), relative to the settings file.
    pub ca_file: Option<PathBuf>,
}
