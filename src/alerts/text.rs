//! What an alert says: who, where, how long, and the one thing to do. Nobody's name, and nothing of a
//! patient, is in it.

use drawbridge_sdk::FailureClass;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

use crate::{
    cases::{Light, silence::lasting},
    clock,
    store::alerts::Alert,
};

/// An alert as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What receivers know a repeated one by.
    pub id: String,
    /// What kind.
    pub kind: String,
    /// In one line.
    pub title: String,
    /// What is known, a sentence each.
    pub lines: Vec<String>,
    /// The one thing to do.
    pub action: String,
    /// Where to do it.
    pub link: String,
    /// What is at stake, for programs; `None` where nothing is about a case.
    pub minutes_left: Option<i64>,
}

impl Message {
    /// All of it as plain text.
    pub fn plain(&self) -> String {
        let mut text = self.lines.join("\n");
        if !self.action.is_empty() {
            text.push_str(&format!("\n\nDo this now: {}", self.action));
        }
        if !self.link.is_empty() {
            text.push_str(&format!("\n{}", self.link));
        }
        text.push_str(&format!("\n\nAlert {}", self.id));
        text
    }
}

/// Where the practice is, and where its console.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// What people read.
    pub title: &'a str,
    /// Its time zone.
    pub zone: &'a TimeZone,
    /// The console's address.
    pub public_url: &'a str,
}

/// The one thing to do about a door.
pub fn action(
    light: Light,
    class: Option<FailureClass>,
    system: &str,
    owner: Option<&str>,
) -> String {
    let by = owner.map_or_else(String::new, |owner| format!(" ({owner})"));
    match (light, class) {
        (Light::Held, _) => {
            "let the departure go on: the brake holds it because many people lose doors at once"
                .to_owned()
        }
        (Light::LivesOn, _) => {
            format!("end what is still open in {system} by hand{by}, and sign for it")
        }
        (_, Some(FailureClass::Credential)) => format!(
            "renew the bridge's own password for {system}{by}; if that takes long, close the account by hand and sign"
        ),
        (_, Some(FailureClass::Retryable)) => format!(
            "find out why {system} does not answer{by}; if that takes long, close the account by hand and sign"
        ),
        _ => format!("close the account in {system} by hand{by}, and sign for it"),
    }
}

/// A time in the practice's zone, and as all clocks have it.
fn when(at: Timestamp, zone: &TimeZone) -> String {
    let local = at.to_zoned(zone.clone());
    format!(
        "{} ({} UTC)",
        local.strftime("%Y-%m-%d %H:%M %Z"),
        at.strftime("%H:%M")
    )
}

