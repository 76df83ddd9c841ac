//! Levels: exactly the managed ones, no others.

use drawbridge_sdk::{CloseCall, OpenCall, Subject};

use super::{Verdict, must, stage::Stage};
use crate::fixture::Fixture;

/// Of the managed levels the account has those that are wanted, after each open.
///
/// # Errors
/// If one is missing or one too many.
pub async fn opening_sets_exactly_the_managed_levels<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    let [first, second] = two_levels(&stage)?;
    let managed = [first.as_str(), second.as_str()];

    for (wanted, other) in [(&first, &second), (&second, &first)] {
        stage
            .open(&with_levels(&stage, &subject, &[wanted], &managed))
            .await?;

        let levels = stage.fixture.levels_of(&subject).await;
        must(
            levels.contains(wanted),
            "after an open a wanted level is missing",
        )?;
        must(
            !levels.contains(other),
            "after an open a managed level is left that is not wanted",
        )?;
    }
    Ok(())
}

/// A level that the practice does not manage stays.
///
/// # Errors
/// If it was taken away.
pub async fn opening_leaves_levels_alone_that_are_not_managed<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    if stage.fixture.has_one_level_only() {
        return Ok(());
    }
    let [unmanaged, managed] = two_levels(&stage)?;
    stage
        .open(&with_levels(&stage, &subject, &[&unmanaged], &[&unmanaged]))
        .await?;

    stage
        .open(&with_levels(&stage, &subject, &[&managed], &[&managed]))
        .await?;

    let levels = stage.fixture.levels_of(&subject).await;
    must(
        levels.contains(&managed),
        "after an open a wanted level is missing",
    )?;
    must(
        levels.contains(&unmanaged),
        "an open took away a level that is not managed",
    )
}

/// A close takes away the levels it is told to.
///
/// # Errors
/// If one is left.
pub async fn closing_takes_managed_levels_away_if_told<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    let [first, second] = two_levels(&stage)?;
    let managed = [first.as_str(), second.as_str()];
    stage
        .open(&with_levels(&stage, &subject, &[&first], &managed))
        .await?;

    let call = CloseCall {
        managed_levels: vec![first.clone(), second],
        ..stage.close_call(&subject)
    };
    let closed = stage
        .connector
        .close(&call)
        .await
        .map_err(|error| format!("close failed: {error:?}"))?;

    must(
        closed.failure().is_none(),
        format!("a part of close failed: {:?}", closed.failure()),
    )?;
    let left = stage.fixture.levels_of(&subject).await;
    must(
        stage.fixture.has_one_level_only() || !left.contains(&first),
        "after a close a managed level is left",
    )?;
    must(
        stage.lets_in(&subject).await == Some(false),
        "after a close that took levels one can still log in",
    )
}

fn with_levels<F: Fixture>(
    stage: &Stage<F>,
    subject: &Subject,
    levels: &[&str],
    managed: &[&str],
) -> OpenCall {
    let owned = |levels: &[&str]| levels.iter().map(|&level| level.to_owned()).collect();
    OpenCall {
        levels: owned(levels),
        managed_levels: owned(managed),
        ..stage.open_call(subject)
    }
}

fn two_levels<F: Fixture>(stage: &Stage<F>) -> Result<[String; 2], String> {
    stage
        .fixture
        .levels()
        .try_into()
        .map_err(|levels: Vec<String>| {
            format!(
                "`set_role` is claimed and the fixture names {} levels, not two",
                levels.len()
            )
        })
}
