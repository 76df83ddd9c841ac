//! A small HTTP API that starts a departure, now or at a time to come, without waiting for the identity
//! provider: for an HR program, a ticket system, a button on a phone.
//!
//! Its tokens are of their own kind (`dbr_api_...`): they open nothing of SCIM, and a SCIM token opens nothing
//! here. A token sees what it asked for itself, and no list of anybody.

use std::{collections::HashSet, sync::Arc};

use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    bearer::{Bearer, Kind},
    clock::{self, Clock},
    ids::{CaseId, PersonId, PracticeName, ScheduleId, TokenId},
    intake::{
        Caller, Intake,
        departures::{LEFT_ALONE, Said},
        tokens::API,
    },
    store::{
        Store, StoreError,
        scheduled::{Outcome, Scheduled},
    },
};

/// Longest body, in bytes.
const BODY_BYTES: usize = 16 * 1024;

/// The most letters of a note.
const NOTE_LETTERS: usize = 2_000;

/// What stands behind the API.
#[derive(Debug)]
pub struct Departures {
    /// The archive.
    pub store: Store,
    /// The reception.
    pub intake: Intake,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// The practices of the settings.
    pub practices: HashSet<PracticeName>,
}

/// The routes, below `/api/v1`.
pub fn router(departures: Departures) -> Router {
    let state = Arc::new(departures);
    let guard = middleware::from_fn_with_state(Arc::clone(&state), admit);
    Router::new()
        .route("/api/v1/departures", post(start))
        .route("/api/v1/departures/{id}", get(look).delete(cancel))
        .route_layer(guard)
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .with_state(state)
}

/// Why something was not done.
#[derive(Debug)]
struct Refusal(StatusCode, String);

impl Refusal {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self(status, text.into())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::Nul) {
            return nothing();
        }
        tracing::error!(%error, "a departure by the API could not be written");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "the database cannot be written now: send it again in a moment",
        )
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(status, text) = self;
        let mut response = (status, Json(json!({"error": text}))).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static("10"));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                header::HeaderValue::from_static("Bearer"),
            );
        }
        response
    }
}

/// Lets in who shows a valid token of this kind. Whatever is wrong with it, the answer is the same.
async fn admit(
    State(state): State<Arc<Departures>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Refusal> {
    let stranger = || {
        Refusal::new(
            StatusCode::UNAUTHORIZED,
            "a valid token is needed: make one with `drawbridge token create --api NAME`",
        )
    };
    let token = bearer(request.headers()).ok_or_else(stranger)?;
    let stored = state.store.find_token(&TokenId::from(token.id())).await?;
    let stored = stored
        .filter(|stored| token.has_hash(&stored.hash) && !stored.revoked)
        .filter(|stored| stored.expires > state.clock.now())
        .filter(|stored| stored.source.as_str().starts_with(API))
        .filter(|stored| state.practices.contains(&stored.practice));
    let Some(stored) = stored else {
        tracing::warn!(
            token.id = token.id(),
            "turned away a request without a valid token of the API"
        );
        return Err(stranger());
    };
    let caller = Caller {
        practice: stored.practice,
        actor: stored.source.to_string(),
        request_id: uuid::Uuid::now_v7().to_string(),
    };
    request.extensions_mut().insert(Arc::new(caller));
    let mut response = next.run(request).await;
    let no_store = header::HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}

/// The token in the one Authorization header.
fn bearer(headers: &HeaderMap) -> Option<Bearer> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| Bearer::parse(Kind::Api, token.trim()))
        .flatten()
}

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// A userName, an e-mail address or an id.
    person: String,
    /// When they leave; without it now.
    at: Option<String>,
    /// When the work ended, if that was earlier.
    ended: Option<String>,
    /// What is to be kept with it.
    #[serde(default)]
    note: String,
}

fn read(body: &Bytes) -> Result<Asked, Refusal> {
    let unclear = |text: String| Refusal::new(StatusCode::BAD_REQUEST, text);
    let asked: Asked = serde_json::from_slice(body).map_err(|_| {
        unclear("write JSON with `person`, and if you like `at`, `ended` and `note`, each once and as text".to_owned())
    })?;
    if asked.note.chars().count() > NOTE_LETTERS
        || asked.note.contains('\0')
        || asked.person.contains('\0')
    {
        return Err(unclear(format!("`note` takes {NOTE_LETTERS} letters")));
    }
    Ok(asked)
}

fn time(key: &str, text: Option<&String>) -> Result<Option<Timestamp>, Refusal> {
    let read = |text: &String| {
        text.parse::<Timestamp>().map_err(|_| {
            let text =
                format!("`{key}` must be a time with its offset, as 2026-11-27T17:00:00-06:00");
            Refusal::new(StatusCode::BAD_REQUEST, text)
        })
    };
    text.map(read).transpose()
}

