//! `/ServiceProviderConfig`, `/ResourceTypes`, `/Schemas`.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::get,
};

use crate::scim::{
    FrontDoor, answer,
    error::ScimError,
    request::Ask,
    schema::discovery::{Collection, DISCOVERY, service_provider_config},
};

pub(super) fn routes() -> Router<Arc<FrontDoor>> {
    Router::new()
        .route(
            "/ServiceProviderConfig",
            get(async |State(door): State<Arc<FrontDoor>>, ask: Ask| {
                document(&ask, service_provider_config(door.body_bytes, ask.mode()))
            }),
        )
        .route(
            "/ResourceTypes",
            get(async |ask: Ask| document(&ask, DISCOVERY.resource_types.list.clone())),
        )
        .route(
            "/ResourceTypes/{id}",
            get(async |ask: Ask, Path(id): Path<String>| one(&ask, &DISCOVERY.resource_types, &id)),
        )
        .route(
            "/Schemas",
            get(async |ask: Ask| document(&ask, DISCOVERY.schemas.list.clone())),
        )
        .route(
            "/Schemas/{id}",
            get(async |ask: Ask, Path(id): Path<String>| one(&ask, &DISCOVERY.schemas, &id)),
        )
}

fn one(ask: &Ask, documents: &Collection, id: &str) -> Result<Response, ScimError> {
    let found = documents.find(id).ok_or_else(ScimError::not_found)?;
    document(ask, found)
}

/// # Source
/// RFC 7644 section 4: a filter here is answered with 403, so that nobody takes the whole for a
/// selection.
fn document(ask: &Ask, document: Bytes) -> Result<Response, ScimError> {
    if ask.query.has_filter() {
        return Err(ScimError::plain(
            StatusCode::FORBIDDEN,
            "discovery takes no filter",
        ));
    }
    Ok(answer::bytes(StatusCode::OK, document))
}
