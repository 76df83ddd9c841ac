//! What a plan means for the doors of one person.

use std::collections::HashMap;

use drawbridge_sdk::{FailureClass, Way};
use serde_json::{Map, json};

use super::{brake, desk::Desk, returns, superseded, undo};
use crate::{
    door::{Door, Failure, Opening, Wanted},
    evidence::Entry,
    ids::{CaseId, DoorId, PersonId, SystemName},
    people::{Change, User, user},
    policy::{self, Facts, OpenDoor, Roles, Situation, Wish},
    store::{StoreError, WriteTx, doors::Lease, persons::Known, records::Case},
};

/// A door whose wish is another than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Into which system.
    pub system: SystemName,
    /// Which way.
    pub way: Way,
    /// What it was to be, in words.
    pub from: String,
    /// What it shall be, in words.
    pub to: String,
    /// Why.
    pub reason: String,
}

/// Why a plan is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cause {
    /// What happened.
    pub(super) change: Change,
    /// Whether somebody of the practice said so by name: then no brake holds it.
    pub(super) is_by_name: bool,
}

impl From<Change> for Cause {
    fn from(change: Change) -> Self {
        Self {
            change,
            is_by_name: false,
        }
    }
}

/// What a plan came to.
#[derive(Debug, Default)]
pub(super) struct Planned {
    /// The doors that have a new wish.
    pub(super) moved: Vec<Moved>,
    /// Whether the person shall get in again, and their departure holds.
    pub(super) is_held: bool,
}

/// Computes what shall be open and closed for a person now, and makes it so wanted.
///
/// Everything is seen as of the same transaction: the person, their groups and their doors.
pub(super) async fn plan_person(
    tx: &mut WriteTx,
    desk: &Desk,
    roles: &Roles,
    person: &PersonId,
    cause: impl Into<Cause>,
) -> Result<Planned, StoreError> {
    let cause = cause.into();
    if let Change::RepeatedDisable | Change::RecordOnly = cause.change {
        return Ok(Planned::default());
    }
    let known = tx.find_known(person).await?;
    let doors = tx.find_doors_of(person).await?;
    plan_known(tx, desk, roles, known, doors, cause).await
}

/// The same for somebody of whom all is known already.
pub(super) async fn plan_known(
    tx: &mut WriteTx,
    desk: &Desk,
    roles: &Roles,
    mut known: Known,
    doors: Vec<Door>,
    cause: impl Into<Cause>,
) -> Result<Planned, StoreError> {
    let Cause { change, is_by_name } = cause.into();
    if is_left_alone(desk, &known, &doors) {
        let entry = left_alone(tx, &known.person.id);
        tx.record(entry);
        return Ok(Planned::default());
    }
    let before = known.person.clone();
    let was_departed = known.person.departed_at.is_some();
    match change {
        Change::Departed => {
            known.person.departed_at.get_or_insert(tx.now());
            known.person.held_since = (!known.is_new).then_some(tx.now());
        }
        Change::Joined | Change::Returned if returns::holds(tx, desk, &known.person).await? => {}
        Change::Joined | Change::Returned => {
            if let Some(left) = known.person.left_last() {
                returns::end_what_was_before(tx, "bridge", &known.person.id, left).await?;
            }
            known.person.departed_at = None;
            known.person.held_since = None;
        }
        Change::RepeatedDisable | Change::RecordOnly | Change::Changed => {}
    }
    let mut situation = situation(tx, desk, roles, &mut known, &doors, change).await?;
    situation.departure_holds = was_departed && known.person.departed_at.is_some();
    let plan = policy::plan(&situation, &desk.systems);
    known.person.needs_role = plan.needs_a_role;
    known.person.replan_at = plan.replan_at;
    if known.person != before {
        tx.update_person(&known.person);
    }
    let is_departure = change == Change::Departed && !was_departed;
    let person = &before.id;
    let wishes = (&situation, plan.wishes.as_slice());
    let held_until = brake::holds_until(tx, desk, person, wishes, is_by_name).await?;
    let was_open = if is_departure {
        undo::was_open(&doors)
    } else {
        Vec::new()
    };
    let belonged = superseded::belongings(&doors, tx.now());
    let (moved, mut wished) =
        make_wishes(tx, desk, person, change, is_departure, doors, &plan.wishes);
    superseded::give_way(tx, person, &belonged, &wished).await?;
    if let Some(until) = held_until {
        for door in &mut wished {
            door.hold_back(until, brake::says(until));
        }
    }
    tx.record_doors(&wished, Lease::Release);
    if let Some(case) = wished.iter().find_map(|door| door.case.as_ref())
        && !was_open.is_empty()
    {
        tx.record_closed_by(case, person, &was_open);
    }
    for door in &mut wished {
        desk.hand_over(tx, door);
    }
    if is_departure {
        replan_whoever_forwards_to(tx, &known).await?;
    }
    Ok(Planned {
        moved,
        is_held: plan.held,
    })
}

