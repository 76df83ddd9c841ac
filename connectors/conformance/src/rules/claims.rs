//! A connector says what it can do, and no more.

use drawbridge_sdk::{Effect, Sessions};

use super::{
    Verdict, must,
    stage::{PERSON, STRANGER, Stage},
};
use crate::{fault::Fault, fixture::Fixture};

/// The suite's claims are the capabilities' claims, so that no claim goes untested.
///
/// # Errors
/// If they differ, or a capability is not said in full.
pub async fn the_claims_are_what_the_capabilities_say<F: Fixture>(claims: &[&str]) -> Verdict {
    let stage = Stage::<F>::start().await;

    let capabilities = stage.connector.capabilities();

    let mut tested = claims.to_vec();
    let mut claimed = capabilities.claims();
    tested.sort_unstable();
    claimed.sort_unstable();
    must(
        tested == claimed,
        format!("the suite tests {tested:?}, the capabilities claim {claimed:?}"),
    )?;
    must(
        capabilities.ways.contains(&stage.fixture.way()),
        format!(
            "the capabilities do not name the way `{}`",
            stage.fixture.way()
        ),
    )?;
    must(
        !capabilities.disabled_means.is_empty(),
        "`disabled_means` is empty",
    )
}

/// The faults every network has can be produced, so that the rules about faults test something.
///
/// # Errors
/// If a networked fixture cannot produce one of them.
pub async fn the_system_misbehaves_as_a_network_does<F: Fixture>(has_network: bool) -> Verdict {
    let stage = Stage::<F>::start().await;
    let mut produced = Vec::new();

    for fault in Fault::ALL {
        if stage.fixture.misbehave(fault).await {
            produced.push(fault);
        }
        stage.fixture.behave().await;
    }

    println!("faults this fixture produces: {produced:?}");
    let needed = [Fault::ConnectionRefused, Fault::Silence, Fault::AnswerLost];
    match needed.iter().find(|fault| !produced.contains(fault)) {
        Some(missing) if has_network => Err(format!(
            "the fixture cannot produce {missing:?}, which every network does"
        )),
        _ => must(
            has_network || produced.is_empty(),
            "a fixture without a network produces faults: leave out `no_network`",
        ),
    }
}

/// What is not claimed is never said to be done.
///
/// # Errors
/// If a call says that something is done that the connector does not claim to do.
pub async fn nothing_beyond_the_claims_is_said_to_be_done<F: Fixture>() -> Verdict {
    let stage = Stage::<F>::start().await;
    let subject = stage.fixture.add_account(PERSON).await;
    let capabilities = stage.connector.capabilities();
    let is_yes = |effect: &Effect| matches!(effect, Effect::Done | Effect::AlreadyInState);

    if let Ok(observed) = stage.connector.observe(&stage.ask(&subject)).await {
        let counts = observed
            .accounts
            .iter()
            .any(|account| account.sessions != Sessions::NotReadable);
        must(
            capabilities.read_sessions || !counts,
            "observe tells of sessions, `read_sessions` is not claimed",
        )?;
    }
    if let Ok(outcome) = stage.connector.close(&stage.close_call(&subject)).await {
        must(
            capabilities.disable || !is_yes(&outcome.blocked),
            "close says blocked, `disable` is not claimed",
        )?;
        must(
            capabilities.end_sessions || !is_yes(&outcome.sessions_ended),
            "close says that sessions are ended, `end_sessions` is not claimed",
        )?;
    }
    if !capabilities.create {
        let opened = stage
            .connector
            .open(&stage.open_call(&stage.fixture.stranger(STRANGER)))
            .await;
        let claims =
            opened.is_ok_and(|outcome| is_yes(&outcome.blocked) && outcome.failure().is_none());
        must(
            !claims,
            "open lets in a person without an account, `create` is not claimed",
        )?;
    }
    if !capabilities.list_accounts {
        must(
            stage.connector.list_accounts(None).await.is_err(),
            "accounts are listed, `list_accounts` is not claimed",
        )?;
    }
    Ok(())
}
