//! What a command ends with.

use std::process::ExitCode;

use crate::store::StoreError;

/// A command that ran to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Ok,
    /// It looked, and found a problem it has already printed.
    ProblemFound,
}

/// A command that could not do what it was asked. `Display` is what the person reads.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// What was asked cannot be done as asked.
    #[error("{0}")]
    Problem(String),
    /// The settings cannot be used.
    #[error("{0}")]
    Configuration(String),
    /// The database, the server or a system does not answer.
    #[error("{0}")]
    Unreachable(String),
    /// Something stored is not what was written.
    #[error("{0}")]
    Integrity(String),
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Url(_) | StoreError::InUse(_) | StoreError::File { .. } => {
                Self::Configuration(error.to_string())
            }
            StoreError::Corrupt(_) | StoreError::Tables(_) => Self::Integrity(error.to_string()),
            StoreError::Nul => Self::Problem(error.to_string()),
            StoreError::Unavailable(_) | StoreError::Crossed(_) | StoreError::Taken(_) => {
                Self::Unreachable(error.to_string())
            }
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Ok => Self::SUCCESS,
            Exit::ProblemFound => Self::from(1),
        }
    }
}

impl From<&CliError> for ExitCode {
    fn from(error: &CliError) -> Self {
        Self::from(match error {
            CliError::Problem(_) => 1,
            CliError::Configuration(_) => 3,
            CliError::Unreachable(_) => 4,
            CliError::Integrity(_) => 5,
        })
    }
}
