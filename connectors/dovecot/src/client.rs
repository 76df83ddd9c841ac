//! doveadm's HTTP API: one command a request.
//!
//! Every answer is HTTP 200; whether the command worked stands in its body, per command. Several
//! commands in one request are never sent: Dovecot 2.3.19 writes broken JSON after a command it does
//! not know, and drops the connection when `kick` follows mail commands.

use std::net::IpAddr;

use base64::{Engine, engine::general_purpose::STANDARD};
use drawbridge_sdk::{
    CallError, FailureClass, Finality, Receipt, Secret,
    http::{Answer, Deadline, Endpoint, Method, Request},
};
use jiff::{Timestamp, fmt::rfc2822};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};

/// Exit codes of doveadm.
///
/// # Source
/// `doveadm(1)`, exit status, which follows `sysexits.h`; 68 was measured on 2.3.19 for "nobody
/// connected" and "no such script".
const USAGE: i64 = 64;
const BAD_DATA: i64 = 65;
const NO_USER: i64 = 67;
const NOT_FOUND: i64 = 68;
const TEMPORARY: i64 = 75;

/// The tag each command bears, and its answer too.
const TAG: &str = "drawbridge";

/// doveadm on one mail server.
#[derive(Debug)]
pub(crate) struct Doveadm {
    pub(crate) endpoint: Endpoint,
    pub(crate) key: Secret,
}

/// doveadm for the length of one call: its commands share the call's time.
pub(crate) struct DoveadmCall<'a> {
    doveadm: &'a Doveadm,
    deadline: Deadline,
}

/// A command to run for one login.
pub(crate) struct Command<'a> {
    step: &'static str,
    name: &'static str,
    login: &'a str,
    parameters: Value,
    changes: bool,
}

/// What a command answered.
pub(crate) struct Reply {
    /// What it gave; `None` is exit code 68: no such session or script.
    pub(crate) found: Option<Value>,
    /// What the server's clock said.
    pub(crate) server_time: Option<Timestamp>,
    pub(crate) receipt: Receipt,
}

/// One command of the list that doveadm gives of itself.
#[derive(Deserialize)]
struct Offered {
    command: String,
}

impl Doveadm {
    /// Begins a call.
    pub(crate) fn call(&self) -> DoveadmCall<'_> {
        DoveadmCall {
            doveadm: self,
            deadline: self.endpoint.deadline(),
        }
    }
}

impl<'a> Command<'a> {
    /// A command that changes nothing.
    pub(crate) fn read(
        step: &'static str,
        name: &'static str,
        login: &'a str,
        parameters: Value,
    ) -> Self {
        Self {
            step,
            name,
            login,
            parameters,
            changes: false,
        }
    }

    /// A command that may change something.
    pub(crate) fn change(
        step: &'static str,
        name: &'static str,
        login: &'a str,
        parameters: Value,
    ) -> Self {
        Self {
            step,
            name,
            login,
            parameters,
            changes: true,
        }
    }
}

impl Reply {
    /// The rows of what was found; none where nothing was.
    pub(crate) fn rows(&self) -> Result<&[Value], CallError> {
        match &self.found {
            None => Ok(&[]),
            Some(Value::Array(rows)) => Ok(rows),
            Some(_) => Err(self.unexpected()),
        }
    }

    /// Exit code 68, where something must be found.
    pub(crate) fn not_found(&self) -> CallError {
        failed(NOT_FOUND, self.receipt.clone())
    }

    /// The answer is not one to this command.
    pub(crate) fn unexpected(&self) -> CallError {
        unexpected(self.receipt.clone())
    }
}

