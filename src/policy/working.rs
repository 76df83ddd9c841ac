//! What shall be for somebody who works here: doors follow the role.

use drawbridge_sdk::Way;
use jiff::Timestamp;

use super::{Access, OpenDoor, Plan, Situation, SystemFacts, Wanted, Wish};
use crate::{clock, ids::SystemName};

const NOT_IN_ROLE: &str = "no longer part of the role";

/// Opens what the role reaches; closes what it denies, and what was open and is not part of it any
/// more. Somebody without a role gets nothing opened and, after the grace period, everything closed.
pub(super) fn follows_the_role(situation: &Situation, systems: &[SystemFacts]) -> Plan {
    let grace_ends = grace_ends(situation);
    let mut wishes: Vec<Wish> = situation
        .open_doors
        .iter()
        .filter(|door| !stays(situation, door))
        // Mail of somebody who is back is theirs alone, role or not.
        .filter(|door| grace_ends.is_none() || door.way == Way::Forwarding)
        .map(|door| door.closes(NOT_IN_ROLE, situation.deadline_of(door, systems)))
        .collect();
    for system in systems {
        for way in system.ways.iter().filter(|way| **way != Way::Forwarding) {
            let is_wished = |wish: &Wish| (&wish.system, wish.way) == (&system.name, *way);
            let wish = match reach(situation, &system.name) {
                Some(Access::Open(levels)) if is_given_by_role(system, *way) => {
                    opens(system, *way, levels)
                }
                Some(Access::Deny) if !wishes.iter().any(is_wished) => {
                    denied(situation, system, *way)
                }
                _ => continue,
            };
            wishes.push(wish);
        }
    }
    Plan {
        wishes,
        needs_a_role: situation.access.is_none(),
        held: false,
        replan_at: grace_ends,
    }
}

/// When the doors of somebody who lost every role close; `None` when they need not wait for it.
///
/// A directory removes one group before it adds the next: closing in between would lock out a nurse
/// who changes wards.
fn grace_ends(situation: &Situation) -> Option<Timestamp> {
    if situation.access.is_some() {
        return None;
    }
    let ends = clock::after(situation.roleless_since?, situation.role_grace);
    (ends > situation.now).then_some(ends)
}

fn reach<'a>(situation: &'a Situation, system: &SystemName) -> Option<&'a Access> {
    situation.access.as_ref()?.get(system)
}

/// Whether an open door is still part of the role. A forward never is.
fn stays(situation: &Situation, door: &OpenDoor) -> bool {
    door.way != Way::Forwarding && matches!(reach(situation, &door.system), Some(Access::Open(_)))
}

/// Whether a role alone opens this way. Nobody is told a shared password because of a role: each one
/// who knows it makes the next rotation dearer.
fn is_given_by_role(system: &SystemFacts, way: Way) -> bool {
    !system.retired && way != Way::SharedSecret
}

fn opens(system: &SystemFacts, way: Way, levels: &[String]) -> Wish {
    Wish {
        system: system.name.clone(),
        way,
        wanted: Wanted::Open {
            levels: levels.to_vec(),
            forward_to: None,
            until: None,
        },
        deadline: None,
        reason: "part of the role".to_owned(),
    }
}

