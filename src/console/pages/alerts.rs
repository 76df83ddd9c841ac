//! Alerts: who is told when a leaver's time runs short, whether each channel works, and what was told.

use std::sync::Arc;

use askama::Template;
use axum::{Extension, extract::Path, response::Response};

use super::super::{
    admit::Visit,
    frame::{Frame, Notice, ok, see_other},
    time::When,
    trouble::{Answer, Happened},
};
use crate::{
    config::alerts::Channel,
    ids::ChannelName,
    policy::{escalation::Contact, office::Action},
    store::{
        StoreError,
        alerts::{Alert, ChannelState, Delivery},
    },
};

/// How many of the latest alerts the page shows.
const MOST: usize = 50;

#[derive(Template)]
#[template(path = "alerts.html")]
struct AlertsPage {
    frame: Frame,
    is_set_up: bool,
    channels: Vec<ChannelRow>,
    contacts: Vec<(&'static str, String)>,
    steps: Vec<(u64, &'static str)>,
    latest: Vec<AlertRow>,
    may_test: bool,
}

#[derive(Debug)]
struct ChannelRow {
    name: String,
    kind: &'static str,
    state: (&'static str, &'static str, &'static str),
    at: Option<When>,
    says: String,
}

#[derive(Debug)]
struct AlertRow {
    at: When,
    what: String,
    person: String,
    name: String,
    ways: Vec<(&'static str, &'static str, String)>,
}

fn channel_row(channel: &Channel, states: &[ChannelState], visit: &Visit) -> ChannelRow {
    let state = states.iter().find(|state| state.name == channel.name);
    let failing = state.and_then(|state| state.failing.as_ref());
    let last_sent = state.and_then(|state| state.last_sent);
    ChannelRow {
        name: channel.name.to_string(),
        kind: channel.how.kind(),
        state: match (failing, last_sent) {
            (Some(_), _) => ("cross", "takes nothing", "bad"),
            (None, Some(_)) => ("check", "works", "good"),
            (None, None) => ("question", "never used", "idle"),
        },
        at: failing
            .map(|(since, _)| *since)
            .or(last_sent)
            .map(|at| When::new(at, visit)),
        says: failing.map_or_else(String::new, |(_, says)| {
            super::super::trouble::sentence(says)
        }),
    }
}

/// What kind of alert, as people say it.
fn what(alert: &Alert) -> String {
    let after = alert.facts.get("after").and_then(serde_json::Value::as_i64);
    match (alert.kind.as_str(), after) {
        ("case.time", Some(after)) => format!("{after} minutes, and somebody may still get in"),
        ("door.found_changed", _) => "a door was found changed".to_owned(),
        ("brake.held", _) => "the brake holds people".to_owned(),
        ("return.held", _) => "somebody wants to get in again".to_owned(),
        ("change.refused_disable", _) => "a disable had to be refused".to_owned(),
        ("system.credential", _) => "a system refuses the bridge's password".to_owned(),
        (kind, _) => kind.replace(['.', '_'], " "),
    }
}

fn way(delivery: &Delivery) -> (&'static str, &'static str, String) {
    let contact = Contact::from_name(&delivery.contact).map_or("nobody", Contact::in_words);
    match (&delivery.sent, &delivery.failure) {
        (Some(_), _) => (
            "check",
            "good",
            format!("{contact}, by {}", delivery.channel),
        ),
        (None, Some(failure)) => (
            "cross",
            "bad",
            format!("{contact}, by {}: {failure}", delivery.channel),
        ),
        (None, None) => (
            "clock",
            "busy",
            format!("{contact}, by {}: waits", delivery.channel),
        ),
    }
}

/// The page.
pub(in super::super) async fn show(Extension(visit): Extension<Arc<Visit>>) -> Answer {
    let office = &visit.office;
    let practice = &visit.practice().name;
    let watched = office
        .alarm
        .as_ref()
        .and_then(|alarm| alarm.watched(practice));
    let states = office.store.list_channel_states(practice).await?;
    let latest = office.store.list_latest_alerts(practice, MOST).await?;
    let people: Vec<_> = latest
        .iter()
        .filter_map(|(alert, _)| alert.person.clone())
        .collect();
    let faces = office.store.find_faces(practice, &people).await?;
    let row = |(alert, ways): &(Alert, Vec<Delivery>)| AlertRow {
        at: When::new(alert.raised, &visit),
        what: what(alert),
        person: alert
            .person
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        name: alert
            .person
            .as_ref()
            .map(|person| super::name_of(faces.get(person), person))
            .unwrap_or_default(),
        ways: ways.iter().map(way).collect(),
    };
    Ok(ok(&AlertsPage {
        frame: Frame::of(&visit, "Alerts").await,
        is_set_up: watched.is_some(),
        channels: watched.map_or_else(Vec::new, |watched| {
            let each = watched.alerts.channels.iter();
            each.map(|channel| channel_row(channel, &states, &visit))
                .collect()
        }),
        contacts: watched.map_or_else(Vec::new, |watched| {
            let contacts = watched.alerts.contacts.iter();
            let by = |names: &[ChannelName]| {
                let names: Vec<&str> = names.iter().map(ChannelName::as_str).collect();
                names.join(", then ")
            };
            contacts
                .map(|reach| (reach.contact.in_words(), by(&reach.channels)))
                .collect()
        }),
        steps: watched.map_or_else(Vec::new, |watched| {
            let steps = watched.alerts.steps.iter();
            steps
                .map(|step| (step.after.as_secs() / 60, step.to.in_words()))
                .collect()
        }),
        latest: latest.iter().map(row).collect(),
        may_test: visit.may(Action::TestSystems),
    }))
}

/// Sends a test through a channel.
pub(in super::super) async fn test(
    Extension(visit): Extension<Arc<Visit>>,
    Path(channel): Path<String>,
) -> Result<Response, Happened> {
    let alarm = visit.office.alarm.as_ref().ok_or(Happened::NotThere)?;
    let channel = ChannelName::from(channel);
    let caller = visit.caller();
    let sent = alarm
        .test(&caller.practice, &channel, &caller.actor)
        .await?;
    match sent.ok_or(Happened::NotThere)? {
        Ok(()) => Ok(see_other("/alerts?said=told")),
        Err(_) => Ok(see_other("/alerts?said=not_told")),
    }
}

/// Says on every page that a channel takes nothing.
pub(in super::super) async fn notice(visit: &Visit) -> Result<Option<Notice>, StoreError> {
    let office = &visit.office;
    let practice = &visit.practice().name;
    let is_watched = office
        .alarm
        .as_ref()
        .is_some_and(|alarm| alarm.watched(practice).is_some());
    if !is_watched || !visit.may(Action::SeePeople) {
        return Ok(None);
    }
    let states = office.store.list_channel_states(practice).await?;
    let failing: Vec<&str> = states
        .iter()
        .filter(|state| state.failing.is_some())
        .map(|state| state.name.as_str())
        .collect();
    if failing.is_empty() {
        return Ok(None);
    }
    Ok(Some(Notice {
        kind: "bad",
        icon: "alert",
        text: format!(
            "Alerts cannot be sent by {}. They go another way where there is one, and are tried again.",
            failing.join(", ")
        ),
        href: "/alerts",
        link: "See what it says",
    }))
}
