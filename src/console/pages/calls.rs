//! Failed calls: what failed, what it means, and the one button to press.

use std::sync::Arc;

use askama::Template;
use axum::{Extension, extract::Path, response::Response};
use drawbridge_sdk::FailureClass;

use super::{
    super::{
        admit::{Fields, Visit},
        frame::{Frame, ok, see_other},
        time::{Left, When, apart},
        trouble::{Answer, Happened},
        words::{self, Cause},
    },
    DoorView, back, saying,
};
use crate::{
    cases::{Trouble, inbox},
    door::Door,
    ids::{PersonId, SystemName},
    intake::human,
    policy::office::Action,
    query::fold,
    store::{
        StoreError,
        faces::Face,
        inbox::{SeenTo, Sought},
    },
};

/// How many people a search may mean.
const MOST_PEOPLE: usize = 200;

#[derive(Template)]
#[template(path = "calls.html")]
struct Calls {
    frame: Frame,
    groups: Vec<Group>,
    filter: Filter,
    doors: i64,
    /// How many doors somebody set aside.
    aside: usize,
    /// How many doors wait for a hand beside the bridge's tries.
    cards: usize,
    may_work: bool,
    may_export: bool,
}

/// One thing that may be chosen.
#[derive(Debug)]
struct Choice {
    value: String,
    label: String,
    is_chosen: bool,
}

/// What is looked for, as it stands in the fields.
#[derive(Debug)]
struct Filter {
    systems: Vec<Choice>,
    causes: Vec<Choice>,
    seen_to: Vec<Choice>,
    closes_only: bool,
    awake_only: bool,
    query: String,
    /// Whether anything is.
    is_on: bool,
}

#[derive(Debug)]
struct Group {
    system: String,
    title: String,
    class: String,
    cause: Cause,
    count: i64,
    /// At how many of them something is called.
    called: i64,
    /// What is said of every one of them; empty when they differ.
    said: String,
    /// Whether somebody who left may still get in by it.
    is_urgent: bool,
    rows: Vec<Row>,
    /// Where more of them stand; empty for nowhere.
    more: String,
    before: String,
    /// Which of them these are: `51 to 100`.
    place: String,
}

#[derive(Debug)]
struct Row {
    name: String,
    person: String,
    door: DoorView,
    left: Option<Left>,
    age: String,
    assignee: String,
    /// Until when somebody looks away.
    snoozed: Option<When>,
}

fn row(door: &Door, face: Option<&Face>, assignee: Option<&String>, visit: &Visit) -> Row {
    let deadline = door.deadline.filter(|_| door.wanted.is_closed());
    Row {
        name: super::name_of(face, &door.person),
        person: door.person.to_string(),
        left: deadline.map(|deadline| Left::new(door.wanted_at.min(deadline), deadline, visit.now)),
        age: apart(door.wanted_at, visit.now),
        door: DoorView::new(door, visit),
        assignee: assignee.cloned().unwrap_or_default(),
        snoozed: None,
    }
}

/// What is looked for, as an address or a form says it.
pub(super) async fn sought(visit: &Visit, fields: &Fields) -> Result<Sought, StoreError> {
    let practice = visit.practice();
    let query = fields.get("q");
    let near = if query.is_empty() {
        None
    } else {
        let folded = fold(query);
        let named = practice.systems.iter().filter(|system| {
            fold(&system.title).contains(&folded) || fold(system.name.as_str()).contains(&folded)
        });
        let systems: Vec<SystemName> = named.map(|system| system.name.clone()).collect();
        let store = &visit.office.store;
        let faces = store
            .search_people(&practice.name, query, MOST_PEOPLE)
            .await?;
        let people = faces.into_iter().map(|face| face.person).collect();
        Some((people, systems))
    };
    Ok(Sought {
        system: Some(fields.get("system"))
            .filter(|name| !name.is_empty())
            .map(SystemName::from),
        class: FailureClass::from_name(fields.get("cause")),
        closes_only: fields.get("closes") == "1",
        awake_only: fields.get("awake") == "1",
        seen_to: match fields.get("seen") {
            "me" => SeenTo::By(visit.signed_in().session.admin.id.clone()),
            "nobody" => SeenTo::ByNobody,
            _ => SeenTo::ByAnybody,
        },
        near,
    })
}

