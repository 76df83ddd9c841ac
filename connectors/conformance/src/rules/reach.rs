//! Systems that are not there.

use std::path::PathBuf;

use drawbridge_sdk::{CallError, FailureClass, Finality};

use super::{
    Verdict,
    faults::{is_told, reading_failed},
    must,
    stage::{Stage, failure},
};
use crate::{
    fault::Fault,
    fixture::{Fixture, Place},
    proxy::{TlsFront, TlsManner},
};

/// A name that leads nowhere, for ever.
///
/// # Source
/// RFC 6761 section 6.4.
const NOWHERE: &str = "nobody.invalid:8443";

/// A connection that is neither taken nor refused is given up in time, and told as what it is: nothing was
/// sent, as when it is refused.
///
/// # Errors
/// If a call takes longer, or says anything else.
pub async fn a_connection_that_never_comes_about_is_given_up_in_time<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    let fault = Fault::NeverConnects;
    if !stage.fixture.misbehave(fault).await {
        return Ok(());
    }
    let (ask, call) = (stage.ask(&subject), stage.close_call(&subject));

    let calls = async { tokio::join!(stage.connector.close(&call), stage.connector.observe(&ask)) };
    let (closed, observed) = stage.in_time(fault, calls).await?;
    let error =
        failure(closed).ok_or_else(|| format!("a close during {fault:?} claims to be done"))?;

    is_told(&stage, fault, "close", &error)?;
    nothing_was_sent(&error)?;
    if stage.connector.capabilities().read_back {
        reading_failed(&stage, fault, observed)?;
    }
    // Whoever reads the sentence looks for the same: is it running, is there a firewall.
    let refused = stage
        .close_during(&subject, Fault::ConnectionRefused)
        .await?;
    must(
        refused.is_none_or(|refused| refused.message == error.message),
        format!(
            "not told as a system that cannot be reached: {}",
            error.message
        ),
    )
}

/// A name that cannot be resolved is retryable, and nothing was sent.
///
/// # Errors
/// If a call takes longer than its time, or says anything else.
pub async fn a_name_that_leads_nowhere_is_told_as_that<F: Fixture>() -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    let trusted = front(&stage, TlsManner::Trusted)?;
    let place = Place {
        host: NOWHERE.to_owned(),
        ca_file: PathBuf::from(&trusted.place().ca_file),
    };
    let connector = stage
        .fixture
        .connector_at(&place)
        .ok_or("`connector_at` gives no connector")?;

    let call = stage.close_call(&subject);
    let closing = connector.close(&call);
    let closed = stage.in_time(Fault::NeverConnects, closing).await?;
    let error = failure(closed).ok_or("a close of nobody's system claims to be done")?;

    must(
        error.class == FailureClass::Retryable,
        format!("a name that leads nowhere is {}: {error:?}", error.class),
    )?;
    nothing_was_sent(&error)
}

/// A front before the fixture's system.
pub(super) fn front<F: Fixture>(stage: &Stage<F>, manner: TlsManner) -> Result<TlsFront, String> {
    let address = stage.fixture.address();
    let address =
        address.ok_or("the fixture does not say where its system is: `proxy` or `address`")?;
    Ok(TlsFront::start(address, manner))
}

pub(super) fn nothing_was_sent(error: &CallError) -> Verdict {
    must(
        error.finality == Finality::NotSent,
        format!(
            "nothing can have been sent, and a close says {:?} instead of NotSent: {error:?}",
            error.finality
        ),
    )
}