fn minutes(seconds: u64) -> String {
    match seconds.div_ceil(60) {
        1 => "1 minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    }
}

/// How much time is left, in words.
fn left(deadline: Timestamp, now: Timestamp) -> String {
    if deadline < now {
        let over = clock::between(deadline, now).as_secs();
        format!("{} past the practice's limit", minutes(over))
    } else {
        format!("{} left", minutes(clock::between(now, deadline).as_secs()))
    }
}

/// What an alert says now.
pub fn message(
    alert: &Alert,
    (who, system): (&str, &str),
    place: Place<'_>,
    because: Option<&str>,
    now: Timestamp,
) -> Message {
    let text = |key: &str| {
        alert
            .facts
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let number = |key: &str| {
        alert
            .facts
            .get(key)
            .and_then(Value::as_i64)
            .unwrap_or_default()
    };
    let deadline = clock::from_text(text("deadline")).ok();
    let mut lines = Vec::new();
    let (title, action, path) = match alert.kind.as_str() {
        super::TIME => {
            let left = deadline.map_or_else(String::new, |deadline| left(deadline, now));
            let open = match number("open") {
                1 => "1 door".to_owned(),
                open => format!("{open} doors"),
            };
            let systems: Vec<&str> = alert
                .facts
                .get("systems")
                .and_then(Value::as_array)
                .map(|systems| systems.iter().filter_map(Value::as_str).collect())
                .unwrap_or_default();
            lines.push(format!(
                "{} of {} doors of {} are not proved shut: {}.",
                number("open"),
                number("all"),
                text("who"),
                systems.join(", ")
            ));
            if let Some(deadline) = deadline {
                lines.push(format!(
                    "The practice's own limit is {}: {left}.",
                    when(deadline, place.zone)
                ));
            }
            lines.push(format!(
                "Step {} of {}: told {} minutes after the bridge learned of it.",
                number("step"),
                number("steps"),
                number("after")
            ));
            (
                format!("{} may still get in: {open}, {left}", text("who")),
                text("action").to_owned(),
                alert.case.as_ref().map(|case| format!("/cases/{case}")),
            )
        }
        "door.found_changed" => (
            format!("A door of {who} into {system} was found changed"),
            "look who changed it; the bridge puts it right again and reads it back".to_owned(),
            alert
                .person
                .as_ref()
                .map(|person| format!("/people/{person}")),
        ),
        "brake.held" => (
            "Many people lose their doors at once: the rest wait ten minutes".to_owned(),
            "look whether that is meant, and let them go on or keep them".to_owned(),
            Some("/brake".to_owned()),
        ),
        "return.held" => (
            format!("{who} left and shall get in again"),
            "approve or refuse the return".to_owned(),
            Some("/returns".to_owned()),
        ),
        "change.refused_disable" => (
            format!("A request that would have closed the doors of {who} had to be refused"),
            "look whether they left, and start the departure by name".to_owned(),
            alert
                .person
                .as_ref()
                .map(|person| format!("/people/{person}")),
        ),
        "system.credential" => (
            format!("{system} refuses the bridge's own password: nothing can be closed there"),
            format!("renew the bridge's password for {system}"),
            Some("/calls".to_owned()),
        ),
        super::silence::SILENT => {
            let since = clock::from_text(text("since")).unwrap_or(alert.raised);
            let lasting = lasting(since, now);
            let source = text("source");
            let is_refused = alert.facts.get("refused").and_then(Value::as_bool);
            let (title, action) = if is_refused == Some(true) {
                (
                    format!("The identity provider {source} has been refused for {lasting}"),
                    format!("make a new token of {source} and write it into the provider"),
                )
            } else {
                (
                    format!("The identity provider {source} has been silent for {lasting}"),
                    format!(
                        "look in the provider whether the provisioning of {source} runs; until then start departures by name"
                    ),
                )
            };
            lines.push(format!("It was last heard {}.", when(since, place.zone)));
            (title, action, Some("/settings".to_owned()))
        }
        "clock.set" => (
            "The clock of the server was set".to_owned(),
            "look whether it is right now: deadlines are times of day".to_owned(),
            Some("/ledger".to_owned()),
        ),
        "second_ledger.imported" => (
            "The database could not be written for a while; closes went on and are on record now"
                .to_owned(),
            "look why: a full disk, or a database that was away".to_owned(),
            Some("/ledger".to_owned()),
        ),
        _ => (
            text("title").to_owned(),
            text("action").to_owned(),
            Some("/".to_owned()),
        ),
    };
    if alert.kind != super::TIME {
        lines.push(format!("{title}."));
        lines.push(format!("Since {}.", when(alert.raised, place.zone)));
    }
    if let Some(because) = because {
        lines.push(format!(
            "This comes another way than usual, because {because}."
        ));
    }
    Message {
        id: alert.id.to_string(),
        kind: alert.kind.clone(),
        title: format!("{}: {title}", place.title),
        lines,
        action,
        link: path.map_or_else(String::new, |path| format!("{}{path}", place.public_url)),
        minutes_left: deadline
            .map(|deadline| (deadline.as_second() - now.as_second()).div_euclid(60)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ids::AlertId;

    fn at(minute: i64) -> Timestamp {
        let friday: Timestamp = "2026-11-20T17:02:00Z".parse().unwrap();
        friday + jiff::Span::new().minutes(minute)
    }

    fn alert(kind: &str, facts: Value) -> Alert {
        Alert {
            practice: "elm".into(),
            id: AlertId::from("a1"),
            kind: kind.to_owned(),
            about: String::new(),
            case: Some("c1".into()),
            person: Some("p1".into()),
            system: None,
            facts: facts.as_object().cloned().unwrap(),
            raised: at(10),
            addressed: None,
            over: None,
        }
    }

    #[test]
    fn it_says_who_where_how_long_and_what_to_do_in_the_practices_own_time() {
        let zone = TimeZone::get("America/Chicago").unwrap();
        let place = Place {
            title: "Elm Street",
            zone: &zone,
            public_url: "https://bridge.elm.example",
        };
        let facts = json!({"who": "N.W.", "open": 2, "all": 9, "systems": ["EHR", "VPN"], "step": 2, "steps": 4, "after": 30,
            "deadline": clock::to_text(at(60)), "action": "close the account in EHR by hand, and sign for it"});
        let alert = alert(super::super::TIME, facts);

        let told = message(&alert, ("N.W.", ""), place, None, at(30));
        let late = message(&alert, ("N.W.", ""), place, Some("mail fails"), at(75));

        assert_eq!(
            told.title,
            "Elm Street: N.W. may still get in: 2 doors, 30 minutes left"
        );
        assert_eq!(
            told.plain(),
            "2 of 9 doors of N.W. are not proved shut: EHR, VPN.\n\
             The practice's own limit is 2026-11-20 12:02 CST (18:02 UTC): 30 minutes left.\n\
             Step 2 of 4: told 30 minutes after the bridge learned of it.\n\n\
             Do this now: close the account in EHR by hand, and sign for it\n\
             https://bridge.elm.example/cases/c1\n\n\
             Alert a1"
        );
        assert!(
            late.title.ends_with("15 minutes past the practice's limit"),
            "{}",
            late.title
        );
        assert!(late.plain().contains("because mail fails"));
        assert_eq!(
            (told.minutes_left, late.minutes_left),
            (Some(30), Some(-15))
        );
    }

    #[test]
    fn what_is_to_be_done_follows_from_what_is_wrong() {
        let says = |light, class| action(light, class, "EHR", Some("Dr. Haddad"));

        assert!(says(Light::Failed, Some(FailureClass::Credential)).starts_with("renew"));
        assert!(
            says(Light::Overdue, Some(FailureClass::Retryable))
                .contains("does not answer (Dr. Haddad)")
        );
        assert!(
            says(Light::NeedsYou, Some(FailureClass::NeedsHuman))
                .starts_with("close the account in EHR by hand")
        );
        assert!(says(Light::Held, Some(FailureClass::NeedsHuman)).contains("brake"));
    }
}
