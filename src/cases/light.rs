//! What a door looks like to somebody in a hurry: one of a few lights.

use drawbridge_sdk::FailureClass;
use jiff::Timestamp;

use crate::door::{Assurance, Door, Seen, aside::Kind};

/// How a door is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Light {
    /// Read shut.
    Shut,
    /// There is no account, and that was proved.
    NoAccount,
    /// Somebody signed that it is as it shall be.
    Signed,
    /// Read open, as it shall be.
    Open,
    /// The bridge is at it.
    Trying,
    /// A person must do something.
    NeedsYou,
    /// The last call went wrong in a way that goes on.
    Failed,
    /// Shut, and something lives on for a while.
    LivesOn,
    /// Perhaps as it shall be: not proved.
    NotProved,
    /// Waits for a look because many people lose doors at once.
    Held,
    /// Somebody answers for it that it may be open until then.
    RiskAccepted,
    /// Somebody says that there is no such door.
    DoesNotApply,
    /// The deadline has passed.
    Overdue,
}

impl Light {
    /// The light of a door.
    pub fn of(door: &Door, now: Timestamp) -> Self {
        if door.is_green(now) {
            return Self::green(door);
        }
        if let Some(aside) = door.set_aside_at(now) {
            return match aside.kind {
                Kind::RiskAccepted => Self::RiskAccepted,
                Kind::NotApplicable => Self::DoesNotApply,
            };
        }
        if door.wanted.is_closed() && door.is_overdue(now) {
            return Self::Overdue;
        }
        if door.is_held_back(now) {
            return Self::Held;
        }
        if let Some(failure) = &door.failure {
            return match failure.class {
                FailureClass::NeedsHuman => Self::NeedsYou,
                FailureClass::Retryable => Self::Trying,
                _ => Self::Failed,
            };
        }
        match door.assurance {
            Assurance::Acknowledged => Self::NeedsYou,
            Assurance::Unproven if !door.residual.is_empty() => Self::LivesOn,
            Assurance::Unproven | Assurance::Verified | Assurance::Attested => Self::NotProved,
            Assurance::Unknown => Self::Trying,
        }
    }

    fn green(door: &Door) -> Self {
        match (door.assurance, door.seen) {
            (Assurance::Attested, _) => Self::Signed,
            (_, Seen::Absent) => Self::NoAccount,
            _ if door.wanted.is_closed() => Self::Shut,
            _ => Self::Open,
        }
    }

    /// How soon somebody should look: the smaller, the sooner.
    pub const fn urgency(self) -> u8 {
        match self {
            Self::Overdue => 0,
            Self::Failed => 1,
            Self::NeedsYou => 2,
            Self::Held => 3,
            Self::NotProved => 4,
            Self::LivesOn => 5,
            Self::Trying => 6,
            Self::RiskAccepted => 7,
            Self::Signed => 8,
            Self::Shut | Self::Open => 9,
            Self::NoAccount | Self::DoesNotApply => 10,
        }
    }

    /// Whether it is proved that the door is as it shall be.
    pub const fn is_green(self) -> bool {
        matches!(
            self,
            Self::Shut | Self::NoAccount | Self::Signed | Self::Open
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use drawbridge_sdk::Way;

    use super::*;
    use crate::{
        clock,
        door::{Failure, Wanted},
    };

    fn now() -> Timestamp {
        "2026-11-20T17:02:00Z".parse().unwrap()
    }

    fn door() -> Door {
        let mut door = Door::new(
            "elm".into(),
            "d1".into(),
            "p1".into(),
            ("ehr".into(), Way::Account),
            now(),
        );
        let deadline = clock::after(now(), Duration::from_secs(3_600));
        door.wish(
            Wanted::Closed,
            "departure".to_owned(),
            Some(deadline),
            now(),
        );
        door
    }

    fn failed(class: FailureClass) -> Door {
        let mut door = door();
        door.tries = 1;
        door.failure = Some(Failure {
            class,
            text: "it went wrong".to_owned(),
        });
        door
    }

    #[test]
    fn what_asks_for_a_person_never_looks_as_if_the_bridge_was_at_it() {
        let later = clock::after(now(), Duration::from_secs(60));

        assert_eq!(Light::of(&door(), later), Light::Trying);
        for (class, light) in [
            (FailureClass::Retryable, Light::Trying),
            (FailureClass::NeedsHuman, Light::NeedsYou),
            (FailureClass::Credential, Light::Failed),
            (FailureClass::Contract, Light::Failed),
        ] {
            assert_eq!(Light::of(&failed(class), later), light, "{class}");
        }
    }

    #[test]
    fn past_its_deadline_nothing_else_is_said() {
        let late = clock::after(now(), Duration::from_secs(3_601));

        assert_eq!(
            Light::of(&failed(FailureClass::NeedsHuman), late),
            Light::Overdue
        );
    }

    #[test]
    fn a_door_that_the_brake_holds_is_told_from_one_that_needs_somebody() {
        let mut door = door();
        door.hold_back(clock::after(now(), Duration::from_secs(600)), String::new());

        assert_eq!(Light::of(&door, now()), Light::Held);
        door.deadline = Some(now());
        let late = clock::after(now(), Duration::from_secs(1));
        assert_eq!(Light::of(&door, late), Light::Overdue, "held or not");
    }
}
