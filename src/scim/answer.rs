//! The way out: every answer gets its request's id, every refusal becomes a SCIM error.

use axum::{
    body::{Body, Bytes},
    extract::{MatchedPath, Request},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::error::ScimError;

/// Media type of all answers, errors too.
const SCIM_JSON: HeaderValue = HeaderValue::from_static("application/scim+json");

/// Id of a request, for finding it in the logs.
#[derive(Debug, Clone)]
pub(super) struct RequestId(pub(super) String);

/// Goes around everything else the front door does.
pub(super) async fn dress(mut request: Request, next: Next) -> Response {
    let id = Uuid::now_v7().to_string();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    request.extensions_mut().insert(RequestId(id.clone()));

    let mut response = next.run(request).await;

    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        // What is refused before a handler runs (405, 413 ...) has a status and plain text.
        let error = response
            .extensions()
            .get::<ScimError>()
            .cloned()
            .unwrap_or_else(|| ScimError::of_status(status));
        *response.body_mut() = Body::from(error_document(&error, &id).to_string());
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, SCIM_JSON);
    }
    let headers = response.headers_mut();
    // People's data: nothing between us and the identity provider may keep it.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert("x-request-id", id);
    }
    // The address behind `?` may name people, so the route is logged and not the address.
    tracing::info!(
        request.id = %id,
        http.method = %method,
        http.route = route.as_ref().map_or("", MatchedPath::as_str),
        http.status = status.as_u16(),
        "answered an identity provider"
    );
    response
}

/// An answer with a JSON body.
pub(super) fn json(status: StatusCode, body: &Value) -> Response {
    bytes(status, Bytes::from(body.to_string()))
}

/// An answer with a JSON body that is text already.
pub(super) fn bytes(status: StatusCode, body: Bytes) -> Response {
    (status, [(header::CONTENT_TYPE, SCIM_JSON)], body).into_response()
}

/// The body of a refusal.
///
/// # Source
/// RFC 7644 section 3.12.
pub(super) fn error_document(error: &ScimError, request_id: &str) -> Value {
    let mut document = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": error.status.as_str(),
        // In the text, because identity providers show people the text and not the headers.
        "detail": format!("{} (request {request_id})", error.detail),
    });
    if let Some(scim_type) = error.scim_type {
        document["scimType"] = scim_type.as_str().into();
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_is_wrong_and_which_request_it_was() {
        let error = ScimError::invalid_filter("the filter cannot be read");

        assert_eq!(
            error_document(&error, "0197"),
            json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
                "status": "400",
                "detail": "the filter cannot be read (request 0197)",
                "scimType": "invalidFilter",
            })
        );
    }
}
