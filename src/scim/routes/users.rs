//! `/Users`.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use serde_json::Value;

use super::{bodiless, resource};
use crate::{
    ids::UserId,
    people::{Attributes, User},
    scim::{
        FrontDoor, answer, disable,
        error::ScimError,
        list::Query,
        patch::Patch,
        projection::Projection,
        request::{Ask, Payload},
        schema::USER,
    },
    store::StoreError,
};

pub(super) fn routes() -> Router<Arc<FrontDoor>> {
    Router::new()
        .route("/Users", get(list).post(create))
        .route("/Users/.search", post(search))
        .route(
            "/Users/{id}",
            get(read).put(replace).patch(update).delete(delete),
        )
}

async fn list(State(door): State<Arc<FrontDoor>>, ask: Ask) -> Result<Response, ScimError> {
    answer_list(&door, &ask, &ask.query).await
}

async fn search(
    State(door): State<Arc<FrontDoor>>,
    ask: Ask,
    payload: Payload,
) -> Result<Response, ScimError> {
    let query = Query::of_request(&payload.json()?)?;
    answer_list(&door, &ask, &query).await
}

async fn answer_list(door: &FrontDoor, ask: &Ask, query: &Query) -> Result<Response, ScimError> {
    let practice = &ask.visit.caller.practice;
    let listing = query.listing(&USER, door, practice).await?;
    let found = door.store.search_users(practice, &listing.search).await?;
    let users = shown(door, ask, &found.items, &listing.projection).await?;
    let list = listing.answer(&found, |user| user.id.as_str(), users);
    Ok(answer::json(StatusCode::OK, &list))
}

async fn read(
    State(door): State<Arc<FrontDoor>>,
    ask: Ask,
    Path(id): Path<String>,
) -> Result<Response, ScimError> {
    let user = door
        .store
        .find_user(&ask.visit.caller.practice, &UserId::from(id))
        .await?
        .ok_or_else(ScimError::not_found)?;
    if ask.conditions.is_known(user.version) {
        return Ok(bodiless(StatusCode::NOT_MODIFIED, user.version));
    }
    let projection = ask.query.projection(&USER);
    let shown = shown(&door, &ask, std::slice::from_ref(&user), &projection).await?;
    Ok(answer_with(StatusCode::OK, &ask, &user, &shown))
}

async fn create(
    State(door): State<Arc<FrontDoor>>,
    ask: Ask,
    payload: Payload,
) -> Result<Response, ScimError> {
    let user = make(&door, &ask, &payload).await?;
    Ok(changed(&door, StatusCode::CREATED, &ask, &user).await)
}

async fn replace(
    State(door): State<Arc<FrontDoor>>,
    ask: Ask,
    Path(id): Path<String>,
    payload: Result<Payload, ScimError>,
) -> Result<Response, ScimError> {
    let id = UserId::from(id);
    let payload = arrived(&door, &ask, &id, payload).await?;
    let user = rewrite(&door, &ask, &id, &payload).await?;
    Ok(changed(&door, StatusCode::OK, &ask, &user).await)
}

async fn update(
    State(door): State<Arc<FrontDoor>>,
    ask: Ask,
    Path(id): Path<String>,
    payload: Result<Payload, ScimError>,
) -> Result<Response, ScimError> {
    let id = UserId::from(id);
    let payload = arrived(&door, &ask, &id, payload).await?;
    let user = alter(&door, &ask, &id, &payload).await?;
    Ok(changed(&door, StatusCode::OK, &ask, &user).await)
}