/// The one person a name means.
async fn person(state: &Departures, caller: &Caller, name: &str) -> Result<PersonId, Refusal> {
    let people = state.store.find_people(&caller.practice, name).await?;
    match people.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(Refusal::new(
            StatusCode::NOT_FOUND,
            "nobody here is called so",
        )),
        several => {
            let ids: Vec<&str> = several.iter().map(PersonId::as_str).collect();
            Err(Refusal::new(
                StatusCode::CONFLICT,
                format!(
                    "several people bore this name: say which by id: {}",
                    ids.join(", ")
                ),
            ))
        }
    }
}

async fn start(
    State(state): State<Arc<Departures>>,
    Extension(caller): Extension<Arc<Caller>>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let asked = read(&body)?;
    let (at, ended) = (
        time("at", asked.at.as_ref())?,
        time("ended", asked.ended.as_ref())?,
    );
    let unprocessable = |text: String| Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, text);
    let person = person(&state, &caller, &asked.person).await?;
    let Some(at) = at else {
        let said = Said {
            ended,
            note: &asked.note,
        };
        let departed = state.intake.depart_said(&caller, &person, said).await?;
        let departed = departed.map_err(unprocessable)?;
        tracing::info!(person.id = %person, "a departure was started by the API");
        let answer = json!({"id": departed.case, "state": "started", "person": person,
                            "doors": departed.moved.len()});
        return Ok((StatusCode::ACCEPTED, Json(answer)).into_response());
    };
    if ended.is_some() {
        return Err(unprocessable(
            "`ended` is for a departure now: one that is still to come ends at its `at`".to_owned(),
        ));
    }
    let scheduled = state
        .intake
        .depart_later(&caller, &person, at, &asked.note)
        .await?;
    let id = scheduled.map_err(|why| {
        let status = if why == LEFT_ALONE {
            StatusCode::UNPROCESSABLE_ENTITY
        } else {
            StatusCode::CONFLICT
        };
        Refusal::new(status, why)
    })?;
    let answer =
        json!({"id": id, "state": "scheduled", "person": person, "at": clock::to_text(at)});
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

/// A departure that this token asked for.
async fn find(state: &Departures, caller: &Caller, id: &str) -> Result<Option<Scheduled>, Refusal> {
    let id = ScheduleId::from(id);
    let found = state.store.find_scheduled(&caller.practice, &id).await?;
    Ok(found.filter(|scheduled| scheduled.asked_by == caller.actor))
}

fn nothing() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "there is no such departure")
}

async fn look(
    State(state): State<Arc<Departures>>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    if let Some(scheduled) = find(&state, &caller, &id).await? {
        let word = match &scheduled.decided {
            None => "scheduled",
            Some((_, Outcome::Cancelled, _)) => "cancelled",
            Some((_, Outcome::Started, _)) => "started",
        };
        let answer = json!({"id": scheduled.id, "state": word, "person": scheduled.person,
                            "at": clock::to_text(scheduled.at)});
        return Ok(Json(answer));
    }
    let case = CaseId::from(id);
    let kept = state.store.find_case(&caller.practice, &case).await?;
    let kept = kept
        .filter(|kept| kept.case.kind == "leaver")
        .ok_or_else(nothing)?;
    let now = state.clock.now();
    let doors = state
        .store
        .find_doors_of(&caller.practice, &kept.case.person)
        .await?;
    let own = || {
        doors
            .iter()
            .filter(|door| door.case.as_ref() == Some(&case) && door.wanted.is_closed())
    };
    let word = match (kept.is_undone, kept.closed) {
        (true, _) => "undone",
        (false, Some(_)) if kept.gave_way_to().is_some() => "superseded",
        (false, Some(_)) => "closed",
        (false, None) => "started",
    };
    let mut answer = json!({
        "id": case,
        "state": word,
        "person": kept.case.person,
        "learned": clock::to_text(kept.case.learned),
        "deadline": clock::to_text(kept.case.deadline),
        "doors": own().count(),
        "proved": own().filter(|door| door.is_green(now)).count(),
    });
    if let Some(newer) = kept.gave_way_to() {
        answer["superseded_by"] = json!(newer);
    }
    Ok(Json(answer))
}

async fn cancel(
    State(state): State<Arc<Departures>>,
    Extension(caller): Extension<Arc<Caller>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let scheduled = find(&state, &caller, &id).await?.ok_or_else(nothing)?;
    if state.intake.cancel_departure(&caller, &scheduled).await? {
        return Ok(Json(json!({"id": scheduled.id, "state": "cancelled"})));
    }
    Err(Refusal::new(
        StatusCode::CONFLICT,
        "it waits no longer: it was started or cancelled",
    ))
}
