//! What is shown in words: lights, causes, and what the ledger says happened.

use drawbridge_sdk::{FailureClass, Way};
use serde_json::Value;

use super::admit::Fields;
use crate::{
    cases::Light,
    door::{Assurance, Seen},
};

/// The icon, the word and the colour of a light. Never the colour alone.
pub(super) const fn light(light: Light) -> (&'static str, &'static str, &'static str) {
    match light {
        Light::Shut => ("check", "shut, read back", "good"),
        Light::NoAccount => ("minus", "no account", "good"),
        Light::Signed => ("pen", "signed by hand", "good"),
        Light::Open => ("check", "open, as wanted", "good"),
        Light::Trying => ("clock", "trying", "busy"),
        Light::NeedsYou => ("hand", "needs you", "warn"),
        Light::Failed => ("cross", "failed", "bad"),
        Light::LivesOn => ("hourglass", "shut, lives on", "warn"),
        Light::NotProved => ("question", "not proved", "idle"),
        Light::Held => ("pause", "held", "warn"),
        Light::RiskAccepted => ("pen", "risk accepted", "idle"),
        Light::DoesNotApply => ("minus", "does not apply", "idle"),
        Light::Overdue => ("alert", "overdue", "bad"),
    }
}

/// The same in one or two words, for a chip.
pub(super) const fn short(light: Light) -> &'static str {
    match light {
        Light::Shut => "shut",
        Light::Open => "open",
        Light::Signed => "signed",
        Light::LivesOn => "lives on",
        other => self::light(other).1,
    }
}

/// What a door was seen to be.
pub(super) const fn seen(seen: Seen) -> &'static str {
    match seen {
        Seen::Open => "seen open",
        Seen::Closed => "seen closed",
        Seen::Absent => "seen absent",
        Seen::Unknown => "not read yet",
    }
}

/// How sure that is; empty where nothing is known.
pub(super) const fn assurance(assurance: Assurance) -> &'static str {
    match assurance {
        Assurance::Verified => "verified",
        Assurance::Attested => "attested",
        Assurance::Acknowledged => "the system said yes, and cannot be asked again",
        Assurance::Unproven => "not proved",
        Assurance::Unknown => "",
    }
}

/// How one gets in, as people say it.
pub(super) const fn way(way: Way) -> &'static str {
    match way {
        Way::Account => "account",
        Way::Forwarding => "mail forward",
        Way::Badge => "badge",
        Way::Key => "key",
        Way::Device => "device",
        Way::SharedSecret => "shared password",
    }
}

/// What a kind of failure means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cause {
    /// What happened, after the system's name.
    pub(super) what: &'static str,
    /// What it means for the practice.
    pub(super) means: &'static str,
    /// What to do.
    pub(super) todo: &'static str,
    pub(super) icon: &'static str,
    pub(super) kind: &'static str,
}

/// What a kind of failure means, in words.
pub(super) const fn cause(class: FailureClass) -> Cause {
    match class {
        FailureClass::Retryable => Cause {
            what: "could not be reached, or is overloaded",
            means: "Nobody can be sure the account is shut until it answers. The bridge goes on trying by itself.",
            todo: "Wait for the next try. If it stays so, call whoever looks after the system.",
            icon: "clock",
            kind: "busy",
        },
        FailureClass::Credential => Cause {
            what: "refused the bridge's own password",
            means: "It probably expired or was changed. Until it is right, nothing can be closed there by the bridge.",
            todo: "Have the password renewed, then try again. In a hurry, close the accounts by hand and sign.",
            icon: "key",
            kind: "bad",
        },
        FailureClass::Refused => Cause {
            what: "understood and said no",
            means: "Trying again alone will seldom help: the system wants something else.",
            todo: "Read what it said. Close the account by hand and sign, or have the cause mended and try again.",
            icon: "cross",
            kind: "bad",
        },
        FailureClass::Gone => Cause {
            what: "has no account where there was one",
            means: "Probably somebody removed it. The bridge reads again to prove it.",
            todo: "Look into the system yourself. If the account is gone, sign for it.",
            icon: "question",
            kind: "warn",
        },
        FailureClass::Contract => Cause {
            what: "did not do what it said",
            means: "Its answer makes no sense, or it said yes and the account is still as it was.",
            todo: "Close the account by hand now, then try again: the bridge reads whether it is shut.",
            icon: "alert",
            kind: "bad",
        },
        FailureClass::NeedsHuman => Cause {
            what: "is done by a person",
            means: "There is no interface the bridge could use. It stays open until somebody did it.",
            todo: "Do what the note says, check it, and sign.",
            icon: "hand",
            kind: "warn",
        },
    }
}

