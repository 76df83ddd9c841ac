//! Secrets by reference: the settings name where a secret is, never the secret.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// Where a secret is: `{ env = "NAME" }` or `{ file = "/run/secrets/name" }`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, untagged)]
pub enum SecretRef {
    /// An environment variable of the server.
    Env {
        /// The variable's name.
        env: String,
    },
    /// A file that holds the secret alone; one final line break is not part of it.
    File {
        /// The file's path, relative to the settings file.
        file: PathBuf,
    },
}

/// A secret reference that leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The environment variable is not set, or empty.
    #[error(
        "environment variable `{0}` is not set: export it before starting, or use {{ file = \"...\" }}"
    )]
    Env(String),
    /// The file cannot be read, or is empty.
    #[error(
        "secret file `{path}` cannot be used ({problem}): create it readable by this user alone"
    )]
    File {
        /// The path as resolved.
        path: PathBuf,
        /// What the operating system says.
        problem: String,
    },
}

impl SecretRef {
    /// Binds the reference to the folder of the settings file and reads it once, so that a wrong
    /// reference is found at start and not at the first departure.
    ///
    /// # Errors
    /// When the variable is unset or the file unreadable or empty.
    pub fn bind(&self, base_dir: &Path) -> Result<Secret, SecretError> {
        let source = match self {
            Self::Env { .. } => self.clone(),
            Self::File { file } => Self::File {
                file: base_dir.join(file),
            },
        };
        let secret = Secret { source };
        secret.read()?;
        Ok(secret)
    }
}

/// A bound reference. It is read each time it is needed, so that a rotated secret is picked up
/// without a restart.
#[derive(Debug, Clone)]
pub struct Secret {
    source: SecretRef,
}

impl Secret {
    /// Reads the secret now.
    ///
    /// # Errors
    /// When the variable is unset or the file unreadable or empty.
    pub fn read(&self) -> Result<SecretString, SecretError> {
        match &self.source {
            SecretRef::Env { env } => match std::env::var(env) {
                Ok(value) if !value.is_empty() => Ok(SecretString::from(value)),
                _ => Err(SecretError::Env(env.clone())),
            },
            SecretRef::File { file } => {
                let unusable = |problem: String| SecretError::File {
                    path: file.clone(),
                    problem,
                };
                let text =
                    std::fs::read_to_string(file).map_err(|error| unusable(error.to_string()))?;
                let secret = SecretString::from(
                    text.strip_suffix('\n')
                        .unwrap_or(&text)
                        .trim_end_matches('\r'),
                );
                if secret.expose_secret().is_empty() {
                    return Err(unusable("it is empty".to_owned()));
                }
                Ok(secret)
            }
        }
    }
}

impl From<SecretError> for crate::failure::CallError {
    fn from(error: SecretError) -> Self {
        Self::new(
            crate::FailureClass::Credential,
            crate::Finality::NotSent,
            error.to_string(),
        )
    }
}
