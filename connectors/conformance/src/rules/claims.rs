//! A connector says what it can do, and no more.

use drawbridge_sdk::{Effect, Sessions};

use super::{
    Verdict, must,
    stage::{PERSON, STRANGER, Stage},
};
use crate::{fault::Fault, fixture::Fixture};

/// What a system speaks, and so which faults it must be able to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    /// There is no network.
    Nothing,
    /// Any protocol: every fault that is not of HTTP.
    Something,
    /// HTTP: every fault.
    Http,
}

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

/// The faults that a system can have are produced, so that the rules about them test something; those
/// that are not are named with a reason.
///
/// # Errors
/// If a fault is neither produced nor named, or both.
pub async fn the_system_misbehaves_as_a_network_does<F: Fixture>(speaks: Speaks) -> Verdict {
    let stage = Stage::<F>::start().await;
    let cannot = stage.fixture.cannot();
    let mut produced = Vec::new();

    for &fault in Fault::ALL {
        if stage.fixture.misbehave(fault).await {
            produced.push(fault);
        }
        stage.fixture.behave().await;
    }

    println!("faults this fixture produces: {produced:?}");
    for (fault, reason) in &cannot {
        println!("left out: {fault:?}, because {reason}");
        must(
            !produced.contains(fault),
            format!("the fixture says that it cannot produce {fault:?}, and does"),
        )?;
    }
    if speaks == Speaks::Nothing {
        return must(
            produced.is_empty(),
            "a fixture without a network produces faults: leave out `no_network`",
        );
    }
    for fault in [Fault::ConnectionRefused, Fault::Silence, Fault::AnswerLost] {
        must(
            produced.contains(&fault),
            format!("the fixture cannot produce {fault:?}, which every network does"),
        )?;
    }
    let is_accounted_for =
        |fault: &Fault| produced.contains(fault) || cannot.iter().any(|(own, _)| own == fault);
    let needed = |fault: &&Fault| speaks == Speaks::Http || !fault.is_of_http();
    match Fault::ALL
        .iter()
        .filter(needed)
        .find(|fault| !is_accounted_for(fault))
    {
        None => Ok(()),
        Some(missing) => Err(format!(
            "the fixture cannot produce {missing:?}: name it in `cannot`, with the reason"
        )),
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
