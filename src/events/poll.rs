//! For subscribers that fetch their tokens, and the key for everybody who checks one.
//!
//! # Source
//! RFC 8936.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use drawbridge_sdk::secret::Secret;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use subtle::ConstantTimeEq as _;
use tokio::{sync::watch, time};

use super::{acknowledge, refuse, signature::Signer};
use crate::{
    clock::Clock,
    ids::{EventId, PracticeName, SubscriberName},
    store::{Store, StoreError},
};

/// How long a request waits for something to tell, where it does not ask to be answered at once.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// How often it looks for what another process accepted.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How many tokens one answer holds at most.
const AT_ONCE: usize = 100;

/// Longest request, in bytes: the ids of what was received, and little else.
const BODY_BYTES: usize = 64 * 1024;

/// What a request needs.
#[derive(Debug)]
pub struct Poll {
    /// The archive.
    pub store: Store,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Signs the tokens.
    pub signer: Arc<Signer>,
    /// What each subscriber says who it is with.
    pub secrets: HashMap<(PracticeName, SubscriberName), Secret>,
    /// Changes when a token was accepted.
    pub accepted: watch::Receiver<()>,
}

/// A request for tokens.
///
/// # Source
/// RFC 8936 section 2.2 to 2.4.
#[derive(Debug, Deserialize)]
struct Request {
    #[serde(rename = "maxEvents", default = "at_once")]
    max_events: usize,
    #[serde(rename = "returnImmediately", default)]
    return_immediately: bool,
    #[serde(default)]
    ack: Vec<EventId>,
    #[serde(rename = "setErrs", default)]
    set_errs: HashMap<EventId, Refusal>,
}

const fn at_once() -> usize {
    AT_ONCE
}

/// Why a subscriber could not take a token.
#[derive(Debug, Deserialize)]
struct Refusal {
    err: String,
    #[serde(default)]
    description: String,
}

/// `POST /events/{practice}/{subscriber}`: tokens; `GET /events/keys`: the public key.
pub fn router(poll: Poll) -> Router {
    Router::new()
        .route("/events/keys", get(keys))
        .route("/events/{practice}/{subscriber}", post(fetch))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(Arc::new(poll))
}

async fn keys(State(poll): State<Arc<Poll>>) -> Json<Value> {
    Json(poll.signer.key_set())
}

async fn fetch(
    State(poll): State<Arc<Poll>>,
    Path((practice, subscriber)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let who = (practice.as_str().into(), subscriber.as_str().into());
    if !poll.knows(&who, &headers) {
        tracing::warn!(subscriber.name = %who.1, "turned away a request for security events without the right token");
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
        return (StatusCode::UNAUTHORIZED, challenge).into_response();
    }
    let Ok(request) = serde_json::from_slice::<Request>(&body) else {
        return bad_request();
    };
    match poll.answer(&who, request).await {
        Ok(answer) => ([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response(),
        Err(StoreError::Nul) => bad_request(),
        Err(error) => {
            tracing::error!(%error, "security events could not be read or acknowledged");
            let retry = [(header::RETRY_AFTER, "10")];
            (StatusCode::SERVICE_UNAVAILABLE, retry).into_response()
        }
    }
}

fn bad_request() -> Response {
    let problem = json!({
        "err": "invalid_request",
        "description": "the body is no poll request: see RFC 8936 section 2.2",
    });
    (StatusCode::BAD_REQUEST, Json(problem)).into_response()
}

impl Poll {
    /// Whether a request shows the subscriber's token. One for nobody we know takes as long.
    fn knows(&self, who: &(PracticeName, SubscriberName), headers: &HeaderMap) -> bool {
        let shown = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map_or("", |(_, token)| token.trim());
        match self.secrets.get(who).map(Secret::read) {
            Some(Ok(secret)) => secret
                .expose_secret()
                .as_bytes()
                .ct_eq(shown.as_bytes())
                .into(),
            Some(Err(error)) => {
                tracing::error!(subscriber.name = %who.1, %error, "a subscriber's token cannot be read");
                false
            }
            None => false,
        }
    }

    async fn answer(
        &self,
        who: &(PracticeName, SubscriberName),
        request: Request,
    ) -> Result<Value, StoreError> {
        if !request.ack.is_empty() {
            acknowledge(&self.store, self.clock.now(), who, &request.ack, "fetched").await?;
        }
        for (id, refusal) in &request.set_errs {
            let why = (refusal.err.as_str(), refusal.description.as_str());
            refuse(&self.store, self.clock.now(), who, id, why).await?;
        }
        let most = request.max_events.min(AT_ONCE);
        let give_up = time::Instant::now() + LONGEST_WAIT;
        let mut accepted = self.accepted.clone();
        loop {
            accepted.borrow_and_update();
            let found = self.tokens(who, most).await?;
            let is_answer = most == 0 || request.return_immediately || !found.0.is_empty();
            if is_answer || time::Instant::now() >= give_up {
                return Ok(json!({"sets": found.0, "moreAvailable": found.1}));
            }
            let look_again = time::Instant::now() + LOOK_EVERY;
            tokio::select! {
                () = time::sleep_until(look_again.min(give_up)) => {}
                _ = accepted.changed() => {}
            }
        }
    }

    /// The oldest tokens by id, and whether there are more.
    async fn tokens(
        &self,
        (practice, subscriber): &(PracticeName, SubscriberName),
        most: usize,
    ) -> Result<(Map<String, Value>, bool), StoreError> {
        let waiting = self
            .store
            .list_events_for(practice, subscriber, most + 1)
            .await?;
        let has_more = waiting.len() > most;
        let tokens = waiting.iter().take(most).map(|waiting| {
            let token = self.signer.sign(&waiting.event.claims);
            let token = token.map_err(|error| StoreError::Unavailable(error.to_string()))?;
            Ok((waiting.event.id.to_string(), Value::from(token)))
        });
        Ok((tokens.collect::<Result<_, StoreError>>()?, has_more))
    }
}
