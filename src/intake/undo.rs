//! The wrong person: an undo that opens again exactly what their departure closed.
//!
//! Every door goes the way any open goes: by the roles of now, through the rounds, and read back. What
//! cannot be had back is named, before and after.

use serde_json::json;

use super::{
    Caller, Desk, Intake,
    doors::{make_wishes, situation, wanted_of},
    returns::{self, Word},
    tell::tell,
    users::entry,
};
use crate::{
    door::{Assurance, Door, Opening, Wanted},
    ids::{CaseId, PersonId},
    people::{Change, User},
    policy::{self, Wish},
    store::{
        StoreError, WriteTx,
        doors::Lease,
        persons::{Known, Person},
        returns::Decision,
        undo::WasOpen,
    },
};

/// What an undo does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undone {
    /// The departure.
    pub case: CaseId,
    /// Doors that shall be open again as they were.
    pub restored: Vec<Restored>,
    /// What stays as it is, and why.
    pub left: Vec<Left>,
    /// What nobody can bring back.
    pub lost: Vec<&'static str>,
}

/// A door that shall be open again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Which.
    pub was: WasOpen,
    /// Whether a person has to do it.
    pub is_by_hand: bool,
}

/// A door that is not opened by an undo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Into which system.
    pub system: crate::ids::SystemName,
    /// Which way.
    pub way: drawbridge_sdk::Way,
    /// Why.
    pub why: String,
}

/// Doors that shall be open before somebody leaves. A forward of mail is no way in.
pub(super) fn was_open(doors: &[Door]) -> Vec<WasOpen> {
    let open = |door: &Door| match &door.wanted {
        Wanted::Open(opening) if door.way != drawbridge_sdk::Way::Forwarding => Some(WasOpen {
            door: door.id.clone(),
            system: door.system.clone(),
            way: door.way,
            opening: opening.clone(),
        }),
        _ => None,
    };
    doors.iter().filter_map(open).collect()
}

impl Intake {
    /// What an undo of somebody's latest departure would do. Nothing is written.
    ///
    /// # Errors
    /// When the archive does not answer. The inner error says, for a person, why it cannot be undone.
    pub async fn preview_undo(
        &self,
        caller: &Caller,
        person: &PersonId,
    ) -> Result<Result<Undone, String>, StoreError> {
        // Done for real and dropped without a commit: a preview cannot drift from what it shows.
        let mut tx = self.store.begin(&caller.practice, self.clock.now()).await?;
        let word = Word { by: "", note: "" };
        Ok(self
            .undo_in(&mut tx, caller, person, word)
            .await?
            .map(|(undone, _)| undone))
    }

    /// Opens again exactly what somebody's latest departure closed. The inner error says, for a person, why
    /// it cannot be undone.
    ///
    /// # Errors
    /// When the archive cannot be written; nothing is then.
    pub async fn undo_departure(
        &self,
        caller: &Caller,
        person: &PersonId,
        word: Word<'_>,
    ) -> Result<Result<Undone, String>, StoreError> {
        let mut tx = self.store.begin(&caller.practice, self.clock.now()).await?;
        let (undone, is_told) = match self.undo_in(&mut tx, caller, person, word).await? {
            Ok(undone) => undone,
            Err(why) => return Ok(Err(why)),
        };
        tx.commit().await?;
        self.wake.notify_one();
        if is_told {
            self.told.send_replace(());
        }
        Ok(Ok(undone))
    }

    async fn undo_in(
        &self,
        tx: &mut WriteTx,
        caller: &Caller,
        person: &PersonId,
        word: Word<'_>,
    ) -> Result<Result<(Undone, bool), String>, StoreError> {
        let mut known = tx.find_known(person).await?;
        let Some(left) = known.person.left_last() else {
            return Ok(Err(
                "this person has not left: there is nothing to undo".to_owned()
            ));
        };
        if !known.user.as_ref().is_some_and(User::active) {
            return Ok(Err(
                "the identity provider says that this person is not active: enable them there first, or the doors \
                 would close again"
                    .to_owned(),
            ));
        }
        let Some(closed) = tx.find_closed_of(person).await? else {
            return Ok(Err(
                "their departure closed nothing that was open: there is nothing to open again"
                    .to_owned(),
            ));
        };
        if closed.is_undone {
            return Ok(Err("their latest departure was undone already".to_owned()));
        }
        let desk = self.desk(&caller.practice)?;
        let roles = desk.roles(tx)?;
        let doors = tx.find_doors_of(person).await?;
        known.person = Person {
            departed_at: None,
            held_since: None,
            ..known.person
        };
        let situation = situation(tx, desk, &roles, &mut known, &doors, Change::Returned).await?;
        let plan = policy::plan(&situation, &desk.systems);
        let (wishes, undone) = sort(desk, &plan.wishes, &doors, closed.doors, closed.case);
        if undone.restored.is_empty() {
            let why: Vec<String> = undone
                .left
                .iter()
                .map(|left| format!("{} {}: {}", left.system, left.way, left.why))
                .collect();
            return Ok(Err(format!(
                "nothing of it can be opened again ({})",
                why.join("; ")
            )));
        }
        known.person.needs_role = plan.needs_a_role;
        known.person.replan_at = plan.replan_at;
        tx.update_person(&known.person);
        // Passkeys stay: they are of the devices, and the departure was a mistake.
        returns::sign_out(tx, person, left);
        // Whoever asked meanwhile that they get in has the answer by this.
        tx.decide_return(person, Decision::Approved).await?;
        let record = undone_entry(tx, caller, &known, &undone, word);
        tx.record(record);
        let own: Vec<Door> = doors
            .iter()
            .filter(|door| door.case.as_ref() == Some(&undone.case))
            .cloned()
            .collect();
        let (_, mut wished) =
            make_wishes(tx, desk, person, Change::Returned, false, doors, &wishes);
        // A door that nothing opens again is still to be proved shut, and somebody to be told of it.
        let stays = |door: &&Door| !wished.iter().any(|other| other.id == door.id);
        let is_over = own.iter().filter(stays).all(|door| door.is_done(tx.now()));
        tx.undo_case(&undone.case, is_over);
        tx.record_doors(&wished, Lease::Release);
        for door in &mut wished {
            desk.hand_over(tx, door);
        }
        let whose = (person, known.user.as_ref());
        let is_told = tell(tx, desk, caller, Change::Returned, whose);
        Ok(Ok((undone, is_told)))
    }
}

