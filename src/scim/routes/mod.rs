//! What there is at which address.

mod bulk;
mod discovery;
mod groups;
mod search;
mod users;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::any,
};
use serde_json::Value;
use tokio::time;

use super::{FrontDoor, answer, error::ScimError, etag, location::BaseUrl, schema::ResourceType};
use crate::config::Waits;

/// All routes, below the base path.
pub(super) fn all(waits: Waits) -> Router<Arc<FrontDoor>> {
    Router::new()
        .merge(users::routes())
        .merge(groups::routes())
        .merge(discovery::routes())
        .merge(search::routes())
        .layer(middleware::from_fn_with_state(waits.request, in_time))
        // Many in one: how long it may take is for the listener to say.
        .merge(bulk::routes())
        .merge(unsupported())
        .fallback(async || ScimError::of_status(StatusCode::NOT_FOUND))
}

/// Gives up on a request that takes longer, so that its client is told and not left waiting.
async fn in_time(
    State(longest): State<Duration>,
    request: Request,
    next: Next,
) -> Result<Response, ScimError> {
    time::timeout(longest, next.run(request))
        .await
        .map_err(|_| ScimError::unfinished())
}

/// What the RFC names and `/ServiceProviderConfig` does not announce.
fn unsupported() -> Router<Arc<FrontDoor>> {
    ["/Me"].into_iter().fold(Router::new(), |routes, path| {
        routes.route(
            path,
            any(async || {
                ScimError::plain(
                    StatusCode::NOT_IMPLEMENTED,
                    "this part of SCIM is not supported: see ServiceProviderConfig",
                )
            }),
        )
    })
}

/// An answer with one resource: its body, where it is, which version it is.
fn resource(
    status: StatusCode,
    kind: &ResourceType,
    base: &BaseUrl,
    (id, version): (&str, i64),
    body: &Value,
) -> Response {
    let mut response = answer::json(status, body);
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::from_str(&base.of(kind, id)) {
        headers.insert(header::LOCATION, location);
    }
    insert_etag(&mut response, version);
    response
}

/// An answer without body that says which version the resource has.
fn bodiless(status: StatusCode, version: i64) -> Response {
    let mut response = status.into_response();
    insert_etag(&mut response, version);
    response
}

fn insert_etag(response: &mut Response, version: i64) {
    if let Ok(tag) = HeaderValue::from_str(&etag::of(version)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
}
