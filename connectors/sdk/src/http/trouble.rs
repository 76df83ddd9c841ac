//! What it means when no whole answer came.

use std::{error::Error, io};

use rustls::CertificateError;

use super::{
    request::Sends,
    resolver::{AddressRefused, NameUnknown},
};
use crate::failure::{CallError, FailureClass, Finality};

/// The failure behind an error of the HTTP client, in plain words.
///
/// The client's own words stay out of it: they quote the address with what was filled into it.
pub fn of(error: &reqwest::Error, sends: Sends) -> CallError {
    let retryable =
        |finality, message: &str| CallError::new(FailureClass::Retryable, finality, message);
    if error.is_builder() {
        return CallError::new(
            FailureClass::Refused,
            Finality::NotSent,
            "the request could not be put together: report this as a fault of the connector",
        );
    }
    if find::<AddressRefused>(error).is_some() {
        return CallError::new(
            FailureClass::Contract,
            Finality::NotSent,
            "the system's name leads to an address outside the public internet: add its network to \
             `allow_networks` if that is right, otherwise look at the name server",
        );
    }
    if find::<NameUnknown>(error).is_some() {
        return retryable(
            Finality::NotSent,
            "the system's name cannot be resolved: check `base_url` and the bridge's name server",
        );
    }
    if let Some(tls) = find::<rustls::Error>(error) {
        // An alert can follow a request that was sent: with TLS 1.3 a client is refused late.
        let finality = if error.is_connect() {
            Finality::NotSent
        } else {
            sends.without_answer()
        };
        return retryable(finality, tls_sentence(tls));
    }
    if error.is_connect() {
        return retryable(
            Finality::NotSent,
            "cannot reach the system at its address: is it running, and does a firewall let the bridge through",
        );
    }
    if error.is_timeout() {
        return retryable(
            sends.without_answer(),
            "the system did not answer in time: it is tried again; look whether it is overloaded",
        );
    }
    if cannot_be_unpacked(error) {
        return CallError::new(
            FailureClass::Contract,
            sends.without_answer(),
            "the system's answer could not be unpacked: check `base_url`, and whether a proxy is in between",
        );
    }
    retryable(
        sends.without_answer(),
        "the connection broke before the system's answer was whole: it is tried again; check the network in between",
    )
}

fn tls_sentence(error: &rustls::Error) -> &'static str {
    use rustls::Error::{AlertReceived, InvalidCertificate, InvalidMessage, PeerIncompatible};
    match error {
        InvalidCertificate(problem) => certificate_sentence(problem),
        InvalidMessage(_) => "the system does not speak TLS at this port: check `base_url`",
        AlertReceived(alert) if *alert == rustls::AlertDescription::ProtocolVersion => OLD_TLS,
        PeerIncompatible(_) => OLD_TLS,
        _ => "no TLS connection with the system came about: check its certificate and TLS settings",
    }
}

const OLD_TLS: &str = "the system offers no TLS 1.2 or newer: have it updated";

fn certificate_sentence(problem: &CertificateError) -> &'static str {
    use CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet,
        NotValidYetContext, Revoked, UnknownIssuer,
    };
    match problem {
        Expired | ExpiredContext { .. } => "the system's certificate has expired: have it renewed",
        NotValidYet | NotValidYetContext { .. } => {
            "the system's certificate is not valid yet: check the clocks of both machines"
        }
        NotValidForName | NotValidForNameContext { .. } => {
            "the system's certificate is for another host name: correct `base_url`, or have the certificate renewed"
        }
        UnknownIssuer => {
            "the system's certificate is self-signed or from an unknown authority: name the authority's certificate in `ca_file`"
        }
        Revoked => "the system's certificate was revoked: have it renewed",
        _ => {
            "the system's certificate cannot be accepted: have it looked at, or name its authority in `ca_file`"
        }
    }
}

fn cannot_be_unpacked(error: &reqwest::Error) -> bool {
    let invalid = [io::ErrorKind::InvalidData, io::ErrorKind::InvalidInput];
    error.is_decode()
        && find::<io::Error>(error).is_some_and(|cause| invalid.contains(&cause.kind()))
}

/// The first cause of this type. An `io::Error` hides its own cause from `source`, so it is opened.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    if let Some(found) = error.downcast_ref::<E>() {
        return Some(found);
    }
    let hidden = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    hidden
        .and_then(|hidden| find(hidden as &(dyn Error + 'static)))
        .or_else(|| error.source().and_then(find))
}