/// Commands that sentences end with, and the button that is the same here.
const BUTTONS: [(&str, &str); 8] = [
    (
        "and then signs with `drawbridge attest`",
        "and then signs here",
    ),
    (
        "sign with `drawbridge attest`",
        "sign with \u{201c}I did it by hand\u{201d}",
    ),
    (
        "`drawbridge retry --person` lets",
        "\u{201c}Go on now\u{201d} lets",
    ),
    (
        "`drawbridge returns approve` keeps",
        "approving their return keeps",
    ),
    ("`drawbridge retry`", "\u{201c}Try again now\u{201d}"),
    ("`drawbridge returns list` shows", "the page Returns shows"),
    ("`drawbridge doors list`", "their page"),
    ("`drawbridge attest`", "\u{201c}I did it by hand\u{201d}"),
];

/// What the bridge says about a door, with the buttons of these pages in place of commands.
pub(super) fn for_here(text: &str) -> String {
    let said = BUTTONS
        .iter()
        .fold(text.to_owned(), |text, (command, button)| {
            text.replace(command, button)
        });
    super::trouble::sentence(&said)
}

/// What a button did, from the address it led to. Only these words: an address is easily forged.
pub(super) fn said(query: &Fields) -> Option<String> {
    let number: u64 = query.get("n").parse().unwrap_or_default();
    let doors = if number == 1 {
        "1 door is".to_owned()
    } else {
        format!("{number} doors are")
    };
    Some(match query.get("said") {
        "tried" if number == 0 => "No door of these waits: all are as they shall be.".to_owned(),
        "tried" => format!("{doors} tried again now."),
        "assigned" => "Written down, with who sees to it now.".to_owned(),
        "snoozed" => {
            "Snoozed. It stands last in its list until then, and the bridge goes on trying."
                .to_owned()
        }
        "woken" => "Taken up again.".to_owned(),
        "set-aside" => "Set aside. It is in the ledger with your name.".to_owned(),
        "taken-up" => "Taken up again: somebody has to see to it.".to_owned(),
        "signed" => "Signed. It is in the ledger with your name.".to_owned(),
        "departed" => format!("{doors} being closed now."),
        "approved" => "Approved. Doors open by the role the person has.".to_owned(),
        "refused" => "Refused. The person stays out.".to_owned(),
        "released" => format!("Released. {doors} tried now."),
        "tested" => "The system was asked; its answer is below.".to_owned(),
        "checked" => "The whole chain was checked; the result is below.".to_owned(),
        "revoked" => "The token stopped working.".to_owned(),
        "connected" => {
            "From now on you come in by your identity provider. Links go on working.".to_owned()
        }
        "scheduled" => "Scheduled. Nobody is told before its time.".to_owned(),
        "cancelled" => "Cancelled. Nothing happens.".to_owned(),
        "undone" => format!(
            "Undone. {} opened again.",
            doors.replace(" is", "").replace(" are", "")
        ),
        "ended" => "Written down. What was said before stays in the ledger.".to_owned(),
        "passkey" => "Added. From now on it signs you in.".to_owned(),
        "passkey-removed" => {
            "Removed. It signs nobody in any more, and you were signed out everywhere but here."
                .to_owned()
        }
        "passkeys-removed" => {
            "Their passkeys are removed, and they were signed out; other ways in stay.".to_owned()
        }
        "told" => "The channel took the test: look whether it arrived.".to_owned(),
        "not_told" => "The channel did not take the test; it says why below.".to_owned(),
        "removed" => "They may not come in any more, and were signed out.".to_owned(),
        _ => return None,
    })
}

/// The colour and the icon of that.
pub(super) fn how_it_went(query: &Fields) -> (&'static str, &'static str) {
    match query.get("said") {
        "not_told" => ("warn", "alert"),
        _ => ("good", "check"),
    }
}

/// What a record of the ledger says, for people.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) icon: &'static str,
    pub(super) kind: &'static str,
    pub(super) text: String,
    /// What was said beside it.
    pub(super) note: String,
}