async fn delete(
    State(door): State<Arc<FrontDoor>>,
    ask: Ask,
    Path(id): Path<String>,
) -> Result<StatusCode, ScimError> {
    remove(&door, &ask, &UserId::from(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What POST does.
pub(super) async fn make(
    door: &FrontDoor,
    ask: &Ask,
    payload: &Payload,
) -> Result<User, ScimError> {
    let patch = Patch::read_resource(&USER, &payload.json()?, ask.mode())?;
    change(door, ask, None, patch).await
}

/// What PUT does.
pub(super) async fn rewrite(
    door: &FrontDoor,
    ask: &Ask,
    id: &UserId,
    payload: &Payload,
) -> Result<User, ScimError> {
    let patch = payload
        .json()
        .and_then(|body| Patch::read_resource(&USER, &body, ask.mode()));
    write(door, ask, id, payload, patch).await
}

/// What PATCH does.
pub(super) async fn alter(
    door: &FrontDoor,
    ask: &Ask,
    id: &UserId,
    payload: &Payload,
) -> Result<User, ScimError> {
    let patch = payload
        .json()
        .and_then(|body| Patch::read(&USER, &body, ask.mode()));
    write(door, ask, id, payload, patch).await
}

/// What DELETE does.
pub(super) async fn remove(door: &FrontDoor, ask: &Ask, id: &UserId) -> Result<(), ScimError> {
    let conditions = ask.conditions.clone();
    let gone = door
        .intake
        .change_user(&ask.visit.caller, Some(id), move |before| {
            if let Some(before) = before {
                conditions.check(before.version)?;
            }
            Ok(None)
        })
        .await
        .map_err(ScimError::from);
    if let Err(error) = gone {
        record_refusal(door, ask, id, &error).await;
        return Err(error);
    }
    Ok(())
}

/// The body of a PUT or PATCH. What it said of a User who exists is not known when it could not be read,
/// so it is recorded as if it had been a disable: a person looks into it.
async fn arrived(
    door: &FrontDoor,
    ask: &Ask,
    id: &UserId,
    payload: Result<Payload, ScimError>,
) -> Result<Payload, ScimError> {
    if let Err(error) = &payload
        && !matches!(
            door.store.find_user(&ask.visit.caller.practice, id).await,
            Ok(None)
        )
    {
        let reason = match error.status {
            StatusCode::PAYLOAD_TOO_LARGE => {
                "the body was too large to be read: it may have been a disable"
            }
            StatusCode::REQUEST_TIMEOUT => {
                "the body did not arrive in time: it may have been a disable"
            }
            _ => "the body could not be read: it may have been a disable",
        };
        door.intake
            .record_refused_disable(&ask.visit.caller, id, reason)
            .await;
    }
    payload
}

/// Changes a User as PUT and PATCH do. A disable that has to be refused, for whatever reason, is
/// recorded: somebody was to lose access and did not.
async fn write(
    door: &FrontDoor,
    ask: &Ask,
    id: &UserId,
    payload: &Payload,
    patch: Result<Patch, ScimError>,
) -> Result<User, ScimError> {
    let had_room = !door.store.is_short_of_room();
    let user = match patch {
        Ok(patch) => match change(door, ask, Some(id), patch.clone()).await {
            // It was this very change that found the disk full, and the room kept for departures has
            // been made since.
            Err(_) if had_room && door.store.is_short_of_room() => {
                change(door, ask, Some(id), patch).await
            }
            done => done,
        },
        Err(error) => Err(error),
    };
    if let Err(error) = &user
        && disable::is_asked_for(&payload.bytes)
    {
        record_refusal(door, ask, id, error).await;
    }
    user
}

async fn change(
    door: &FrontDoor,
    ask: &Ask,
    id: Option<&UserId>,
    patch: Patch,
) -> Result<User, ScimError> {
    let conditions = ask.conditions.clone();
    let is_short_of_room = door.store.is_short_of_room();
    let is_known = id.is_some();
    let user = door
        .intake
        .change_user(&ask.visit.caller, id, move |before| {
            if let Some(before) = before {
                conditions.check(before.version)?;
            }
            let nothing = Attributes::new();
            let before = before.map_or(&nothing, |user| &user.attributes);
            let mut after = patch.apply(before)?;
            // A new User of whom nothing is said may get in.
            after.entry("active").or_insert(Value::Bool(true));
            let is_departure = is_known && after.get("active") == Some(&Value::Bool(false));
            if is_short_of_room && !is_departure {
                return Err(ScimError::no_room());
            }
            Ok(Some(after))
        })
        .await?;
    user.ok_or_else(|| ScimError::of_status(StatusCode::INTERNAL_SERVER_ERROR))
}

/// Somebody nobody knows cannot be disabled, so a 404 is no refusal.
pub(super) async fn record_refusal(door: &FrontDoor, ask: &Ask, id: &UserId, error: &ScimError) {
    let (intake, caller) = (&door.intake, &ask.visit.caller);
    match error.status {
        StatusCode::NOT_FOUND => {}
        // The archive cannot be written now. That this cannot either may take as long to find out, and
        // the caller is to be told in time.
        StatusCode::SERVICE_UNAVAILABLE => {
            let (intake, caller, id) = (intake.clone(), caller.clone(), id.clone());
            let reason = error.detail;
            tokio::spawn(async move { intake.record_refused_disable(&caller, &id, reason).await });
        }
        _ => {
            intake
                .record_refused_disable(caller, id, error.detail)
                .await
        }
    }
}

/// The answer to a change that was committed. It is told even when the groups cannot be read now: an
/// error would make the client repeat what is done.
async fn changed(door: &FrontDoor, status: StatusCode, ask: &Ask, user: &User) -> Response {
    let projection = ask.query.projection(&USER);
    let shown = match shown(door, ask, std::slice::from_ref(user), &projection).await {
        Ok(shown) => shown,
        Err(error) => {
            tracing::warn!(error = %error, "answered a change without the groups of the User");
            vec![show(ask, user.to_json(&[]), &projection)]
        }
    };
    answer_with(status, ask, user, &shown)
}

fn answer_with(status: StatusCode, ask: &Ask, user: &User, shown: &[Value]) -> Response {
    let body = shown.first().unwrap_or(&Value::Null);
    let which = (user.id.as_str(), user.version);
    resource(status, &USER, &ask.visit.base, which, body)
}

/// The Users as the client is to see them, with their groups.
pub(super) async fn shown(
    door: &FrontDoor,
    ask: &Ask,
    users: &[User],
    projection: &Projection,
) -> Result<Vec<Value>, StoreError> {
    let groups = door
        .store
        .groups_of(&ask.visit.caller.practice, users)
        .await?;
    Ok(users
        .iter()
        .map(|user| {
            let groups = groups.get(&user.id).map_or(&[][..], Vec::as_slice);
            show(ask, user.to_json(groups), projection)
        })
        .collect())
}

fn show(ask: &Ask, mut user: Value, projection: &Projection) -> Value {
    ask.visit.base.complete(&USER, &mut user);
    projection.apply(&USER, user)
}
