//! Whether the evidence of a time is whole: every case in it, how soon each was over, and what is missing.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    clock,
    door::{Assurance, Door, aside},
    ids::{DoorId, PersonId, SystemName},
    store::cases::KeptCase,
};

/// How a case went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Over by its deadline.
    InTime,
    /// Over after it.
    Late,
    /// Not over, and its deadline is still to come.
    UnderWay,
    /// Not over, and its deadline has passed.
    Overdue,
    /// Undone: it was the wrong person.
    Undone,
    /// Over by its deadline because a newer case took over what was left of it.
    Superseded,
}

impl Outcome {
    /// How a case went, as of now.
    pub fn of(kept: &KeptCase, now: Timestamp) -> Self {
        match kept.closed {
            Some(_) if kept.is_undone => Self::Undone,
            Some(closed) if closed > kept.case.deadline => Self::Late,
            Some(_) if kept.gave_way_to().is_some() => Self::Superseded,
            Some(_) => Self::InTime,
            None if kept.case.deadline >= now => Self::UnderWay,
            None => Self::Overdue,
        }
    }
}

/// Something the evidence does not show, or shows by somebody's word alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// What.
    pub kind: GapKind,
    /// About whom.
    pub person: PersonId,
    /// Into what.
    pub system: SystemName,
    /// Which door.
    pub door: DoorId,
}

/// What the evidence does not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GapKind {
    /// A door that shall be shut is not proved to be.
    NotShut,
    /// Somebody answers for it that it is not.
    RiskAccepted,
    /// Somebody says that there is no such door.
    DoesNotApply,
    /// It rests on somebody's signature; the system was not read.
    SignedOnly,
}

/// What is known of the cases of a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Review {
    /// How many departures.
    pub departures: usize,
    /// How many of them were over by their deadline.
    pub in_time: usize,
    /// How many were over after it.
    pub late: usize,
    /// How many are not over.
    pub open: usize,
    /// How many were undone: they are none.
    pub undone: usize,
    /// How many a newer case took over before every door was proved, and before their deadline.
    pub superseded: usize,
    /// How long half of those took at most of which every door was proved.
    pub median: Option<Duration>,
    /// How long 95 of 100 took, at most.
    pub most: Option<Duration>,
    /// Departures of which nobody said when the work ended: their clock begins when the bridge heard.
    pub without_end: usize,
    /// What is missing, the worst first.
    pub gaps: Vec<Gap>,
}

/// Looks through the cases of a time and their doors.
pub fn review(cases: &[KeptCase], doors: &[Door], now: Timestamp) -> Review {
    let departures: Vec<&KeptCase> = cases
        .iter()
        .filter(|kept| kept.case.kind == "leaver")
        .collect();
    let count = |outcomes: &[Outcome]| {
        let these = departures.iter();
        these
            .filter(|kept| outcomes.contains(&Outcome::of(kept, now)))
            .count()
    };
    let mut took: Vec<Duration> = departures
        .iter()
        .filter_map(|kept| Some(clock::between(kept.case.learned, kept.proved()?)))
        .collect();
    took.sort_unstable();
    let mut gaps: Vec<Gap> = doors
        .iter()
        .filter(|door| door.wanted.is_closed())
        .filter_map(|door| {
            Some(Gap {
                kind: gap_of(door, now)?,
                person: door.person.clone(),
                system: door.system.clone(),
                door: door.id.clone(),
            })
        })
        .collect();
    gaps.sort_by_key(|gap| (gap.kind, gap.person.clone(), gap.system.clone()));
    Review {
        departures: departures.len(),
        in_time: count(&[Outcome::InTime]),
        late: count(&[Outcome::Late]),
        open: count(&[Outcome::UnderWay, Outcome::Overdue]),
        undone: count(&[Outcome::Undone]),
        superseded: count(&[Outcome::Superseded]),
        median: share_of(&took, 50),
        most: share_of(&took, 95),
        without_end: departures
            .iter()
            .filter(|kept| kept.ended.is_none() && Outcome::of(kept, now) != Outcome::Undone)
            .count(),
        gaps,
    }
}

fn gap_of(door: &Door, now: Timestamp) -> Option<GapKind> {
    if let Some(aside) = door.set_aside_at(now) {
        return Some(match aside.kind {
            aside::Kind::RiskAccepted => GapKind::RiskAccepted,
            aside::Kind::NotApplicable => GapKind::DoesNotApply,
        });
    }
    match door.assurance {
        _ if !door.is_green(now) => Some(GapKind::NotShut),
        Assurance::Attested => Some(GapKind::SignedOnly),
        _ => None,
    }
}

