//! What it means when no whole answer came.

use std::io;

use super::{
    request::Sends,
    resolver::{AddressRefused, NameUnknown},
};
use crate::{
    failure::{CallError, FailureClass, Finality},
    tls::{self, find},
};

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
    if error.is_connect() {
        if let Some(sentence) = tls::refusal_while_connecting(error) {
            return retryable(Finality::NotSent, sentence);
        }
        return retryable(
            Finality::NotSent,
            "cannot reach the system at its address: is it running, and does a firewall let the bridge through",
        );
    }
    // An alert can follow a request that was sent: with TLS 1.3 a client is refused late.
    if let Some(sentence) = tls::refusal(error) {
        return retryable(sends.without_answer(), sentence);
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

fn cannot_be_unpacked(error: &reqwest::Error) -> bool {
    let invalid = [io::ErrorKind::InvalidData, io::ErrorKind::InvalidInput];
    error.is_decode()
        && find::<io::Error>(error).is_some_and(|cause| invalid.contains(&cause.kind()))
}
