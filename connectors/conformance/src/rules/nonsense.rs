//! Answers that make no sense, and answers that lie.

use drawbridge_sdk::{AccountState, CallError, Effect, FailureClass, Finality};

use super::{
    Verdict,
    faults::{is_told, reading_fails_too},
    must,
    stage::{BYSTANDER, Stage, failure},
};
use crate::{fault::Fault, fixture::Fixture};

/// A login page or an error page with status 200 is nobody's success.
///
/// # Errors
/// If a call claims to be done, or says anything but contract.
pub async fn a_page_for_people_is_never_success<F: Fixture>() -> Verdict {
    is_never_success::<F>(Fault::HtmlPage).await
}

/// JSON that ends too early is nobody's success.
///
/// # Errors
/// If a call claims to be done, or says anything but contract.
pub async fn truncated_json_is_never_success<F: Fixture>() -> Verdict {
    is_never_success::<F>(Fault::TruncatedJson).await
}

/// An answer without end is not read to the end.
///
/// # Errors
/// If a call claims to be done, or says anything but contract.
pub async fn a_huge_answer_is_never_success<F: Fixture>() -> Verdict {
    is_never_success::<F>(Fault::HugeBody).await
}

/// An answer that unpacks without end is not unpacked to the end.
///
/// # Errors
/// If a call claims to be done, or says anything but contract.
pub async fn a_packed_bomb_is_never_success<F: Fixture>() -> Verdict {
    is_never_success::<F>(Fault::GzipBomb).await
}

/// A text that is no UTF-8 makes an answer worthless, however honest the rest of it is.
///
/// # Errors
/// If a call claims to be done, or says anything but contract.
pub async fn a_wrong_charset_is_never_success<F: Fixture>() -> Verdict {
    is_never_success::<F>(Fault::WrongCharset).await
}

/// An answer that says two things under one key says nothing.
///
/// # Errors
/// If a call claims to be done, or says anything but contract.
pub async fn a_key_that_is_there_twice_is_never_success<F: Fixture>() -> Verdict {
    is_never_success::<F>(Fault::DuplicateKeys).await
}

/// No answer where one is needed is not the answer that nobody is there.
///
/// # Errors
/// If a call claims to be done, or says anything but contract.
pub async fn a_missing_body_is_never_success<F: Fixture>() -> Verdict {
    is_never_success::<F>(Fault::NoContent).await
}

/// Readings work, and what comes back for a change is no answer to it: it is not done, whatever its
/// status.
///
/// # Errors
/// If a close or an open claims to be done, says anything but contract, or that nothing was sent.
pub async fn nonsense_for_a_change_is_never_success<F: Fixture>() -> Verdict {
    for fault in [
        Fault::OnlyChanges(&Fault::HtmlPage),
        Fault::OnlyChanges(&Fault::TruncatedJson),
        Fault::OnlyChanges(&Fault::HugeBody),
        Fault::OnlyChanges(&Fault::GzipBomb),
    ] {
        let (stage, subject) = Stage::<F>::with_account().await?;
        stage.fixture.open_session(&subject).await;
        let closed = stage.add_closed(BYSTANDER).await?;
        if !stage.fixture.misbehave(fault).await {
            continue;
        }

        let closing = stage.connector.close(&stage.close_call(&subject)).await;
        if let Ok(outcome) = &closing {
            let open = stage.fixture.open_sessions(&subject).await;
            must(
                !says_yes(&outcome.sessions_ended) || open.unwrap_or(0) == 0,
                format!("a close during {fault:?} says that sessions are ended, they are open"),
            )?;
        }
        let error = failure(closing)
            .ok_or_else(|| format!("a close during {fault:?} claims to be done"))?;
        is_nonsense(&stage, fault, "close", &error)?;
        match failure(stage.connector.open(&stage.open_call(&closed)).await) {
            None => return Err(format!("an open during {fault:?} claims to be done")),
            Some(error) if error.class == FailureClass::NeedsHuman => {}
            Some(error) => is_nonsense(&stage, fault, "open", &error)?,
        }
        stage.fixture.behave().await;
        stage.close(&subject).await?;
        must(
            stage.lets_in(&subject).await == Some(false),
            format!("after {fault:?} a later close did not block"),
        )?;
    }
    Ok(())
}

/// A redirect is not followed.
///
/// # Errors
/// If a call claims to be done, or says anything but contract.
pub async fn a_redirect_is_never_success<F: Fixture>() -> Verdict {
    is_never_success::<F>(Fault::Redirect).await
}

/// An error that says 200 is an error.
///
/// # Errors
/// If a call claims to be done, or says anything but contract.
pub async fn an_error_inside_a_success_is_never_success<F: Fixture>() -> Verdict {
    is_never_success::<F>(Fault::ErrorInsideSuccess).await
}

/// A system that says yes and does nothing is found out by the next reading.
///
/// # Errors
/// If a reading shows what the system said instead of what it did.
pub async fn a_system_that_says_yes_and_does_nothing_is_found_out<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    if !stage.connector.capabilities().read_back
        || !stage.fixture.misbehave(Fault::SaysYesDoesNothing).await
    {
        return Ok(());
    }

    // Whether the close believes the system is its own affair: only a reading proves anything.
    let _ = stage.connector.close(&stage.close_call(&subject)).await;
    let observed = stage.observe(&subject).await?;

    must(
        observed
            .accounts
            .iter()
            .any(|account| account.state == AccountState::Enabled),
        format!(
            "the account is still enabled, observe shows {:?}",
            observed.accounts
        ),
    )
}

/// A system that ignores the filter gets nobody else closed, and nobody else shown.
///
/// # Errors
/// If another account is blocked or shown.
pub async fn a_system_that_answers_with_somebody_else_harms_nobody<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    let bystander = stage.add(BYSTANDER).await?;
    if !stage.fixture.misbehave(Fault::SomebodyElse).await {
        return Ok(());
    }

    let closed = stage.connector.close(&stage.close_call(&subject)).await;
    let observed = stage.connector.observe(&stage.ask(&subject)).await;
    stage.fixture.behave().await;

    must(
        stage.lets_in(&bystander).await == Some(true),
        "a close of one person blocked another, whom the search answered with",
    )?;
    if let Ok(observed) = observed {
        must(
            observed
                .accounts
                .iter()
                .all(|account| account.belongs_to(&subject)),
            "observe shows somebody else, whom the search answered with",
        )?;
    }
    if let Ok(outcome) = closed {
        let theirs = stage.observe_ids(&bystander).await;
        must(
            !outcome.accounts.iter().any(|id| theirs.contains(id)),
            "a close names the account of somebody else",
        )?;
    }
    Ok(())
}

fn says_yes(effect: &Effect) -> bool {
    matches!(effect, Effect::Done | Effect::AlreadyInState)
}

fn is_nonsense<F: Fixture>(
    stage: &Stage<F>,
    fault: Fault,
    call: &str,
    error: &CallError,
) -> Verdict {
    is_told(stage, fault, call, error)?;
    must(
        error.finality != Finality::NotSent,
        format!("a {call} was answered with {fault:?}, and says that nothing was sent"),
    )
}

async fn is_never_success<F: Fixture>(fault: Fault) -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    let Some(error) = stage.close_during(&subject, fault).await? else {
        return Ok(());
    };

    is_told(&stage, fault, "close", &error)?;
    // So that a question about sessions is answered with something that can be spoiled.
    stage.fixture.behave().await;
    stage.fixture.open_session(&subject).await;
    stage.fixture.misbehave(fault).await;
    reading_fails_too(&stage, &subject, fault).await
}
