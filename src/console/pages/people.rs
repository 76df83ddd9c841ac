//! Finding somebody.

use std::sync::Arc;

use askama::Template;
use axum::Extension;

use super::super::{
    admit::Visit,
    frame::{Frame, ok},
    time::When,
    trouble::Answer,
};
use crate::{policy::office::Action, store::faces::Face};

/// How many people are listed.
const MOST: usize = 50;

#[derive(Template)]
#[template(path = "people.html")]
struct People {
    frame: Frame,
    query: String,
    rows: Vec<Row>,
    is_cut: bool,
    may_depart: bool,
    may_export: bool,
    break_glass: Vec<String>,
}

#[derive(Debug)]
struct Row {
    person: String,
    name: String,
    user_name: String,
    title: String,
    state: (&'static str, &'static str, &'static str),
    departed: Option<When>,
}

/// Whether somebody works here, in words.
pub(super) fn state(face: &Face) -> (&'static str, &'static str, &'static str) {
    match (face.departed_at, face.is_active) {
        (Some(_), _) => ("door", "has left", "idle"),
        (None, Some(true)) => ("check", "works here", "good"),
        (None, _) => ("pause", "not active", "idle"),
    }
}

/// The page.
pub(in super::super) async fn search(Extension(visit): Extension<Arc<Visit>>) -> Answer {
    let store = &visit.office.store;
    let query = visit.query.get("q").to_owned();
    let mut faces = store
        .search_people(&visit.practice().name, &query, MOST + 1)
        .await?;
    let is_cut = faces.len() > MOST;
    faces.truncate(MOST);
    faces.sort_by_key(|face| (face.departed_at.is_some(), face.name.to_lowercase()));
    let rows = faces
        .iter()
        .map(|face| Row {
            person: face.person.to_string(),
            name: face.name.clone(),
            user_name: face.user_name.clone(),
            title: face.title.clone().unwrap_or_default(),
            state: state(face),
            departed: face.departed_at.map(|at| When::new(at, &visit)),
        })
        .collect();
    Ok(ok(&People {
        frame: Frame::of(&visit, "People").await,
        query,
        rows,
        is_cut,
        may_export: visit.may(Action::ExportEvidence),
        may_depart: visit.may(Action::Depart),
        break_glass: visit.practice().break_glass.clone(),
    }))
}
