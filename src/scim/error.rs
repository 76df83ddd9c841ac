//! What the front door says when it refuses.

use std::time::Duration;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{intake::ChangeError, store::StoreError};

/// When a database that did not answer is asked again.
const STORE_RETRY: Duration = Duration::from_secs(5);

/// When to try again after the disk was full: somebody has to make room.
const ROOM_RETRY: Duration = Duration::from_secs(60);

/// A refusal.
///
/// Its text is fixed: nothing of what was sent comes back in it.
///
/// # Source
/// RFC 7644 section 3.12.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScimError {
    /// The HTTP status.
    pub status: StatusCode,
    /// The SCIM error type, for those that have one.
    pub scim_type: Option<ScimType>,
    /// What is wrong, for people.
    pub detail: &'static str,
    /// When to try again.
    pub retry_after: Option<Duration>,
}

/// The SCIM error types.
///
/// # Source
/// RFC 7644 table 9; RFC 9865 section 2.1 for those of cursors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScimType {
    /// The cursor is too old.
    ExpiredCursor,
    /// The number of resources a page shall have is none.
    InvalidCount,
    /// The cursor was not made for this query.
    InvalidCursor,
    /// The filter cannot be read or compared.
    InvalidFilter,
    /// The PATCH path cannot be read.
    InvalidPath,
    /// The body cannot be read.
    InvalidSyntax,
    /// A value is not one the attribute takes.
    InvalidValue,
    /// Nobody but the bridge may write the attribute.
    Mutability,
    /// The PATCH path names no value.
    NoTarget,
    /// Another resource has the value.
    Uniqueness,
}

impl ScimType {
    /// As the RFC spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ExpiredCursor => "expiredCursor",
            Self::InvalidCount => "invalidCount",
            Self::InvalidCursor => "invalidCursor",
            Self::InvalidFilter => "invalidFilter",
            Self::InvalidPath => "invalidPath",
            Self::InvalidSyntax => "invalidSyntax",
            Self::InvalidValue => "invalidValue",
            Self::Mutability => "mutability",
            Self::NoTarget => "noTarget",
            Self::Uniqueness => "uniqueness",
        }
    }
}

impl ScimError {
    /// A refusal without SCIM error type.
    pub const fn plain(status: StatusCode, detail: &'static str) -> Self {
        Self {
            status,
            scim_type: None,
            detail,
            retry_after: None,
        }
    }

    /// The status alone decides the text.
    pub fn of_status(status: StatusCode) -> Self {
        let detail = match status {
            StatusCode::BAD_REQUEST => "the request cannot be read",
            StatusCode::NOT_FOUND => "there is nothing at this address",
            StatusCode::METHOD_NOT_ALLOWED => "this address does not take this method: see Allow",
            StatusCode::REQUEST_TIMEOUT => "the body did not arrive in time: send it again",
            StatusCode::PAYLOAD_TOO_LARGE => "the body is too large: send less at a time",
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                "the body must be application/scim+json or application/json, in UTF-8"
            }
            _ => "the bridge could not answer: try again",
        };
        Self::plain(status, detail)
    }

    /// There is no such resource, or it was deleted.
    pub fn not_found() -> Self {
        Self::plain(StatusCode::NOT_FOUND, "there is no such resource")
    }

    /// 400 with an error type of cursors.
    pub(super) const fn invalid_cursor(scim_type: ScimType, detail: &'static str) -> Self {
        Self::bad_request(scim_type, detail)
    }

    /// 400 `invalidFilter`.
    pub const fn invalid_filter(detail: &'static str) -> Self {
        Self::bad_request(ScimType::InvalidFilter, detail)
    }

    /// 400 `invalidPath`.
    pub const fn invalid_path(detail: &'static str) -> Self {
        Self::bad_request(ScimType::InvalidPath, detail)
    }

    /// 400 `invalidSyntax`.
    pub const fn invalid_syntax(detail: &'static str) -> Self {
        Self::bad_request(ScimType::InvalidSyntax, detail)
    }

    /// 400 `invalidValue`.
    pub const fn invalid_value(detail: &'static str) -> Self {
        Self::bad_request(ScimType::InvalidValue, detail)
    }

    /// 400 `mutability`.
    pub const fn mutability(detail: &'static str) -> Self {
        Self::bad_request(ScimType::Mutability, detail)
    }

    /// 400 `noTarget`.
    pub const fn no_target(detail: &'static str) -> Self {
        Self::bad_request(ScimType::NoTarget, detail)
    }

    /// 503 with Retry-After.
    pub fn unavailable(retry_after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "the bridge cannot write now, nothing was changed: try again",
            )
        }
    }

    /// 503 with Retry-After: what room is left is for departures.
    pub fn no_room() -> Self {
        Self::unavailable(ROOM_RETRY)
    }

    /// 503 with Retry-After, of a request that took too long.
    pub(super) fn unfinished() -> Self {
        Self {
            retry_after: Some(STORE_RETRY),
            ..Self::plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "the bridge did not finish in time, and does not know what was changed: send it again",
            )
        }
    }

    /// 429 with Retry-After.
    pub fn too_many_requests(retry_after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::plain(
                StatusCode::TOO_MANY_REQUESTS,
                "too many requests with this token: wait, then try again",
            )
        }
    }

    /// 429 with Retry-After, to who has no valid token and does not stop trying.
    pub(super) fn too_many_failures(retry_after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..Self::plain(
                StatusCode::TOO_MANY_REQUESTS,
                "too many requests without a valid token: wait, then try again with one",
            )
        }
    }

    const fn bad_request(scim_type: ScimType, detail: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            scim_type: Some(scim_type),
            detail,
            retry_after: None,
        }
    }

    fn taken(attribute: &'static str) -> Self {
        Self {
            scim_type: Some(ScimType::Uniqueness),
            ..Self::plain(
                StatusCode::CONFLICT,
                match attribute {
                    "userName" => "another User of this practice has this userName",
                    "externalId" => "another resource of this practice has this externalId",
                    "displayName" => "another Group of this practice has this displayName",
                    _ => "another resource of this practice has this value",
                },
            )
        }
    }
}

impl From<ChangeError<ScimError>> for ScimError {
    fn from(error: ChangeError<ScimError>) -> Self {
        match error {
            ChangeError::NotFound => Self::not_found(),
            ChangeError::Taken { attribute } => Self::taken(attribute),
            ChangeError::Refused(refusal) => refusal,
            ChangeError::Unavailable { retry_after } => Self::unavailable(retry_after),
            ChangeError::Crossed => Self::unavailable(STORE_RETRY),
        }
    }
}

impl From<StoreError> for ScimError {
    fn from(error: StoreError) -> Self {
        // Bodies and filters are read before: this was an id in the address, and nothing has it.
        if matches!(error, StoreError::Nul) {
            return Self::not_found();
        }
        tracing::error!(error = %error, "could not answer from the archive");
        match error {
            StoreError::Corrupt(_) => Self::of_status(StatusCode::INTERNAL_SERVER_ERROR),
            _ => Self::unavailable(STORE_RETRY),
        }
    }
}

/// The body is written on the way out, by `answer`, which knows the request's id.
impl IntoResponse for ScimError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"drawbridge\""),
            );
        }
        if let Some(wait) = self.retry_after {
            // Okta reads whole seconds only, and a date as five minutes.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response.extensions_mut().insert(self);
        response
    }
}
