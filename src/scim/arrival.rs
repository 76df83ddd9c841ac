//! What came to the front door, for whoever waits for it: with which token, from where, and what became of it.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{ConnectInfo, MatchedPath},
    http::{StatusCode, header, request::Parts},
    response::Response,
};

use super::{BASE_PATH, FrontDoor, error::ScimError};
use crate::{ids::TokenId, store::token_uses::Came};

/// Longest name of a client that is kept, in letters.
const AGENT_LETTERS: usize = 60;

/// A request as it is remembered. People are in no part of it.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    from: String,
    what: String,
}

impl Arrival {
    pub(super) fn of(parts: &Parts) -> Self {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or_else(String::new, |peer| peer.0.ip().to_string());
        let agent = parts.headers.get(header::USER_AGENT);
        let agent: String = agent
            .and_then(|agent| agent.to_str().ok())
            .unwrap_or_default()
            .chars()
            .take(AGENT_LETTERS)
            .collect();
        let route = parts.extensions.get::<MatchedPath>();
        let route = route.map_or("an address that is none", MatchedPath::as_str);
        Self {
            from: match agent.as_str() {
                "" => peer,
                agent => format!("{peer} ({agent})"),
            },
            what: format!(
                "{} {}",
                parts.method,
                route.strip_prefix(BASE_PATH).unwrap_or(route)
            ),
        }
    }

    /// Notes what became of a request with this token.
    pub(super) fn answered(self, door: &Arc<FrontDoor>, token: &TokenId, response: &Response) {
        let status = response.status();
        // Nobody here by that name: an answer like any other, with which most begin.
        let is_refused = status != StatusCode::NOT_FOUND
            && (status.is_client_error() || status.is_server_error());
        let refusal = response.extensions().get::<ScimError>();
        let why = match refusal {
            _ if !is_refused => "",
            Some(refusal) => refusal.detail,
            None => "it was refused",
        };
        self.note(door, token, status, why);
    }

    /// Notes that a request with a token of ours was turned away.
    pub(super) fn turned_away(self, door: &Arc<FrontDoor>, token: &TokenId, why: &'static str) {
        self.note(door, token, StatusCode::UNAUTHORIZED, why);
    }

    /// Notes that a request came without a token of ours.
    pub(super) fn of_a_stranger(self, door: &FrontDoor, why: &'static str) {
        let came = self.came(door, StatusCode::UNAUTHORIZED, why);
        door.store.note_stranger(came);
    }

    fn came(self, door: &FrontDoor, status: StatusCode, why: &'static str) -> Came {
        Came {
            at: door.clock.now(),
            from: self.from,
            what: self.what,
            status: status.as_u16(),
            why: why.to_owned(),
        }
    }

    fn note(self, door: &Arc<FrontDoor>, token: &TokenId, status: StatusCode, why: &'static str) {
        if !door.store.is_worth_noting(token, !why.is_empty()) {
            return;
        }
        let came = self.came(door, status, why);
        let (store, token) = (door.store.clone(), token.clone());
        // The identity provider does not wait for it.
        tokio::spawn(async move {
            if let Err(error) = store.note_came(&token, &came).await {
                tracing::debug!(%error, "could not note that a token is in use");
            }
        });
    }
}
