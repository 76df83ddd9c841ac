//! Certificates and TLS that nobody may trust.

use drawbridge_sdk::{CallError, FailureClass};

use super::{
    Verdict, must,
    reach::{front, nothing_was_sent},
    stage::{Stage, failure},
};
use crate::{fixture::Fixture, proxy::TlsManner};

/// Over TLS with a certificate of the practice's own authority everything works, so that the other rules
/// here are about what they say. When it ends is told.
///
/// # Errors
/// If a close does not work there, or the end is not told.
pub async fn a_certificate_of_the_authority_in_the_settings_is_accepted<F: Fixture>() -> Verdict {
    let (mut stage, subject) = Stage::<F>::with_account().await?;
    let front = front(&stage, TlsManner::Ending(2098, 7, 6))?;
    let connector = stage.fixture.connector_at(&front.place());
    stage.connector = connector.ok_or("`connector_at` gives no connector")?;

    stage.close(&subject).await?;

    must(
        stage.lets_in(&subject).await == Some(false) && front.heard() > 0,
        "a close over TLS did not block",
    )?;
    let ends = stage.connector.certificate_ends();
    must(
        ends.is_some_and(|ends| ends.to_string() == "2098-07-06T00:00:00Z"),
        format!("the certificate ends on 2098-07-06, and `certificate_ends` says {ends:?}"),
    )
}

/// An expired certificate is refused, and told as that.
///
/// # Errors
/// If anything is sent, or a call says anything else.
pub async fn an_expired_certificate_is_refused<F: Fixture>() -> Verdict {
    is_refused::<F>(TlsManner::Expired, "expired").await
}

/// So is one that nobody but itself has signed.
///
/// # Errors
/// If anything is sent, or a call says anything else.
pub async fn a_self_signed_certificate_is_refused<F: Fixture>() -> Verdict {
    is_refused::<F>(TlsManner::SelfSigned, "self-signed").await
}

/// And one of another authority, though it bears the same name.
///
/// # Errors
/// If anything is sent, or a call says anything else.
pub async fn a_certificate_of_another_authority_is_refused<F: Fixture>() -> Verdict {
    is_refused::<F>(TlsManner::OfAnotherAuthority, "unknown authority").await
}

/// And one for another host.
///
/// # Errors
/// If anything is sent, or a call says anything else.
pub async fn a_certificate_for_another_host_is_refused<F: Fixture>() -> Verdict {
    is_refused::<F>(TlsManner::OfAnotherHost, "another host").await
}

/// Nothing older than TLS 1.2 is agreed to.
///
/// # Errors
/// If anything is sent, or a call says anything else.
pub async fn old_tls_is_refused<F: Fixture>() -> Verdict {
    is_refused::<F>(TlsManner::Old(1), "TLS 1.2").await?;
    is_refused::<F>(TlsManner::Old(2), "TLS 1.2").await
}

/// A handshake that breaks off is not tried again in the clear.
///
/// # Errors
/// If anything is sent, or a call says anything else.
pub async fn a_handshake_that_breaks_off_sends_nothing<F: Fixture>() -> Verdict {
    is_refused::<F>(TlsManner::HangsUp, "TLS").await
}

async fn is_refused<F: Fixture>(manner: TlsManner, word: &str) -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    let front = front(&stage, manner)?;
    let connector = stage.fixture.connector_at(&front.place());
    let connector = connector.ok_or("`connector_at` gives no connector")?;

    let closed = failure(connector.close(&stage.close_call(&subject)).await);
    let opened = failure(connector.open(&stage.open_call(&subject)).await);
    let checked = connector.check().await.err();

    for (call, error) in [("close", closed), ("open", opened), ("check", checked)] {
        let error = error.ok_or_else(|| format!("a {call} works with {manner:?}"))?;
        is_told(manner, call, &error, word)?;
        nothing_was_sent(&error)?;
    }
    must(
        front.greetings() > 0,
        "nobody asked for TLS, so nothing is proved",
    )?;
    must(
        front.heard() == 0,
        format!(
            "{} bytes were sent in spite of {manner:?}, in the clear or not",
            front.heard()
        ),
    )?;
    must(
        stage.lets_in(&subject).await == Some(true),
        format!("a close went through in spite of {manner:?}"),
    )
}

/// Retryable, because it works once somebody has put it right, with a sentence that says what to put right.
fn is_told(manner: TlsManner, call: &str, error: &CallError, word: &str) -> Verdict {
    must(
        error.class == FailureClass::Retryable,
        format!("a {call} with {manner:?} is {}: {error:?}", error.class),
    )?;
    must(
        error.message.contains(word),
        format!(
            "a {call} with {manner:?} does not say {word:?}: {}",
            error.message
        ),
    )
}
