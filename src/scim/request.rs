//! What a handler gets of a request.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use serde_json::Value;

use super::{
    FrontDoor, auth::Visit, error::ScimError, etag::Conditions, json, list::Query, schema::Mode,
};
use crate::failpoint::{self, Point};

/// All of a request but its body.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) visit: Arc<Visit>,
    pub(super) query: Query,
    pub(super) conditions: Conditions,
}

impl Ask {
    pub(super) fn mode(&self) -> Mode {
        self.visit.options.mode
    }

    /// A part of the same visit, on a resource that the client knows in this version.
    pub(super) fn again(&self, version: Option<&str>) -> Self {
        Self {
            visit: Arc::clone(&self.visit),
            query: Query::default(),
            conditions: Conditions::if_match(version),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Ask {
    type Rejection = ScimError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ScimError> {
        let visit = parts
            .extensions
            .get::<Arc<Visit>>()
            .cloned()
            .ok_or_else(|| ScimError::of_status(StatusCode::INTERNAL_SERVER_ERROR))?;
        Ok(Self {
            visit,
            query: Query::read(parts.uri.query()),
            conditions: Conditions::read(&parts.headers),
        })
    }
}

/// The body as it arrived. It is kept, so that a refusal can be looked into.
#[derive(Debug)]
pub(super) struct Payload {
    pub(super) bytes: Bytes,
    is_json: bool,
}

impl Payload {
    /// The body that this would have been, sent alone.
    pub(super) fn of(data: Option<&Value>) -> Self {
        Self {
            bytes: Bytes::from(data.map(Value::to_string).unwrap_or_default()),
            is_json: true,
        }
    }

    /// Reads the body.
    ///
    /// # Errors
    /// 415 when it is announced as something else than JSON, else as [`json::read`].
    pub(super) fn json(&self) -> Result<Value, ScimError> {
        if !self.is_json {
            return Err(ScimError::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        json::read(&self.bytes)
    }
}

impl FromRequest<Arc<FrontDoor>> for Payload {
    type Rejection = ScimError;

    async fn from_request(request: Request, door: &Arc<FrontDoor>) -> Result<Self, ScimError> {
        let is_json = is_json(request.headers());
        // Before the body is asked for: a client that waits for leave to send it need not.
        if announced_length(request.headers()).is_some_and(|length| length > door.body_bytes) {
            return Err(ScimError::of_status(StatusCode::PAYLOAD_TOO_LARGE));
        }
        let bytes = tokio::time::timeout(door.waits.body, Bytes::from_request(request, door))
            .await
            .map_err(|_| ScimError::of_status(StatusCode::REQUEST_TIMEOUT))?
            .map_err(|rejection| ScimError::of_status(rejection.status()))?;
        failpoint::pass(Point::BodyRead);
        Ok(Self { bytes, is_json })
    }
}

fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// Google and Okta announce `application/json`, the RFC `application/scim+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(announced) = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    let mut parts = announced.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|essence| {
        ["application/json", "application/scim+json"]
            .iter()
            .any(|json| essence.eq_ignore_ascii_case(json))
    });
    is_json
        && parts
            .filter_map(|parameter| parameter.split_once('='))
            .filter(|(name, _)| name.eq_ignore_ascii_case("charset"))
            .all(|(_, charset)| {
                let charset = charset.trim_matches('"');
                charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(announced: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, announced.parse().unwrap());
        is_json(&headers)
    }

    #[test]
    fn json_is_taken_under_both_its_names_in_utf_8() {
        for announced in [
            "application/json",
            "application/scim+json",
            "Application/SCIM+JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"; q=1",
        ] {
            assert!(takes(announced), "{announced}");
        }
        for announced in [
            "text/plain",
            "application/xml",
            "application/jsonx",
            "application/json; charset=latin1",
            "",
        ] {
            assert!(!takes(announced), "{announced}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
