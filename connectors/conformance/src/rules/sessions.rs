//! Sessions that are open when a door closes.

use drawbridge_sdk::{Effect, Sessions};

use super::{
    Verdict, must,
    stage::{BYSTANDER, Stage},
};
use crate::fixture::Fixture;

/// A session that was open is cut by a close.
///
/// # Errors
/// If it is still open, or not said to be ended.
pub async fn closing_ends_open_sessions<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    must(
        stage.fixture.open_session(&subject).await,
        "the fixture opens no session, so ending one is not proved",
    )?;
    must(
        stage.fixture.open_sessions(&subject).await != Some(0),
        "the fixture's new session is not open, so ending it is not proved",
    )?;

    let outcome = stage.close(&subject).await?;

    must(
        matches!(outcome.sessions_ended, Effect::Done),
        format!(
            "a close that cut a session says sessions ended: {}",
            outcome.sessions_ended.as_str()
        ),
    )?;
    no_session_is_open(&stage, &subject).await
}

/// An account that was blocked already may still have sessions: they are ended all the same.
///
/// # Errors
/// If a session is still open.
pub async fn closing_an_account_blocked_already_still_ends_its_sessions<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    stage.fixture.open_session(&subject).await;
    if !stage.fixture.block_by_hand(&subject).await {
        stage.close(&subject).await?;
        // Some systems still give a session to a blocked account, or keep one of before.
        stage.fixture.open_session(&subject).await;
    }

    let outcome = stage.close(&subject).await?;

    must(
        matches!(
            outcome.sessions_ended,
            Effect::Done | Effect::AlreadyInState
        ),
        format!(
            "closing a blocked account says sessions ended: {}",
            outcome.sessions_ended.as_str()
        ),
    )?;
    no_session_is_open(&stage, &subject).await
}

/// Sessions of others stay open.
///
/// # Errors
/// If another's session was cut.
pub async fn closing_leaves_the_sessions_of_others_open<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    let bystander = stage.add(BYSTANDER).await?;
    stage.fixture.open_session(&bystander).await;
    let open = stage.fixture.open_sessions(&bystander).await;

    stage.close(&subject).await?;

    must(
        stage.fixture.open_sessions(&bystander).await == open,
        "closing one account cut another's session",
    )
}

/// A reading shows how many sessions are open, and that none is after they ended.
///
/// # Errors
/// If it shows another number than the system.
pub async fn observing_counts_open_sessions<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    must(
        stage.fixture.open_session(&subject).await,
        "the fixture opens no session, so counting is not proved",
    )?;
    let Some(open) = stage.fixture.open_sessions(&subject).await else {
        return Err("the fixture cannot count sessions, so counting is not proved".to_owned());
    };

    let shown = stage.observe(&subject).await?;

    let sessions: Vec<Sessions> = shown
        .accounts
        .iter()
        .map(|account| account.sessions)
        .collect();
    must(
        sessions == [Sessions::Open(open)],
        format!("{open} sessions are open, observe shows {sessions:?}"),
    )?;
    if stage.connector.capabilities().end_sessions {
        stage.close(&subject).await?;
        let shown = stage.observe(&subject).await?;
        must(
            shown
                .accounts
                .iter()
                .all(|account| account.sessions == Sessions::None),
            "after a close observe still shows open sessions",
        )?;
    }
    Ok(())
}

async fn no_session_is_open<F: Fixture>(
    stage: &Stage<F>,
    subject: &drawbridge_sdk::Subject,
) -> Verdict {
    match stage.fixture.open_sessions(subject).await {
        None | Some(0) => Ok(()),
        Some(open) => Err(format!("after a close {open} sessions are still open")),
    }
}
