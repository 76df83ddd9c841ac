//! A change of a person to wanted doors with deadlines.

use std::{collections::BTreeMap, time::Duration};

use drawbridge_sdk::Way;
use jiff::Timestamp;

use super::{Access, SystemFacts, leaving, working};
use crate::{clock, ids::SystemName, people::Change};

/// What a plan depends on.
#[derive(Debug, Clone)]
pub struct Situation {
    /// What happened.
    pub change: Change,
    /// Whether the person may get in at all.
    pub person_is_active: bool,
    /// What their roles reach; `None` when no role fits.
    pub access: Option<BTreeMap<SystemName, Access>>,
    /// Doors that shall be open now.
    pub open_doors: Vec<OpenDoor>,
    /// Whether an earlier departure still holds: then nothing opens, whatever caused the plan.
    pub departure_holds: bool,
    /// When the person departed, while they are departed.
    pub departed_at: Option<Timestamp>,
    /// Since when no role fits although one did.
    pub roleless_since: Option<Timestamp>,
    /// How long losing every role closes nothing.
    pub role_grace: Duration,
    /// E-mail of the manager, if that is an active person of the practice.
    pub supervisor: Option<String>,
    /// The time of the plan.
    pub now: Timestamp,
}

/// A door that shall be open now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenDoor {
    /// Into which system.
    pub system: SystemName,
    /// Which way.
    pub way: Way,
    /// Levels in the system's own words.
    pub levels: Vec<String>,
    /// Where mail goes, for forwarding.
    pub forward_to: Option<String>,
    /// When it ends by itself, for forwarding.
    pub until: Option<Timestamp>,
}

/// What shall be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Wanted doors, closes first. What is not named stays as it is.
    pub wishes: Vec<Wish>,
    /// Whether the person is active and no role fits.
    pub needs_a_role: bool,
    /// Whether somebody asked that they get in again, and their departure holds.
    pub held: bool,
    /// When to plan again although nothing changed.
    pub replan_at: Option<Timestamp>,
}

/// One wanted door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Into which system.
    pub system: SystemName,
    /// Which way.
    pub way: Way,
    /// What it shall be.
    pub wanted: Wanted,
    /// By when; `None` for wishes without a clock.
    pub deadline: Option<Timestamp>,
    /// Why, for people.
    pub reason: String,
}

/// What a door shall be, in the matrix's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Open, with these levels; for forwarding, to this address until then.
    Open {
        /// Levels in the matrix's words.
        levels: Vec<String>,
        /// Where mail goes. `None` for forwarding means that a person must say.
        forward_to: Option<String>,
        /// When it ends by itself.
        until: Option<Timestamp>,
    },
    /// Closed.
    Closed,
}

/// Computes what shall be open and closed for one person.
pub fn plan(situation: &Situation, systems: &[SystemFacts]) -> Plan {
    let mut plan = match situation.change {
        Change::RepeatedDisable | Change::RecordOnly => Plan::default(),
        Change::Departed => leaving::leaves(situation, systems),
        Change::Joined | Change::Changed | Change::Returned if situation.departure_holds => {
            leaving::stays_out(situation, systems)
        }
        Change::Joined | Change::Changed | Change::Returned if situation.person_is_active => {
            working::follows_the_role(situation, systems)
        }
        Change::Joined | Change::Changed | Change::Returned => {
            leaving::closes_what_is_open(situation, systems)
        }
    };
    plan.wishes
        .sort_by_key(|wish| wish.wanted != Wanted::Closed);
    plan
}

impl Situation {
    /// By when a door into this system must be closed.
    pub(super) fn deadline(&self, system: &SystemFacts) -> Timestamp {
        clock::after(self.now, system.close_within)
    }

    /// By when an open door must be closed. A door into a system the practice no longer names gets
    /// the shortest time any system has.
    pub(super) fn deadline_of(
        &self,
        door: &OpenDoor,
        systems: &[SystemFacts],
    ) -> Option<Timestamp> {
        systems
            .iter()
            .find(|system| system.name == door.system)
            .or_else(|| systems.iter().min_by_key(|system| system.close_within))
            .map(|system| self.deadline(system))
    }
}

