//! One call to a connector: bounded in time, and its panic is its own.

use std::{future::Future, time::Duration};

use drawbridge_sdk::{CallError, FailureClass, Finality};

/// Whether a call changes anything, and so may still take effect when it was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Reads,
    Changes,
}

/// Runs a call to its end or to its time limit (rule R4).
pub(super) async fn bounded<T: Send + 'static>(
    limit: Duration,
    kind: Kind,
    call: impl Future<Output = Result<T, CallError>> + Send + 'static,
) -> Result<T, CallError> {
    let given_up = match kind {
        Kind::Reads => Finality::NotSent,
        Kind::Changes => Finality::Unknown,
    };
    // A task of its own, so that a connector that panics takes nothing else with it.
    let mut task = tokio::spawn(call);
    match tokio::time::timeout(limit, &mut task).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) => Err(CallError::new(
            FailureClass::Contract,
            given_up,
            "the connector failed inside: report it with its version, and close this by hand meanwhile",
        )),
        Err(_) => {
            task.abort();
            Err(CallError::new(
                FailureClass::Retryable,
                given_up,
                format!(
                    "no answer within {} seconds: it is tried again",
                    limit.as_secs()
                ),
            ))
        }
    }
}