/// The time within which so many of a hundred were over.
fn share_of(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let place = (sorted.len() * percent).div_ceil(100);
    sorted.get(place.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use drawbridge_sdk::Way;

    use super::*;
    use crate::{
        door::{Seen, Wanted, aside::SetAside, verdict::Verdict},
        store::records::Case,
    };

    fn at(minute: u64) -> Timestamp {
        clock::after(
            "2026-11-20T17:00:00Z".parse().unwrap(),
            Duration::from_secs(60 * minute),
        )
    }

    fn case(kind: &'static str, closed: Option<u64>) -> KeptCase {
        KeptCase {
            case: Case {
                id: "c1".into(),
                person: "nina".into(),
                kind,
                learned: at(0),
                deadline: at(60),
            },
            ended: None,
            confirmed: None,
            closed: closed.map(at),
            is_undone: false,
            has_aside: false,
            superseded_by: None,
        }
    }

    fn door(system: &str) -> Door {
        let way = (system.into(), Way::Account);
        let mut door = Door::new("elm".into(), system.into(), "nina".into(), way, at(0));
        door.wish(Wanted::Closed, String::new(), Some(at(60)), at(0));
        door
    }

    #[test]
    fn every_departure_is_counted_and_those_that_were_late_are_told() {
        let cases = [
            case("joiner", Some(500)),
            case("leaver", Some(4)),
            case("leaver", Some(8)),
            case("leaver", Some(131)),
            case("leaver", None),
        ];

        let review = review(&cases, &[], at(200));

        assert_eq!(review.departures, 4);
        assert_eq!((review.in_time, review.late, review.open), (2, 1, 1));
        assert_eq!(review.median, Some(Duration::from_secs(8 * 60)));
        assert_eq!(review.most, Some(Duration::from_secs(131 * 60)));
        assert_eq!(Outcome::of(&cases[4], at(60)), Outcome::UnderWay);
        assert_eq!(Outcome::of(&cases[4], at(61)), Outcome::Overdue);
    }

    #[test]
    fn only_what_was_really_proved_says_how_long_a_departure_takes() {
        let undone = KeptCase {
            is_undone: true,
            ..case("leaver", Some(1))
        };
        let by_word = KeptCase {
            has_aside: true,
            ..case("leaver", Some(2))
        };
        let undone_and_open = KeptCase {
            is_undone: true,
            ..case("leaver", None)
        };
        let superseded = |closed| KeptCase {
            superseded_by: Some("c2".into()),
            ..case("leaver", Some(closed))
        };
        let cases = [
            undone,
            by_word,
            undone_and_open,
            superseded(3),
            superseded(61),
            case("leaver", Some(40)),
        ];

        let review = review(&cases, &[], at(50));

        assert_eq!(review.median, Some(Duration::from_secs(40 * 60)));
        assert_eq!(
            (review.departures, review.undone, review.superseded),
            (6, 1, 1)
        );
        assert_eq!((review.in_time, review.late, review.open), (2, 1, 1));
    }

    #[test]
    fn what_rests_on_a_word_or_is_not_shut_is_named_the_worst_first() {
        let (mut proved, mut signed, mut risky) = (door("mail"), door("badge"), door("ehr"));
        proved.after_verdict(
            Verdict::AsWanted(Seen::Closed),
            at(1),
            at(1),
            Duration::ZERO,
        );
        signed.attest(1, None, at(1)).unwrap();
        let aside = SetAside {
            kind: aside::Kind::RiskAccepted,
            reason: "the vendor mends it on Monday".to_owned(),
            signed_by: "Dr. Weiss".to_owned(),
            signed: at(1),
            until: Some(at(900)),
        };
        risky.put_aside(1, aside, at(1)).unwrap();

        let review = review(&[], &[proved, signed, risky, door("vpn")], at(2));

        let gaps: Vec<(GapKind, &str)> = review
            .gaps
            .iter()
            .map(|gap| (gap.kind, gap.system.as_str()))
            .collect();
        assert_eq!(
            gaps,
            [
                (GapKind::NotShut, "vpn"),
                (GapKind::RiskAccepted, "ehr"),
                (GapKind::SignedOnly, "badge")
            ]
        );
    }

    #[test]
    fn nothing_is_said_of_how_long_nothing_took() {
        let review = review(&[], &[], at(0));

        assert_eq!((review.median, review.most), (None, None));
    }
}
