//! How to reach a SCIM provider.

use std::{path::PathBuf, time::Duration};

use drawbridge_sdk::SecretRef;
use schemars::JsonSchema;
use serde::Deserialize;

/// `[practice.system.settings]` of a `scim` system.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where `/Users` is, without it: `https://saas.example/scim/v2`.
    pub base_url: String,
    /// The bearer token.
    pub token: SecretRef,
    /// Admits `http://` to loopback addresses.
    #[serde(default)]
    pub allow_plain_http: bool,
    /// Private networks the provider may be in, for example `["10.0.0.0/8"]`.
    #[serde(default)]
    pub allow_networks: Vec<String>,
    /// Certificates of the practice's own authority (PEM), relative to the settings file.
    pub ca_file: Option<PathBuf>,
    /// The longest a session or token of this system lives on after its account is disabled, where
    /// the vendor documents it. Without it the residual has no bound.
    pub session_lifetime_minutes: Option<u32>,
}

impl Settings {
    /// The longest a session lives on, where it is known.
    pub fn session_lifetime(&self) -> Option<Duration> {
        let minutes = self.session_lifetime_minutes?;
        Some(Duration::from_secs(u64::from(minutes) * 60))
    }
}
