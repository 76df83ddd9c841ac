//! Forms that wait: until whoever sent them proves who they are, or signs in again. What was typed is not lost.

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{Extension, extract::Path, http::StatusCode, response::Response};

use super::{
    admit::{CSRF, Fields, SignedIn, Visit},
    frame::{Frame, ok, page},
    passkeys,
    providers::Offer,
    trouble::{self, Answer, Field, Happened},
};
use crate::{
    clock,
    store::{StoreError, admins::Admin, identities::KeptForm},
};

/// How long a form waits for its sender to come back to it.
const WAITS_FOR: Duration = Duration::from_secs(3_600);

/// The field that says which form is sent again.
pub(super) const KEPT: &str = "kept";

/// The field that says that a file came with the form: it does not wait with the rest.
const HAD_FILE: &str = "had_file";

/// The field in which somebody chooses who sees to a door: an id, which goes along unseen.
pub(super) const ASSIGNEE: &str = "assignee";

/// Where a form waits.
fn place(id: &str) -> String {
    format!("/kept/{id}")
}

/// Keeps what somebody sent, in place of what they send again by it.
async fn keep(visit: &Visit, admin: &Admin) -> Result<String, StoreError> {
    let fields = visit
        .form
        .iter()
        .filter(|(name, _)| ![CSRF, KEPT, HAD_FILE].contains(name))
        .chain(visit.file.as_ref().map(|_| (HAD_FILE, "yes")));
    let form = KeptForm {
        id: uuid::Uuid::now_v7().to_string(),
        practice: admin.practice.clone(),
        admin: admin.id.clone(),
        path: visit.path.clone(),
        fields: url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish(),
        kept: visit.now,
    };
    let again = visit.form.get(KEPT);
    if !again.is_empty() {
        visit.office.store.drop_kept_form(admin, again).await?;
    }
    visit.office.store.keep_form(&form).await?;
    Ok(form.id)
}

/// Where something waits that somebody sent before they came in.
pub(super) async fn find_waiting(
    visit: &Visit,
    admin: &Admin,
) -> Result<Option<String>, StoreError> {
    let since = clock::before(visit.now, WAITS_FOR);
    let store = &visit.office.store;
    let found = store.find_latest_kept_form(admin, since).await?;
    Ok(found.map(|form| place(&form.id)))
}

/// Forgets a form that was sent again: what came of it shows it, if it has to be sent once more.
pub(super) async fn forget(visit: &Visit, someone: &SignedIn) {
    let id = visit.form.get(KEPT);
    if id.is_empty() || visit.office.store.is_in_trouble() {
        return;
    }
    let store = &visit.office.store;
    if let Err(error) = store.drop_kept_form(&someone.session.admin, id).await {
        tracing::warn!(%error, "a form that was sent is kept until it is swept");
    }
}

#[derive(Template)]
#[template(path = "prove.html")]
struct Prove {
    frame: Frame,
    name: String,
    offers: Vec<Offer>,
    passkey: Option<passkeys::Form>,
    /// Where the form waits.
    place: String,
    fields: Vec<Field>,
    fresh_for: u64,
    /// What makes a link on the server, at any time.
    command: String,
}

/// Asks whether it is still them, and keeps what they sent.
pub(super) async fn ask_whether_it_is_them(visit: &Visit) -> Response {
    let admin = &visit.signed_in().session.admin;
    let id = match keep(visit, admin).await {
        Ok(id) => id,
        Err(error) => {
            return trouble::tell(visit, &Happened::NoArchive(error.to_string())).await;
        }
    };
    tracing::info!(practice.name = %admin.practice, admin.id = %admin.id, path = visit.path,
        "somebody in the console has to prove who they are first");
    let (fields, _) = trouble::fields_of(&visit.form);
    let practice = &visit.practice().name;
    let place = place(&id);
    let passkey = match passkeys::form_to_prove(visit, &place).await {
        Ok(passkey) => passkey,
        Err(error) => {
            return trouble::tell(visit, &Happened::NoArchive(error.to_string())).await;
        }
    };
    let offers = match offers_to_prove(visit, admin).await {
        Ok(offers) => offers,
        Err(error) => {
            return trouble::tell(visit, &Happened::NoArchive(error.to_string())).await;
        }
    };
    let template = Prove {
        frame: Frame::of(visit, "Is it still you?").await,
        name: admin.name.clone(),
        offers,
        passkey,
        place,
        fields,
        fresh_for: visit.office.fresh_for.as_secs() / 60,
        command: format!(
            "drawbridge admin invite --practice {practice} --name '{}' --role {}",
            admin.name.replace('\'', "'\\''"),
            admin.role.as_str()
        ),
    };
    page(StatusCode::UNAUTHORIZED, &template)
}

/// The providers that may prove it. Of whoever left none may, and none is offered in vain.
async fn offers_to_prove(visit: &Visit, admin: &Admin) -> Result<Vec<Offer>, StoreError> {
    if visit.office.store.has_admin_left(admin).await? {
        return Ok(Vec::new());
    }
    Ok(visit.office.providers.offers(admin.practice.as_str()))
}

/// Whoever sent this is signed out by the time alone: keeps what they typed for them. `None` when they typed
/// and chose nothing, so that no button somebody else pressed waits for them, and when it could not be kept.
pub(super) async fn keep_for(visit: &Visit, someone: &SignedIn) -> Option<String> {
    let (typed, _) = trouble::fields_of(&visit.form);
    let has_typed = typed.iter().any(|field| !field.value.is_empty());
    if !has_typed && visit.form.get(ASSIGNEE).is_empty() {
        return None;
    }
    match keep(visit, &someone.session.admin).await {
        Ok(id) => Some(place(&id)),
        Err(error) => {
            tracing::warn!(%error, "what somebody typed before they were signed out is not kept, only shown");
            None
        }
    }
}

#[derive(Template)]
#[template(path = "kept.html")]
struct Kept {
    frame: Frame,
    id: String,
    at: String,
    fields: Vec<Field>,
    hidden: Vec<(String, String)>,
    /// Whether a file is to be picked again.
    had_file: bool,
}

/// Shows what waits, to be sent by a press: nothing is done by coming back alone.
pub(super) async fn show(
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Answer {
    let admin = &visit.signed_in().session.admin;
    let store = &visit.office.store;
    let since = clock::before(visit.now, WAITS_FOR);
    let form = store.find_kept_form(admin, &id, since).await?;
    let form = form.ok_or(Happened::NotThere)?;
    let (fields, mut hidden) = trouble::fields_of(&Fields::read(form.fields.as_bytes()));
    let before = hidden.len();
    hidden.retain(|(name, _)| name != HAD_FILE);
    Ok(ok(&Kept {
        frame: Frame::of(&visit, "Not sent yet").await,
        id: form.id,
        at: form.path,
        fields,
        had_file: hidden.len() < before,
        hidden,
    }))
}
