//! A check proves reach and credential.

use super::{Verdict, must, stage::Stage};
use crate::fixture::Fixture;

/// A check works, says what it met, and changes nothing.
///
/// # Errors
/// If it fails, says nothing, or the account is not as before.
pub async fn a_check_works_and_changes_nothing<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    stage.fixture.open_session(&subject).await;
    let sessions = stage.fixture.open_sessions(&subject).await;
    let levels = stage.fixture.levels_of(&subject).await;

    let health = stage
        .connector
        .check()
        .await
        .map_err(|error| format!("check failed: {error:?}"))?;

    must(!health.product.is_empty(), "check does not say what it met")?;
    must(
        stage.fixture.open_sessions(&subject).await == sessions,
        "a check changed open sessions",
    )?;
    must(
        stage.fixture.levels_of(&subject).await == levels,
        "a check changed levels",
    )?;
    // Last, because trying the login may itself open or end a session.
    must(
        stage.lets_in(&subject).await == Some(true),
        "after a check the account cannot log in",
    )
}

/// Every call that works leaves at least one receipt: the proof of what was done.
///
/// # Errors
/// If a call leaves none.
pub async fn every_step_leaves_a_receipt<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    let capabilities = stage.connector.capabilities();

    let health = stage
        .connector
        .check()
        .await
        .map_err(|error| format!("check failed: {error:?}"))?;
    must(!health.receipts.is_empty(), "check left no receipt")?;
    if capabilities.read_back {
        must(
            !stage.observe(&subject).await?.receipts.is_empty(),
            "observe left no receipt",
        )?;
    }
    if capabilities.disable {
        must(
            !stage.close(&subject).await?.receipts.is_empty(),
            "close left no receipt",
        )?;
    }
    Ok(())
}
