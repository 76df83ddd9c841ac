//! Who can still get in, the most urgent first.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::{
    clock,
    door::Door,
    ids::{CaseId, PersonId, PracticeName},
    store::{Store, StoreError, cases::KeptCase},
};

/// One person with the doors that are not all proved to be as they shall be.
#[derive(Debug, Clone)]
pub struct Departure {
    /// Who.
    pub person: PersonId,
    /// Their open case; `None` when it was over and a proof was lost since.
    pub case: Option<KeptCase>,
    /// The doors that belong to it.
    pub doors: Vec<Door>,
}

impl Departure {
    /// By when the first door that is still not proved shut must be; `None` when no clock runs for any:
    /// all are green, or merely blind.
    pub fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        self.unproved(now)
            .filter(|door| door.deadline.is_some_and(|at| at >= now) || door.is_overdue(now))
            .filter_map(|door| door.deadline)
            .min()
    }

    /// Whether a deadline has passed.
    pub fn is_breached(&self, now: Timestamp) -> bool {
        self.unproved(now).any(|door| door.is_overdue(now))
    }

    /// When the clock began: when the bridge learned of it.
    pub fn learned(&self) -> Option<Timestamp> {
        let case = self.case.as_ref().map(|kept| kept.case.learned);
        case.or_else(|| self.doors.iter().map(|door| door.wanted_at).min())
    }

    /// How many doors are not proved to be shut, and nobody set aside.
    pub fn left(&self, now: Timestamp) -> usize {
        self.unproved(now).count()
    }

    /// The case its page is found by.
    pub fn case_id(&self) -> Option<&CaseId> {
        let open = self.case.as_ref().map(|kept| &kept.case.id);
        open.or_else(|| self.doors.iter().find_map(|door| door.case.as_ref()))
    }

    fn unproved(&self, now: Timestamp) -> impl Iterator<Item = &Door> {
        let shall_be_shut = self.doors.iter().filter(|door| door.wanted.is_closed());
        shall_be_shut.filter(move |door| !door.is_settled(now))
    }
}

/// Everybody who may still get in somewhere they shall not.
#[derive(Debug, Clone)]
pub struct Board {
    /// One by one: breached first, then by least time left.
    pub departures: Vec<Departure>,
    /// How many doors of whoever left are set aside: not green, and somebody answers for it.
    pub set_aside: usize,
}

/// What share of its time a case has left, from 1 at the beginning to 0 at the deadline.
pub fn share_left(learned: Timestamp, deadline: Timestamp, now: Timestamp) -> f64 {
    let whole = clock::between(learned, deadline).as_secs_f64();
    let left = clock::between(now, deadline).as_secs_f64();
    if whole > 0.0 {
        (left / whole).clamp(0.0, 1.0)
    } else {
        0.0
    }
}

/// Looks at the board.
///
/// # Errors
/// When the archive does not answer.
pub async fn look(
    store: &Store,
    practice: &PracticeName,
    now: Timestamp,
) -> Result<Board, StoreError> {
    let cases = store.list_open_cases(practice).await?;
    let doors = store.list_doors_to_watch(practice, now).await?;
    let aside = doors.iter().filter(|door| door.set_aside_at(now).is_some());
    Ok(Board {
        set_aside: aside.count(),
        departures: arrange(cases, doors, now),
    })
}

fn arrange(cases: Vec<KeptCase>, doors: Vec<Door>, now: Timestamp) -> Vec<Departure> {
    let mut by_person: HashMap<PersonId, Departure> = HashMap::new();
    // The latest case of a person comes last, and is the one that counts.
    for kept in cases {
        let person = kept.case.person.clone();
        by_person.insert(
            person.clone(),
            Departure {
                person,
                case: Some(kept),
                doors: Vec::new(),
            },
        );
    }
    for door in doors {
        let departure = by_person
            .entry(door.person.clone())
            .or_insert_with(|| Departure {
                person: door.person.clone(),
                case: None,
                doors: Vec::new(),
            });
        departure.doors.push(door);
    }
    let mut departures: Vec<Departure> = by_person
        .into_values()
        .filter(|departure| departure.left(now) > 0)
        .collect();
    departures.sort_by_key(|departure| {
        let deadline = departure.deadline(now);
        (
            deadline.is_none(),
            deadline,
            departure.learned(),
            departure.person.clone(),
        )
    });
    departures
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use drawbridge_sdk::Way;

    use super::*;
    use crate::door::{
        Assurance, Seen, Wanted,
        aside::{Kind, SetAside},
    };

    fn at(minute: u64) -> Timestamp {
        clock::after(
            "2026-11-20T17:00:00Z".parse().unwrap(),
            Duration::from_secs(60 * minute),
        )
    }

    fn door(person: &str, system: &str, deadline: u64) -> Door {
        let mut door = Door::new(
            "elm".into(),
            format!("{person}-{system}").into(),
            person.into(),
            (system.into(), Way::Account),
            at(0),
        );
        door.wish(
            Wanted::Closed,
            "departure".to_owned(),
            Some(at(deadline)),
            at(0),
        );
        door
    }

    #[test]
    fn who_has_the_least_time_left_stands_on_top_and_who_is_late_above_all() {
        let mut blind = door("blind", "ehr", 10);
        blind.seen = Seen::Absent;
        blind.seen_at = Some(at(1));
        blind.assurance = Assurance::Unproven;
        let doors = vec![
            blind,
            door("early", "ehr", 60),
            door("late", "ehr", 20),
            door("soon", "ehr", 35),
        ];

        let board = arrange(Vec::new(), doors, at(30));

        let order: Vec<&str> = board.iter().map(|each| each.person.as_str()).collect();
        assert_eq!(order, ["late", "soon", "early", "blind"]);
        assert!(board[0].is_breached(at(30)) && !board[1].is_breached(at(30)));
        assert_eq!(
            board[3].deadline(at(30)),
            None,
            "a blind reading is never overdue"
        );
    }

    #[test]
    fn whoever_only_gains_doors_is_not_on_the_board() {
        let mut gained = door("nina", "ehr", 60);
        let opening = crate::door::Opening::default();
        gained.wish(Wanted::Open(opening), "promoted".to_owned(), None, at(0));

        assert!(arrange(Vec::new(), vec![gained], at(1)).is_empty());
    }

    #[test]
    fn whoever_has_only_green_doors_is_not_on_the_board() {
        let mut shut = door("nina", "ehr", 60);
        shut.assurance = Assurance::Verified;
        shut.seen = Seen::Closed;
        shut.next_try = None;

        assert!(arrange(Vec::new(), vec![shut], at(1)).is_empty());
    }

    #[test]
    fn whoever_has_only_a_risk_left_that_is_accepted_comes_back_when_that_ends() {
        let mut risky = door("nina", "ehr", 60);
        let aside = SetAside {
            kind: Kind::RiskAccepted,
            reason: "the vendor mends it on Monday".to_owned(),
            signed_by: "Dr. Weiss".to_owned(),
            signed: at(1),
            until: Some(at(90)),
        };
        risky.put_aside(1, aside, at(1)).unwrap();
        let on = |minute| arrange(Vec::new(), vec![risky.clone()], at(minute));

        assert!(on(89).is_empty());
        assert!(on(90)[0].is_breached(at(90)));
    }

    #[test]
    fn the_share_of_time_left_runs_from_one_to_nothing() {
        assert_eq!(share_left(at(0), at(60), at(0)), 1.0);
        assert_eq!(share_left(at(0), at(60), at(45)), 0.25);
        assert_eq!(share_left(at(0), at(60), at(90)), 0.0);
    }
}
