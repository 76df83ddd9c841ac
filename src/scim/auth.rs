//! Who is at the door: token -> practice and source.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, StatusCode, header, request::Parts},
    middleware::Next,
    response::Response,
};

use super::{
    FrontDoor, SourceOptions, answer::RequestId, arrival::Arrival, error::ScimError,
    location::BaseUrl,
};
use crate::{
    bearer::{Bearer, Kind},
    ids::TokenId,
    intake::Caller,
};

/// A request whose token was found valid.
#[derive(Debug)]
pub(super) struct Visit {
    /// As whom it changes things.
    pub(super) caller: Caller,
    /// How its source wants to be treated.
    pub(super) options: SourceOptions,
    /// The address it came to.
    pub(super) base: BaseUrl,
}

/// Lets a request with a valid token in.
///
/// Every other gets the same answer, whatever is wrong with the token; who fails too often is told to
/// wait. A valid token is let in however often others failed.
pub(super) async fn admit(
    State(door): State<Arc<FrontDoor>>,
    mut request: Request,
    next: Next,
) -> Result<Response, ScimError> {
    let (parts, body) = request.into_parts();
    let arrival = Arrival::of(&parts);
    let (visit, token) = find_visit(&door, &parts, &arrival).await?;
    request = Request::from_parts(parts, body);
    request.extensions_mut().insert(Arc::new(visit));
    let response = next.run(request).await;
    arrival.answered(&door, &token, &response);
    Ok(response)
}

async fn find_visit(
    door: &Arc<FrontDoor>,
    parts: &Parts,
    arrival: &Arrival,
) -> Result<(Visit, TokenId), ScimError> {
    let base = BaseUrl::read(parts, door.is_https)?;
    let request_id = parts
        .extensions
        .get::<RequestId>()
        .map(|id| id.0.clone())
        .unwrap_or_default();
    let now = door.clock.now();
    let token = bearer(&parts.headers)?;
    let id = token.as_ref().map(|token| TokenId::from(token.id()));
    let id = id.as_ref();
    let stranger = |reason| {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let counted = door.failures.count(id, peer.map(|peer| peer.0.ip()), now);
        turn_away(&request_id, id, reason, counted)
    };
    let nobody = |reason, seen| {
        arrival.clone().of_a_stranger(door, seen);
        stranger(reason)
    };
    let (token, id) = token
        .as_ref()
        .zip(id)
        .ok_or_else(|| nobody("no token", "it came without a token of this bridge"))?;
    let stored = door.store.find_token(id).await?;
    let stored = stored.ok_or_else(|| nobody("unknown", "there is no such token here"))?;
    let known = |reason, seen| {
        arrival.clone().turned_away(door, &stored.id, seen);
        stranger(reason)
    };
    if !token.has_hash(&stored.hash) {
        return Err(known(
            "unknown",
            "the token is not whole, or not this one: copy it again from its first letter to its last",
        ));
    }
    if stored.revoked {
        return Err(known("revoked", "the token was taken back"));
    }
    if stored.expires <= now {
        return Err(known("expired", "the token is over"));
    }
    let sources = door.practices.get(&stored.practice).ok_or_else(|| {
        let reason = "its practice is not in the settings";
        known(reason, reason)
    })?;
    let options = sources.get(&stored.source).copied().ok_or_else(|| {
        let reason = "its source is not in the settings";
        known(reason, reason)
    })?;
    door.rate
        .count(&stored.id, now)
        .map_err(ScimError::too_many_requests)?;
    let visit = Visit {
        caller: Caller {
            actor: format!("source:{}", stored.source),
            practice: stored.practice.clone(),
            request_id,
        },
        options,
        base,
    };
    Ok((visit, stored.id))
}

/// The one answer to every request without a valid token, or the one to too many of them. The log
/// says why.
fn turn_away(
    request_id: &str,
    token_id: Option<&TokenId>,
    reason: &'static str,
    counted: Result<(), Duration>,
) -> ScimError {
    let token_id = token_id.map_or("", TokenId::as_str);
    if let Err(wait) = counted {
        tracing::debug!(
            request.id = request_id,
            token.id = token_id,
            reason,
            "turned away one of too many requests without a valid token"
        );
        return ScimError::too_many_failures(wait);
    }
    tracing::warn!(
        request.id = request_id,
        token.id = token_id,
        reason,
        "turned away a request without a valid token"
    );
    ScimError::plain(
        StatusCode::UNAUTHORIZED,
        "a valid bearer token is needed: make one with `drawbridge token create`",
    )
}

/// The token in the Authorization header; nowhere else is one looked for.
///
/// # Errors
/// 400 when there are two headers: which of them counts would be a guess.
fn bearer(headers: &HeaderMap) -> Result<Option<Bearer>, ScimError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(ScimError::plain(
            StatusCode::BAD_REQUEST,
            "the request has two Authorization headers",
        ));
    }
    Ok(first
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .and_then(|(_, token)| Bearer::parse(Kind::Scim, token.trim())))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (header::AUTHORIZATION, value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn only_a_bearer_token_of_ours_is_read() {
        let token = Bearer::generate(Kind::Scim).unwrap();
        let text = token.text().expose_secret();

        for value in [format!("Bearer {text}"), format!("bearer  {text}")] {
            let read = bearer(&headers(&[&value])).unwrap().unwrap();
            assert_eq!(read.id(), token.id());
        }
        for value in [text, &format!("Basic {text}"), "Bearer", "Bearer x"] {
            assert!(bearer(&headers(&[value])).unwrap().is_none(), "{value}");
        }
        assert!(bearer(&HeaderMap::new()).unwrap().is_none());
    }

    #[test]
    fn two_authorization_headers_are_refused() {
        let refusal = bearer(&headers(&["Bearer a", "Bearer b"])).unwrap_err();

        assert_eq!(refusal.status, StatusCode::BAD_REQUEST);
    }
}
