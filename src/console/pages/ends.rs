//! Until when a system can be called at all: when its certificate ends, and what the bridge signs in with.

use jiff::Timestamp;

use super::super::{
    admit::Visit,
    time::{When, apart},
};
use crate::{
    config::SystemSettings,
    policy::ending::{self, Ending},
};

/// When something ends that a system cannot be called without.
#[derive(Debug)]
pub(super) struct End {
    pub(super) icon: &'static str,
    pub(super) kind: &'static str,
    /// `Certificate ends`
    pub(super) what: String,
    pub(super) at: When,
    /// `in 12 days`
    pub(super) away: String,
    /// What to do about it; empty where nothing is.
    pub(super) action: String,
    ending: Ending,
}

impl End {
    /// Whether it has ended.
    pub(super) fn is_past(&self) -> bool {
        self.ending == Ending::Past
    }

    fn new(what: &str, at: Timestamp, action: String, visit: &Visit) -> Self {
        let ending = Ending::of(at, visit.now);
        let (icon, kind) = match ending {
            Ending::Far => ("clock", "idle"),
            Ending::Soon => ("hourglass", "warn"),
            Ending::Pressing | Ending::Past => ("alert", "bad"),
        };
        let away = apart(at, visit.now);
        let (verb, away) = match ending {
            Ending::Past => ("ended", format!("{away} ago")),
            Ending::Far | Ending::Soon | Ending::Pressing => ("ends", format!("in {away}")),
        };
        Self {
            icon,
            kind,
            what: format!("{what} {verb}"),
            at: When::new(at, visit),
            away,
            action: match ending {
                Ending::Far => String::new(),
                Ending::Soon | Ending::Pressing | Ending::Past => action,
            },
            ending,
        }
    }
}

/// What is known to end of a system, the nearest first. `certificate` is what it was shown with last.
pub(super) fn of(
    system: &SystemSettings,
    certificate: Option<Timestamp>,
    visit: &Visit,
) -> Vec<End> {
    let zone = &visit.practice().zone;
    let mut known = Vec::new();
    if let Some(at) = certificate {
        let by = system.owner.as_deref().unwrap_or("whoever runs it");
        let action = format!(
            "have {by} renew it. Without it the system can be neither closed nor read: close accounts there by \
             hand, and sign"
        );
        known.push((at, "Certificate", action));
    }
    if let Some(day) = system.credential_ends {
        let action = format!(
            "make a new one in {}, put it where the settings file refers to, and write its end into \
             credential_ends. Without it nothing can be closed there",
            system.title
        );
        known.push((
            ending::beginning(day, zone),
            "The bridge’s credential",
            action,
        ));
    }
    known.sort_by_key(|(at, ..)| *at);
    known
        .into_iter()
        .map(|(at, what, action)| End::new(what, at, action, visit))
        .collect()
}
