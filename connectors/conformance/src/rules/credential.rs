//! A credential that the system refuses is told as that.

use drawbridge_sdk::{CallError, FailureClass, Finality};

use super::{
    Verdict, must,
    stage::{Stage, failure},
};
use crate::fixture::Fixture;

/// A check with a wrong credential says so.
///
/// # Errors
/// If it works, or says something else.
pub async fn a_wrong_credential_fails_the_check<F: Fixture>() -> Verdict {
    let stage = Stage::<F>::start().await;
    let connector = stage.fixture.connector_with_wrong_credential();

    says_credential("check", connector.check().await.err())
}

/// A reading with a wrong credential is not an empty list.
///
/// # Errors
/// If it works, or says something else.
pub async fn a_wrong_credential_fails_a_reading<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    if !stage.connector.capabilities().read_back {
        return Ok(());
    }
    let connector = stage.fixture.connector_with_wrong_credential();

    says_credential(
        "observe",
        connector.observe(&stage.ask(&subject)).await.err(),
    )
}

/// A close with a wrong credential is not "no account", and nothing is changed.
///
/// # Errors
/// If it claims to be done, says something else, or changed something.
pub async fn a_wrong_credential_fails_a_close<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    if !stage.connector.capabilities().disable {
        return Ok(());
    }
    let connector = stage.fixture.connector_with_wrong_credential();

    let refused = failure(connector.close(&stage.close_call(&subject)).await);

    must(
        refused
            .as_ref()
            .is_none_or(|error| error.finality != Finality::Unknown),
        "a close that was refused for its credential says it may still land",
    )?;
    says_credential("close", refused)?;
    must(
        stage.lets_in(&subject).await == Some(true),
        "a close with a wrong credential closed the account",
    )
}

fn says_credential(call: &str, error: Option<CallError>) -> Verdict {
    match error {
        None => Err(format!("{call} with a wrong credential works")),
        Some(error) => must(
            error.class == FailureClass::Credential,
            format!(
                "{call} with a wrong credential is `{}`, not `credential`: {error:?}",
                error.class
            ),
        ),
    }
}
