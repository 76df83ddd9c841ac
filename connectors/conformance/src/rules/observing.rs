//! Reading: everything of this person, nothing of others, and never blind without saying so.

use drawbridge_sdk::{AccountState, Ask, Canary, Observation, Subject};

use super::{
    Verdict, must,
    stage::{BYSTANDER, STRANGER, Stage},
};
use crate::{fault::Fault, fixture::Fixture};

/// An enabled account is shown as that, alone, and the canary is seen by the same search.
///
/// # Errors
/// If anything else is shown.
pub async fn observing_sees_an_enabled_account_and_the_canary<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    stage.add(BYSTANDER).await?;

    let observed = stage.observe(&subject).await?;

    shows(&observed, AccountState::Enabled)?;
    must(
        observed.accounts[0].belongs_to(&subject),
        "observe shows an account of somebody else",
    )?;
    sees_the_canary(&observed)
}

/// A disabled account is shown too: a search that hides it would prove nothing.
///
/// # Errors
/// If it is not shown, or as enabled.
pub async fn observing_sees_a_disabled_account_too<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    if !stage.connector.capabilities().disable {
        return Ok(());
    }
    stage.close(&subject).await?;

    let observed = stage.observe(&subject).await?;

    shows(&observed, AccountState::Disabled)?;
    sees_the_canary(&observed)
}

/// A person without an account is an empty list, and the canary shows that the search can see.
///
/// # Errors
/// If it fails, shows somebody, or does not see the canary.
pub async fn observing_a_stranger_is_an_empty_list_with_the_canary_seen<F: Fixture>() -> Verdict {
    let (stage, _) = Stage::<F>::with_account().await?;

    let observed = stage.observe(&stage.fixture.stranger(STRANGER)).await?;

    must(
        observed.accounts.is_empty(),
        "observe shows an account of a stranger",
    )?;
    sees_the_canary(&observed)
}

/// Once its id is known, an account is found by it, whatever the person is called now.
///
/// # Errors
/// If it is not found.
pub async fn observing_finds_the_account_by_its_id_after_the_name_changed<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    let known = stage.knowing_its_id(&subject).await?;
    let renamed = Subject {
        account_ids: known.account_ids.clone(),
        ..stage.fixture.stranger(STRANGER)
    };

    let observed = stage.observe(&renamed).await?;

    must(
        observed
            .accounts
            .iter()
            .map(|account| &account.id)
            .eq(&known.account_ids),
        format!(
            "an account is not found by its id after a rename: {:?}",
            observed.accounts
        ),
    )
}

/// An account that bears the person's name under another id is reported, so that nothing stays hidden.
///
/// # Errors
/// If one of the two is not shown.
pub async fn observing_reports_a_namesake_with_another_id<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    let namesake = stage.add(BYSTANDER).await?;
    let known = stage.knowing_its_id(&subject).await?;
    let confused = Subject {
        account_ids: known.account_ids.clone(),
        ..namesake
    };

    let observed = stage.observe(&confused).await?;

    must(
        known
            .account_ids
            .iter()
            .all(|id| observed.accounts.iter().any(|account| account.id == *id)),
        "the account with the known id is not shown beside its namesake",
    )?;
    must(
        observed.accounts.len() == 2,
        format!("observe shows {} of two accounts", observed.accounts.len()),
    )
}

/// A canary that is not there is missing, and one that was not named was not asked for.
///
/// # Errors
/// If it is said to be anything else.
pub async fn a_canary_that_does_not_exist_is_missing<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    let stranger = stage.fixture.stranger(STRANGER);
    let absent = stranger.user_name().or(stranger.email()).map(str::to_owned);

    for (canary, expected) in [(absent, Canary::Missing), (None, Canary::NotAsked)] {
        let ask = Ask {
            canary,
            ..stage.ask(&subject)
        };
        let observed = stage
            .connector
            .observe(&ask)
            .await
            .map_err(|error| format!("observe failed: {error:?}"))?;
        must(
            observed.canary == expected,
            format!("the canary is {:?}, not {expected:?}", observed.canary),
        )?;
    }
    Ok(())
}

/// A search that answers everybody with nothing says so by its canary.
///
/// # Errors
/// If the canary is said to be seen.
pub async fn a_blind_search_misses_the_canary<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    if !stage.fixture.misbehave(Fault::Blind).await {
        return Ok(());
    }

    let observed = stage.connector.observe(&stage.ask(&subject)).await;

    must(
        observed.is_ok_and(|observed| observed.canary == Canary::Missing),
        "a search that sees nothing does not say that it misses the canary",
    )
}

fn shows(observed: &Observation, state: AccountState) -> Verdict {
    let states: Vec<AccountState> = observed
        .accounts
        .iter()
        .map(|account| account.state)
        .collect();
    must(
        states == [state],
        format!("one account is {state:?}, observe shows {states:?}"),
    )
}

fn sees_the_canary(observed: &Observation) -> Verdict {
    must(
        observed.canary == Canary::Seen,
        format!("the canary is {:?}, not Seen", observed.canary),
    )
}
