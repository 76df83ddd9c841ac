//! Opening creates and enables, once.

use drawbridge_sdk::{Change, Effect, FailureClass};

use super::{
    Verdict, must,
    stage::{PERSON, STRANGER, Stage, failure},
};
use crate::fixture::Fixture;

/// A person without an account gets one.
///
/// # Errors
/// If there is none afterwards, or its id is not told.
pub async fn opening_makes_an_account_for_a_stranger<F: Fixture>() -> Verdict {
    let stage = Stage::<F>::start().await;
    let person = stage.fixture.stranger(STRANGER);

    let outcome = stage.open(&stage.open_call(&person)).await?;

    must(
        outcome.change == Change::Done,
        format!("opening for a stranger is {:?}, not Done", outcome.change),
    )?;
    must(
        !outcome.accounts.is_empty(),
        "the id of the new account is not told",
    )?;
    must(
        stage.fixture.is_enabled(&person).await == Some(true),
        "after an open the system has no enabled account",
    )?;
    if stage.connector.capabilities().read_back {
        let observed = stage.observe(&person).await?;
        must(
            observed
                .accounts
                .iter()
                .map(|account| &account.id)
                .eq(&outcome.accounts),
            "observe shows another account than the open told",
        )?;
    }
    Ok(())
}

/// Opening again says that it was so already, and makes no second account.
///
/// # Errors
/// If it says something else, or tells of another account.
pub async fn opening_twice_is_already_in_state_and_makes_one_account<F: Fixture>() -> Verdict {
    let stage = Stage::<F>::start().await;
    let person = stage.fixture.stranger(STRANGER);
    let call = stage.open_call(&person);
    let first = stage.open(&call).await?;

    let second = stage.open(&call).await?;

    must(
        second.change == Change::AlreadyInState,
        format!("the second open is {:?}, not AlreadyInState", second.change),
    )?;
    must(
        first.accounts == second.accounts,
        "the second open tells of another account than the first",
    )?;
    if stage.connector.capabilities().read_back {
        let accounts = stage.observe(&person).await?.accounts.len();
        must(
            accounts == 1,
            format!("after two opens there are {accounts} accounts"),
        )?;
    }
    Ok(())
}

/// A closed account is let in again by an open, or the connector says that a person must do it.
///
/// # Errors
/// If the open claims to be done and one still cannot log in, or fails otherwise.
pub async fn opening_after_a_close_lets_in_again<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    stage.close(&subject).await?;

    let opened = stage.connector.open(&stage.open_call(&subject)).await;

    let says_done = opened
        .as_ref()
        .is_ok_and(|outcome| matches!(outcome.blocked, Effect::Done));
    match failure(opened) {
        None => {
            must(
                says_done,
                "an open after a close does not say that it let in",
            )?;
            must(
                stage.fixture.is_enabled(&subject).await != Some(false),
                "after an open the record says disabled",
            )?;
            must(
                stage.lets_in(&subject).await == Some(true),
                "after an open one cannot log in",
            )
        }
        Some(error) => must(
            error.class == FailureClass::NeedsHuman,
            format!("an open after a close failed and does not ask for a person: {error:?}"),
        ),
    }
}

/// An account that is known to be somebody else's is not opened for whoever bears its name too, and no
/// second one is made beside it: a person is asked for.
///
/// # Errors
/// If one can log in with it, or the open does not ask for a person.
pub async fn opening_leaves_an_account_of_somebody_else_closed<F: Fixture>() -> Verdict {
    let stage = Stage::<F>::start().await;
    if !stage.connector.capabilities().read_back {
        return Ok(());
    }
    let owner = stage.add_closed(PERSON).await?;
    let namesake = stage.as_somebody_else(&owner).await?;

    let opened = stage.connector.open(&stage.open_call(&namesake)).await;

    must(
        stage.lets_in(&owner).await == Some(false),
        "an account of somebody else was opened for its name",
    )?;
    let error = failure(opened).ok_or("an open of somebody else's account claims to be done")?;
    must(
        error.class == FailureClass::NeedsHuman,
        format!("an open of somebody else's account does not ask for a person: {error:?}"),
    )?;
    let observed = stage.observe(&namesake).await?;
    must(
        observed.accounts.len() == 1,
        "a second account was made beside one of somebody else",
    )
}