fn denied(situation: &Situation, system: &SystemFacts, way: Way) -> Wish {
    Wish {
        system: system.name.clone(),
        way,
        wanted: Wanted::Closed,
        deadline: Some(situation.deadline(system)),
        reason: "denied by the role".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        people::Change,
        policy::{
            Category,
            access::testing::system,
            plan,
            plan::testing::{closes, in_minutes, now, open_door, opens, situation},
        },
    };

    #[test]
    fn what_the_role_names_opens_at_its_level() {
        let plan = plan(
            &situation(Change::Joined),
            &[system("ehr", Category::Ehr), system("vpn", Category::Vpn)],
        );

        assert_eq!(opens(&plan), [("ehr", Way::Account)]);
        assert_eq!(closes(&plan), [], "what is not named is left alone");
        assert!(
            matches!(&plan.wishes[0].wanted, Wanted::Open { levels, .. } if levels == &["nurse"])
        );
    }

    #[test]
    fn deny_closes_a_door_that_was_never_opened_here() {
        let mut student = situation(Change::Joined);
        student.access = Some(BTreeMap::from([("ehr".into(), Access::Deny)]));

        let plan = plan(&student, &[system("ehr", Category::Ehr)]);

        assert_eq!(closes(&plan), [("ehr", Way::Account)]);
        assert_eq!(plan.wishes[0].deadline, Some(in_minutes(60)));
    }

    #[test]
    fn closes_come_before_opens_when_a_role_changes() {
        let mut moved = situation(Change::Changed);
        moved.open_doors = vec![open_door("billing", Way::Account)];

        let plan = plan(
            &moved,
            &[
                system("ehr", Category::Ehr),
                system("billing", Category::Billing),
            ],
        );

        assert_eq!(plan.wishes[0].system.as_str(), "billing");
        assert_eq!(plan.wishes[0].wanted, Wanted::Closed);
        assert_eq!(opens(&plan), [("ehr", Way::Account)]);
    }

    #[test]
    fn what_is_denied_closes_before_anything_opens() {
        let mut nurse = situation(Change::Joined);
        nurse
            .access
            .get_or_insert_default()
            .insert("vpn".into(), Access::Deny);

        let plan = plan(
            &nurse,
            &[system("ehr", Category::Ehr), system("vpn", Category::Vpn)],
        );

        let order: Vec<&str> = plan
            .wishes
            .iter()
            .map(|wish| wish.system.as_str())
            .collect();
        assert_eq!(order, ["vpn", "ehr"]);
    }

    #[test]
    fn losing_every_role_closes_nothing_until_the_grace_has_passed() {
        let systems = [system("ehr", Category::Ehr)];
        let mut roleless = situation(Change::Changed);
        roleless.access = None;
        roleless.roleless_since = Some(now());
        roleless.open_doors = vec![open_door("ehr", Way::Account)];

        roleless.now = in_minutes(14);
        let during = plan(&roleless, &systems);
        roleless.now = in_minutes(15);
        let after = plan(&roleless, &systems);

        assert!(during.wishes.is_empty() && during.needs_a_role);
        assert_eq!(during.replan_at, Some(in_minutes(15)));
        assert_eq!(closes(&after), [("ehr", Way::Account)]);
        assert_eq!((after.needs_a_role, after.replan_at), (true, None));
    }

    #[test]
    fn changing_from_one_role_to_another_waits_for_no_grace() {
        let mut moved = situation(Change::Changed);
        moved.roleless_since = Some(now());
        moved.open_doors = vec![open_door("billing", Way::Account)];

        let plan = plan(&moved, &[system("billing", Category::Billing)]);

        assert_eq!(closes(&plan), [("billing", Way::Account)]);
        assert_eq!(plan.replan_at, None);
    }

    #[test]
    fn nothing_opens_for_somebody_without_a_role() {
        let mut unknown = situation(Change::Joined);
        unknown.access = None;

        let plan = plan(&unknown, &[system("ehr", Category::Ehr)]);

        assert!(plan.wishes.is_empty() && plan.needs_a_role);
    }

    #[test]
    fn keys_and_badges_come_with_the_role_shared_secrets_and_forwards_do_not() {
        let everything = SystemFacts {
            ways: Way::ALL.to_vec(),
            ..system("ehr", Category::Ehr)
        };

        let plan = plan(&situation(Change::Joined), &[everything]);

        let ways: Vec<Way> = opens(&plan).into_iter().map(|(_, way)| way).collect();
        assert_eq!(ways, [Way::Account, Way::Badge, Way::Key, Way::Device]);
    }

    #[test]
    fn a_forward_closes_when_the_person_returns_even_without_a_role() {
        let mut back = situation(Change::Returned);
        back.open_doors = vec![open_door("mail", Way::Forwarding)];
        let mut roleless = back.clone();
        roleless.access = None;
        roleless.roleless_since = Some(now());
        roleless.open_doors.push(open_door("ehr", Way::Account));

        for (back, who) in [(back, "with a role"), (roleless, "without")] {
            let plan = plan(&back, &[system("mail", Category::Email)]);
            assert_eq!(closes(&plan), [("mail", Way::Forwarding)], "{who}");
        }
    }

    #[test]
    fn a_retired_system_closes() {
        let former = SystemFacts {
            retired: true,
            ..system("ehr", Category::Ehr)
        };
        let mut nurse = situation(Change::Changed);
        nurse.access = Some(BTreeMap::new());
        nurse.open_doors = vec![open_door("ehr", Way::Account)];

        assert_eq!(closes(&plan(&nurse, &[former])), [("ehr", Way::Account)]);
    }
}
