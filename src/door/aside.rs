//! Doors that a named person sets aside: the risk is accepted for a while, or the door does not apply.
//!
//! Such a door is never green and never overdue. It is read and closed all the same where its system can be
//! reached, and what a reading proves counts.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Door, Seen, Wanted};
use crate::clock;

/// The longest that a risk is accepted for at a time: after it, somebody looks again.
pub const LONGEST: Duration = Duration::from_secs(90 * 24 * 3_600);

/// Why a door is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Somebody may still get in, and somebody answers for that until then.
    RiskAccepted,
    /// There is no such door: nobody ever had a card, or a forward.
    NotApplicable,
}

impl Kind {
    /// The word as stored and printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RiskAccepted => "risk_accepted",
            Self::NotApplicable => "not_applicable",
        }
    }

    /// The value with this stored name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::RiskAccepted, Self::NotApplicable]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

/// That a door is set aside: who answers for it, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAside {
    /// Why.
    pub kind: Kind,
    /// The reason, in their words.
    pub reason: String,
    /// Who answers for it.
    pub signed_by: String,
    /// When it was signed.
    pub signed: Timestamp,
    /// Until when it counts. `None` for as long as the door has this wish.
    pub until: Option<Timestamp>,
}

impl Door {
    /// That it is set aside now, if it is.
    pub fn set_aside_at(&self, now: Timestamp) -> Option<&SetAside> {
        let aside = self.set_aside.as_ref()?;
        let counts = !self.is_green(now) && aside.until.is_none_or(|until| until > now);
        counts.then_some(aside)
    }

    /// Whether nobody has to see to it now: it is green, or set aside.
    pub fn is_settled(&self, now: Timestamp) -> bool {
        self.is_green(now) || self.set_aside_at(now).is_some()
    }

    /// Whether nobody will have to see to it any more: it is green, or no door. An accepted risk comes back.
    pub fn is_done(&self, now: Timestamp) -> bool {
        let is_none = |aside: &SetAside| aside.kind == Kind::NotApplicable;
        self.is_green(now) || self.set_aside_at(now).is_some_and(is_none)
    }

    /// Sets it aside, for the wish that was looked at.
    ///
    /// # Errors
    /// The text says, for a person, why it cannot be.
    pub fn put_aside(
        &mut self,
        generation: i64,
        aside: SetAside,
        now: Timestamp,
    ) -> Result<(), String> {
        if generation != self.generation {
            return Err(
                "the door has a newer wish than the one you looked at: look again".to_owned(),
            );
        }
        if self.is_green(now) {
            return Err("the door is as it shall be: there is nothing to set aside".to_owned());
        }
        if self.is_held_back(now) {
            return Err(
                "the brake holds this door, and it goes on by itself: let it go on, or wait"
                    .to_owned(),
            );
        }
        match aside.kind {
            Kind::RiskAccepted => may_accept(&self.wanted, aside.until, now)?,
            Kind::NotApplicable if self.applies() => {
                return Err(
                    "the system itself says that there is such a door, and nobody's word outranks that".to_owned(),
                );
            }
            Kind::NotApplicable => {}
        }
        self.set_aside = Some(aside);
        // Whoever is in the middle of a call with what they read before must not write over this.
        self.fence += 1;
        Ok(())
    }

    /// Takes it up again: somebody has to see to it from now on. Answers whether it was set aside.
    pub fn take_up(&mut self, now: Timestamp) -> bool {
        let was_aside = self.set_aside_at(now).is_some();
        if was_aside {
            self.set_aside = None;
            self.fence += 1;
        }
        was_aside
    }

    /// Takes in a reading: a door that was seen open is one.
    pub(super) fn ends_if_it_applies(&mut self, seen: Seen) {
        let says_that_there_is_none = self
            .set_aside
            .as_ref()
            .is_some_and(|aside| aside.kind == Kind::NotApplicable);
        if says_that_there_is_none && matches!(seen, Seen::Open | Seen::Closed) {
            self.set_aside = None;
        }
    }

    fn applies(&self) -> bool {
        self.seen_at >= Some(self.wanted_at) && matches!(self.seen, Seen::Open | Seen::Closed)
    }
}

fn may_accept(wanted: &Wanted, until: Option<Timestamp>, now: Timestamp) -> Result<(), String> {
    if !wanted.is_closed() {
        return Err(
            "a door that shall be open is no risk: open it, or say that it does not apply"
                .to_owned(),
        );
    }
    match until {
        Some(until) if until <= now => Err("a risk is accepted until a time to come".to_owned()),
        Some(until) if until <= clock::after(now, LONGEST) => Ok(()),
        _ => Err(format!(
            "a risk is accepted for {} days at most: somebody looks again then",
            LONGEST.as_secs() / 86_400
        )),
    }
}

#[cfg(test)]
mod tests {
    use drawbridge_sdk::Way;

