//! `/Bulk`: many operations in one request, each as if it had been sent alone.

use std::{collections::HashMap, sync::Arc};

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::post};
use serde_json::{Value, json};

use super::{groups, users};
use crate::{
    ids::{GroupId, UserId},
    scim::{
        FrontDoor, answer,
        bulk::{
            Method, Operation, Request, Target, Waiting, disabled_by, in_order, leave_out, named,
            raw_operations, references, resolve,
        },
        error::ScimError,
        etag,
        request::{Ask, Payload},
        schema::USER,
    },
};

const NEEDS_FAILED: ScimError = ScimError::plain(
    StatusCode::CONFLICT,
    "the operation refers to a resource that could not be made",
);

const CIRCLE_FAILED: ScimError = ScimError::plain(
    StatusCode::CONFLICT,
    "resources that refer to each other could not all be made, so none of them was",
);

const NOT_REACHED: ScimError = ScimError::plain(
    StatusCode::CONFLICT,
    "the Bulk request ended before this operation: `failOnErrors` was reached",
);

pub(super) fn routes() -> Router<Arc<FrontDoor>> {
    Router::new().route("/Bulk", post(bulk))
}

/// # Source
/// RFC 7644 section 3.7.
async fn bulk(
    State(door): State<Arc<FrontDoor>>,
    ask: Ask,
    payload: Payload,
) -> Result<Response, ScimError> {
    let request = match payload.json().and_then(|body| Request::read(&body)) {
        Ok(request) => request,
        Err(error) => {
            for id in raw_operations(&payload.bytes)
                .iter()
                .filter_map(disabled_by)
            {
                users::record_refusal(&door, &ask, &UserId::from(id), &error).await;
            }
            return Err(error);
        }
    };
    let mut run = Run {
        door: &door,
        ask: &ask,
        request: &request,
        made: HashMap::new(),
        answers: vec![None; request.operations.len()],
        refused: Vec::new(),
        errors: 0,
    };
    run.all().await;
    let answers: Vec<Value> = run.answers.into_iter().flatten().collect();
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkResponse"],
        "Operations": answers,
    });
    Ok(answer::json(StatusCode::OK, &body))
}

/// A Bulk request while it is worked on.
struct Run<'a> {
    door: &'a FrontDoor,
    ask: &'a Ask,
    request: &'a Request,
    /// The ids of the resources that were made, by their names in the request.
    made: HashMap<&'a str, String>,
    answers: Vec<Option<Value>>,
    /// Operations that were not tried. They are looked into at the end, when everybody who could be
    /// meant has an id.
    refused: Vec<(&'a Operation, ScimError)>,
    errors: u64,
}

/// A resource after an operation; a deleted one has no version.
struct Done {
    id: String,
    version: Option<i64>,
}

impl<'a> Run<'a> {
    async fn all(&mut self) {
        let waits_for = self.request.waits_for();
        for unit in in_order(&waits_for) {
            if self.request.ends_after(self.errors) {
                break;
            }
            match unit.as_slice() {
                [one] if !waits_for[*one].contains(one) => self.one(*one).await,
                circle => self.circle(circle).await,
            }
        }
        // Nobody refused these, but somebody was to lose access and did not.
        let operations = self.request.operations.iter().zip(&self.answers);
        let left = operations.filter(|(_, answer)| answer.is_none());
        self.refused
            .extend(left.map(|(operation, _)| (operation, NOT_REACHED)));
        for (operation, error) in &self.refused {
            self.record_refusal(operation, error).await;
        }
    }

    async fn one(&mut self, place: usize) {
        let operation = &self.request.operations[place];
        let outcome = match self.ready(operation) {
            Ok(target) => self.perform(&target).await,
            Err(error) => {
                self.refused.push((operation, error.clone()));
                Err(error)
            }
        };
        self.settle(place, outcome);
    }

    /// Resources that refer to each other are all made, or none.
    async fn circle(&mut self, places: &[usize]) {
        match self.try_circle(places).await {
            Ok(done) => {
                for (place, done) in places.iter().zip(done) {
                    self.settle(*place, Ok(done));
                }
            }
            Err((culprit, error)) => {
                for place in places {
                    let error = if *place == culprit {
                        error.clone()
                    } else {
                        CIRCLE_FAILED
                    };
                    self.settle(*place, Err(error));
                }
            }
        }
    }

