//! A system's own tables, where a SQL database is how one changes it.
//!
//! A connection is made for each call and dropped with it: calls are rare, a rotated password is
//! picked up, and no dead connection of yesterday waits in a pool.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sqlx::{AnyConnection, Connection, any::install_default_drivers};

use crate::{
    connector::{BuildContext, SettingsError},
    failure::{CallError, FailureClass, Finality},
    secret::{Secret, SecretRef},
    subject::Subject,
};

/// Longest share of a call that may pass before the database has let us in: the rest is for the
/// statements and for what follows them.
const CONNECT_SHARE: u32 = 2;

/// Where a database is: `"sqlite:///var/lib/users.db"`, or a reference to a secret that holds such
/// an address or a `postgres://` one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum DatabaseRef {
    /// The address of a SQLite file, relative to the settings file. A `postgres://` address holds a
    /// password, so it is never written here.
    Plain(String),
    /// Where the address is.
    Secret(SecretRef),
}

impl DatabaseRef {
    /// Binds the reference to the folder of the settings file. Nothing is connected.
    ///
    /// # Errors
    /// When a secret reference leads nowhere, or the address is neither SQLite's nor PostgreSQL's.
    pub fn bind(
        &self,
        key: &'static str,
        context: &BuildContext,
    ) -> Result<Database, SettingsError> {
        let source = match self {
            Self::Plain(address) if sqlite_path(address).is_some() => {
                Source::Plain(address.clone())
            }
            Self::Plain(_) => {
                return Err(SettingsError::Value {
                    key,
                    problem: "only a `sqlite://` address is written here: put a `postgres://` \
                              address, which holds a password, in { env = \"...\" } or \
                              { file = \"...\" }"
                        .to_owned(),
                });
            }
            Self::Secret(reference) => Source::Secret(reference.bind(&context.base_dir)?),
        };
        let database = Database {
            source,
            base_dir: context.base_dir.clone(),
            connect_timeout: context.call_timeout / CONNECT_SHARE,
        };
        database.address().map_err(|error| SettingsError::Value {
            key,
            problem: error.message,
        })?;
        Ok(database)
    }
}

/// A database of the system, ready to be asked.
#[derive(Debug, Clone)]
pub struct Database {
    source: Source,
    base_dir: PathBuf,
    connect_timeout: Duration,
}

#[derive(Debug, Clone)]
enum Source {
    Plain(String),
    Secret(Secret),
}

impl Database {
    /// Connects with the address as it is now.
    ///
    /// # Errors
    /// `retryable` when the database cannot be reached in time, `credential` when it refuses us.
    pub async fn connect(&self) -> Result<AnyConnection, CallError> {
        install_default_drivers();
        let address = self.address()?;
        let connecting = AnyConnection::connect(address.expose_secret());
        match tokio::time::timeout(self.connect_timeout, connecting).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(failure(&error, Finality::NotSent)),
            Err(_) => Err(unreachable_database(Finality::NotSent)),
        }
    }

    fn address(&self) -> Result<SecretString, CallError> {
        let address = match &self.source {
            Source::Plain(address) => SecretString::from(address.clone()),
            Source::Secret(secret) => secret.read()?,
        };
        let text = address.expose_secret();
        if let Some(path) = sqlite_path(text) {
            return Ok(SecretString::from(in_folder(&self.base_dir, path)));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(address);
        }
        Err(CallError::new(
            FailureClass::Credential,
            Finality::NotSent,
            "the database address starts with neither `sqlite://` nor `postgres://`: correct it",
        ))
    }
}

fn sqlite_path(address: &str) -> Option<&str> {
    address
        .strip_prefix("sqlite://")
        .filter(|path| !path.is_empty())
}

fn in_folder(base_dir: &Path, path: &str) -> String {
    if path.starts_with('/') {
        return format!("sqlite://{path}");
    }
    // Of the path, `?` begins the parameters; in the folder's name it is just a letter.
    let folder = base_dir
        .to_string_lossy()
        .replace('%', "%25")
        .replace('?', "%3F");
    format!("sqlite://{folder}/{path}")
}