const CAUSES: [(FailureClass, &str); 6] = [
    (FailureClass::Retryable, "cannot be reached"),
    (FailureClass::Credential, "refused the password"),
    (FailureClass::Refused, "said no"),
    (FailureClass::Contract, "did not do what it said"),
    (FailureClass::Gone, "account is gone"),
    (FailureClass::NeedsHuman, "done by a person"),
];

fn filter(visit: &Visit) -> Filter {
    let choice = |name: &str, value: &str, label: &str| Choice {
        is_chosen: visit.query.get(name) == value,
        value: value.to_owned(),
        label: label.to_owned(),
    };
    let systems = visit.practice().systems.iter();
    let filter = Filter {
        systems: systems
            .map(|system| choice("system", system.name.as_str(), &system.title))
            .collect(),
        causes: CAUSES
            .iter()
            .map(|(class, label)| choice("cause", class.as_str(), label))
            .collect(),
        seen_to: [("me", "me"), ("nobody", "nobody yet")]
            .into_iter()
            .map(|(value, label)| choice("seen", value, label))
            .collect(),
        closes_only: visit.query.get("closes") == "1",
        awake_only: visit.query.get("awake") == "1",
        query: visit.query.get("q").to_owned(),
        is_on: false,
    };
    let chosen = [&filter.systems, &filter.causes, &filter.seen_to];
    let is_chosen = chosen.into_iter().flatten().any(|choice| choice.is_chosen);
    Filter {
        is_on: is_chosen || filter.closes_only || filter.awake_only || !filter.query.is_empty(),
        ..filter
    }
}

/// The page of this one cause, after so many.
fn page_of(trouble: &Trouble, after: u32, visit: &Visit) -> String {
    let mut query = visit
        .query
        .to_query(&["said", "n", "live", "system", "cause", "from"]);
    if !query.is_empty() {
        query.push('&');
    }
    format!(
        "/calls?{query}system={}&cause={}&from={after}",
        trouble.system, trouble.class
    )
}

/// The page.
pub(in super::super) async fn show(Extension(visit): Extension<Arc<Visit>>) -> Answer {
    let store = &visit.office.store;
    let practice = visit.practice();
    let sought = sought(&visit, &visit.query).await?;
    let after: u32 = visit.query.get("from").parse().unwrap_or_default();
    let inbox = inbox::look(store, &practice.name, &sought, after, visit.now).await?;
    let doors = inbox.troubles.iter().flat_map(|trouble| &trouble.doors);
    let people: Vec<PersonId> = doors.map(|door| door.person.clone()).collect();
    let faces = store.find_faces(&practice.name, &people).await?;
    let is_one = sought.system.is_some() && sought.class.is_some();
    let group = |trouble: &Trouble| {
        let rows: Vec<Row> = trouble
            .doors
            .iter()
            .map(|door| {
                let assignee = inbox.assignees.get(&door.id);
                let snoozed = inbox.snoozed.get(&door.id);
                Row {
                    snoozed: snoozed.map(|until| When::new(*until, &visit)),
                    ..row(door, faces.get(&door.person), assignee, &visit)
                }
            })
            .collect();
        let first = rows.first().map_or("", |row| &row.door.said);
        let is_same = rows.len() > 1 && rows.iter().all(|row| row.door.said == first);
        let after = if is_one { after } else { 0 };
        let shown = i64::from(after) + i64::try_from(rows.len()).unwrap_or_default();
        let is_cut = shown < trouble.count;
        Group {
            said: if is_same {
                first.to_owned()
            } else {
                String::new()
            },
            system: trouble.system.to_string(),
            title: practice.title_of(&trouble.system),
            class: trouble.class.to_string(),
            cause: words::cause(trouble.class),
            count: trouble.count,
            called: trouble.called,
            is_urgent: trouble.closing > 0,
            more: match is_cut {
                true if is_one => page_of(trouble, after + inbox::PAGE, &visit),
                true => page_of(trouble, 0, &visit),
                false => String::new(),
            },
            before: if after > 0 {
                page_of(trouble, after.saturating_sub(inbox::PAGE), &visit)
            } else {
                String::new()
            },
            place: if is_cut || after > 0 {
                format!("{} to {shown} of {}", after + 1, trouble.count)
            } else {
                String::new()
            },
            rows,
        }
    };
    let groups: Vec<Group> = inbox.troubles.iter().map(group).collect();
    let aside = store
        .list_doors_set_aside(&practice.name, visit.now)
        .await?;
    Ok(ok(&Calls {
        doors: groups.iter().map(|group| group.count).sum(),
        aside: aside.len(),
        frame: Frame::live(&visit, "Failed calls").await,
        groups,
        filter: filter(&visit),
        cards: store.list_open_cards(&practice.name).await?.len(),
        may_work: visit.may(Action::WorkCases),
        may_export: visit.may(Action::ExportEvidence),
    }))
}