/// A record of the ledger in words.
pub(super) fn tell(record: &Value) -> Told {
    let detail = |name: &str| record["detail"][name].as_str().unwrap_or_default();
    let (icon, kind, text) = match record["what"].as_str().unwrap_or_default() {
        "change.joined" => ("people", "busy", "Joined".to_owned()),
        "change.changed" => ("people", "idle", "Details changed".to_owned()),
        "change.departed" => (
            "door",
            "warn",
            "Left: every door shall be closed".to_owned(),
        ),
        "change.returned" => ("return", "warn", "Was enabled again".to_owned()),
        "change.repeated_disable" => ("door", "idle", "Was disabled once more".to_owned()),
        "change.record_only" => ("people", "idle", "A detail was written down".to_owned()),
        "case.opened" => (
            "clock",
            "busy",
            format!("Case opened: {}", kind_of(detail("kind"))),
        ),
        "case.closed" => match record["detail"]["set_aside"].as_u64() {
            None | Some(0) => (
                "check",
                "good",
                "Case closed: every door is proved".to_owned(),
            ),
            Some(aside) => (
                "pen",
                "idle",
                format!("Case closed: {aside} set aside, every other door proved"),
            ),
        },
        "case.superseded" => (
            "return",
            "idle",
            "Case over: a newer one took over what was left of it".to_owned(),
        ),
        "door.wanted" => (
            "door",
            "busy",
            format!("Shall be {} ({})", detail("wanted"), detail("reason")),
        ),
        "attempt.sent" => ("arrow", "busy", format!("Asked to {}", detail("action"))),
        "attempt.answered" => (
            "arrow",
            "busy",
            format!(
                "Answered the {}: {}",
                detail("action"),
                plain(detail("result"))
            ),
        ),
        "attempt.failed" => ("cross", "bad", format!("The {} failed", detail("action"))),
        "door.verified" => ("check", "good", format!("Read back: {}", detail("seen"))),
        "door.too_early" => ("clock", "busy", "Read, but too early to count".to_owned()),
        "door.residual" => ("hourglass", "warn", "Shut; something lives on".to_owned()),
        "door.unproven" => ("question", "idle", "The reading proves nothing".to_owned()),
        "door.found_changed" => ("alert", "bad", format!("Found {} again", detail("seen"))),
        "door.not_as_wanted" => (
            "alert",
            "bad",
            format!("Read back: still {}", detail("seen")),
        ),
        "door.not_read" => ("question", "warn", "Could not be read".to_owned()),
        "door.retry_asked" => ("retry", "busy", "Asked to try again".to_owned()),
        "door.attested" => (
            "pen",
            "good",
            format!("Signed as {} by {}", detail("wanted"), detail("signed_by")),
        ),
        "door.set_aside" => match detail("kind") {
            "not_applicable" => (
                "minus",
                "idle",
                format!("Does not apply, says {}", detail("signed_by")),
            ),
            _ => (
                "pen",
                "warn",
                format!(
                    "Risk accepted by {} until {}",
                    detail("signed_by"),
                    detail("until").get(..10).unwrap_or_default()
                ),
            ),
        },
        "door.taken_up" => ("retry", "busy", "Taken up again".to_owned()),
        "door.snoozed" => (
            "clock",
            "idle",
            format!(
                "Looked at later, at the latest on {} UTC",
                detail("until")
                    .get(..16)
                    .unwrap_or_default()
                    .replace('T', " at ")
            ),
        ),
        "door.woken" => ("clock", "busy", "Taken up before its time".to_owned()),
        "door.assigned" => match detail("to") {
            "" => ("people", "idle", "Nobody is asked to see to it".to_owned()),
            name => ("people", "busy", format!("{name} sees to it")),
        },
        "return.held" => (
            "return",
            "warn",
            "Wants to get in again: waits for a word".to_owned(),
        ),
        "return.approved" => (
            "return",
            "good",
            format!("Return approved by {}", detail("approved_by")),
        ),
        "return.refused" => (
            "return",
            "bad",
            format!("Return refused by {}", detail("refused_by")),
        ),
        "return.voided" => (
            "return",
            "idle",
            "The wish to return was taken back".to_owned(),
        ),
        "brake.held" => (
            "pause",
            "warn",
            "Held by the brake: many people leave at once".to_owned(),
        ),
        "token.created" => (
            "key",
            "busy",
            format!("Token made for {}", detail("source")),
        ),
        "token.ends" => (
            "key",
            "warn",
            "Token is being replaced; it works on for a while".to_owned(),
        ),
        "token.revoked" => ("key", "warn", "Token revoked".to_owned()),
        "admin.invited" => (
            "people",
            "busy",
            format!("Invited {} as {}", detail("name"), detail("role")),
        ),
        "admin.signed_in" => ("people", "idle", format!("{} signed in", detail("name"))),
        "admin.signed_out" => ("people", "idle", format!("{} signed out", detail("name"))),
        "admin.proved" => (
            "people",
            "idle",
            format!("{} proved who they are", detail("name")),
        ),
        "admin.connected" => (
            "people",
            "busy",
            format!("{} comes in by their identity provider", detail("name")),
        ),
        "admin.address_changed" => (
            "people",
            "warn",
            format!(
                "The identity provider has another address of {}: {}",
                detail("name"),
                detail("to")
            ),
        ),
        "admin.passkey_added" => (
            "key",
            "busy",
            format!(
                "{} comes in by passkey: {}",
                detail("name"),
                detail("passkey")
            ),
        ),
        "admin.passkey_removed" => (
            "key",
            "warn",
            format!(
                "Passkey of {} removed: {}",
                detail("name"),
                detail("passkey")
            ),
        ),
        "admin.passkey_refused" => (
            "alert",
            "bad",
            format!(
                "A passkey of {} was refused, and may have been copied: {}",
                detail("name"),
                detail("passkey")
            ),
        ),
        "admin.removed" => (
            "people",
            "warn",
            format!("{} may not come in any more", detail("name")),
        ),
        "evidence.exported" => match (detail("from").get(..10), detail("to").get(..10)) {
            (Some(from), Some(to)) => (
                "book",
                "idle",
                format!("The records from {from} to {to} were taken away as a file"),
            ),
            _ => (
                "book",
                "idle",
                "Records were taken away as a file".to_owned(),
            ),
        },
        "table.exported" => (
            "book",
            "idle",
            format!("The table {} was taken away as a file", detail("table")),
        ),
        "system.tested" => ("pulse", "idle", "Was asked whether it answers".to_owned()),
        "ledger.checked" => ("book", "idle", "The chain was checked".to_owned()),
        "roles.applied" => ("gear", "warn", "Roles were put into force".to_owned()),
        "clock.set" => ("clock", "warn", "Somebody set the clock".to_owned()),
        other => super::moments::tell(record).unwrap_or(("dot", "idle", sentence_of(other))),
    };
    let note = ["failure_text", "why", "note", "reason_text"]
        .into_iter()
        .map(detail)
        .find(|text| !text.is_empty())
        .unwrap_or_default();
    let note = if note.is_empty() {
        String::new()
    } else {
        for_here(note)
    };
    Told {
        icon,
        kind,
        text,
        note,
    }
}

