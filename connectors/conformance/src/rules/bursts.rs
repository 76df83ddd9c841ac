//! Systems that are overloaded, and systems that ask to be left alone.

use std::time::Duration;

use drawbridge_sdk::{CallError, Finality};

use super::{
    Verdict,
    faults::{is_told, reading_fails_too},
    must,
    stage::{Stage, failure},
};
use crate::{fault::Fault, fixture::Fixture};

/// Closes within one burst. The schedule sends about as many while it lasts.
const TRIES: usize = 3;

/// The longest wait that anybody believes a system.
const LONGEST: Duration = Duration::from_secs(3600);

/// Whatever is asked during a burst of errors is retryable and settled by none of them, and what is asked
/// first after it is right.
///
/// # Errors
/// If a call says anything else, or the close after the burst is not right.
pub async fn a_burst_of_errors_settles_nothing<F: Fixture>() -> Verdict {
    for status in [500, 502, 503] {
        let (stage, subject) = Stage::<F>::with_account().await?;
        let fault = Fault::Outage(status);
        if !stage.fixture.misbehave(fault).await {
            continue;
        }

        for _ in 0..TRIES {
            let closed = stage.connector.close(&stage.close_call(&subject)).await;
            is_unsettled(&stage, fault, "close", failure(closed))?;
        }
        let opened = stage.connector.open(&stage.open_call(&subject)).await;
        is_unsettled(&stage, fault, "open", failure(opened))?;
        is_unsettled(&stage, fault, "check", stage.connector.check().await.err())?;
        reading_fails_too(&stage, &subject, fault).await?;
        if stage.connector.capabilities().list_accounts {
            let listed = stage.connector.list_accounts(None).await;
            is_unsettled(&stage, fault, "listing", listed.err())?;
        }
        stage.fixture.behave().await;
        stage.close(&subject).await?;

        must(
            stage.lets_in(&subject).await == Some(false),
            format!("the first close after {fault:?} did not block"),
        )?;
    }
    Ok(())
}

/// How long a system wants to be left alone is handed on, in whichever way it says so.
///
/// # Errors
/// If it is not told, or the class is another.
pub async fn a_wish_to_be_left_alone_is_passed_on<F: Fixture>() -> Verdict {
    for (status, wish, seconds) in [
        (429, "120", 120),
        (503, "7", 7),
        (429, "3600", 3600),
        // A minute and a half after what the system's own clock says.
        (429, "Wed, 21 Oct 2026 07:29:30 GMT", 90),
        (429, "Wed, 21 Oct 2026 07:00:00 GMT", 0),
    ] {
        let Some(told) = wish_told::<F>(Fault::RetryAfter(status, wish)).await? else {
            continue;
        };
        must(
            told == Some(Duration::from_secs(seconds)),
            format!("the system asks for {wish:?}, which is {seconds} s, a close says {told:?}"),
        )?;
    }
    Ok(())
}

/// A wish that makes no sense is passed over, and one without measure is cut to an hour.
///
/// # Errors
/// If a call panics, waits for longer than an hour, or makes something of nothing.
pub async fn a_wish_that_makes_no_sense_is_passed_over<F: Fixture>() -> Verdict {
    for wish in [
        "soon",
        "",
        "-5",
        "1.5",
        "+",
        "0x10",
        "120, 240",
        "später",
        "Wed, 99 Foo 2026 25:61:61 GMT",
        "-99999999999999999999999999",
    ] {
        let Some(told) = wish_told::<F>(Fault::RetryAfter(429, wish)).await? else {
            continue;
        };
        must(
            told.is_none(),
            format!("{wish:?} is no time to wait, and a close says {told:?}"),
        )?;
    }
    for wish in [
        "86400",
        "99999999999999999999999999",
        "Fri, 31 Dec 9999 23:59:59 GMT",
    ] {
        let told = wish_told::<F>(Fault::RetryAfter(429, wish)).await?;
        must(
            told.flatten().unwrap_or_default() <= LONGEST,
            format!("the system asks for {wish:?}, and a close believes it: {told:?}"),
        )?;
    }
    Ok(())
}

/// What a close says of the wish, if the system can have one.
async fn wish_told<F: Fixture>(fault: Fault) -> Result<Option<Option<Duration>>, String> {
    let (stage, subject) = Stage::<F>::with_account().await?;
    let Some(error) = stage.close_during(&subject, fault).await? else {
        return Ok(None);
    };
    is_told(&stage, fault, "close", &error)?;
    Ok(Some(error.retry_after))
}

fn is_unsettled<F: Fixture>(
    stage: &Stage<F>,
    fault: Fault,
    call: &str,
    error: Option<CallError>,
) -> Verdict {
    let error = error.ok_or_else(|| format!("a {call} during {fault:?} claims to be done"))?;
    is_told(stage, fault, call, &error)?;
    must(
        error.finality != Finality::Answered,
        format!("a {call} during {fault:?} says that it is settled"),
    )
}
