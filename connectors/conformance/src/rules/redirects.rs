//! Redirects: credentials would go where they lead.

use super::{
    Verdict,
    faults::{is_told, reading_fails_too},
    must,
    reach::front,
    stage::{Stage, failure},
};
use crate::{
    fault::{Fault, Towards},
    fixture::Fixture,
    proxy::TlsManner,
};

/// No status leads to somebody else's host, neither a reading nor a change.
///
/// # Errors
/// If that host sees anything, a call claims to be done, or says anything but contract.
pub async fn a_redirect_to_another_host_is_never_followed<F: Fixture>() -> Verdict {
    for fault in [
        Fault::RedirectTo(301, Towards::OtherHost),
        Fault::RedirectTo(302, Towards::OtherHost),
        Fault::RedirectTo(303, Towards::OtherHost),
        Fault::RedirectTo(307, Towards::OtherHost),
        Fault::RedirectTo(308, Towards::OtherHost),
        Fault::OnlyChanges(&Fault::RedirectTo(302, Towards::OtherHost)),
        Fault::OnlyChanges(&Fault::RedirectTo(307, Towards::OtherHost)),
        Fault::OnlyChanges(&Fault::RedirectTo(308, Towards::OtherHost)),
    ] {
        leads_nowhere::<F>(fault).await?;
    }
    Ok(())
}

/// Nor to where a cloud machine keeps its own credentials.
///
/// # Errors
/// If a call takes longer than its time, claims to be done, or says anything but contract.
pub async fn a_redirect_to_the_machines_own_credentials_is_never_followed<F: Fixture>() -> Verdict {
    leads_nowhere::<F>(Fault::RedirectTo(302, Towards::Metadata)).await
}

/// Nor from https to http.
///
/// # Errors
/// If the host there sees anything, a call claims to be done, or says anything but contract.
pub async fn a_redirect_out_of_tls_is_never_followed<F: Fixture>() -> Verdict {
    let (mut stage, subject) = Stage::<F>::with_account().await?;
    let front = front(&stage, TlsManner::Trusted)?;
    let connector = stage.fixture.connector_at(&front.place());
    stage.connector = connector.ok_or("`connector_at` gives no connector")?;
    let fault = Fault::RedirectTo(307, Towards::OtherHost);
    if !stage.fixture.misbehave(fault).await {
        return Ok(());
    }

    let closed = stage.connector.close(&stage.close_call(&subject)).await;

    let error =
        failure(closed).ok_or_else(|| format!("a close during {fault:?} claims to be done"))?;
    is_told(&stage, fault, "close", &error)?;
    must(
        front.heard() > 0,
        "nothing was asked over TLS, so nothing is proved",
    )?;
    nobody_came_elsewhere(&stage, fault)
}

async fn leads_nowhere<F: Fixture>(fault: Fault) -> Verdict {
    let (stage, subject) = Stage::<F>::with_account().await?;
    let closing = stage.close_during(&subject, fault);
    let Some(error) = stage.in_time(fault, closing).await?? else {
        return Ok(());
    };

    is_told(&stage, fault, "close", &error)?;
    let reading = reading_fails_too(&stage, &subject, fault);
    stage.in_time(fault, reading).await??;
    nobody_came_elsewhere(&stage, fault)
}

fn nobody_came_elsewhere<F: Fixture>(stage: &Stage<F>, fault: Fault) -> Verdict {
    let proxy = stage.fixture.proxy();
    let proxy = proxy.ok_or("a fixture over HTTP names its proxy: `proxy`")?;
    must(
        proxy.seen_elsewhere() == 0,
        format!("{fault:?} was followed: somebody else's host was asked"),
    )
}