impl DoveadmCall<'_> {
    /// Runs one command.
    ///
    /// # Errors
    /// When it failed in any way but exit code 68.
    pub(crate) async fn run(&self, command: Command<'_>) -> Result<Reply, CallError> {
        if !names_one_login(command.login) {
            return Err(CallError::new(
                FailureClass::Refused,
                Finality::NotSent,
                "the login has characters with which doveadm would mean other logins too: end its \
                 sessions and change its scripts on the mail server",
            ));
        }
        let endpoint = &self.doveadm.endpoint;
        let request = if command.changes {
            endpoint.change(command.step, Method::POST, "")
        } else {
            endpoint.read(command.step, Method::POST, "")
        };
        let line = format!("POST /doveadm/v1 {}", command.name);
        let body = json!([[command.name, command.parameters, TAG]]);
        let answer = self.send(request.shown_as(&line).json(&body)).await?;
        // What doveadm says is not kept: it names people, and scripts may name patients.
        let receipt = |said: &str| Receipt::new(command.step, &line, Some("200".to_owned()), said);
        let server_time = answer
            .header("date")
            .and_then(|date| rfc2822::parse(date).ok())
            .map(|date| date.timestamp());
        let said: Result<Vec<(String, Value, String)>, CallError> = answer.json();
        let Ok([(kind, said, tag)]) = said.as_deref() else {
            return Err(unexpected(receipt("not one answer")));
        };
        let exit_code = said["exitCode"].as_i64();
        match (kind.as_str(), said["type"].as_str(), exit_code) {
            _ if tag != TAG => Err(unexpected(receipt("answer to another command"))),
            ("doveadmResponse", _, _) => {
                let found = Some(said.clone());
                Ok(Reply {
                    found,
                    server_time,
                    receipt: receipt("done"),
                })
            }
            ("error", Some("exitCode"), Some(NOT_FOUND)) => Ok(Reply {
                found: None,
                server_time,
                receipt: receipt("exit code 68"),
            }),
            ("error", Some("exitCode"), Some(code)) => {
                Err(failed(code, receipt(&format!("exit code {code}"))))
            }
            ("error", Some("unknownMethod"), _) => {
                let message = "doveadm does not know the command: install Dovecot's Sieve plugin on \
                               the mail server, or update it";
                let error = CallError::new(FailureClass::Refused, Finality::Answered, message);
                Err(with(error, receipt("unknown command")))
            }
            _ => Err(unexpected(receipt("no such kind of answer"))),
        }
    }

    /// The commands this server offers.
    pub(crate) async fn offered(&self) -> Result<(Vec<String>, Receipt), CallError> {
        const LINE: &str = "GET /doveadm/v1";
        let request = self.doveadm.endpoint.read("check", Method::GET, "");
        let offered: Vec<Offered> = self.send(request.shown_as(LINE)).await?.json()?;
        let found = format!("{} commands", offered.len());
        let receipt = Receipt::new("check", LINE, Some("200".to_owned()), &found);
        Ok((
            offered.into_iter().map(|each| each.command).collect(),
            receipt,
        ))
    }

    async fn send(&self, request: Request) -> Result<Answer, CallError> {
        let key = STANDARD.encode(self.doveadm.key.read()?.expose_secret());
        let request = request.header("Authorization", &format!("X-Dovecot-API {key}"));
        request.before(self.deadline).send_ok().await
    }
}

/// Whether doveadm takes this for exactly one login. It reads `*` and `?` as wildcards, and a mask
/// that looks like an address as everybody who is connected from there.
pub(crate) fn names_one_login(login: &str) -> bool {
    let network = login.split('/').next().unwrap_or_default();
    let network = network.trim_start_matches('[').trim_end_matches(']');
    !login.is_empty() && !login.contains(['*', '?']) && network.parse::<IpAddr>().is_err()
}

fn failed(code: i64, receipt: Receipt) -> CallError {
    let (class, message) = match code {
        NO_USER | NOT_FOUND => (
            FailureClass::Gone,
            "the mail server knows no such mailbox or script: look whether it exists",
        ),
        TEMPORARY => (
            FailureClass::Retryable,
            "the mail server cannot do it now: it is tried again",
        ),
        USAGE => (
            FailureClass::Contract,
            "doveadm did not understand the command: check its version",
        ),
        BAD_DATA => (
            FailureClass::Refused,
            "the mail server refused the data: Dovecot's log has the reason",
        ),
        _ => (
            FailureClass::Refused,
            "the mail server could not run the command: Dovecot's log has the reason",
        ),
    };
    with(CallError::new(class, Finality::Answered, message), receipt)
}

fn unexpected(receipt: Receipt) -> CallError {
    let message = "doveadm's answer does not fit the command: check the address, and Dovecot's \
                   version against this connector's page";
    with(CallError::contract(message), receipt)
}

fn with(mut error: CallError, receipt: Receipt) -> CallError {
    error.receipts.push(receipt);
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_that_means_others_too_is_never_sent() {
        for one in [
            "nina@practice.test",
            "nina",
            "nina.huber",
            "10.0.0.1@practice.test",
        ] {
            assert!(names_one_login(one), "{one}");
        }
        for many in [
            "*",
            "n?na@practice.test",
            "nin*",
            "127.0.0.1",
            "10.0.0.0/8",
            "::1",
            "[::1]",
            "",
        ] {
            assert!(!names_one_login(many), "{many}");
        }
    }
}
