//! Settings of a REST vendor, and the vendor file they name.

use std::{collections::BTreeMap, path::PathBuf};

use drawbridge_sdk::{BuildContext, SecretRef, SettingsError};
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::vendor::{VendorFile, file::base_url, shipped};

/// `[practice.system.settings]` of an `http` system.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The name of a shipped vendor file (`openmrs`, `brivo`), or the path of your own, relative to the
    /// settings file.
    pub vendor: String,
    /// Where the vendor's interface is. Needed unless the vendor file names one address for everybody.
    pub base_url: Option<String>,
    /// Where OAuth tokens are had, if elsewhere than the vendor file says.
    pub token_url: Option<String>,
    /// What the vendor file's `[[auth]]` needs: for example `user` and `password`, or `token`.
    #[serde(default)]
    pub credentials: BTreeMap<String, CredentialRef>,
    /// Admits `http://` to loopback addresses.
    #[serde(default)]
    pub allow_plain_http: bool,
    /// Private networks the vendor may be in, for example `["10.0.0.0/8"]`.
    #[serde(default)]
    pub allow_networks: Vec<String>,
    /// Certificates of the practice's own authority (PEM), relative to the settings file.
    pub ca_file: Option<PathBuf>,
}

/// One entry under `credentials`: a reference to a secret, or plain text for what is none.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum CredentialRef {
    /// `{ env = "NAME" }` or `{ file = "..." }`.
    Secret(SecretRef),
    /// A user's name, a client's id: only where it is no secret.
    Plain(String),
}

impl Settings {
    /// Reads the vendor file.
    ///
    /// # Errors
    /// When there is none of this name or at this path, or it cannot be used.
    pub fn vendor_file(&self, context: &BuildContext) -> Result<VendorFile, SettingsError> {
        let unusable = |problem: String| SettingsError::Value {
            key: "vendor",
            problem,
        };
        let parsed = match shipped::text_of(&self.vendor) {
            Some(text) => VendorFile::parse(&format!("{}.toml", self.vendor), text),
            None if self.vendor.ends_with(".toml") => {
                let path = context.base_dir.join(&self.vendor);
                let text = std::fs::read_to_string(&path).map_err(|error| {
                    unusable(format!("`{}` cannot be read ({error}): check the path, relative to the settings file", path.display()))
                })?;
                VendorFile::parse(&self.vendor, &text)
            }
            None => {
                return Err(unusable(format!(
                    "no vendor file `{}` is shipped: write one of {}, or the path of your own ending in .toml",
                    self.vendor,
                    shipped::names().join(", ")
                )));
            }
        };
        parsed.map_err(|error| unusable(error.to_string()))
    }

    /// The address everything is asked below.
    ///
    /// # Errors
    /// When neither the settings nor the vendor file name a usable one.
    pub fn address(&self, vendor: &VendorFile) -> Result<Url, SettingsError> {
        let unusable = |problem: String| SettingsError::Value {
            key: "base_url",
            problem,
        };
        match (&self.base_url, &vendor.base_url) {
            (Some(own), _) => base_url(own).map_err(unusable),
            (None, Some(everybodys)) => Ok(everybodys.clone()),
            (None, None) => Err(unusable(format!(
                "is missing: say where {} is",
                vendor.title
            ))),
        }
    }
}