/// Who did something, as people read it.
pub(super) fn actor(who: &str) -> String {
    match who.split_once(':') {
        Some(("admin", name)) => name.to_owned(),
        Some(("source", name)) => format!("{name} (identity provider)"),
        Some(("api", name)) => format!("{name} (API)"),
        Some(("cli", name)) => format!("{name} (command line)"),
        _ => match who {
            "bridge" => "the bridge".to_owned(),
            other => other.to_owned(),
        },
    }
}

/// How a card for a person's hand was closed.
pub(super) fn card(by: &str, note: &str) -> String {
    format!(
        "By hand beside the bridge: closed by {}, {note}.",
        actor(by)
    )
}

/// What kind of case, as people say it.
pub(super) fn kind_of(case: &str) -> &'static str {
    match case {
        "leaver" => "departure",
        "joiner" => "arrival",
        _ => "change of role",
    }
}

fn plain(text: &str) -> String {
    text.replace('_', " ")
}

fn sentence_of(what: &str) -> String {
    super::trouble::sentence(&what.replace(['.', '_'], " "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_address_says_is_said_in_our_words_only() {
        let query = |text: &str| {
            let pairs = url::form_urlencoded::parse(text.as_bytes());
            Fields::from_pairs(pairs.into_owned().collect())
        };

        assert_eq!(
            said(&query("said=tried&n=1")).unwrap(),
            "1 door is tried again now."
        );
        assert_eq!(said(&query("said=<b>Call+555</b>")), None);
    }

    #[test]
    fn a_sentence_ends_with_a_button_where_it_ended_with_a_command() {
        let said = for_here(
            "Dana does this by hand and then signs with `drawbridge attest`: take the card",
        );

        assert_eq!(
            said,
            "Dana does this by hand and then signs here: take the card."
        );
    }

    #[test]
    fn a_record_nobody_thought_of_is_told_all_the_same() {
        let told = tell(&json!({"what": "moon.eclipsed_twice", "detail": {}}));

        assert_eq!(told.text, "Moon eclipsed twice.");
    }
}