    use super::*;
    use crate::door::{Assurance, Opening, verdict::Verdict};

    const DAY: Duration = Duration::from_secs(86_400);

    fn now() -> Timestamp {
        "2026-11-20T17:02:00Z".parse().unwrap()
    }

    fn in_days(days: u32) -> Timestamp {
        clock::after(now(), DAY * days)
    }

    fn door() -> Door {
        let way = ("ehr".into(), Way::Account);
        let mut door = Door::new("elm".into(), "d1".into(), "p1".into(), way, now());
        let deadline = clock::after(now(), Duration::from_secs(3_600));
        door.wish(
            Wanted::Closed,
            "departure".to_owned(),
            Some(deadline),
            now(),
        );
        door
    }

    fn seen_open() -> Door {
        let mut door = door();
        let open = Verdict::Otherwise(Seen::Open, "it is still open".to_owned());
        door.after_verdict(open, now(), now(), DAY);
        door
    }

    fn aside(kind: Kind, until: Option<Timestamp>) -> SetAside {
        SetAside {
            kind,
            reason: "the vendor mends it on Monday".to_owned(),
            signed_by: "Dr. Weiss".to_owned(),
            signed: now(),
            until,
        }
    }

    fn accepted(days: u32) -> SetAside {
        aside(Kind::RiskAccepted, Some(in_days(days)))
    }

    fn not_applicable() -> SetAside {
        aside(Kind::NotApplicable, None)
    }

    #[test]
    fn an_accepted_risk_is_never_green_and_comes_back_when_it_ends() {
        let mut door = seen_open();

        door.put_aside(1, accepted(7), now()).unwrap();

        assert!(!door.is_green(in_days(6)) && !door.is_overdue(in_days(6)));
        assert!(door.is_settled(in_days(6)));
        assert!(!door.is_settled(in_days(7)) && door.is_overdue(in_days(7)));
    }

    #[test]
    fn a_risk_has_an_end_within_ninety_days() {
        for until in [None, Some(now()), Some(in_days(91))] {
            let mut door = door();
            let refused = door.put_aside(1, aside(Kind::RiskAccepted, until), now());

            assert!(refused.is_err(), "{until:?}");
            assert!(!door.is_settled(now()));
        }
        assert!(door().put_aside(1, accepted(90), now()).is_ok());
    }

    #[test]
    fn only_what_was_looked_at_and_is_not_done_can_be_set_aside() {
        let mut green = door();
        green.after_verdict(Verdict::AsWanted(Seen::Closed), now(), now(), DAY);
        let mut open = door();
        open.wish(Wanted::Open(Opening::default()), String::new(), None, now());
        let mut held = door();
        held.hold_back(in_days(1), String::new());

        assert!(door().put_aside(2, accepted(1), now()).is_err());
        assert!(green.put_aside(1, accepted(1), now()).is_err());
        assert!(open.put_aside(2, accepted(1), now()).is_err());
        assert!(open.put_aside(2, not_applicable(), now()).is_ok());
        assert!(held.put_aside(1, accepted(1), now()).is_err());
    }

    #[test]
    fn nobodys_word_that_there_is_no_door_outranks_a_reading() {
        let mut door = door();
        door.put_aside(1, not_applicable(), now()).unwrap();
        let open = || Verdict::Otherwise(Seen::Open, String::new());
        let mut risky = seen_open();
        risky.put_aside(1, accepted(1), now()).unwrap();

        assert!(seen_open().put_aside(1, not_applicable(), now()).is_err());
        door.after_verdict(open(), now(), now(), DAY);
        risky.after_verdict(open(), now(), now(), DAY);

        assert!(!door.is_settled(now()), "it was seen");
        assert!(risky.is_settled(now()), "that it is open was known");
    }

    #[test]
    fn a_new_wish_a_proof_or_a_signature_ends_it() {
        let aside = || {
            let mut door = door();
            door.put_aside(1, accepted(7), now()).unwrap();
            door
        };
        let (mut wished, mut proved, mut signed, mut taken_up) =
            (aside(), aside(), aside(), aside());

        wished.wish(Wanted::Closed, String::new(), None, now());
        proved.after_verdict(Verdict::AsWanted(Seen::Closed), now(), now(), DAY);
        signed.attest(1, None, now()).unwrap();
        let was_aside = taken_up.take_up(now());

        for door in [&wished, &proved, &signed, &taken_up] {
            assert_eq!(door.set_aside, None);
        }
        assert!(was_aside && !taken_up.take_up(now()));
        assert_eq!(proved.assurance, Assurance::Verified);
    }

    #[test]
    fn whoever_is_in_the_middle_of_a_call_does_not_write_over_it() {
        let mut door = door();
        let fence = door.fence;

        door.put_aside(1, accepted(7), now()).unwrap();

        assert!(door.fence > fence);
    }
}