impl OpenDoor {
    /// A wish that this door closes.
    pub(super) fn closes(&self, reason: &str, deadline: Option<Timestamp>) -> Wish {
        Wish {
            system: self.system.clone(),
            way: self.way,
            wanted: Wanted::Closed,
            deadline,
            reason: reason.to_owned(),
        }
    }
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// A Friday, two minutes past five.
    pub(in crate::policy) fn now() -> Timestamp {
        "2026-11-20T17:02:00Z".parse().expect("a time")
    }

    pub(in crate::policy) fn in_minutes(minutes: u64) -> Timestamp {
        clock::after(now(), Duration::from_secs(60 * minutes))
    }

    /// An active person whose role reaches `ehr` as a nurse.
    pub(in crate::policy) fn situation(change: Change) -> Situation {
        let access = Access::Open(vec!["nurse".to_owned()]);
        Situation {
            change,
            person_is_active: true,
            access: Some(BTreeMap::from([("ehr".into(), access)])),
            open_doors: Vec::new(),
            departure_holds: false,
            departed_at: None,
            roleless_since: None,
            role_grace: Duration::from_secs(900),
            supervisor: None,
            now: now(),
        }
    }

    pub(in crate::policy) fn open_door(system: &str, way: Way) -> OpenDoor {
        OpenDoor {
            system: system.into(),
            way,
            levels: vec!["nurse".to_owned()],
            forward_to: None,
            until: None,
        }
    }

    /// System and way of each wish that closes.
    pub(in crate::policy) fn closes(plan: &Plan) -> Vec<(&str, Way)> {
        which(plan, |wanted| *wanted == Wanted::Closed)
    }

    /// System and way of each wish that opens.
    pub(in crate::policy) fn opens(plan: &Plan) -> Vec<(&str, Way)> {
        which(plan, |wanted| *wanted != Wanted::Closed)
    }