/// Which of the wishes an undo makes, and what becomes of every door.
fn sort(
    desk: &Desk,
    wishes: &[Wish],
    doors: &[Door],
    closed: Vec<WasOpen>,
    case: CaseId,
) -> (Vec<Wish>, Undone) {
    let mut undone = Undone {
        case,
        restored: Vec::new(),
        left: Vec::new(),
        lost: vec!["sessions that were ended: they sign in again"],
    };
    // A forward that began with the departure ends with it.
    let mut made: Vec<Wish> = wishes
        .iter()
        .filter(|wish| wish.wanted == policy::Wanted::Closed)
        .cloned()
        .collect();
    if doors
        .iter()
        .any(|door| door.way == drawbridge_sdk::Way::Forwarding && !door.wanted.is_closed())
    {
        undone
            .lost
            .push("mail that went to their supervisor meanwhile");
    }
    for was in closed {
        let wish = wishes.iter().find(|wish| {
            (&wish.system, wish.way) == (&was.system, was.way)
                && wish.wanted != policy::Wanted::Closed
        });
        let door = doors.iter().find(|door| door.id == was.door);
        match why_not(desk, door, &was, wish, &undone.case) {
            Some(why) => undone.left.push(Left {
                system: was.system,
                way: was.way,
                why,
            }),
            None => {
                made.extend(wish.cloned());
                let is_by_hand = door.is_some_and(|door| {
                    door.assurance == Assurance::Attested || door.waits_for_a_person()
                });
                undone.restored.push(Restored { was, is_by_hand });
            }
        }
    }
    for wish in wishes {
        let is_known = |was: &WasOpen| (&was.system, was.way) == (&wish.system, wish.way);
        let is_handled = undone
            .restored
            .iter()
            .any(|restored| is_known(&restored.was))
            || undone
                .left
                .iter()
                .any(|left| (&left.system, left.way) == (&wish.system, wish.way));
        if wish.wanted != policy::Wanted::Closed && !is_handled {
            undone.left.push(Left {
                system: wish.system.clone(),
                way: wish.way,
                why: "it was not open before: the roles of now would open it, and do with the next change".to_owned(),
            });
        }
    }
    (made, undone)
}

/// Why a door is not opened again; `None` when it is.
fn why_not(
    desk: &Desk,
    door: Option<&Door>,
    was: &WasOpen,
    wish: Option<&Wish>,
    case: &CaseId,
) -> Option<String> {
    let is_its_own =
        door.is_some_and(|door| door.wanted.is_closed() && door.case.as_ref() == Some(case));
    if !is_its_own {
        return Some("something newer than this departure decided about it".to_owned());
    }
    if !desk.calls(&was.system) {
        return Some("this system is no longer called: open it by hand".to_owned());
    }
    let Some(wish) = wish else {
        return Some("no role of theirs opens it any more".to_owned());
    };
    match wanted_of(desk, wish) {
        Wanted::Open(Opening { levels, .. }) if levels == was.opening.levels => None,
        _ => Some(format!(
            "it was open with {}, and their roles say something else now",
            if was.opening.levels.is_empty() {
                "no level".to_owned()
            } else {
                was.opening.levels.join(", ")
            }
        )),
    }
}

fn undone_entry(
    tx: &WriteTx,
    caller: &Caller,
    known: &Known,
    undone: &Undone,
    word: Word<'_>,
) -> crate::evidence::Entry {
    let restored: Vec<_> = undone
        .restored
        .iter()
        .map(|restored| json!({"system": restored.was.system, "way": restored.was.way, "by_hand": restored.is_by_hand}))
        .collect();
    let left: Vec<_> = undone
        .left
        .iter()
        .map(|left| json!({"system": left.system, "way": left.way, "why": left.why}))
        .collect();
    let detail = json!({
        "case": undone.case,
        "restored": restored,
        "left": left,
        "approved_by": word.by,
        "note": word.note,
    });
    entry(
        tx,
        caller,
        Some(known.person.id.clone()),
        "departure.undone",
        detail,
    )
}