    /// Makes each without what is not known yet, then adds that.
    ///
    /// # Errors
    /// At which place it failed, and why.
    async fn try_circle(&mut self, places: &[usize]) -> Result<Vec<Done>, (usize, ScimError)> {
        let mut plans = Vec::new();
        for place in places {
            let plan = self.plan(*place, places).map_err(|error| (*place, error))?;
            plans.push(plan);
        }
        let mut done = Vec::new();
        let mut failure = None;
        for (place, (target, _)) in places.iter().zip(&plans) {
            match self.perform(&self.resolved(target)).await {
                Ok(made) => {
                    self.remember(*place, &made.id);
                    done.push(made);
                }
                Err(error) => {
                    failure = Some((*place, error));
                    break;
                }
            }
        }
        if failure.is_none() {
            failure = self.complete(places, &plans, &mut done).await;
        }
        let Some(failure) = failure else {
            return Ok(done);
        };
        for ((place, (target, _)), made) in places.iter().zip(&plans).zip(&done) {
            self.take_back(target, made).await;
            if let Some(name) = &self.request.operations[*place].bulk_id {
                self.made.remove(name.as_str());
            }
        }
        Err(failure)
    }

    /// Adds what had to be left out of the resources of a circle.
    async fn complete(
        &self,
        places: &[usize],
        plans: &[(Target, Option<Waiting>)],
        done: &mut [Done],
    ) -> Option<(usize, ScimError)> {
        for ((place, (target, waiting)), done) in places.iter().zip(plans).zip(done) {
            let Some(waiting) = waiting else { continue };
            let rest = Target {
                method: Method::Patch,
                id: Some(done.id.clone()),
                data: Some(waiting.patch.clone()),
                ..target.clone()
            };
            match self.perform(&self.resolved(&rest)).await {
                Ok(completed) => *done = completed,
                Err(error) => return Some((*place, error)),
            }
        }
        None
    }

    /// What to make first, and what to add later, of an operation that is part of a circle.
    fn plan(&self, place: usize, circle: &[usize]) -> Result<(Target, Option<Waiting>), ScimError> {
        let name_of = |place: usize| self.request.operations[place].bulk_id.as_deref();
        let in_circle = |name: &str| circle.iter().any(|other| name_of(*other) == Some(name));
        // Those before it are known by then.
        let is_missing = |name: &str| {
            let mut from_here = circle.iter().filter(|other| **other >= place);
            from_here.any(|other| name_of(*other) == Some(name))
        };
        let mut target = self.request.operations[place].target.clone()?;
        let is_lost = |name: &String| !in_circle(name) && !self.made.contains_key(name.as_str());
        if target.needs.iter().any(is_lost) {
            return Err(NEEDS_FAILED);
        }
        let waiting = target
            .data
            .as_mut()
            .and_then(|data| leave_out(data, is_missing));
        let still_named = target.data.iter().flat_map(references);
        if still_named.into_iter().any(|name| is_missing(&name)) {
            return Err(CIRCLE_FAILED);
        }
        Ok((target, waiting))
    }

    /// Undoes a part of a circle, as a DELETE would.
    async fn take_back(&self, target: &Target, made: &Done) {
        let undo = Target {
            method: Method::Delete,
            id: Some(made.id.clone()),
            data: None,
            ..target.clone()
        };
        if let Err(error) = self.perform(&undo).await {
            tracing::error!(
                resource.id = %made.id,
                reason = error.detail,
                "a resource of a circle that failed could not be taken back"
            );
        }
    }

    /// The operation with ids in the place of names.
    fn ready(&self, operation: &Operation) -> Result<Target, ScimError> {
        let target = operation.target.as_ref().map_err(Clone::clone)?;
        let is_known = |name: &String| self.made.contains_key(name.as_str());
        if !target.needs.iter().all(is_known) {
            return Err(NEEDS_FAILED);
        }
        Ok(self.resolved(target))
    }

    fn resolved(&self, target: &Target) -> Target {
        let mut target = target.clone();
        if let Some(id) = &mut target.id {
            *id = self.id_of(id).to_owned();
        }
        if let Some(data) = &mut target.data {
            resolve(data, |name| self.made.get(name).map(String::as_str));
        }
        target
    }

    /// The id that stands in a path, or the one of the resource that is named there.
    fn id_of<'i>(&'i self, id: &'i str) -> &'i str {
        named(id)
            .and_then(|name| self.made.get(name))
            .map_or(id, String::as_str)
    }

