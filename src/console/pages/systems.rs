//! Systems: can each be reached now, and would a revocation work?

use std::sync::Arc;

use askama::Template;
use axum::{Extension, extract::Path, response::Response};
use jiff::Timestamp;
use serde_json::json;

use super::{
    super::{
        Looked,
        admit::Visit,
        frame::{Frame, ok, see_other},
        time::{When, apart},
        trouble::{Answer, Happened, sentence},
        words,
    },
    ends::{self, End},
};
use crate::{
    clock,
    config::SystemSettings,
    ids::SystemName,
    intake::human,
    policy::office::Action,
    store::{
        cases::SystemDoors,
        system_calls::{Rate, SystemCalls},
    },
};

#[derive(Template)]
#[template(path = "systems.html")]
struct Systems {
    frame: Frame,
    rows: Vec<Row>,
    /// How many doors there are, and how many are as they shall be.
    progress: Progress,
    may_test: bool,
    may_export: bool,
    sees_people: bool,
}

/// How many of how many.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    done: i64,
    all: i64,
}

#[derive(Debug)]
struct Row {
    name: String,
    title: String,
    category: String,
    connector: String,
    owner: String,
    holds_ephi: bool,
    state: (&'static str, &'static str, &'static str),
    last_read: Option<When>,
    last_ago: String,
    /// How many doors were read within a day: the sweep.
    read_lately: Progress,
    /// How many doors are as they shall be.
    settled: Progress,
    due: i64,
    unclosed: i64,
    oldest: String,
    failing: i64,
    /// When a call went well last.
    succeeded: Option<When>,
    /// How many calls failed within an hour, and a day; empty where nothing was asked.
    rates: [String; 2],
    /// Within which time doors are proved shut, and how many say so.
    proved: Option<(String, usize)>,
    facts: Vec<(&'static str, &'static str, String)>,
    /// What it cannot be called without, and until when that is good.
    ends: Vec<End>,
    can_test: bool,
    test: Option<Test>,
}

#[derive(Debug)]
struct Test {
    at: When,
    icon: &'static str,
    kind: &'static str,
    says: String,
}

/// How many calls failed, in words.
fn rate(rate: Rate) -> String {
    match rate {
        Rate { all: 0, .. } => "none asked".to_owned(),
        Rate { all, failed: 0 } => format!("0 of {all}"),
        Rate { all, failed } => {
            // Upwards: one of a thousand is not nothing.
            let share = (failed * 100 + all - 1) / all;
            format!("{failed} of {all} ({share} %)")
        }
    }
}

fn row(
    system: &SystemSettings,
    doors: Option<&SystemDoors>,
    calls: Option<&SystemCalls>,
    certificate: Option<Timestamp>,
    visit: &Visit,
) -> Row {
    let office = &visit.office;
    let practice = visit.practice();
    let outlook = office.lookout.find(&practice.name, &system.name);
    let key = (practice.name.clone(), system.name.clone());
    let test = office.tests().get(&key).cloned();
    let ends = match &outlook {
        Some(outlook) if outlook.is_called => ends::of(system, certificate, visit),
        _ => Vec::new(),
    };
    let state = match &outlook {
        None => ("pause", "retired: done by hand", "idle"),
        Some(outlook) if !outlook.is_called => ("hand", "done by hand", "idle"),
        Some(outlook) if !outlook.is_reachable => ("alert", "cannot be reached", "bad"),
        Some(_) if ends.iter().any(End::is_past) => {
            ("alert", "certificate or credential has ended", "bad")
        }
        Some(_) if doors.is_some_and(|doors| doors.failing > 0) => {
            ("alert", "reached, some calls fail", "warn")
        }
        Some(_) if doors.is_none_or(|doors| doors.last_read.is_none()) => {
            ("question", "not read yet", "idle")
        }
        Some(_) => ("check", "no trouble known", "good"),
    };
    let mut facts = Vec::new();
    if let Some(outlook) = outlook.as_ref().filter(|outlook| outlook.is_called) {
        facts.push(if outlook.reads_back {
            ("check", "good", "read back after each change".to_owned())
        } else {
            ("question", "warn", "cannot be read back".to_owned())
        });
        facts.push(if outlook.ends_sessions {
            ("check", "good", "ends open sessions".to_owned())
        } else {
            ("hourglass", "idle", "open sessions live on".to_owned())
        });
        facts.push(match &outlook.canary {
            Some(canary) => ("check", "good", format!("canary {canary}")),
            None => (
                "question",
                "warn",
                "no canary: absence cannot be proved".to_owned(),
            ),
        });
    }
    Row {
        name: system.name.to_string(),
        title: system.title.clone(),
        category: system.category.as_str().replace('_', " "),
        connector: system.connector.clone(),
        owner: system.owner.clone().unwrap_or_default(),
        holds_ephi: system.holds_ephi,
        state,
        last_read: doors
            .and_then(|doors| doors.last_read)
            .map(|at| When::new(at, visit)),
        last_ago: doors
            .and_then(|doors| doors.last_read)
            .map_or_else(String::new, |at| format!("{} ago", apart(at, visit.now))),
        read_lately: doors.map_or_else(Progress::default, |doors| Progress {
            done: doors.read_lately,
            all: doors.all,
        }),
        settled: doors.map_or_else(Progress::default, |doors| Progress {
            done: doors.settled,
            all: doors.all,
        }),
        due: doors.map_or(0, |doors| doors.due),
        unclosed: doors.map_or(0, |doors| doors.unclosed),
        oldest: doors
            .and_then(|doors| doors.oldest)
            .map_or_else(String::new, |at| apart(at, visit.now)),
        failing: doors.map_or(0, |doors| doors.failing),
        succeeded: calls
            .and_then(|calls| calls.last_success)
            .map(|at| When::new(at, visit)),
        rates: [
            rate(calls.map_or_else(Rate::default, |calls| calls.hour)),
            rate(calls.map_or_else(Rate::default, |calls| calls.day)),
        ],
        proved: calls
            .and_then(|calls| calls.proved)
            .map(|(time, doors)| (apart(visit.now, clock::after(visit.now, time)), doors)),
        facts,
        ends,
        can_test: outlook.is_some_and(|outlook| outlook.is_called),
        test: test.map(|test| Test {
            at: When::new(test.at, visit),
            icon: if test.is_well { "check" } else { "cross" },
            kind: if test.is_well { "good" } else { "bad" },
            says: test.says,
        }),
    }
}

/// The page.
pub(in super::super) async fn show(Extension(visit): Extension<Arc<Visit>>) -> Answer {
    let store = &visit.office.store;
    let practice = visit.practice();
    let doors = store.list_system_doors(&practice.name, visit.now).await?;
    let calls = store.list_system_calls(&practice.name, visit.now).await?;
    let certificates = store.list_certificates(&practice.name).await?;
    let rows = practice
        .systems
        .iter()
        .map(|system| {
            let its = doors.iter().find(|doors| doors.system == system.name);
            let certificate = certificates.get(&system.name).copied();
            row(system, its, calls.get(&system.name), certificate, &visit)
        })
        .collect();
    let progress = Progress {
        done: doors.iter().map(|doors| doors.settled).sum(),
        all: doors.iter().map(|doors| doors.all).sum(),
    };
    Ok(ok(&Systems {
        frame: Frame::live(&visit, "Systems").await,
        rows,
        progress,
        may_export: visit.may(Action::ExportEvidence),
        may_test: visit.may(Action::TestSystems),
        sees_people: visit.may(Action::SeePeople),
    }))
}

/// Asks one system whether it answers.
pub(in super::super) async fn test(
    Extension(visit): Extension<Arc<Visit>>,
    Path(system): Path<String>,
) -> Result<Response, Happened> {
    let system = SystemName::from(system);
    let practice = &visit.practice().name;
    let office = &visit.office;
    if office.lookout.find(practice, &system).is_none() {
        return Err(Happened::NotThere);
    }
    let what = ("system.tested", None, Some(system.clone()));
    human::note(&office.store, &visit.caller(), what, json!({}), visit.now).await?;
    let answer = office.lookout.test(practice, &system).await;
    let answer = answer.ok_or(Happened::NotThere)?;
    // The page that follows shows it. Whoever was not reached has shown nothing just now.
    if answer.is_ok()
        && let Some(ends) = office.lookout.certificate_ends(practice, &system)
    {
        let mut tx = office.store.begin(practice, office.clock.now()).await?;
        tx.record_certificate(&system, ends);
        tx.commit().await?;
    }
    let looked = match answer {
        Ok(product) => Looked {
            at: office.clock.now(),
            is_well: true,
            says: format!("Reached: {product}."),
        },
        Err(unreached) => Looked {
            at: office.clock.now(),
            is_well: false,
            says: format!(
                "{} {} It said: {}",
                visit.practice().title_of(&system),
                sentence(words::cause(unreached.class).what).to_lowercase(),
                sentence(&unreached.text)
            ),
        },
    };
    office.tests().insert((practice.clone(), system), looked);
    Ok(see_other("/systems?said=tested"))
}