/// What a database's error means for the call. The database's own words stay out of it: they quote
/// values.
pub fn failure(error: &sqlx::Error, finality: Finality) -> CallError {
    let Some(database_error) = error.as_database_error() else {
        return match error {
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::ColumnNotFound(_) => CallError::new(
                FailureClass::Contract,
                finality,
                "the database answered with columns of another kind than expected: compare its \
                 tables with this connector's page",
            ),
            sqlx::Error::Protocol(_) => CallError::new(
                FailureClass::Contract,
                finality,
                "what answers at the database's address is no such database: check the address",
            ),
            _ => unreachable_database(finality),
        };
    };
    let code = database_error.code().unwrap_or_default();
    match class_of(&code) {
        FailureClass::Retryable => unreachable_database(finality),
        FailureClass::Credential => CallError::new(
            FailureClass::Credential,
            finality,
            format!(
                "the database refused the service account (code {code}): store its new password"
            ),
        ),
        class => CallError::new(
            class,
            finality,
            format!(
                "the database refused the statement (code {code}): check the table and column names \
                 in the settings and the rights of the service account"
            ),
        ),
    }
}

fn unreachable_database(finality: Finality) -> CallError {
    CallError::new(
        FailureClass::Retryable,
        finality,
        "the database cannot be reached or is busy: it is tried again; check that it runs",
    )
}

/// # Source
/// PostgreSQL's SQLSTATE classes (five characters): 08 connection, 28 authorization, 40 rollback,
/// 53 resources, 57 operator intervention. SQLite's result codes (a number, the primary one in the
/// low byte): 5 busy, 6 locked, 7 no memory, 10 I/O, 13 full, 14 cannot open.
fn class_of(code: &str) -> FailureClass {
    if code.len() == 5 {
        return match &code[..2] {
            "28" => FailureClass::Credential,
            "08" | "40" | "53" | "57" | "58" => FailureClass::Retryable,
            _ => FailureClass::Refused,
        };
    }
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(5 | 6 | 7 | 10 | 13 | 14) => FailureClass::Retryable,
        _ => FailureClass::Refused,
    }
}

/// How a transaction begins that reads first and writes what follows from it, so that two of them
/// cannot both find nothing and both write.
pub fn begin_exclusively(connection: &AnyConnection) -> &'static str {
    if connection.backend_name() == "SQLite" {
        "BEGIN IMMEDIATE"
    } else {
        "BEGIN ISOLATION LEVEL SERIALIZABLE"
    }
}

/// Everything to search a person by: account ids and identifiers, none of them empty.
pub fn search_terms(subject: &Subject) -> Vec<&str> {
    let ids = subject.account_ids.iter().map(|id| id.as_str());
    let names = [
        &subject.user_names,
        &subject.external_ids,
        &subject.emails,
        &subject.employee_numbers,
    ];
    ids.chain(names.into_iter().flatten().map(String::as_str))
        .filter(|term| !term.is_empty())
        .collect()
}

/// Placeholders for that many terms, compared whatever the case: `lower($1), lower($2)`. The
/// database folds both sides, because it and Rust disagree about letters beyond ASCII.
pub fn folded_placeholders(terms: usize) -> String {
    (1..=terms)
        .map(|number| format!("lower(${number})"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> BuildContext {
        BuildContext {
            base_dir: PathBuf::from("/etc/100%"),
            ..BuildContext::named("mail")
        }
    }

    #[test]
    fn a_sqlite_file_is_found_beside_the_settings_file() {
        let reference = DatabaseRef::Plain("sqlite://users.db".to_owned());

        let database = reference.bind("database", &context()).expect("usable");

        let address = database.address().expect("an address");
        assert_eq!(address.expose_secret(), "sqlite:///etc/100%25/users.db");
    }

    #[test]
    fn an_address_with_a_password_is_not_written_in_the_settings() {
        let reference = DatabaseRef::Plain("postgres://bridge:pw@db/mail".to_owned());

        let error = reference.bind("database", &context()).expect_err("refused");

        assert!(error.to_string().contains("env"), "{error}");
        assert!(!error.to_string().contains("pw@"), "{error}");
    }

    #[tokio::test]
    async fn a_missing_file_is_tried_again_and_never_created() {
        let folder = std::env::temp_dir();
        let context = BuildContext {
            base_dir: folder.clone(),
            ..BuildContext::named("mail")
        };
        let reference = DatabaseRef::Plain("sqlite://drawbridge-no-such-file.db".to_owned());

        let error = reference
            .bind("database", &context)
            .expect("usable")
            .connect()
            .await;

        assert_eq!(error.expect_err("not there").class, FailureClass::Retryable);
        assert!(!folder.join("drawbridge-no-such-file.db").exists());
    }

    #[test]
    fn codes_say_what_to_do() {
        for (code, class) in [
            ("28P01", FailureClass::Credential),
            ("40001", FailureClass::Retryable),
            ("42P01", FailureClass::Refused),
            ("5", FailureClass::Retryable),
            ("261", FailureClass::Retryable),
            ("1", FailureClass::Refused),
            ("8", FailureClass::Refused),
        ] {
            assert_eq!(class_of(code), class, "{code}");
        }
    }
}
