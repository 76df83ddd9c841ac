//! `/Groups`.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{bodiless, resource};
use crate::{
    ids::GroupId,
    intake::GroupContent,
    people::{Attributes, Group, Member},
    scim::{
        FrontDoor, answer,
        error::ScimError,
        list::Query,
        patch::Patch,
        projection::Projection,
        request::{Ask, Payload},
        schema::GROUP,
    },
};

pub(super) fn routes() -> Router<Arc<FrontDoor>> {
    Router::new()
        .route("/Groups", get(list).post(create))
        .route("/Groups/.search", post(search))
        .route(
            "/Groups/{id}",
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
    let listing = query.listing(&GROUP, door, practice).await?;
    let found = door.store.search_groups(practice, &listing.search).await?;
    let groups = found
        .items
        .iter()
        .map(|group| show(ask, group, &listing.projection))
        .collect();
    let list = listing.answer(&found, |group| group.id.as_str(), groups);
    Ok(answer::json(StatusCode::OK, &list))
}

async fn read(
    State(door): State<Arc<FrontDoor>>,
    ask: Ask,
    Path(id): Path<String>,
) -> Result<Response, ScimError> {
    let group = door
        .store
        .find_group(&ask.visit.caller.practice, &GroupId::from(id))
        .await?
        .ok_or_else(ScimError::not_found)?;
    if ask.conditions.is_known(group.version) {
        return Ok(bodiless(StatusCode::NOT_MODIFIED, group.version));
    }
    Ok(answer_with(StatusCode::OK, &ask, &group))
}

async fn create(
    State(door): State<Arc<FrontDoor>>,
    ask: Ask,
    payload: Payload,
) -> Result<Response, ScimError> {
    let group = make(&door, &ask, &payload).await?;
    Ok(answer_with(StatusCode::CREATED, &ask, &group))
}

async fn replace(
    State(door): State<Arc<FrontDoor>>,
    ask: Ask,
    Path(id): Path<String>,
    payload: Payload,
) -> Result<Response, ScimError> {
    let group = rewrite(&door, &ask, &GroupId::from(id), &payload).await?;
    Ok(answer_with(StatusCode::OK, &ask, &group))
}

async fn update(
    State(door): State<Arc<FrontDoor>>,
    ask: Ask,
    Path(id): Path<String>,
    payload: Payload,
) -> Result<Response, ScimError> {
    let group = alter(&door, &ask, &GroupId::from(id), &payload).await?;
    // Entra ID wants no body here; a group of ten thousand would be sent with every change.
    if ask.visit.options.group_patch_204 {
        return Ok(bodiless(StatusCode::NO_CONTENT, group.version));
    }
    Ok(answer_with(StatusCode::OK, &ask, &group))
}

async fn delete(
    State(door): State<Arc<FrontDoor>>,
    ask: Ask,
    Path(id): Path<String>,
) -> Result<StatusCode, ScimError> {
    remove(&door, &ask, &GroupId::from(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What POST does.
pub(super) async fn make(
    door: &FrontDoor,
    ask: &Ask,
    payload: &Payload,
) -> Result<Group, ScimError> {
    let patch = Patch::read_resource(&GROUP, &payload.json()?, ask.mode())?;
    change(door, ask, None, patch).await
}

/// What PUT does.
pub(super) async fn rewrite(
    door: &FrontDoor,
    ask: &Ask,
    id: &GroupId,
    payload: &Payload,
) -> Result<Group, ScimError> {
    let patch = Patch::read_resource(&GROUP, &payload.json()?, ask.mode())?;
    change(door, ask, Some(id), patch).await
}

/// What PATCH does.
pub(super) async fn alter(
    door: &FrontDoor,
    ask: &Ask,
    id: &GroupId,
    payload: &Payload,
) -> Result<Group, ScimError> {
    let patch = Patch::read(&GROUP, &payload.json()?, ask.mode())?;
    change(door, ask, Some(id), patch).await
}

/// What DELETE does.
pub(super) async fn remove(door: &FrontDoor, ask: &Ask, id: &GroupId) -> Result<(), ScimError> {
    let conditions = ask.conditions.clone();
    door.intake
        .change_group(&ask.visit.caller, Some(id), move |before| {
            if let Some(before) = before {
                conditions.check(before.version)?;
            }
            Ok(None)
        })
        .await?;
    Ok(())
}

async fn change(
    door: &FrontDoor,
    ask: &Ask,
    id: Option<&GroupId>,
    patch: Patch,
) -> Result<Group, ScimError> {
    if door.store.is_short_of_room() {
        return Err(ScimError::no_room());
    }
    let conditions = ask.conditions.clone();
    let group = door
        .intake
        .change_group(&ask.visit.caller, id, move |before| {
            if let Some(before) = before {
                conditions.check(before.version)?;
            }
            let before = before.map(with_members).unwrap_or_default();
            patch.apply(&before).map(|after| Some(content(after)))
        })
        .await?;
    group.ok_or_else(|| ScimError::of_status(StatusCode::INTERNAL_SERVER_ERROR))
}

/// A group as the PATCH engine sees it: the members are an attribute like others.
fn with_members(group: &Group) -> Attributes {
    let mut attributes = group.attributes.clone();
    if !group.members.is_empty() {
        attributes.insert("members".to_owned(), json!(group.members));
    }
    attributes
}

/// The other way round. A member without value is nobody.
fn content(mut attributes: Attributes) -> GroupContent {
    let members = match attributes.shift_remove("members") {
        Some(Value::Array(members)) => members,
        _ => Vec::new(),
    };
    let text = |member: &Value, name: &str| Some(member.get(name)?.as_str()?.to_owned());
    GroupContent {
        attributes,
        members: members
            .iter()
            .filter_map(|member| {
                Some(Member {
                    value: text(member, "value")?,
                    display: text(member, "display"),
                })
            })
            .collect(),
    }
}

fn answer_with(status: StatusCode, ask: &Ask, group: &Group) -> Response {
    let body = show(ask, group, &ask.query.projection(&GROUP));
    let which = (group.id.as_str(), group.version);
    resource(status, &GROUP, &ask.visit.base, which, &body)
}

pub(super) fn show(ask: &Ask, group: &Group, projection: &Projection) -> Value {
    let mut group = group.to_json();
    ask.visit.base.complete(&GROUP, &mut group);
    projection.apply(&GROUP, group)
}
