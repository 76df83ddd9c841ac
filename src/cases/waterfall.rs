//! Where the time of a departure went: from the end of the work to the last door proved shut, part by part.
//!
//! The parts follow each other without a gap, along the door that took the longest. What is not known is
//! not guessed: without anybody's word nobody can tell HR's part from the identity provider's.

use drawbridge_sdk::FailureClass;
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    clock,
    door::Door,
    ids::{DoorId, SystemName},
    store::cases::KeptCase,
};

/// On whom it waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// On HR: nobody had said anything yet.
    Hr,
    /// On HR or on the identity provider: nobody said when it was confirmed.
    HrOrProvider,
    /// On the identity provider, which pushes when it likes.
    Provider,
    /// On the bridge itself: nothing was sent yet.
    Queue,
    /// On the system: to answer, and to be as it said.
    Vendor,
    /// On a person: to do it by hand, to renew a password, to look at a wave.
    Human,
}

/// One part of the delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// On whom it waited.
    pub part: Part,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub to: Timestamp,
}

/// The delay of a departure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waterfall {
    /// Its parts, in order, without gaps.
    pub stretches: Vec<Stretch>,
    /// The system of the door that took, or takes, the longest.
    pub slowest: Option<SystemName>,
    /// Whether every door is proved.
    pub is_over: bool,
}

/// What the ledger says of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Moment {
    at: Timestamp,
    what: String,
    door: Option<DoorId>,
    generation: Option<i64>,
    failure: Option<String>,
}

impl Moment {
    fn read(text: &str) -> Option<Self> {
        let record: Value = serde_json::from_str(text).ok()?;
        let detail = &record["detail"];
        Some(Self {
            at: clock::from_text(record["when"].as_str()?).ok()?,
            what: record["what"].as_str()?.to_owned(),
            door: detail["door"].as_str().map(DoorId::from),
            generation: detail["generation"].as_i64(),
            failure: detail["failure"].as_str().map(str::to_owned),
        })
    }

    fn is_of(&self, door: &Door) -> bool {
        self.door.as_ref() == Some(&door.id) && self.generation == Some(door.generation)
    }
}

/// How long one door took, as the ledger has it.
#[derive(Debug)]
struct Course<'a> {
    door: &'a Door,
    sent: Option<Timestamp>,
    /// Since when a person had to do something.
    on_a_person: Option<Timestamp>,
    proved: Option<Timestamp>,
}

impl<'a> Course<'a> {
    fn of(door: &'a Door, moments: &[Moment], now: Timestamp) -> Self {
        let own = || moments.iter().filter(|moment| moment.is_of(door));
        let first = |whats: &[&str]| {
            own()
                .find(|moment| whats.contains(&moment.what.as_str()))
                .map(|moment| moment.at)
        };
        let signed = first(&["door.attested"]);
        let proved = first(&["door.verified", "door.attested"]).filter(|_| door.is_green(now));
        // What only a person can mend.
        let asks = [
            FailureClass::NeedsHuman,
            FailureClass::Credential,
            FailureClass::Refused,
        ];
        let asked = own()
            .find(|moment| {
                let class = moment.failure.as_deref();
                asks.iter().any(|asks| class == Some(asks.as_str()))
            })
            .map(|moment| moment.at);
        // A card beside the tries was what helped only if somebody signed, or nothing has helped yet.
        let card = first(&["card.opened"]).filter(|_| signed == proved || proved.is_none());
        Self {
            door,
            sent: first(&["attempt.sent"]),
            on_a_person: [asked, card].into_iter().flatten().min(),
            proved,
        }
    }
}

/// Where the time of a case went. `records` are the texts of the person's records, the oldest first.
pub fn waterfall(kept: &KeptCase, doors: &[Door], records: &[String], now: Timestamp) -> Waterfall {
    let moments: Vec<Moment> = records
        .iter()
        .filter_map(|text| Moment::read(text))
        .collect();
    let learned = kept.case.learned;
    let mut stretches = before(kept, is_by_name(records, learned));
    let courses = doors
        .iter()
        .filter(|door| door.wanted.is_closed())
        .map(|door| Course::of(door, &moments, now));
    // A door that is not proved takes longer than any that is.
    let slowest = courses.max_by_key(|course| (course.proved.is_none(), course.proved));
    if let Some(course) = &slowest {
        stretches.extend(after(course, learned, now));
    }
    stretches.retain(|stretch| stretch.from < stretch.to);
    Waterfall {
        stretches,
        is_over: slowest
            .as_ref()
            .is_some_and(|course| course.proved.is_some()),
        slowest: slowest.map(|course| course.door.system.clone()),
    }
}

