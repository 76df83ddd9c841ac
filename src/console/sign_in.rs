//! The page to sign in on, signing in by a link, and signing out.

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension,
    extract::Path,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};

use super::{
    admins,
    admit::{Visit, hold, let_go},
    frame::{self, Frame, ours, page, see_other},
    kept, passkeys,
    providers::Offer,
    trouble::Answer,
};
use crate::store::{StoreError, admins::Admin};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    frame: Frame,
    /// Whom the link lets in; `None` to explain how to get one.
    whom: Option<Whom>,
    /// Why nobody was signed in.
    problem: String,
    /// By which providers one may come in.
    offers: Vec<Offer>,
    /// Where to go then; empty for the first page.
    next: String,
    passkey: Option<passkeys::Form>,
}

/// The page for whoever shows nothing yet.
fn bare(visit: &Visit, problem: &str) -> SignIn {
    let next = ours(visit.query.get("next")).unwrap_or_default();
    SignIn {
        passkey: passkeys::form_to_sign_in(visit, next),
        frame: Frame::bare(visit, "Sign in"),
        whom: None,
        problem: problem.to_owned(),
        offers: visit.office.providers.offers(visit.query.get("practice")),
        next: next.to_owned(),
    }
}

/// The page with what went wrong, and the ways in.
pub(super) fn explained(visit: &Visit, status: StatusCode, problem: &str) -> Response {
    page(status, &bare(visit, problem))
}

/// Where somebody who just came in goes.
pub(super) async fn waiting_for(
    visit: &Visit,
    admin: &Admin,
    next: &str,
) -> Result<String, StoreError> {
    if let Some(place) = kept::find_waiting(visit, admin).await? {
        return Ok(place);
    }
    Ok(self::next(next, admin).to_owned())
}

/// Where they wanted to go, if that is a page of ours.
pub(super) fn next<'a>(next: &'a str, admin: &Admin) -> &'a str {
    ours(next).unwrap_or_else(|| frame::home(admin.role))
}

#[derive(Debug)]
struct Whom {
    name: String,
    role: &'static str,
    practice: String,
    link: String,
}

/// How to get in.
pub(super) async fn explain(Extension(visit): Extension<Arc<Visit>>) -> Response {
    if let Some(someone) = &visit.signed_in {
        return see_other(frame::home(someone.session.admin.role));
    }
    explained(&visit, StatusCode::OK, "")
}

/// Asks whoever opened a link to sign in. Looking uses nothing up: mail programs open links too.
pub(super) async fn ask(
    Extension(visit): Extension<Arc<Visit>>,
    Path(link): Path<String>,
) -> Answer {
    let office = &visit.office;
    let Some(found) = admins::find_link(&office.store, &link, visit.now).await? else {
        return Ok(no_longer(&visit));
    };
    let practice = office.practices.get(&found.admin.practice);
    let template = SignIn {
        offers: Vec::new(),
        passkey: None,
        whom: Some(Whom {
            name: found.admin.name,
            role: found.admin.role.as_str(),
            practice: practice.map_or_else(String::new, |practice| practice.title.clone()),
            link,
        }),
        ..bare(&visit, "")
    };
    Ok(page(StatusCode::OK, &template))
}

/// Lets somebody in.
pub(super) async fn let_in(Extension(visit): Extension<Arc<Visit>>) -> Answer {
    let store = &visit.office.store;
    let found = admins::find_link(store, visit.form.get("link"), visit.now).await?;
    let Some(invitation) = found else {
        return Ok(no_longer(&visit));
    };
    let before = visit.signed_in.as_ref().map(|someone| &someone.session);
    let admin = &invitation.admin;
    let shown = admins::Shown::Link(&invitation);
    let Some(held) = admins::sign_in(store, admin, shown, before, visit.now).await? else {
        return Ok(no_longer(&visit));
    };
    tracing::info!(practice.name = %admin.practice, admin.id = %admin.id,
        "somebody signed in to the console by a link");
    let to = waiting_for(&visit, admin, "").await?;
    Ok(with_cookie(
        see_other(&to),
        &hold(&held, visit.office.is_https),
    ))
}

/// Signs somebody out.
pub(super) async fn let_out(Extension(visit): Extension<Arc<Visit>>) -> Answer {
    admins::sign_out(&visit.office.store, &visit.signed_in().session, visit.now).await?;
    Ok(with_cookie(
        see_other("/sign-in"),
        &let_go(visit.office.is_https),
    ))
}

/// One answer, whatever is wrong with a link.
fn no_longer(visit: &Visit) -> Response {
    tracing::warn!("somebody tried to sign in with a link that does not work");
    explained(
        visit,
        StatusCode::FORBIDDEN,
        "This link does not work: it was used, a newer one was made, it is older than 15 minutes, or it is not complete.",
    )
}

/// Sets a cookie.
pub(super) fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(value) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}
