//! Everything about one door: who sees to it, and setting it aside for whoever may answer for it.

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{Extension, extract::Path, response::Response};
use jiff::{Timestamp, ToSpan as _, civil::Date};

use super::{
    super::{
        admit::{Fields, Visit},
        frame::{self, Frame, see_other},
        kept::ASSIGNEE,
        time::When,
        trouble::{Answer, Happened},
        words,
    },
    DoorView,
    door::{find, place_of},
    saying, snooze, typed,
};
use crate::{
    door::{
        self, Door,
        aside::{Kind, LONGEST, SetAside},
    },
    ids::AdminId,
    intake::aside,
    policy::office::Action,
};

/// How long a risk is accepted for unless somebody chooses another day.
const DAYS: i64 = 7;

#[derive(Template)]
#[template(path = "door.html")]
struct DoorPage {
    frame: Frame,
    door: DoorView,
    generation: i64,
    name: String,
    person: String,
    back: String,
    /// Who may see to it: id, name, and whether they do.
    admins: Vec<(String, String, bool)>,
    assignee: String,
    /// Until when somebody looks away.
    snoozed: Option<When>,
    /// For how long somebody may, in minutes; none where it cannot wait.
    snoozes: Vec<(u64, &'static str)>,
    typed: Typed,
    last_day: String,
    most_days: u64,
    zone: String,
    problem: String,
    may_work: bool,
    may_set_aside: bool,
    is_closing: bool,
    is_held: bool,
}

/// What was typed.
#[derive(Debug, Default)]
struct Typed {
    kind: String,
    reason: String,
    signer: String,
    until: String,
}

impl Typed {
    fn read(form: &Fields) -> Self {
        let field = |name: &str| form.get(name).to_owned();
        Self {
            kind: field("kind"),
            reason: field("reason"),
            signer: field("signer"),
            until: field("until"),
        }
    }