/// Whether this is an account for emergencies. Whoever has doors is a person, whatever they are called now.
pub(super) fn is_left_alone(desk: &Desk, known: &Known, doors: &[Door]) -> bool {
    let user = known.user.as_ref();
    doors.is_empty() && user.is_some_and(|user| desk.is_break_glass(user))
}

fn left_alone(tx: &WriteTx, person: &PersonId) -> Entry {
    Entry {
        at: tx.now(),
        who: "bridge".to_owned(),
        what: "break_glass.left_alone",
        person: Some(person.clone()),
        system: None,
        detail: Map::new(),
    }
}

/// Mail that goes to somebody who leaves must not go there any longer.
async fn replan_whoever_forwards_to(tx: &mut WriteTx, leaver: &Known) -> Result<(), StoreError> {
    let Some(user) = &leaver.user else {
        return Ok(());
    };
    let addresses: Vec<String> = user::values(&user.attributes, "emails")
        .into_iter()
        .map(str::to_owned)
        .collect();
    for person in tx.find_people_forwarding_to(&addresses).await? {
        tx.replan_now(Some(&person));
    }
    Ok(())
}

/// What the plan depends on. Also notes since when no role fits.
pub(super) async fn situation(
    tx: &mut WriteTx,
    desk: &Desk,
    roles: &Roles,
    known: &mut Known,
    doors: &[Door],
    change: Change,
) -> Result<Situation, StoreError> {
    let now = tx.now();
    let open_doors: Vec<OpenDoor> = doors.iter().filter_map(open_door).collect();
    let is_active =
        known.user.as_ref().is_some_and(User::active) && known.person.departed_at.is_none();
    let access = match &known.user {
        Some(user) if is_active => {
            let groups = tx
                .groups_of(user)
                .await?
                .into_iter()
                .map(|group| group.display)
                .collect::<Vec<_>>();
            let fitting = roles.of(&Facts::of(&user.attributes, &groups));
            (!fitting.is_empty()).then(|| policy::access(&fitting, &desk.systems))
        }
        _ => None,
    };
    let had_a_role = open_doors.iter().any(|door| door.way == Way::Account);
    known.person.roleless_since = match (&access, is_active && had_a_role) {
        (None, true) => known.person.roleless_since.or(Some(now)),
        _ => None,
    };
    Ok(Situation {
        change,
        person_is_active: is_active,
        access,
        open_doors,
        departure_holds: known.person.departed_at.is_some(),
        departed_at: known.person.departed_at,
        roleless_since: known.person.roleless_since,
        role_grace: desk.role_grace,
        supervisor: supervisor_of(tx, known).await?,
        now,
    })
}

fn open_door(door: &Door) -> Option<OpenDoor> {
    match &door.wanted {
        Wanted::Open(opening) => Some(OpenDoor {
            system: door.system.clone(),
            way: door.way,
            levels: opening.levels.clone(),
            forward_to: opening.forward_to.clone(),
            until: opening.until,
        }),
        Wanted::Closed => None,
    }
}

/// E-mail of the manager, if that is an active person of the practice.
async fn supervisor_of(tx: &mut WriteTx, known: &Known) -> Result<Option<String>, StoreError> {
    let Some(named) = known
        .user
        .as_ref()
        .and_then(|user| user::manager(&user.attributes).map(str::to_owned))
    else {
        return Ok(None);
    };
    let manager = tx.find_user_by_id_or_name(&named).await?;
    Ok(manager
        .filter(|manager| manager.active() && manager.person != known.person.id)
        .and_then(|manager| {
            user::values(&manager.attributes, "emails")
                .first()
                .map(|email| (*email).to_owned())
        }))
}

