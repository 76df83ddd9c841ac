//! What shall be for somebody who leaves, or has left: every door closed, and a leaver's mail to the
//! supervisor for 30 days.

use std::time::Duration;

use drawbridge_sdk::Way;
use jiff::Timestamp;

use super::{OpenDoor, Plan, Situation, SystemFacts, Wanted, Wish};
use crate::{clock, people::Change, query::fold};

/// How long a leaver's mail goes to the supervisor.
const FORWARD_FOR: Duration = Duration::from_secs(30 * 24 * 3_600);

const FORWARDS: &str = "departure: mail goes to the supervisor for 30 days";

/// Somebody leaves: every way into every system closes, also where no role ever opened it. The mail of
/// whoever had a mailbox goes to the supervisor, unless an earlier departure has already settled that.
pub(super) fn leaves(situation: &Situation, systems: &[SystemFacts]) -> Plan {
    let mut plan = everything_closed(situation, systems, "departure");
    if situation.departure_holds {
        return plan;
    }
    for system in systems
        .iter()
        .filter(|system| forwards(system) && has_mail(situation, system))
    {
        let running = running_forward(situation, system);
        let until = running
            .and_then(|door| door.until)
            .unwrap_or_else(|| clock::after(situation.now, FORWARD_FOR));
        let wish = Wish {
            system: system.name.clone(),
            way: Way::Forwarding,
            wanted: Wanted::Open {
                levels: Vec::new(),
                forward_to: receiver(situation, system),
                until: Some(until),
            },
            deadline: Some(situation.deadline(system)),
            reason: FORWARDS.to_owned(),
        };
        plan.wishes
            .retain(|other| (&other.system, other.way) != (&wish.system, wish.way));
        plan.wishes.push(wish);
        plan.replan_at = earliest(plan.replan_at, until);
    }
    plan
}

/// A departure holds: whatever caused this plan, nothing opens. Systems that came later get their
/// closed doors too.
pub(super) fn stays_out(situation: &Situation, systems: &[SystemFacts]) -> Plan {
    let asks_back = matches!(situation.change, Change::Joined | Change::Returned);
    Plan {
        held: asks_back || situation.person_is_active,
        ..everything_closed(situation, systems, "the departure holds")
    }
}

/// Nothing holds, and the person may not get in: what is open closes.
pub(super) fn closes_what_is_open(situation: &Situation, systems: &[SystemFacts]) -> Plan {
    closed(situation, systems, Vec::new(), "may not get in")
}

/// Every way into every system closed, except a forward that still runs.
fn everything_closed(situation: &Situation, systems: &[SystemFacts], reason: &str) -> Plan {
    let known = systems.iter().flat_map(|system| {
        let door = |way: &Way| Wish {
            system: system.name.clone(),
            way: *way,
            wanted: Wanted::Closed,
            deadline: Some(situation.deadline(system)),
            reason: reason.to_owned(),
        };
        system.ways.iter().map(door)
    });
    closed(situation, systems, known.collect(), reason)
}

/// These closes, those of doors that are open beside them, and without forwards that still run.
fn closed(
    situation: &Situation,
    systems: &[SystemFacts],
    mut wishes: Vec<Wish>,
    reason: &str,
) -> Plan {
    let mut replan_at = None;
    for door in &situation.open_doors {
        let is_door = |wish: &Wish| (&wish.system, wish.way) == (&door.system, door.way);
        if let Some(until) = runs_until(situation, systems, door) {
            wishes.retain(|wish| !is_door(wish));
            replan_at = earliest(replan_at, until);
        } else if !wishes.iter().any(is_door) {
            wishes.push(door.closes(reason, situation.deadline_of(door, systems)));
        }
    }
    Plan {
        wishes,
        replan_at,
        ..Plan::default()
    }
}

fn forwards(system: &SystemFacts) -> bool {
    !system.retired && system.ways.contains(&Way::Forwarding)
}

/// Whether there is mail to forward: somebody who never had a mailbox here leaves none behind.
fn has_mail(situation: &Situation, system: &SystemFacts) -> bool {
    situation
        .open_doors
        .iter()
        .any(|door| door.system == system.name)
}

fn running_forward<'a>(situation: &'a Situation, system: &SystemFacts) -> Option<&'a OpenDoor> {
    situation.open_doors.iter().find(|door| {
        door.system == system.name
            && door.way == Way::Forwarding
            && door.until.is_some_and(|until| until > situation.now)
    })
}

