//! Closing blocks, and harms nothing else.

use drawbridge_sdk::{AccountState, Change, Effect, Subject};

use super::{
    Verdict, must,
    stage::{BYSTANDER, STRANGER, Stage},
};
use crate::fixture::Fixture;

/// A login that worked is refused after a close, asked of the system itself.
///
/// # Errors
/// If one can still log in, or the record says enabled.
pub async fn closing_blocks_a_login_that_worked<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;

    let outcome = stage.close(&subject).await?;

    must(
        outcome.change == Change::Done,
        format!("the first close is {:?}, not Done", outcome.change),
    )?;
    must(
        stage.lets_in(&subject).await == Some(false),
        "after a close one can still log in",
    )?;
    must(
        stage.fixture.is_enabled(&subject).await != Some(true),
        "after a close the record says enabled",
    )
}

/// Closing again says that it was so already, and leaves it so.
///
/// # Errors
/// If the second close fails, says something else, or lets in again.
pub async fn closing_twice_is_already_in_state_and_harmless<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    stage.close(&subject).await?;

    let outcome = stage.close(&subject).await?;

    must(
        outcome.change == Change::AlreadyInState,
        format!(
            "the second close is {:?}, not AlreadyInState",
            outcome.change
        ),
    )?;
    must(
        matches!(outcome.blocked, Effect::AlreadyInState),
        format!(
            "the second close says blocked: {}, not already_in_state",
            outcome.blocked.as_str()
        ),
    )?;
    must(
        stage.lets_in(&subject).await == Some(false),
        "after a second close one can log in again",
    )
}

/// Blocked, sessions ended and read back are told apart, each by the claims.
///
/// # Errors
/// If a part is not told, or told beyond the claims, or no account is named.
pub async fn closing_tells_its_parts_apart<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    let capabilities = stage.connector.capabilities();
    stage.fixture.open_session(&subject).await;

    let outcome = stage.close(&subject).await?;

    must(
        matches!(outcome.blocked, Effect::Done),
        format!(
            "a close that blocked says blocked: {}",
            outcome.blocked.as_str()
        ),
    )?;
    let ended = matches!(
        outcome.sessions_ended,
        Effect::Done | Effect::AlreadyInState
    );
    must(
        ended == capabilities.end_sessions,
        format!(
            "sessions ended is `{}`, end_sessions is {}",
            outcome.sessions_ended.as_str(),
            capabilities.end_sessions
        ),
    )?;
    must(
        !outcome.accounts.is_empty(),
        "a close that changed an account does not name its id",
    )?;
    if capabilities.read_back {
        let observed = stage.observe(&subject).await?;
        must(
            observed
                .accounts
                .iter()
                .any(|account| outcome.accounts.contains(&account.id)),
            "observe shows another id than the close named",
        )?;
    }
    Ok(())
}

/// A person without an account is "no account", not an error and not done.
///
/// # Errors
/// If it is anything else, or an account came into being.
pub async fn closing_a_stranger_is_no_account<F: Fixture>() -> Verdict {
    let stage = Stage::<F>::start().await;
    let stranger = stage.fixture.stranger(STRANGER);

    let outcome = stage.close(&stranger).await?;

    must(
        outcome.change == Change::NoAccount,
        format!("closing a stranger is {:?}, not NoAccount", outcome.change),
    )?;
    must(
        outcome.accounts.is_empty(),
        "closing a stranger names an account",
    )?;
    must(
        !matches!(outcome.blocked, Effect::Done | Effect::AlreadyInState),
        "closing a stranger says that something is blocked",
    )?;
    must(
        stage.fixture.is_enabled(&stranger).await.is_none(),
        "closing a stranger made an account",
    )
}

