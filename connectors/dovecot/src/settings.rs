//! What a practice writes to connect its mail server.

use std::{path::PathBuf, time::Duration};

use drawbridge_sdk::{
    BuildContext, SecretRef, SettingsError,
    http::{Endpoint, EndpointOptions},
    sql::DatabaseRef,
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    client::Doveadm,
    connector::Dovecot,
    users::{SqlName, UserTable},
};

/// Settings of the `dovecot` connector.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// doveadm's HTTP API, ending with `/doveadm/v1`.
    doveadm_url: String,
    /// What `doveadm_api_key` says in Dovecot's configuration.
    api_key: SecretRef,
    /// Admits `http://` to loopback.
    #[serde(default)]
    allow_plain_http: bool,
    /// Networks beyond the public internet that may be connected to, as `10.0.0.0/8`.
    #[serde(default)]
    allow_networks: Vec<String>,
    /// PEM certificates trusted instead of the machine's own.
    ca_file: Option<PathBuf>,
    /// The database Dovecot asks who may log in.
    user_database: DatabaseRef,
    /// Its table of users.
    #[serde(default = "default_table")]
    users_table: SqlName,
    /// The column of the login, which is the address.
    #[serde(default = "default_email")]
    email_column: SqlName,
    /// The column of the password; written only when a mailbox is created.
    #[serde(default = "default_password")]
    password_column: SqlName,
    /// The column that is 1 (or true) while one may log in.
    #[serde(default = "default_enabled")]
    enabled_column: SqlName,
    /// Whether a missing mailbox is created, with a password that fits nothing until a real one is
    /// set.
    #[serde(default)]
    create: bool,
    /// Longest time, in seconds, that an SMTP session can live on the submission port, if something
    /// limits it; 0 where nobody sends mail with these passwords. Postfix alone limits only how
    /// long a session may be idle.
    smtp_session_longest: Option<u64>,
}

fn name(text: &str) -> SqlName {
    SqlName::try_from(text.to_owned()).expect("a plain name")
}

fn default_table() -> SqlName {
    name("users")
}

fn default_email() -> SqlName {
    name("email")
}

fn default_password() -> SqlName {
    name("password")
}

fn default_enabled() -> SqlName {
    name("enabled")
}

/// Builds the connector.
pub(crate) fn build(settings: Settings, context: &BuildContext) -> Result<Dovecot, SettingsError> {
    let options = EndpointOptions {
        allow_plain_http: settings.allow_plain_http,
        allow_networks: settings.allow_networks,
        ca_file: settings.ca_file,
        ..EndpointOptions::default()
    };
    let endpoint = Endpoint::new(&settings.doveadm_url, options, context)?;
    let key = settings.api_key.bind(&context.base_dir)?;
    Ok(Dovecot {
        doveadm: Doveadm { endpoint, key },
        users: UserTable {
            database: settings.user_database.bind("user_database", context)?,
            table: settings.users_table,
            email: settings.email_column,
            password: settings.password_column,
            enabled: settings.enabled_column,
        },
        create: settings.create,
        smtp_session_longest: settings.smtp_session_longest.map(Duration::from_secs),
    })
}
