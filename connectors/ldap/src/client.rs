//! The directory server: how it is reached, and what no answer means.
//!
//! A connection is made for each call and dropped with it: calls are rare, a rotated password is
//! picked up, and a dropped call leaves nothing behind.

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use drawbridge_sdk::{CallError, FailureClass, Finality, Receipt, Secret, tls};
use futures_util::FutureExt;
use jiff::Timestamp;
use ldap3::{LdapConnAsync, LdapConnSettings, LdapError};
use rustls::ClientConfig;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::session::Session;

/// The share of a call's time, in tenths, after which we give up by ourselves: whoever called us
/// then still learns what was done before.
const OWN_TENTHS: u32 = 9;

/// The directory server, and who we are there.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) url: Url,
    pub(crate) start_tls: bool,
    /// `None` only for plain LDAP on the same machine.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) bind_dn: String,
    pub(crate) bind_password: Secret,
    pub(crate) call_timeout: Duration,
    /// When the certificate ends that it showed last.
    pub(crate) certificate_ends: Mutex<Option<Timestamp>>,
}

impl Server {
    /// Connects and binds, with the password as it is now.
    pub(crate) async fn connect(&self) -> Result<Session, CallError> {
        let password = self.bind_password.read()?;
        let deadline = self.deadline();
        let mut settings = LdapConnSettings::new().set_starttls(self.start_tls);
        if let Some(tls) = &self.tls {
            settings = settings.set_config(tls.clone());
        }
        let connecting = LdapConnAsync::from_url_with_settings(settings, &self.url);
        let (connection, ldap) = answer(deadline, connecting)
            .await
            .map_err(|cause| not_reached(&cause))?;
        let mut session = Session::new(connection, ldap, deadline);
        if self.tls.is_some() {
            let shown = session.certificate().await;
            if let Some(end) = shown.as_deref().and_then(tls::not_after) {
                *self.lock() = Some(end);
            }
        }
        match session.bind(&self.bind_dn, &password).await {
            Ok(()) => Ok(session),
            Err(error) => Err(session.fail(error)),
        }
    }

    /// When the certificate ends that it showed last; `None` without TLS.
    pub(crate) fn certificate_ends(&self) -> Option<Timestamp> {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Timestamp>> {
        let ends = self.certificate_ends.lock();
        ends.unwrap_or_else(PoisonError::into_inner)
    }

    /// When a call that begins now gives up.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.call_timeout * OWN_TENTHS / 10
    }
}

/// Why no answer came.
#[derive(Debug)]
pub(crate) enum NoAnswer {
    TimedOut,
    Broken(LdapError),
    Nonsense,
}

/// The answer to a request, if one comes in time.
pub(crate) async fn answer<T>(
    deadline: Instant,
    request: impl Future<Output = Result<T, LdapError>>,
) -> Result<T, NoAnswer> {
    match timeout_at(deadline, AssertUnwindSafe(request).catch_unwind()).await {
        Err(_) => Err(NoAnswer::TimedOut),
        // The crate panics on answers that are well-formed and still no LDAP.
        Ok(Err(_)) => Err(NoAnswer::Nonsense),
        Ok(Ok(answer)) => answer.map_err(NoAnswer::Broken),
    }
}

fn not_reached(cause: &NoAnswer) -> CallError {
    let refusal = match cause {
        NoAnswer::Broken(error) => tls::refusal_while_connecting(error),
        NoAnswer::TimedOut | NoAnswer::Nonsense => None,
    };
    let (class, message) = match (cause, refusal) {
        (_, Some(refusal)) => (FailureClass::Retryable, refusal),
        (NoAnswer::Broken(LdapError::LdapResult { .. }), None) => (
            FailureClass::Refused,
            "the directory does not offer StartTLS: use an `ldaps://` address",
        ),
        (NoAnswer::TimedOut | NoAnswer::Broken(_) | NoAnswer::Nonsense, None) => (
            FailureClass::Retryable,
            "the directory cannot be reached: it is tried again; check `url` and that it runs",
        ),
    };
    let mut error = CallError::new(class, Finality::NotSent, message);
    error
        .receipts
        .push(Receipt::new("connect", "connect to {directory}", None, ""));
    error
}
