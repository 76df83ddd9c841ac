//! A change of a person to wanted doors with deadlines.

use std::{collections::BTreeMap, time::Duration};

use drawbridge_sdk::Way;
use jiff::Timestamp;

use super::{Access, SystemFacts};
use crate::{clock, ids::SystemName, people::Change};

/// How long a leaver's mail goes to the supervisor.
const FORWARD_FOR: Duration = Duration::from_secs(30 * 24 * 3_600);

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
    /// Whether a departure still holds: then nothing opens, whatever caused the plan.
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
    match situation.change {
        Change::RepeatedDisable | Change::RecordOnly => Plan::default(),
        Change::Departed => departure(situation, systems),
        _ if situation.departure_holds || !situation.person_is_active => while_departed(situation),
        _ => by_role(situation, systems),
    }
}

/// Every system of the practice gets its doors closed, also those no role ever opened. Mail goes to
/// the supervisor meanwhile.
fn departure(situation: &Situation, systems: &[SystemFacts]) -> Plan {
    let mut wishes = Vec::new();
    let mut forwards = Vec::new();
    let until = clock::after(situation.now, FORWARD_FOR);
    for system in systems {
        let deadline = Some(clock::after(situation.now, system.close_within));
        for way in &system.ways {
            if *way == Way::Forwarding && !system.retired {
                let forward_to = situation
                    .supervisor
                    .clone()
                    .or_else(|| system.forward_to.clone());
                let wanted = Wanted::Open {
                    levels: Vec::new(),
                    forward_to,
                    until: Some(until),
                };
                let reason = "departure: mail goes to the supervisor for 30 days".to_owned();
                forwards.push(Wish {
                    system: system.name.clone(),
                    way: *way,
                    wanted,
                    deadline,
                    reason,
                });
            } else {
                let reason = "departure".to_owned();
                wishes.push(Wish {
                    system: system.name.clone(),
                    way: *way,
                    wanted: Wanted::Closed,
                    deadline,
                    reason,
                });
            }
        }
    }
    let replan_at = (!forwards.is_empty()).then_some(until);
    wishes.extend(forwards);
    Plan {
        wishes,
        needs_a_role: false,
        replan_at,
    }
}

/// While a departure holds nothing opens, and what is left open closes when its time has come.
fn while_departed(situation: &Situation) -> Plan {
    let mut plan = Plan::default();
    for door in &situation.open_doors {
        let forward_lasts =
            door.way == Way::Forwarding && door.until.is_some_and(|until| until > situation.now);
        if forward_lasts {
            plan.replan_at = plan.replan_at.max(door.until);
        } else {
            plan.wishes.push(close(door, "departure", None));
        }
    }
    plan
}

fn by_role(situation: &Situation, systems: &[SystemFacts]) -> Plan {
    let grace_ends = situation
        .roleless_since
        .map(|since| clock::after(since, situation.role_grace));
    let needs_a_role = situation.access.is_none();
    if let Some(ends) = grace_ends.filter(|ends| needs_a_role && *ends > situation.now) {
        return Plan {
            wishes: Vec::new(),
            needs_a_role,
            replan_at: Some(ends),
        };
    }
    let nothing = BTreeMap::new();
    let access = situation.access.as_ref().unwrap_or(&nothing);
    let deadline_of = |name: &SystemName| {
        let system = systems.iter().find(|system| system.name == *name)?;
        Some(clock::after(situation.now, system.close_within))
    };
    let mut closes: Vec<Wish> = Vec::new();
    for door in &situation.open_doors {
        let stays = door.way == Way::Account || door.way == Way::Badge;
        if !(stays && matches!(access.get(&door.system), Some(Access::Open(_)))) {
            closes.push(close(
                door,
                "no longer part of the role",
                deadline_of(&door.system),
            ));
        }
    }
    let mut opens = Vec::new();
    for system in systems.iter().filter(|system| !system.retired) {
        // Forwarding, keys, devices and shared secrets are handed out by people, not by a role.
        for way in system
            .ways
            .iter()
            .filter(|way| matches!(way, Way::Account | Way::Badge))
        {
            match access.get(&system.name) {
                Some(Access::Open(levels)) => opens.push(Wish {
                    system: system.name.clone(),
                    way: *way,
                    wanted: Wanted::Open {
                        levels: levels.clone(),
                        forward_to: None,
                        until: None,
                    },
                    deadline: None,
                    reason: "part of the role".to_owned(),
                }),
                Some(Access::Deny)
                    if !closes
                        .iter()
                        .any(|wish| wish.system == system.name && wish.way == *way) =>
                {
                    closes.push(Wish {
                        system: system.name.clone(),
                        way: *way,
                        wanted: Wanted::Closed,
                        deadline: deadline_of(&system.name),
                        reason: "denied by the role".to_owned(),
                    });
                }
                _ => {}
            }
        }
    }
    closes.extend(opens);
    Plan {
        wishes: closes,
        needs_a_role,
        replan_at: None,
    }
}

