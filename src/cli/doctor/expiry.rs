//! What `doctor` finds that runs out: the certificate of the listener and those of systems, tokens of
//! identity providers.

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

use super::{Finding, Level};
use crate::{
    clock,
    config::{Practice, Settings},
    policy::ending::{self, Ending},
    store::StoredToken,
    tls,
};

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// How long before its end a certificate is a problem: most are renewed thirty days before.
const CERTIFICATE: Duration = Duration::from_secs(14 * DAY.as_secs());

/// How long before its end a token is a problem: somebody has to paste a new one.
const TOKEN: Duration = Duration::from_secs(30 * DAY.as_secs());

pub(super) fn check_certificate(settings: &Settings, now: Timestamp) -> Option<Finding> {
    let tls = settings.tls.as_ref()?;
    let says = tls::expires(&tls.certificate).and_then(|end| {
        within(end, now, CERTIFICATE)
            .map_err(|when| format!("{when}: renew the certificate, then restart the server"))
    });
    Some(Finding::new("certificate of the listener", says))
}

pub(super) fn check_certificate_of_a_system(
    what: String,
    end: Timestamp,
    now: Timestamp,
) -> Finding {
    let way_out =
        "have whoever runs the system renew it, or it can be neither closed nor read from then on";
    of_a_system(what, (end, now), way_out)
}

/// What the bridge signs in with at systems, where the settings say until when it is good.
pub(super) fn check_credentials(practice: &Practice, now: Timestamp) -> Vec<Finding> {
    // Checked when the settings were read.
    let zone = TimeZone::get(&practice.time_zone).unwrap_or(TimeZone::UTC);
    let used = practice.systems.iter().filter(|system| !system.retired);
    let findings = used.filter_map(|system| {
        let end = ending::beginning(system.credential_ends?, &zone);
        let what = format!("credential for {} of {}", system.name, practice.name);
        let way_out = "make a new one there, put it where the settings refer to, and write its end into \
             `credential_ends`";
        Some(of_a_system(what, (end, now), way_out))
    });
    findings.collect()
}

/// When something ends without which a system is neither closed nor read.
fn of_a_system(what: String, (end, now): (Timestamp, Timestamp), way_out: &str) -> Finding {
    let when = clock::to_text(end);
    let days = clock::between(now, end).as_secs() / DAY.as_secs();
    let (level, says) = match Ending::of(end, now) {
        Ending::Far => (Level::Ok, format!("until {when}, {days} days left")),
        Ending::Soon => (Level::Warning, format!("{}: {way_out}", soon(&when, days))),
        Ending::Pressing => (Level::Problem, format!("{}: {way_out}", soon(&when, days))),
        Ending::Past => (Level::Problem, format!("{}: {way_out}", past(&when))),
    };
    Finding::of(what, level, says)
}

fn soon(when: &str, days: u64) -> String {
    format!("expires in {days} days, at {when}")
}

fn past(when: &str) -> String {
    format!("expired at {when}")
}

/// The token of each source that works for longest. A source without any is not connected yet.
pub(super) fn check_tokens(
    practice: &Practice,
    tokens: &[StoredToken],
    now: Timestamp,
) -> Vec<Finding> {
    let last = |source: &crate::ids::SourceName| {
        let own = tokens.iter().filter(|token| {
            token.practice == practice.name && token.source == *source && !token.revoked
        });
        own.map(|token| token.expires).max()
    };
    let findings = practice.sources.iter().filter_map(|source| {
        let says = within(last(&source.name)?, now, TOKEN).map_err(|when| {
            format!(
                "{when}: make a new one with `drawbridge token create`, paste it, then revoke the old"
            )
        });
        let what = format!("token of {} of {}", source.name, practice.name);
        Some(Finding::new(what, says))
    });
    findings.collect()
}

/// When something ends, as a problem if that is soon.
fn within(end: Timestamp, now: Timestamp, warning: Duration) -> Result<String, String> {
    let when = clock::to_text(end);
    if end <= now {
        Err(past(&when))
    } else if end <= clock::after(now, warning) {
        let days = clock::between(now, end).as_secs() / DAY.as_secs();
        Err(soon(&when, days))
    } else {
        Ok(format!("until {when}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_soon_or_has_ended_is_a_problem() {
        let now: Timestamp = "2026-11-20T17:02:00Z".parse().unwrap();
        let end = |text: &str| within(text.parse().unwrap(), now, TOKEN);

        let long = end("2027-05-19T00:00:00Z");
        let soon = end("2026-12-01T18:00:00Z");
        let over = end("2026-11-20T17:02:00Z");

        assert_eq!(long, Ok("until 2027-05-19T00:00:00.000Z".to_owned()));
        assert_eq!(
            soon,
            Err("expires in 11 days, at 2026-12-01T18:00:00.000Z".to_owned())
        );
        assert_eq!(over, Err("expired at 2026-11-20T17:02:00.000Z".to_owned()));
    }
}