/// The account is still there after a close, disabled: its history belongs to the practice.
///
/// # Errors
/// If the system or a reading shows it no more.
pub async fn closing_never_deletes<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    let had_record = stage.fixture.is_enabled(&subject).await.is_some();

    let closed = stage.close(&subject).await;

    // A record that is gone matters more than whatever the close says of it.
    must(
        !had_record || stage.fixture.is_enabled(&subject).await == Some(false),
        "after a close the system has no record of the account: it was deleted",
    )?;
    closed?;
    if stage.connector.capabilities().read_back {
        let observed = stage.observe(&subject).await?;
        must(
            observed.accounts.len() == 1 && observed.accounts[0].state == AccountState::Disabled,
            format!(
                "after a close observe does not show the account disabled: {:?}",
                observed.accounts
            ),
        )?;
    }
    Ok(())
}

/// Somebody else stays in, also the canary.
///
/// # Errors
/// If another account is blocked.
pub async fn closing_never_touches_anybody_else<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    let bystander = stage.add(BYSTANDER).await?;
    let levels = stage.fixture.levels_of(&bystander).await;

    let outcome = stage.close(&subject).await?;

    must(
        outcome.accounts.len() == 1,
        format!("a close of one account names {}", outcome.accounts.len()),
    )?;
    must(
        stage.lets_in(&bystander).await == Some(true),
        "closing one account blocked another",
    )?;
    must(
        stage.fixture.levels_of(&bystander).await == levels,
        "closing one account changed another's levels",
    )
}

/// Once its id is known, an account is closed by it, whatever the person is called now.
///
/// # Errors
/// If it is not found, or not blocked.
pub async fn closing_finds_the_account_by_its_id_after_the_name_changed<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    if !stage.connector.capabilities().read_back {
        return Ok(());
    }
    let known = stage.knowing_its_id(&subject).await?;
    let renamed = Subject {
        account_ids: known.account_ids,
        ..stage.fixture.stranger(STRANGER)
    };

    let outcome = stage.close(&renamed).await?;

    must(
        outcome.change == Change::Done,
        format!("a close by id after a rename is {:?}", outcome.change),
    )?;
    must(
        stage.lets_in(&subject).await == Some(false),
        "a close by id after a rename did not block",
    )
}

/// An account is acted on by its id once it is known; one that only has the name is somebody else's.
///
/// # Errors
/// If the namesake is blocked, or the own account is not.
pub async fn closing_leaves_a_namesake_with_another_id_alone<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    if !stage.connector.capabilities().read_back {
        return Ok(());
    }
    let namesake = stage.add(BYSTANDER).await?;
    let known = stage.knowing_its_id(&subject).await?;
    let confused = Subject {
        account_ids: known.account_ids,
        ..namesake.clone()
    };

    stage.close(&confused).await?;

    must(
        stage.lets_in(&subject).await == Some(false),
        "the account with the known id was not blocked",
    )?;
    must(
        stage.lets_in(&namesake).await == Some(true),
        "an account with another id was blocked for its name",
    )
}

/// An account that is known to be somebody else's is not acted on, whatever names it bears.
///
/// # Errors
/// If it is blocked, its sessions are ended, or the close says that there was one.
pub async fn closing_leaves_an_account_of_somebody_else_alone<F: Fixture>() -> Verdict {
    let (stage, owner) = Stage::<F>::with_account().await?;
    if !stage.connector.capabilities().read_back {
        return Ok(());
    }
    let namesake = stage.as_somebody_else(&owner).await?;
    stage.fixture.open_session(&owner).await;
    let sessions = stage.fixture.open_sessions(&owner).await;

    let outcome = stage.close(&namesake).await?;

    must(
        stage.lets_in(&owner).await == Some(true),
        "an account of somebody else was blocked for its name",
    )?;
    must(
        stage.fixture.open_sessions(&owner).await == sessions,
        "sessions of somebody else were ended for their name",
    )?;
    must(
        outcome.change == Change::NoAccount && outcome.accounts.is_empty(),
        format!(
            "a close where only somebody else has an account is {:?}, not NoAccount",
            outcome.change
        ),
    )?;
    let observed = stage.observe(&namesake).await?;
    must(
        observed.accounts.len() == 1,
        "observe hides the account of somebody else that bears the name",
    )
}