#[derive(Template)]
#[template(path = "aside.html")]
struct Aside {
    frame: Frame,
    rows: Vec<Row>,
}

/// What somebody set aside, and when it comes back.
pub(in super::super) async fn aside(Extension(visit): Extension<Arc<Visit>>) -> Answer {
    let store = &visit.office.store;
    let practice = &visit.practice().name;
    let doors = store.list_doors_set_aside(practice, visit.now).await?;
    let people: Vec<PersonId> = doors.iter().map(|door| door.person.clone()).collect();
    let faces = store.find_faces(practice, &people).await?;
    let rows = doors
        .iter()
        .map(|door| row(door, faces.get(&door.person), None, &visit))
        .collect();
    Ok(ok(&Aside {
        frame: Frame::live(&visit, "Set aside").await,
        rows,
    }))
}

#[derive(Template)]
#[template(path = "retry.html")]
struct Retry {
    frame: Frame,
    system: String,
    title: String,
    /// What failed there, in words, and at how many doors.
    causes: Vec<(&'static str, i64)>,
    called: i64,
    /// Doors that wait for a person: nothing is called for them.
    by_hand: i64,
    back: String,
}

async fn find_system(visit: &Visit, system: String) -> Result<SystemName, Happened> {
    let system = SystemName::from(system);
    let is_known = visit.practice().system(&system).is_some();
    is_known.then_some(system).ok_or(Happened::NotThere)
}

/// Names what trying all of a system again would do, and asks.
pub(in super::super) async fn ask_to_retry(
    Extension(visit): Extension<Arc<Visit>>,
    Path(system): Path<String>,
) -> Answer {
    let system = find_system(&visit, system).await?;
    let store = &visit.office.store;
    let practice = visit.practice();
    let sought = Sought {
        system: Some(system.clone()),
        ..Sought::default()
    };
    let found = store
        .count_failures(&practice.name, &sought, visit.now)
        .await?;
    let mut causes: Vec<(&'static str, i64)> = Vec::new();
    for cause in found.iter().filter(|cause| cause.called > 0) {
        let what = words::cause(cause.class).what;
        match causes.iter_mut().find(|(known, _)| *known == what) {
            Some((_, count)) => *count += cause.called,
            None => causes.push((what, cause.called)),
        }
    }
    let called = found.iter().map(|cause| cause.called).sum();
    Ok(ok(&Retry {
        frame: Frame::of(&visit, "Try all again").await,
        title: practice.title_of(&system),
        system: system.to_string(),
        causes,
        called,
        by_hand: found.iter().map(|cause| cause.doors).sum::<i64>() - called,
        back: back_in_query(&visit),
    }))
}

/// Where a page was come from, if that is a page of ours.
fn back_in_query(visit: &Visit) -> String {
    super::ours(visit.query.get("back"))
        .unwrap_or("/calls")
        .to_owned()
}

/// Has every failed door into a system tried now.
pub(in super::super) async fn retry(
    Extension(visit): Extension<Arc<Visit>>,
    Path(system): Path<String>,
) -> Result<Response, Happened> {
    let system = find_system(&visit, system).await?;
    let store = &visit.office.store;
    let tried = human::retry_system(store, &visit.caller(), &system, visit.now).await?;
    let to = back(&visit, "/calls");
    Ok(see_other(&saying(&to, &format!("said=tried&n={tried}"))))
}
