//! What the ledger says of alerts, clocks, cards and departures by name, in words.

use serde_json::Value;

use crate::policy::escalation::Contact;

/// Icon, colour and words for a record; `None` for one of another kind.
pub(super) fn tell(record: &Value) -> Option<(&'static str, &'static str, String)> {
    let detail = |name: &str| record["detail"][name].as_str().unwrap_or_default();
    let contact = Contact::from_name(detail("contact")).map_or("nobody", Contact::in_words);
    let channel = detail("channel");
    let other = match detail("goes_through") {
        "" => String::new(),
        other => format!("; it goes through {other} instead"),
    };
    Some(match record["what"].as_str()? {
        "alert.sent" => (
            "alert",
            "busy",
            match record["detail"]["after"].as_i64() {
                Some(after) => format!("Told the {contact} after {after} minutes, by {channel}"),
                None => format!("Told the {contact} by {channel}"),
            },
        ),
        "alert.failed" => (
            "cross",
            "bad",
            format!("An alert for the {contact} could not be sent by {channel}{other}"),
        ),
        "alert.given_up" => (
            "cross",
            "bad",
            format!(
                "An alert for the {contact} could not be sent by {channel}, and is given up: {}",
                detail("failure_text")
            ),
        ),
        "alert.not_needed" => (
            "check",
            "idle",
            format!("An alert for the {contact} was not sent: it was over before"),
        ),
        "alert.tested" => match detail("failure_text") {
            "" => (
                "pulse",
                "idle",
                format!("The alert channel {channel} took a test"),
            ),
            _ => (
                "cross",
                "bad",
                format!("The alert channel {channel} did not take a test"),
            ),
        },
        "card.opened" => (
            "hand",
            "warn",
            "Not proved shut after 20 minutes: a person may do it too".to_owned(),
        ),
        "card.closed" => (
            "hand",
            "good",
            "The card for a person's hand was closed".to_owned(),
        ),
        "note.sealed" => (
            "key",
            "idle",
            "A note was sealed: it is opened in its time".to_owned(),
        ),
        "note.withdrawn" => ("key", "idle", "A sealed note was withdrawn".to_owned()),
        "departure.due" => (
            "clock",
            "warn",
            "The time of a departure that was scheduled had come".to_owned(),
        ),
        "departure.undone" => (
            "return",
            "warn",
            format!(
                "The departure was undone by {}: the wrong person",
                detail("approved_by")
            ),
        ),
        "case.ended_said" => (
            "clock",
            "busy",
            format!(
                "{} said that the work ended at {} UTC",
                detail("said_by"),
                detail("ended")
            ),
        ),
        _ => return None,
    })
}