    fn which(plan: &Plan, fits: impl Fn(&Wanted) -> bool) -> Vec<(&str, Way)> {
        plan.wishes
            .iter()
            .filter(|wish| fits(&wish.wanted))
            .map(|wish| (wish.system.as_str(), wish.way))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{testing::*, *};
    use crate::policy::{Category, access::testing::system};

    #[test]
    fn a_repeated_disable_and_a_mere_record_move_no_door() {
        let systems = [system("ehr", Category::Ehr)];

        for change in [Change::RepeatedDisable, Change::RecordOnly] {
            let mut idle = situation(change);
            idle.open_doors = vec![open_door("ehr", Way::Account)];
            assert_eq!(plan(&idle, &systems), Plan::default());
        }
    }

    fn any_way() -> impl Strategy<Value = Way> {
        proptest::sample::select(Way::ALL.to_vec())
    }

    fn any_system() -> impl Strategy<Value = SystemFacts> {
        let category = proptest::sample::select(Category::ALL.to_vec());
        let ways = proptest::collection::btree_set(any_way(), 1..4);
        ("[a-d]", category, ways, any::<bool>(), 1..120_u64).prop_map(
            |(name, category, ways, retired, minutes)| SystemFacts {
                ways: ways.into_iter().collect(),
                retired,
                close_within: Duration::from_secs(60 * minutes),
                ..system(&name, category)
            },
        )
    }

    /// Open doors, at most one for each system and way.
    fn any_open_doors() -> impl Strategy<Value = Vec<OpenDoor>> {
        let until = proptest::option::of((0..100_u64).prop_map(in_minutes));
        let forward = (until, proptest::option::of("[xy]"));
        proptest::collection::btree_map(("[a-e]", any_way()), forward, 0..6).prop_map(|doors| {
            let door = |((name, way), (until, forward_to)): ((String, Way), _)| {
                let forward = OpenDoor {
                    until,
                    forward_to,
                    ..open_door(&name, way)
                };
                match way {
                    Way::Forwarding => forward,
                    _ => open_door(&name, way),
                }
            };
            doors.into_iter().map(door).collect()
        })
    }

    fn any_situation() -> impl Strategy<Value = Situation> {
        let change = proptest::sample::select(vec![
            Change::Joined,
            Change::Changed,
            Change::Departed,
            Change::Returned,
        ]);
        let reach = prop_oneof![
            Just(Access::Deny),
            Just(Access::Open(vec!["nurse".to_owned()]))
        ];
        let access = proptest::option::of(proptest::collection::btree_map(
            "[a-d]".prop_map(SystemName::from),
            reach,
            0..4,
        ));
        let roleless = proptest::option::of((0..30_u64).prop_map(in_minutes));
        let flags = (any::<bool>(), any::<bool>(), proptest::option::of("[xy]"));
        (change, access, any_open_doors(), roleless, flags).prop_map(
            |(change, access, open_doors, roleless_since, (active, holds, supervisor))| Situation {
                person_is_active: active,
                access,
                open_doors,
                departure_holds: holds,
                roleless_since,
                supervisor,
                now: in_minutes(20),
                ..situation(change)
            },
        )
    }

    proptest! {
        #[test]
        fn a_departure_closes_every_way_into_every_system(
            mut departed in any_situation(),
            systems in proptest::collection::vec(any_system(), 0..4),
        ) {
            departed.change = Change::Departed;

            let plan = plan(&departed, &systems);

            for system in &systems {
                for way in system.ways.iter().filter(|way| **way != Way::Forwarding) {
                    prop_assert!(closes(&plan).contains(&(system.name.as_str(), *way)));
                }
            }
            for door in departed.open_doors.iter().filter(|door| door.way != Way::Forwarding) {
                prop_assert!(closes(&plan).contains(&(door.system.as_str(), door.way)));
            }
            prop_assert!(opens(&plan).iter().all(|(_, way)| *way == Way::Forwarding));
        }

        #[test]
        fn nothing_ever_opens_while_a_departure_holds(
            mut held in any_situation(),
            systems in proptest::collection::vec(any_system(), 0..4),
        ) {
            held.departure_holds = true;

            let plan = plan(&held, &systems);

            prop_assert_eq!(opens(&plan), []);
        }

        #[test]
        fn no_door_is_wished_two_things_and_closes_come_first(
            situation in any_situation(),
            systems in proptest::collection::btree_map("[a-d]", any_system(), 0..4),
        ) {
            let systems: Vec<SystemFacts> = systems
                .into_iter()
                .map(|(name, system)| SystemFacts { name: name.as_str().into(), ..system })
                .collect();

            let plan = plan(&situation, &systems);

            let doors: std::collections::BTreeSet<_> =
                plan.wishes.iter().map(|wish| (&wish.system, wish.way)).collect();
            prop_assert_eq!(doors.len(), plan.wishes.len());
            let first_open = plan.wishes.iter().position(|wish| wish.wanted != Wanted::Closed);
            let last_close = plan.wishes.iter().rposition(|wish| wish.wanted == Wanted::Closed);
            if let (Some(open), Some(close)) = (first_open, last_close) {
                prop_assert!(close < open);
            }
        }

        #[test]
        fn a_retired_system_is_never_opened(
            situation in any_situation(),
            mut systems in proptest::collection::vec(any_system(), 1..4),
        ) {
            for system in &mut systems {
                system.retired = true;
            }

            let plan = plan(&situation, &systems);

            prop_assert_eq!(opens(&plan), []);
        }

        #[test]
        fn whoever_may_not_get_in_gets_nothing_opened_but_the_forward_of_a_leaver(
            mut away in any_situation(),
            systems in proptest::collection::vec(any_system(), 0..4),
        ) {
            away.person_is_active = false;

            prop_assert!(opens(&plan(&away, &systems)).iter().all(|(_, way)| *way == Way::Forwarding));
        }
    }
}