pub(super) fn make_wishes(
    tx: &mut WriteTx,
    desk: &Desk,
    person: &PersonId,
    change: Change,
    is_departure: bool,
    doors: Vec<Door>,
    wishes: &[Wish],
) -> (Vec<Moved>, Vec<Door>) {
    let mut doors: HashMap<(SystemName, Way), Door> = doors
        .into_iter()
        .map(|door| ((door.system.clone(), door.way), door))
        .collect();
    let mut case = None;
    let mut moved = Vec::new();
    let mut wished = Vec::new();
    for wish in wishes {
        let wanted = wanted_of(desk, wish);
        let key = (wish.system.clone(), wish.way);
        let known = doors.remove(&key);
        // A departure asks again even for doors already closed: it needs its own proof.
        if !is_departure && known.as_ref().is_some_and(|door| door.wanted == wanted) {
            continue;
        }
        let case = match &case {
            Some(case) => case,
            None => case.insert(open_case(tx, desk, person, change, wishes)),
        };
        moved.push(Moved {
            system: wish.system.clone(),
            way: wish.way,
            from: known
                .as_ref()
                .map_or_else(|| "no door".to_owned(), |door| in_words(&door.wanted)),
            to: in_words(&wanted),
            reason: wish.reason.clone(),
        });
        let mut door = known.unwrap_or_else(|| new_door(tx, person, wish));
        door.wish(wanted, wish.reason.clone(), wish.deadline, tx.now());
        door.case = Some(case.clone());
        if !desk.calls(&door.system) {
            door.next_try = None;
            door.failure = Some(Failure {
                class: FailureClass::NeedsHuman,
                text: "this system is no longer called: close it by hand and sign with `drawbridge attest`".to_owned(),
            });
        }
        tx.record(wanted_entry(tx, &door));
        wished.push(door);
    }
    (moved, wished)
}

fn in_words(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Closed => "closed".to_owned(),
        Wanted::Open(opening) if opening.levels.is_empty() => "open".to_owned(),
        Wanted::Open(opening) => format!("open: {}", opening.levels.join(", ")),
    }
}

pub(super) fn wanted_of(desk: &Desk, wish: &Wish) -> Wanted {
    match &wish.wanted {
        policy::Wanted::Open {
            levels,
            forward_to,
            until,
        } => Wanted::Open(Opening {
            levels: desk.translate(&wish.system, levels),
            forward_to: forward_to.clone(),
            until: *until,
        }),
        policy::Wanted::Closed => Wanted::Closed,
    }
}

fn new_door(tx: &WriteTx, person: &PersonId, wish: &Wish) -> Door {
    Door::new(
        tx.practice().clone(),
        DoorId::generate(),
        person.clone(),
        (wish.system.clone(), wish.way),
        tx.now(),
    )
}

fn open_case(
    tx: &mut WriteTx,
    desk: &Desk,
    person: &PersonId,
    change: Change,
    wishes: &[Wish],
) -> CaseId {
    let learned = tx.now();
    let latest = wishes.iter().filter_map(|wish| wish.deadline).max();
    let case = Case {
        id: CaseId::generate(),
        person: person.clone(),
        kind: match change {
            Change::Departed => "leaver",
            Change::Joined | Change::Returned => "joiner",
            _ => "mover",
        },
        learned,
        deadline: latest.unwrap_or_else(|| crate::clock::after(learned, desk.close_within)),
    };
    tx.record_case(&case);
    tx.record(Entry {
        at: learned,
        who: "bridge".to_owned(),
        what: "case.opened",
        person: Some(person.clone()),
        system: None,
        detail: Map::from_iter([
            ("case".to_owned(), json!(case.id)),
            ("kind".to_owned(), json!(case.kind)),
            (
                "learned".to_owned(),
                json!(crate::clock::to_text(case.learned)),
            ),
            (
                "deadline".to_owned(),
                json!(crate::clock::to_text(case.deadline)),
            ),
        ]),
    });
    case.id
}

fn wanted_entry(tx: &WriteTx, door: &Door) -> Entry {
    Entry {
        at: tx.now(),
        who: "bridge".to_owned(),
        what: "door.wanted",
        person: Some(door.person.clone()),
        system: Some(door.system.clone()),
        detail: Map::from_iter([
            ("door".to_owned(), json!(door.id)),
            ("way".to_owned(), json!(door.way)),
            ("wanted".to_owned(), json!(door.wanted.as_str())),
            ("generation".to_owned(), json!(door.generation)),
            ("reason".to_owned(), json!(door.reason)),
            (
                "deadline".to_owned(),
                json!(door.deadline.map(crate::clock::to_text)),
            ),
        ]),
    }
}
