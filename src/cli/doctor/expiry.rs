//! What `doctor` finds that runs out: the certificate of the listener and those of systems, tokens of
//! identity providers.

use std::time::Duration;

use jiff::Timestamp;

use super::{Finding, Level};
use crate::{
    clock,
    config::{Practice, Settings},
    store::StoredToken,
    tls,
};

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// How long before its end a certificate is a problem: most are renewed thirty days before.
const CERTIFICATE: Duration = Duration::from_secs(14 * DAY.as_secs());

/// How long before its end the certificate of a system is worth a word, and how long before it is a
/// problem: without it the system is neither closed nor read, and others renew it.
const OF_A_SYSTEM: [Duration; 2] = [
    Duration::from_secs(30 * DAY.as_secs()),
    Duration::from_secs(7 * DAY.as_secs()),
];

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
    let [worth_a_word, problem] = OF_A_SYSTEM;
    let way_out =
        "have whoever runs the system renew it, or it can be neither closed nor read from then on";
    match (within(end, now, worth_a_word), within(end, now, problem)) {
        (_, Err(when)) => Finding::of(what, Level::Problem, format!("{when}: {way_out}")),
        (Err(when), Ok(_)) => Finding::of(what, Level::Warning, format!("{when}: {way_out}")),
        (Ok(until), Ok(_)) => {
            let days = clock::between(now, end).as_secs() / DAY.as_secs();
            Finding::of(what, Level::Ok, format!("{until}, {days} days left"))
        }
    }
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
fn within(end: Timestamp, now: Timestamp, soon: Duration) -> Result<String, String> {
    let when = clock::to_text(end);
    if end <= now {
        Err(format!("expired at {when}"))
    } else if end <= clock::after(now, soon) {
        let days = clock::between(now, end).as_secs() / DAY.as_secs();
        Err(format!("expires in {days} days, at {when}"))
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
