//! What is said when the network or the system fails: the class, and never success.

use drawbridge_sdk::{AccountState, CallError, Finality, Observation, Subject};

use super::{Verdict, must, stage::Stage};
use crate::{fault::Fault, fixture::Fixture};

/// Nobody listens: retryable, and nothing was sent.
///
/// # Errors
/// If a call says anything else.
pub async fn a_refused_connection_is_retryable_and_nothing_was_sent<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    let Some(error) = stage
        .close_during(&subject, Fault::ConnectionRefused)
        .await?
    else {
        return Ok(());
    };

    is_told(&stage, Fault::ConnectionRefused, "close", &error)?;
    must(
        error.finality == Finality::NotSent,
        format!(
            "nobody listens, and a close says {:?} instead of NotSent",
            error.finality
        ),
    )?;
    reading_fails_too(&stage, &subject, Fault::ConnectionRefused).await
}

/// A system that never answers holds nobody for longer than the call's time.
///
/// # Errors
/// If a call takes longer, or says anything but retryable without a final answer.
pub async fn silence_ends_within_the_call_timeout<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    let closing = stage.close_during(&subject, Fault::Silence);
    let Some(error) = stage.in_time(Fault::Silence, closing).await?? else {
        return Ok(());
    };

    is_told(&stage, Fault::Silence, "close", &error)?;
    must(
        error.finality != Finality::Answered,
        "a silent system gave no final answer, and a close says it did",
    )?;
    let reading = reading_fails_too(&stage, &subject, Fault::Silence);
    stage.in_time(Fault::Silence, reading).await?
}

/// Nor does one that takes a change and then never answers; what it took may still land.
///
/// # Errors
/// If a close takes longer, or says anything but retryable and unknown.
pub async fn silence_after_a_change_ends_in_time_and_may_still_land<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    stage.fixture.open_session(&subject).await;

    let closing = stage.close_during(&subject, Fault::SilentChanges);
    let Some(error) = stage.in_time(Fault::SilentChanges, closing).await?? else {
        return Ok(());
    };

    may_still_land(&stage, Fault::SilentChanges, "close", &error)
}

/// What was done without an answer is not called done, nor called impossible; the next close is right.
///
/// # Errors
/// If the close claims to be done or that nothing was sent, or a later one is not right.
pub async fn a_lost_answer_is_never_success_and_a_later_close_is_right<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    stage.fixture.open_session(&subject).await;
    let Some(error) = stage.close_during(&subject, Fault::AnswerLost).await? else {
        return Ok(());
    };

    is_told(&stage, Fault::AnswerLost, "close", &error)?;
    must(
        error.finality != Finality::Answered,
        "the answer was lost, and a close says it came",
    )?;
    stage.fixture.behave().await;
    must(
        stage.fixture.is_enabled(&subject).await != Some(false)
            || error.finality == Finality::Unknown,
        format!(
            "a close took effect, and says {:?} instead of Unknown",
            error.finality
        ),
    )?;

    stage.close(&subject).await?;

    must(
        stage.lets_in(&subject).await == Some(false),
        "after a lost answer a later close did not block",
    )?;
    if stage.connector.capabilities().end_sessions {
        let open = stage.fixture.open_sessions(&subject).await;
        must(
            open.unwrap_or(0) == 0,
            "after a lost answer a later close left sessions open",
        )?;
    }
    if stage.connector.capabilities().read_back {
        let observed = stage.observe(&subject).await?;
        must(
            observed
                .accounts
                .iter()
                .all(|account| account.state == AccountState::Disabled),
            "after a lost answer and a later close observe shows the account enabled",
        )?;
    }
    Ok(())
}

/// Half an answer is no answer.
///
/// # Errors
/// If a call says anything but retryable without a final answer.
pub async fn an_answer_cut_in_the_middle_is_retryable<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    let Some(error) = stage.close_during(&subject, Fault::CutMidAnswer).await? else {
        return Ok(());
    };

    is_told(&stage, Fault::CutMidAnswer, "close", &error)?;
    must(
        error.finality != Finality::Answered,
        "the answer was cut, and a close says it came",
    )?;
    reading_fails_too(&stage, &subject, Fault::CutMidAnswer).await
}

/// A fault of the system's own is retryable, and what was sent may still land.
///
/// # Errors
/// If a close says anything else.
pub async fn an_overloaded_system_is_retryable<F: Fixture>() -> Verdict {
    for status in [500, 502, 503] {
        let (stage, subject) = Stage::<F>::with_account().await?;
        let fault = Fault::Status(status);
        if let Some(error) = stage.close_during(&subject, fault).await? {
            may_still_land(&stage, fault, "close", &error)?;
        }
    }
    Ok(())
}

/// A system that understood and refused is told as that, and its answer is final.
///
/// # Errors
/// If a close says anything else, or the account is closed.
pub async fn a_refusal_is_refused<F: Fixture>() -> Verdict {
    for status in [400, 403, 409, 422] {
        let (stage, subject) = Stage::<F>::with_account().await?;
        let fault = Fault::Status(status);
        let Some(error) = stage.close_during(&subject, fault).await? else {
            continue;
        };

        is_told(&stage, fault, "close", &error)?;
        must(
            error.finality == Finality::Answered,
            format!(
                "a close answered with {status} says {:?} instead of Answered",
                error.finality
            ),
        )?;
        stage.fixture.behave().await;
        must(
            stage.lets_in(&subject).await == Some(true),
            "the fixture refused a close and did it all the same",
        )?;
    }
    Ok(())
}

/// The class is right, and the sentence is one for people.
pub(super) fn is_told<F: Fixture>(
    stage: &Stage<F>,
    fault: Fault,
    call: &str,
    error: &CallError,
) -> Verdict {
    let expected = stage.fixture.class_of(fault);
    must(
        Some(error.class) == expected,
        format!(
            "a {call} during {fault:?} is {}, not {expected:?}: {error:?}",
            error.class
        ),
    )?;
    let message = &error.message;
    must(
        !message.is_empty() && !message.ends_with('.') && !message.contains('\n'),
        format!("not one plain sentence without a final stop: {message:?}"),
    )
}

/// The class is right, and what was sent is not called settled.
pub(super) fn may_still_land<F: Fixture>(
    stage: &Stage<F>,
    fault: Fault,
    call: &str,
    error: &CallError,
) -> Verdict {
    is_told(stage, fault, call, error)?;
    must(
        error.finality == Finality::Unknown,
        format!(
            "what a {call} sent during {fault:?} may still land, and it says {:?} instead of \
             Unknown: {error:?}",
            error.finality
        ),
    )
}

/// A reading fails in the same way, since an empty or stale answer would pass for the truth.
pub(super) async fn reading_fails_too<F: Fixture>(
    stage: &Stage<F>,
    subject: &Subject,
    fault: Fault,
) -> Verdict {
    if !stage.connector.capabilities().read_back || fault.spares_reads() {
        return Ok(());
    }
    reading_failed(
        stage,
        fault,
        stage.connector.observe(&stage.ask(subject)).await,
    )
}

pub(super) fn reading_failed<F: Fixture>(
    stage: &Stage<F>,
    fault: Fault,
    observed: Result<Observation, CallError>,
) -> Verdict {
    match observed {
        Ok(observed) => Err(format!("a reading during {fault:?} works: {observed:?}")),
        Err(error) => is_told(stage, fault, "reading", &error),
    }
}