/// When the last door of a case was proved; `None` while one is not, but for those that somebody set aside.
/// `records` are the texts of the person's records, the oldest first.
pub fn last_proof(doors: &[Door], records: &[String], now: Timestamp) -> Option<Timestamp> {
    let moments: Vec<Moment> = records
        .iter()
        .filter_map(|text| Moment::read(text))
        .collect();
    let proofs = doors
        .iter()
        .filter(|door| door.set_aside_at(now).is_none())
        .map(|door| Course::of(door, &moments, now).proved);
    proofs.collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// Whether somebody of the practice started it, so that no identity provider had to be waited for.
fn is_by_name(records: &[String], learned: Timestamp) -> bool {
    let at = clock::to_text(learned);
    records.iter().any(|text| {
        let record: Value = serde_json::from_str(text).unwrap_or_default();
        record["what"] == "change.departed"
            && record["when"] == at.as_str()
            && record["detail"]["by_name"] == true
    })
}

/// Until the bridge learned of it.
fn before(kept: &KeptCase, is_by_name: bool) -> Vec<Stretch> {
    let learned = kept.case.learned;
    let Some(ended) = kept.ended else {
        return Vec::new();
    };
    let stretch = |part, from, to| Stretch { part, from, to };
    match kept.confirmed {
        _ if is_by_name => vec![stretch(Part::Hr, ended, learned)],
        Some(confirmed) => vec![
            stretch(Part::Hr, ended, confirmed),
            stretch(Part::Provider, confirmed, learned),
        ],
        None => vec![stretch(Part::HrOrProvider, ended, learned)],
    }
}

/// Since then, along the door that took the longest.
fn after(course: &Course<'_>, learned: Timestamp, now: Timestamp) -> Vec<Stretch> {
    let end = course.proved.unwrap_or(now);
    let within = |at: Timestamp| at.clamp(learned, end);
    let sent = course.sent.map_or(end, within);
    let stretch = |part, from, to| Stretch { part, from, to };
    // A wave that the brake holds waits for somebody to look at it.
    let first = if course.sent.is_none() && course.door.is_held_back(now) {
        Part::Human
    } else {
        Part::Queue
    };
    let on_a_person = course.on_a_person.map_or(end, within).max(sent);
    vec![
        stretch(first, learned, sent),
        stretch(Part::Vendor, sent, on_a_person),
        stretch(Part::Human, on_a_person, end),
    ]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use drawbridge_sdk::Way;
    use serde_json::json;

    use super::*;
    use crate::{
        door::{
            Assurance, Seen, Wanted,
            aside::{Kind, SetAside},
        },
        store::records::Case,
    };

    fn at(minute: i64) -> Timestamp {
        let friday: Timestamp = "2026-11-20T17:02:00Z".parse().unwrap();
        friday + jiff::Span::new().minutes(minute)
    }

    fn door(system: &str, is_proved: bool) -> Door {
        let mut door = Door::new(
            "elm".into(),
            system.into(),
            "p1".into(),
            (system.into(), Way::Account),
            at(0),
        );
        let deadline = clock::after(at(0), Duration::from_secs(3_600));
        door.wish(
            Wanted::Closed,
            "departure".to_owned(),
            Some(deadline),
            at(0),
        );
        if is_proved {
            door.seen = Seen::Closed;
            door.assurance = Assurance::Verified;
            door.next_try = None;
        }
        door
    }

    fn record(minute: i64, what: &str, system: &str, failure: Option<&str>) -> String {
        json!({"when": clock::to_text(at(minute)), "what": what,
               "detail": {"door": system, "generation": 1, "failure": failure}})
        .to_string()
    }

    fn case(ended: Option<i64>, confirmed: Option<i64>) -> KeptCase {
        KeptCase {
            case: Case {
                id: "c1".into(),
                person: "p1".into(),
                kind: "leaver",
                learned: at(0),
                deadline: at(60),
            },
            ended: ended.map(at),
            confirmed: confirmed.map(at),
            closed: None,
            is_undone: false,
            has_aside: false,
            superseded_by: None,
        }
    }

    fn parts(waterfall: &Waterfall) -> Vec<(Part, i64)> {
        let length = |stretch: &Stretch| (stretch.to.as_second() - stretch.from.as_second()) / 60;
        waterfall
            .stretches
            .iter()
            .map(|stretch| (stretch.part, length(stretch)))
            .collect()
    }

    #[test]
    fn every_minute_is_somebodys_from_the_end_of_the_work_to_the_last_door() {
        let doors = [door("mail", true), door("badge", true)];
        let records = [
            record(1, "attempt.sent", "mail", None),
            record(2, "door.verified", "mail", None),
            record(3, "attempt.sent", "badge", None),
            record(5, "attempt.failed", "badge", Some("needs_human")),
            record(25, "door.attested", "badge", None),
        ];

        let found = waterfall(&case(Some(-30), Some(-10)), &doors, &records, at(40));

        assert_eq!(
            parts(&found),
            [
                (Part::Hr, 20),
                (Part::Provider, 10),
                (Part::Queue, 3),
                (Part::Vendor, 2),
                (Part::Human, 20)
            ]
        );
        assert_eq!(found.slowest, Some("badge".into()));
        assert!(found.is_over);
    }

    #[test]
    fn the_last_proof_is_no_word_and_no_later_reading() {
        let mut aside = door("badge", false);
        let said = SetAside {
            kind: Kind::NotApplicable,
            reason: "she never had a card".to_owned(),
            signed_by: "Dr. Weiss".to_owned(),
            signed: at(30),
            until: None,
        };
        let records = [
            record(2, "door.verified", "mail", None),
            record(3, "door.verified", "ehr", None),
            record(30, "door.set_aside", "badge", None),
            record(60, "door.verified", "mail", None),
        ];
        let last = |doors: &[Door]| last_proof(doors, &records, at(70));

        let before = last(&[door("mail", true), door("ehr", true), aside.clone()]);
        aside.put_aside(1, said, at(30)).unwrap();
        let after = last(&[door("mail", true), door("ehr", true), aside.clone()]);

        assert_eq!(before, None);
        assert_eq!(after, Some(at(3)));
        assert_eq!(last(&[aside]), None, "nothing was proved");
    }

    #[test]
    fn what_nobody_said_is_not_guessed() {
        let doors = [door("mail", true)];
        let sent = [
            record(0, "attempt.sent", "mail", None),
            record(1, "door.verified", "mail", None),
        ];

        let unsaid = waterfall(&case(None, None), &doors, &sent, at(40));
        let unconfirmed = waterfall(&case(Some(-30), None), &doors, &sent, at(40));
        let by_name = json!({"when": clock::to_text(at(0)), "what": "change.departed",
                             "detail": {"by_name": true}});
        let by_name = [vec![by_name.to_string()], sent.to_vec()].concat();
        let by_name = waterfall(&case(Some(-30), None), &doors, &by_name, at(40));

        assert_eq!(parts(&unsaid), [(Part::Vendor, 1)]);
        assert_eq!(parts(&unconfirmed)[0], (Part::HrOrProvider, 30));
        assert_eq!(parts(&by_name)[0], (Part::Hr, 30));
    }

    #[test]
    fn a_system_that_does_not_answer_is_the_vendors_until_somebody_signs() {
        let records = |last: &str| {
            [
                record(0, "attempt.sent", "ehr", None),
                record(1, "attempt.failed", "ehr", Some("retryable")),
                record(20, "card.opened", "ehr", None),
                record(30, last, "ehr", None),
            ]
        };
        let proved = [door("ehr", true)];

        let came_back = waterfall(
            &case(None, None),
            &proved,
            &records("door.verified"),
            at(40),
        );
        let signed = waterfall(
            &case(None, None),
            &proved,
            &records("door.attested"),
            at(40),
        );
        let open = waterfall(
            &case(None, None),
            &[door("ehr", false)],
            &records("attempt.sent"),
            at(40),
        );

        assert_eq!(parts(&came_back), [(Part::Vendor, 30)]);
        assert_eq!(parts(&signed), [(Part::Vendor, 20), (Part::Human, 10)]);
        assert_eq!(parts(&open), [(Part::Vendor, 20), (Part::Human, 20)]);
        assert!(!open.is_over);
    }
}