/// When a leaver's forward ends; `None` if it is none, or must end now: its time is over, or whoever
/// receives it is not the supervisor any more.
fn runs_until(
    situation: &Situation,
    systems: &[SystemFacts],
    door: &OpenDoor,
) -> Option<Timestamp> {
    let system = systems.iter().find(|system| system.name == door.system)?;
    if !forwards(system) {
        return None;
    }
    let running = running_forward(situation, system).filter(|running| *running == door)?;
    let may_receive = |address: &String| {
        [&situation.supervisor, &system.forward_to]
            .into_iter()
            .flatten()
            .any(|allowed| fold(allowed) == fold(address))
    };
    match &running.forward_to {
        Some(address) if !may_receive(address) => None,
        _ => running.until,
    }
}

/// Who receives a leaver's mail; `None` means that a person must say.
fn receiver(situation: &Situation, system: &SystemFacts) -> Option<String> {
    situation
        .supervisor
        .clone()
        .or_else(|| system.forward_to.clone())
}

fn earliest(known: Option<Timestamp>, other: Timestamp) -> Option<Timestamp> {
    Some(known.map_or(other, |known| known.min(other)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{
        Category,
        access::testing::system,
        plan,
        plan::testing::{closes, in_minutes, now, open_door, opens, situation},
    };

    fn mail() -> SystemFacts {
        SystemFacts {
            ways: vec![Way::Account, Way::Forwarding],
            ..system("mail", Category::Email)
        }
    }

    /// Somebody who left an hour ago and whose mail goes to Sam until the end of the 30 days.
    fn forwarded(change: Change) -> Situation {
        let mut gone = situation(change);
        gone.person_is_active = false;
        gone.departure_holds = true;
        gone.supervisor = Some("sam@elm.example".to_owned());
        gone.open_doors = vec![OpenDoor {
            forward_to: Some("Sam@elm.example".to_owned()),
            until: Some(month_end()),
            levels: Vec::new(),
            ..open_door("mail", Way::Forwarding)
        }];
        gone
    }

    fn month_end() -> Timestamp {
        clock::after(now(), FORWARD_FOR)
    }

    fn forward_to(plan: &Plan) -> Option<&str> {
        plan.wishes.iter().find_map(|wish| match &wish.wanted {
            Wanted::Open { forward_to, .. } => forward_to.as_deref(),
            Wanted::Closed => None,
        })
    }

    #[test]
    fn a_departure_closes_every_system_also_those_the_role_never_had() {
        let badge = SystemFacts {
            ways: vec![Way::Badge, Way::Key],
            close_within: Duration::from_secs(600),
            ..system("door", Category::Badge)
        };
        let systems = [
            system("ehr", Category::Ehr),
            system("vpn", Category::Vpn),
            badge,
        ];

        let plan = plan(&situation(Change::Departed), &systems);

        assert_eq!(
            closes(&plan),
            [
                ("ehr", Way::Account),
                ("vpn", Way::Account),
                ("door", Way::Badge),
                ("door", Way::Key)
            ]
        );
        let deadlines: Vec<_> = plan
            .wishes
            .iter()
            .filter_map(|wish| wish.deadline)
            .collect();
        assert_eq!(
            deadlines,
            [
                in_minutes(60),
                in_minutes(60),
                in_minutes(10),
                in_minutes(10)
            ]
        );
    }

    #[test]
    fn a_departure_closes_doors_into_systems_the_file_no_longer_names() {
        let mut departed = situation(Change::Departed);
        departed.open_doors = vec![open_door("old-ehr", Way::Account)];
        let quick = SystemFacts {
            close_within: Duration::from_secs(600),
            ..system("vpn", Category::Vpn)
        };

        let plan = plan(&departed, &[system("ehr", Category::Ehr), quick]);

        assert_eq!(closes(&plan)[2], ("old-ehr", Way::Account));
        assert_eq!(
            plan.wishes[2].deadline,
            Some(in_minutes(10)),
            "the shortest there is"
        );
    }

    #[test]
    fn a_leavers_mail_goes_to_the_supervisor_for_thirty_days() {
        let mut departed = situation(Change::Departed);
        departed.supervisor = Some("sam@elm.example".to_owned());
        departed.open_doors = vec![open_door("mail", Way::Account)];

        let plan = plan(&departed, &[mail()]);

        assert_eq!(closes(&plan), [("mail", Way::Account)]);
        assert_eq!(opens(&plan), [("mail", Way::Forwarding)]);
        assert_eq!(forward_to(&plan), Some("sam@elm.example"));
        assert_eq!(plan.replan_at, Some(month_end()));
    }

    #[test]
    fn whoever_had_no_mailbox_leaves_no_mail_to_forward() {
        let departed = situation(Change::Departed);

        let plan = plan(&departed, &[mail()]);

        assert_eq!(opens(&plan), []);
        assert_eq!(closes(&plan).len(), 2, "both ways are closed all the same");
    }

    #[test]
    fn without_a_supervisor_the_systems_own_address_receives_else_a_person_must_say() {
        let named = SystemFacts {
            forward_to: Some("office@elm.example".to_owned()),
            ..mail()
        };
        let mut departed = situation(Change::Departed);
        departed.open_doors = vec![open_door("mail", Way::Account)];

        let (to_the_office, to_nobody_yet) =
            (plan(&departed, &[named]), plan(&departed, &[mail()]));

        assert_eq!(forward_to(&to_the_office), Some("office@elm.example"));
        assert_eq!(opens(&to_nobody_yet), [("mail", Way::Forwarding)]);
        assert_eq!(forward_to(&to_nobody_yet), None);
    }

    #[test]
    fn a_forward_runs_to_its_end_and_then_closes() {
        let running = forwarded(Change::Changed);
        let mut over = forwarded(Change::Changed);
        over.now = month_end();

        let (during, after) = (plan(&running, &[mail()]), plan(&over, &[mail()]));

        assert_eq!(closes(&during), [("mail", Way::Account)]);
        assert_eq!(during.replan_at, Some(month_end()));
        assert_eq!(
            closes(&after),
            [("mail", Way::Account), ("mail", Way::Forwarding)]
        );
        assert_eq!(after.replan_at, None);
    }

    #[test]
    fn a_forward_closes_when_the_supervisor_leaves() {
        let mut unwatched = forwarded(Change::Changed);
        unwatched.supervisor = None;

        let plan = plan(&unwatched, &[mail()]);

        assert!(closes(&plan).contains(&("mail", Way::Forwarding)));
        assert!(opens(&plan).is_empty());
    }

    #[test]
    fn the_next_forward_to_end_is_looked_at_first() {
        let second = SystemFacts {
            name: "lists".into(),
            ..mail()
        };
        let mut running = forwarded(Change::Changed);
        running.open_doors.push(OpenDoor {
            system: "lists".into(),
            until: Some(in_minutes(5)),
            ..running.open_doors[0].clone()
        });

        assert_eq!(
            plan(&running, &[mail(), second]).replan_at,
            Some(in_minutes(5))
        );
    }

    #[test]
    fn leaving_twice_does_not_lengthen_the_forward() {
        let again = forwarded(Change::Departed);
        let mut unheld = again.clone();
        unheld.departure_holds = false;
        unheld.now = in_minutes(600);

        let (held, unheld) = (plan(&again, &[mail()]), plan(&unheld, &[mail()]));

        assert_eq!(closes(&held), [("mail", Way::Account)]);
        assert!(opens(&held).is_empty(), "it runs already");
        assert_eq!(held.replan_at, Some(month_end()));
        assert!(
            matches!(unheld.wishes[1].wanted, Wanted::Open { until, .. } if until == Some(month_end()))
        );
    }

    #[test]
    fn a_departure_that_holds_starts_no_second_forward() {
        let mut again = forwarded(Change::Departed);
        again.open_doors.clear();

        let plan = plan(&again, &[mail()]);

        assert_eq!(
            closes(&plan),
            [("mail", Way::Account), ("mail", Way::Forwarding)]
        );
    }

    #[test]
    fn a_return_is_held_and_said_so_while_the_departure_holds() {
        let systems = [system("ehr", Category::Ehr)];
        let mut back = situation(Change::Returned);
        back.departure_holds = true;
        let mut edited = situation(Change::Changed);
        edited.departure_holds = true;
        edited.person_is_active = false;

        let (back, edited) = (plan(&back, &systems), plan(&edited, &systems));

        assert!(back.held && opens(&back).is_empty());
        assert!(!edited.held, "nobody asked");
        assert_eq!(closes(&edited), [("ehr", Way::Account)]);
    }

    #[test]
    fn after_the_hold_only_what_is_open_closes() {
        let mut gone = situation(Change::Changed);
        gone.person_is_active = false;
        gone.open_doors = vec![open_door("vpn", Way::Account)];

        let plan = plan(
            &gone,
            &[system("ehr", Category::Ehr), system("vpn", Category::Vpn)],
        );

        assert_eq!(closes(&plan), [("vpn", Way::Account)]);
    }
}
