//! Signing in by a link, and signing out.

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
    frame::{self, Frame, page, see_other},
    trouble::Answer,
};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    frame: Frame,
    /// Whom the link lets in; `None` to explain how to get one.
    whom: Option<Whom>,
    /// Why a link did not work.
    problem: &'static str,
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
    let template = SignIn {
        frame: Frame::bare(&visit, "Sign in"),
        whom: None,
        problem: "",
    };
    page(StatusCode::OK, &template)
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
        frame: Frame::bare(&visit, "Sign in"),
        whom: Some(Whom {
            name: found.admin.name,
            role: found.admin.role.as_str(),
            practice: practice.map_or_else(String::new, |practice| practice.title.clone()),
            link,
        }),
        problem: "",
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
    let Some(held) = admins::sign_in(store, &invitation, before, visit.now).await? else {
        return Ok(no_longer(&visit));
    };
    tracing::info!(practice.name = %invitation.admin.practice, admin.id = %invitation.admin.id,
        "somebody signed in to the console");
    let to = frame::home(invitation.admin.role);
    Ok(with_cookie(
        see_other(to),
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
    let template = SignIn {
        frame: Frame::bare(visit, "Sign in"),
        whom: None,
        problem: "This link does not work: it was used, a newer one was made, it is older than 15 minutes, or it is not complete.",
    };
    page(StatusCode::FORBIDDEN, &template)
}

/// Sets a cookie.
pub(super) fn with_cookie(mut response: Response, cookie: &str) -> Response {
    if let Ok(value) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}
