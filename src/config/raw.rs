//! Settings as they are written. Every key of the file is here.

use std::{collections::BTreeMap, path::PathBuf};

use drawbridge_sdk::SecretRef;
use serde::Deserialize;
use toml::Spanned;

use super::duration::Written;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// Address and port, default `127.0.0.1:8080`.
    pub(super) listen: Option<Spanned<String>>,
    /// `sqlite://file`, `postgres://...`, or a secret reference to such a URL.
    pub(super) database: Option<Database>,
    pub(super) tls: Option<Tls>,
    /// A proxy before this program ends TLS.
    #[serde(default)]
    pub(super) behind_proxy: bool,
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) practice: Vec<Practice>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Database {
    Url(String),
    Secret(SecretRef),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) requests_per_second: Option<f64>,
    pub(super) concurrency: Option<usize>,
    pub(super) body_bytes: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Practice {
    pub(super) name: Spanned<String>,
    pub(super) title: Option<String>,
    pub(super) time_zone: Option<Spanned<String>>,
    pub(super) close_within: Option<Written>,
    pub(super) hold_for: Option<Written>,
    pub(super) role_grace: Option<Written>,
    pub(super) roles: Option<Spanned<PathBuf>>,
    #[serde(default)]
    pub(super) break_glass: Vec<String>,
    #[serde(default)]
    pub(super) brake: Brake,
    #[serde(default)]
    pub(super) source: Vec<Source>,
    #[serde(default)]
    pub(super) system: Vec<System>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Brake {
    pub(super) people: Option<u32>,
    pub(super) share: Option<f64>,
    #[serde(default)]
    pub(super) off: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) strict: bool,
    #[serde(default)]
    pub(super) group_patch_204: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct System {
    pub(super) name: Spanned<String>,
    pub(super) title: Option<String>,
    pub(super) category: Spanned<String>,
    pub(super) connector: Spanned<String>,
    #[serde(default)]
    pub(super) holds_ephi: bool,
    pub(super) owner: Option<String>,
    pub(super) close_within: Option<Spanned<Written>>,
    pub(super) close_within_exception: Option<String>,
    pub(super) settle: Option<Written>,
    pub(super) canary: Option<String>,
    pub(super) concurrency: Option<usize>,
    pub(super) forward_to: Option<String>,
    #[serde(default)]
    pub(super) retired: bool,
    #[serde(default)]
    pub(super) levels: BTreeMap<String, Words>,
    #[serde(default)]
    pub(super) settings: toml::Table,
}

/// One word of a system, or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Words {
    One(String),
    Several(Vec<String>),
}