    /// What was typed where this kind is asked for.
    fn reason_of(&self, kind: &str) -> &str {
        if self.kind == kind { &self.reason } else { "" }
    }
}

/// The page.
pub(in super::super) async fn show(
    Extension(visit): Extension<Arc<Visit>>,
    Path(door): Path<String>,
) -> Answer {
    let door = find(&visit, &door).await?;
    let typed = Typed {
        signer: visit.signed_in().session.admin.name.clone(),
        until: day(visit.now, DAYS, &visit),
        ..Typed::default()
    };
    let generation = door.generation;
    form(&visit, &door, generation, typed, String::new()).await
}

/// A day so many days from now, in the practice's zone.
fn day(now: Timestamp, days: i64, visit: &Visit) -> String {
    let today = now.to_zoned(visit.practice().zone.clone()).date();
    today.saturating_add(days.days()).to_string()
}

async fn form(
    visit: &Visit,
    door: &Door,
    generation: i64,
    typed: Typed,
    problem: String,
) -> Answer {
    let store = &visit.office.store;
    let practice = visit.practice();
    let face = store.find_face(&practice.name, &door.person).await?;
    let assignees = store.find_assignees(&practice.name, &[door]).await?;
    let assignee = assignees.get(&door.id).cloned().unwrap_or_default();
    let snoozed = store
        .find_snoozed(&practice.name, &[door], visit.now)
        .await?;
    let may_wait = door::snooze::until(door, Duration::ZERO, visit.now).is_ok();
    let snoozes: &[_] = if may_wait { &snooze::CHOICES } else { &[] };
    let admins = store.list_admins(&practice.name).await?;
    // The last day on which a whole day is left of the longest time.
    let most_days = LONGEST.as_secs() / 86_400;
    let template = DoorPage {
        frame: Frame::of(visit, "A door").await,
        name: super::name_of(face.as_ref(), &door.person),
        person: door.person.to_string(),
        back: place_of(door),
        admins: admins
            .into_iter()
            .filter(|admin| admin.role.may(Action::WorkCases))
            .map(|admin| {
                let does = admin.name == assignee;
                (admin.id.to_string(), admin.name, does)
            })
            .collect(),
        assignee,
        snoozed: snoozed.get(&door.id).map(|until| When::new(*until, visit)),
        snoozes: snoozes.to_vec(),
        typed,
        last_day: day(visit.now, i64::try_from(most_days).unwrap_or(1) - 1, visit),
        most_days,
        zone: practice.zone_name(),
        problem,
        may_work: visit.may(Action::WorkCases),
        may_set_aside: visit.may(Action::SetAside),
        is_closing: door.wanted.is_closed(),
        is_held: door.is_held_back(visit.now),
        door: DoorView::new(door, visit),
        generation,
    };
    Ok(frame::form(&template.problem, &template))
}

/// Has somebody see to it.
pub(in super::super) async fn assign(
    Extension(visit): Extension<Arc<Visit>>,
    Path(door): Path<String>,
) -> Result<Response, Happened> {
    let door = find(&visit, &door).await?;
    let store = &visit.office.store;
    let to = AdminId::from(visit.form.get(ASSIGNEE));
    let admins = store.list_admins(&visit.practice().name).await?;
    let admin = admins.iter().find(|admin| admin.id == to);
    if admin.is_none() && !to.as_str().is_empty() {
        return Err(Happened::Refused(
            "whoever shall see to it is not here any more: choose somebody else".to_owned(),
        ));
    }
    if admin.is_some_and(|admin| !admin.role.may(Action::WorkCases)) {
        return Err(Happened::Refused(
            "their role does not let them see to it: choose somebody else".to_owned(),
        ));
    }
    aside::assign(store, &visit.caller(), &door.id, admin, visit.now).await?;
    let to = format!("/doors/{}", door.id);
    Ok(see_other(&saying(&to, "said=assigned")))
}

/// Sets it aside.
pub(in super::super) async fn put_aside(
    Extension(visit): Extension<Arc<Visit>>,
    Path(door): Path<String>,
) -> Answer {
    let door = find(&visit, &door).await?;
    let (typed, generation) = (Typed::read(&visit.form), typed::generation(&visit));
    let signed = match check(&typed, &visit) {
        Ok(signed) => signed,
        Err(problem) => return form(&visit, &door, generation, typed, problem).await,
    };
    let store = &visit.office.store;
    let done = aside::put_aside(store, &visit.caller(), &door.id, (generation, signed)).await?;
    match done {
        Ok(()) => Ok(see_other(&saying(&place_of(&door), "said=set-aside"))),
        Err(reason) => {
            let problem = words::for_here(&reason);
            form(&visit, &door, generation, typed, problem).await
        }
    }
}

/// What is signed, if all that is needed was written.
fn check(typed: &Typed, visit: &Visit) -> Result<SetAside, String> {
    let kind = Kind::from_name(&typed.kind)
        .ok_or_else(|| "Say whether the risk is accepted or the door does not apply.".to_owned())?;
    if typed.reason.chars().count() < 5 {
        return Err("Write why: whoever answers for it, and an auditor, want to know.".to_owned());
    }
    if typed.signer.is_empty() {
        return Err("Write who answers for it.".to_owned());
    }
    let until = match kind {
        Kind::NotApplicable => None,
        Kind::RiskAccepted => Some(end_of(&typed.until, visit)?),
    };
    Ok(SetAside {
        kind,
        reason: typed.reason.clone(),
        signed_by: typed.signer.clone(),
        signed: visit.now,
        until,
    })
}

/// The end of a day in the practice's zone.
fn end_of(day: &str, visit: &Visit) -> Result<Timestamp, String> {
    let day: Date = day
        .parse()
        .map_err(|_| "Write the last day on which it is accepted, as 2026-11-27.".to_owned())?;
    let next = day
        .tomorrow()
        .and_then(|next| next.to_zoned(visit.practice().zone.clone()));
    next.map(|next| next.timestamp())
        .map_err(|_| "There is no such day.".to_owned())
}

/// Takes it up again.
pub(in super::super) async fn take_up(
    Extension(visit): Extension<Arc<Visit>>,
    Path(door): Path<String>,
) -> Result<Response, Happened> {
    let door = find(&visit, &door).await?;
    let store = &visit.office.store;
    aside::take_up(store, &visit.caller(), &door.id, visit.now).await?;
    Ok(see_other(&saying(&place_of(&door), "said=taken-up")))
}
