//! Who is told when a leaver's time runs short, and after how long.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock;

/// Whom an alert is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Contact {
    /// Who looks after departures day by day.
    Owner,
    /// Who stands in for them.
    Deputy,
    /// Who runs the practice.
    PracticeManager,
    /// The managed IT provider.
    Msp,
}

impl Contact {
    /// Every contact, in the order in which they are told.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Deputy, Self::PracticeManager, Self::Msp];

    /// The word as written in the settings, stored and printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Deputy => "deputy",
            Self::PracticeManager => "practice_manager",
            Self::Msp => "msp",
        }
    }

    /// As people read it.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Deputy => "deputy",
            Self::PracticeManager => "practice manager",
            Self::Msp => "managed IT provider",
        }
    }

    /// The contact with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|contact| contact.as_str() == name)
    }

    /// Who is told in their place, in that order, where nobody is named for this one: whoever is told
    /// before them, and then whoever is told after. An alert for nobody would be none.
    pub fn stand_ins(self) -> impl Iterator<Item = Self> {
        let before = Self::ALL.into_iter().rev().filter(move |one| *one < self);
        let after = Self::ALL.into_iter().filter(move |one| *one > self);
        std::iter::once(self).chain(before).chain(after)
    }
}

/// How long after a departure a door that is not proved shut gets a card for a person's hand, beside the
/// bridge's own tries.
pub const CARD_AFTER: Duration = Duration::from_secs(20 * 60);

/// One step: so long after the bridge learned of a departure, this contact is told if somebody may still
/// get in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// How long after.
    pub after: Duration,
    /// Who is told.
    pub to: Contact,
}

/// What holds where the settings name no step: 10, 30, 45 and 60 minutes.
pub const STANDARD: [Step; 4] = [
    Step {
        after: Duration::from_secs(10 * 60),
        to: Contact::Owner,
    },
    Step {
        after: Duration::from_secs(30 * 60),
        to: Contact::Deputy,
    },
    Step {
        after: Duration::from_secs(45 * 60),
        to: Contact::PracticeManager,
    },
    Step {
        after: Duration::from_secs(60 * 60),
        to: Contact::Msp,
    },
];

/// The steps whose time has come. They count from when the bridge learned of it: nobody could have been
/// told before that.
pub fn due(
    steps: &[Step],
    learned: Timestamp,
    now: Timestamp,
) -> impl Iterator<Item = (usize, &Step)> {
    let is_due = move |step: &Step| clock::after(learned, step.after) <= now;
    steps
        .iter()
        .enumerate()
        .filter(move |(_, step)| is_due(step))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: u64) -> Timestamp {
        let friday = "2026-11-20T17:02:00Z".parse().unwrap();
        clock::after(friday, Duration::from_secs(60 * minute))
    }

    #[test]
    fn one_after_the_other_is_told_as_time_runs_out() {
        let told = |minute| {
            due(&STANDARD, at(0), at(minute))
                .map(|(_, step)| step.to.as_str())
                .collect::<Vec<_>>()
        };

        assert!(told(9).is_empty());
        assert_eq!(told(10), ["owner"]);
        assert_eq!(told(44), ["owner", "deputy"]);
        assert_eq!(told(60), ["owner", "deputy", "practice_manager", "msp"]);
    }

    #[test]
    fn whoever_is_named_for_nobody_has_somebody_stand_in() {
        let stand_ins = |contact: Contact| {
            let each = contact.stand_ins().map(Contact::as_str);
            each.collect::<Vec<_>>()
        };

        assert_eq!(
            stand_ins(Contact::PracticeManager),
            ["practice_manager", "deputy", "owner", "msp"]
        );
        assert_eq!(
            stand_ins(Contact::Owner),
            ["owner", "deputy", "practice_manager", "msp"]
        );
        for contact in Contact::ALL {
            assert_eq!(Contact::from_name(contact.as_str()), Some(contact));
        }
    }
}
