//! Why no TLS connection came about, in plain words for every protocol, and when a certificate ends.

mod expiry;

use std::{error::Error, io, iter};

use rustls::CertificateError;

pub use expiry::not_after;

/// What TLS refused, or was refused for; `None` where TLS had nothing to do with the error.
///
/// The sentence is one of [`crate::CallError`].
pub fn refusal(error: &(dyn Error + 'static)) -> Option<&'static str> {
    use rustls::Error::{AlertReceived, InvalidCertificate, InvalidMessage, PeerIncompatible};
    Some(match find::<rustls::Error>(error)? {
        InvalidCertificate(problem) => certificate_sentence(problem),
        InvalidMessage(_) => {
            "the system does not speak TLS at this port: check its address in the settings"
        }
        AlertReceived(alert) if *alert == rustls::AlertDescription::ProtocolVersion => OLD_TLS,
        PeerIncompatible(_) => OLD_TLS,
        _ => "no TLS connection with the system came about: check its certificate and TLS settings",
    })
}

/// The same for an error that came up while connecting over TLS, where a connection that breaks was
/// broken in the handshake.
pub fn refusal_while_connecting(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let broken = [
        io::ErrorKind::UnexpectedEof,
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::BrokenPipe,
    ];
    let breaks = |cause: &io::Error| broken.contains(&cause.kind());
    refusal(error).or_else(|| {
        let is_broken = causes(error).any(|cause| cause.downcast_ref().is_some_and(breaks));
        is_broken.then_some(
            "the system broke off while TLS was being agreed on: check that it speaks TLS at this \
             port, and whether a firewall in between ends the connection",
        )
    })
}

const OLD_TLS: &str = "the system offers no TLS 1.2 or newer: have it updated";

fn certificate_sentence(problem: &CertificateError) -> &'static str {
    use CertificateError::{
        BadSignature, Expired, ExpiredContext, NotValidForName, NotValidForNameContext,
        NotValidYet, NotValidYetContext, Revoked, UnknownIssuer,
    };
    match problem {
        Expired | ExpiredContext { .. } => "the system's certificate has expired: have it renewed",
        NotValidYet | NotValidYetContext { .. } => {
            "the system's certificate is not valid yet: check the clocks of both machines"
        }
        NotValidForName | NotValidForNameContext { .. } => {
            "the system's certificate is for another host name: correct its address in the settings, or have the certificate renewed"
        }
        // Bad is the signature of an authority that bears the name of a trusted one.
        UnknownIssuer | BadSignature => {
            "the system's certificate is self-signed or from an unknown authority: name the authority's certificate in `ca_file`"
        }
        Revoked => "the system's certificate was revoked: have it renewed",
        _ => {
            "the system's certificate cannot be accepted: have it looked at, or name its authority in `ca_file`"
        }
    }
}

/// The first cause of this type.
pub(crate) fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// The error and what is behind it. An `io::Error` hides its own cause from `source`, so it is opened.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(
        Some(error),
        |&error: &&'a (dyn Error + 'static)| match error.downcast_ref().and_then(io::Error::get_ref)
        {
            Some(hidden) => Some(hidden),
            None => error.source(),
        },
    )
}