fn close(door: &OpenDoor, reason: &str, deadline: Option<Timestamp>) -> Wish {
    Wish {
        system: door.system.clone(),
        way: door.way,
        wanted: Wanted::Closed,
        deadline,
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Category;

    fn now() -> Timestamp {
        "2026-11-20T17:02:00Z".parse().unwrap()
    }

    fn system(name: &str, ways: &[Way]) -> SystemFacts {
        SystemFacts {
            name: name.into(),
            category: Category::Ehr,
            ways: ways.to_vec(),
            holds_ephi: true,
            close_within: Duration::from_secs(3_600),
            forward_to: None,
            retired: false,
        }
    }

    fn situation(change: Change) -> Situation {
        Situation {
            change,
            person_is_active: true,
            access: Some(BTreeMap::from([(
                "ehr".into(),
                Access::Open(vec!["nurse".into()]),
            )])),
            open_doors: Vec::new(),
            departure_holds: false,
            departed_at: None,
            roleless_since: None,
            role_grace: Duration::from_secs(900),
            supervisor: None,
            now: now(),
        }
    }

    fn open(name: &str, way: Way) -> OpenDoor {
        OpenDoor {
            system: name.into(),
            way,
            levels: vec!["nurse".into()],
            forward_to: None,
            until: None,
        }
    }

    #[test]
    fn a_departure_closes_every_system_also_those_the_role_never_had() {
        let systems = [
            system("ehr", &[Way::Account]),
            system("vpn", &[Way::Account]),
            system("badge", &[Way::Badge]),
        ];

        let plan = plan(&situation(Change::Departed), &systems);

        assert_eq!(plan.wishes.len(), 3);
        assert!(plan.wishes.iter().all(|wish| wish.wanted == Wanted::Closed));
        assert!(
            plan.wishes
                .iter()
                .all(|wish| wish.deadline == Some(clock::after(now(), Duration::from_secs(3_600))))
        );
    }

    #[test]
    fn a_leavers_mail_goes_to_the_supervisor_for_thirty_days_and_then_stops() {
        let systems = [system("mail", &[Way::Account, Way::Forwarding])];
        let mut departed = situation(Change::Departed);
        departed.supervisor = Some("sam@elm.example".into());

        let first = plan(&departed, &systems);
        let until = clock::after(now(), FORWARD_FOR);
        let mut later = situation(Change::Changed);
        later.departure_holds = true;
        later.now = until;
        later.open_doors = vec![OpenDoor {
            until: Some(until),
            ..open("mail", Way::Forwarding)
        }];
        let last = plan(&later, &systems);

        assert_eq!(first.replan_at, Some(until));
        assert!(
            matches!(&first.wishes[1].wanted, Wanted::Open { forward_to: Some(to), .. } if to == "sam@elm.example")
        );
        assert_eq!(
            (last.wishes[0].way, &last.wishes[0].wanted),
            (Way::Forwarding, &Wanted::Closed)
        );
    }

    #[test]
    fn closes_come_before_opens_when_a_role_changes() {
        let systems = [
            system("ehr", &[Way::Account]),
            system("billing", &[Way::Account]),
        ];
        let mut moved = situation(Change::Changed);
        moved.open_doors = vec![open("billing", Way::Account)];

        let plan = plan(&moved, &systems);

        assert_eq!(plan.wishes[0].wanted, Wanted::Closed);
        assert_eq!(plan.wishes[0].system.as_str(), "billing");
        assert!(matches!(plan.wishes[1].wanted, Wanted::Open { .. }));
    }

    #[test]
    fn losing_every_role_closes_nothing_until_the_grace_has_passed() {
        let systems = [system("ehr", &[Way::Account])];
        let mut roleless = situation(Change::Changed);
        roleless.access = None;
        roleless.roleless_since = Some(now());
        roleless.open_doors = vec![open("ehr", Way::Account)];

        let during = plan(&roleless, &systems);
        roleless.now = clock::after(now(), Duration::from_secs(900));
        let after = plan(&roleless, &systems);

        assert!(during.wishes.is_empty() && during.needs_a_role && during.replan_at.is_some());
        assert_eq!(after.wishes[0].wanted, Wanted::Closed);
    }

    #[test]
    fn nothing_opens_for_somebody_without_a_role() {
        let mut unknown = situation(Change::Joined);
        unknown.access = None;

        let plan = plan(&unknown, &[system("ehr", &[Way::Account])]);

        assert!(plan.wishes.is_empty() && plan.needs_a_role);
    }

    #[test]
    fn while_a_departure_holds_nothing_opens() {
        let mut held = situation(Change::Changed);
        held.departure_holds = true;
        held.open_doors = vec![open("ehr", Way::Account)];

        let plan = plan(&held, &[system("ehr", &[Way::Account])]);

        assert_eq!(plan.wishes.len(), 1);
        assert_eq!(plan.wishes[0].wanted, Wanted::Closed);
    }
}