    async fn perform(&self, target: &Target) -> Result<Done, ScimError> {
        let ask = self.ask.again(target.version.as_deref());
        let payload = Payload::of(target.data.as_ref());
        let id = target.id.clone().unwrap_or_default();
        if target.kind.name == USER.name {
            on_user(self.door, &ask, target.method, UserId::from(id), &payload).await
        } else {
            on_group(self.door, &ask, target.method, GroupId::from(id), &payload).await
        }
    }

    async fn record_refusal(&self, operation: &Operation, error: &ScimError) {
        let Some(id) = disabled_by(&operation.sent) else {
            return;
        };
        let id = self.id_of(&id);
        // Whom this request was to make and did not, nobody knows.
        if named(id).is_none() {
            users::record_refusal(self.door, self.ask, &UserId::from(id.to_owned()), error).await;
        }
    }

    fn remember(&mut self, place: usize, id: &str) {
        let request = self.request;
        let operation = &request.operations[place];
        if let (Some(Method::Post), Some(name)) = (operation.method, &operation.bulk_id) {
            self.made.insert(name, id.to_owned());
        }
    }

    fn settle(&mut self, place: usize, outcome: Result<Done, ScimError>) {
        match &outcome {
            Ok(done) => self.remember(place, &done.id),
            Err(_) => self.errors += 1,
        }
        self.answers[place] = Some(self.answer(&self.request.operations[place], &outcome));
    }

    /// # Source
    /// RFC 7644 section 3.7.3. A body is sent where something failed, else none.
    fn answer(&self, operation: &Operation, outcome: &Result<Done, ScimError>) -> Value {
        let mut answer = json!({});
        if let Some(location) = self.location(operation, outcome.as_ref().ok()) {
            answer["location"] = location.into();
        }
        if let Some(method) = operation.method {
            answer["method"] = method.as_str().into();
        }
        if let Some(bulk_id) = &operation.bulk_id {
            answer["bulkId"] = bulk_id.as_str().into();
        }
        let status = match outcome {
            Ok(done) => {
                if let Some(version) = done.version {
                    answer["version"] = etag::of(version).into();
                }
                match operation.method {
                    Some(Method::Post) => StatusCode::CREATED,
                    Some(Method::Delete) => StatusCode::NO_CONTENT,
                    _ => StatusCode::OK,
                }
            }
            Err(error) => {
                let request_id = &self.ask.visit.caller.request_id;
                answer["response"] = answer::error_document(error, request_id);
                error.status
            }
        };
        answer["status"] = status.as_str().into();
        answer
    }

    /// Where the resource is, unless there is none: a POST failed, or a path leads nowhere.
    fn location(&self, operation: &Operation, done: Option<&Done>) -> Option<String> {
        let target = operation.target.as_ref().ok()?;
        let id = match (done, &target.id) {
            (Some(done), _) => &done.id,
            (None, Some(id)) => self.id_of(id),
            (None, None) => return None,
        };
        named(id)
            .is_none()
            .then(|| self.ask.visit.base.of(target.kind, id))
    }
}

async fn on_user(
    door: &FrontDoor,
    ask: &Ask,
    method: Method,
    id: UserId,
    payload: &Payload,
) -> Result<Done, ScimError> {
    let user = match method {
        Method::Post => users::make(door, ask, payload).await?,
        Method::Put => users::rewrite(door, ask, &id, payload).await?,
        Method::Patch => users::alter(door, ask, &id, payload).await?,
        Method::Delete => {
            users::remove(door, ask, &id).await?;
            return Ok(Done::gone(id.as_str()));
        }
    };
    Ok(Done {
        id: user.id.as_str().to_owned(),
        version: Some(user.version),
    })
}

async fn on_group(
    door: &FrontDoor,
    ask: &Ask,
    method: Method,
    id: GroupId,
    payload: &Payload,
) -> Result<Done, ScimError> {
    let group = match method {
        Method::Post => groups::make(door, ask, payload).await?,
        Method::Put => groups::rewrite(door, ask, &id, payload).await?,
        Method::Patch => groups::alter(door, ask, &id, payload).await?,
        Method::Delete => {
            groups::remove(door, ask, &id).await?;
            return Ok(Done::gone(id.as_str()));
        }
    };
    Ok(Done {
        id: group.id.as_str().to_owned(),
        version: Some(group.version),
    })
}

impl Done {
    fn gone(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            version: None,
        }
    }
}
