//! A make-believe SCIM provider with the manners of real ones.

use std::collections::{BTreeSet, HashMap};

use axum::{
    Json, Router,
    extract::{Path, Query, Request, State},
    http::{HeaderMap, StatusCode},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use drawbridge_conformance::vendor::{Records, TOKEN, User};
use serde_json::{Value, json};

/// Records on one page, whatever is asked for.
const PAGE: usize = 5;

/// The groups there are.
pub const GROUPS: [&str; 2] = ["Nurses", "Front Desk"];

/// How a provider behaves, where the RFC leaves it a choice, or where it breaks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manners {
    /// Filters, patches and versions; answers changes with the record; users tell of their groups.
    Modern,
    /// Filters `userName` alone, and by e-mail finds nobody, ever; answers changes with 204; users do
    /// not tell of groups.
    Terse,
    /// Ignores filters, patches nothing, has no page about itself, breaks when asked for a page's
    /// size, wants `name.formatted`, refuses all of an e-mail but its value, and writes truth values
    /// as text.
    Stubborn,
}

#[derive(Clone)]
struct Provider {
    records: Records,
    manners: Manners,
}

/// The provider's routes under `/scim/v2`.
pub fn routes(records: Records, manners: Manners) -> Router {
    let mut routes = Router::new()
        .route("/Users", get(users).post(create))
        .route(
            "/Users/{id}",
            get(user).put(put_user).patch(patch_user).delete(delete),
        )
        .route("/Groups", get(groups))
        .route("/Groups/{id}", get(group).put(put_group).patch(patch_group));
    if manners != Manners::Stubborn {
        routes = routes.route("/ServiceProviderConfig", get(config));
    }
    let routes = routes.layer(middleware::from_fn(needs_token));
    Router::new()
        .nest("/scim/v2", routes)
        .with_state(Provider { records, manners })
}

async fn needs_token(request: Request, next: Next) -> Response {
    let presented = request
        .headers()
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    let is_public = request.uri().path().ends_with("/ServiceProviderConfig");
    if is_public || presented == Some(&format!("Bearer {TOKEN}")) {
        return next.run(request).await;
    }
    // A careless provider: it repeats what it was sent.
    error(
        StatusCode::UNAUTHORIZED,
        &format!("no such token: {presented:?}"),
    )
}

fn error(status: StatusCode, detail: &str) -> Response {
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:Error"];
    let body =
        json!({ "schemas": schemas, "status": status.as_u16().to_string(), "detail": detail });
    (status, Json(body)).into_response()
}

async fn config(State(provider): State<Provider>) -> Json<Value> {
    let has_versions = provider.manners == Manners::Modern;
    Json(json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "filter": { "supported": true, "maxResults": PAGE },
        "etag": { "supported": has_versions },
    }))
}

impl Provider {
    fn version(user: &User) -> String {
        format!("W/\"{}-{}\"", user.active, user.roles.join("+"))
    }

    fn shown(&self, user: &User) -> Value {
        let active = match self.manners {
            Manners::Stubborn => json!(if user.active { "True" } else { "False" }),
            Manners::Modern | Manners::Terse => json!(user.active),
        };
        let mut shown = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": user.id,
            "userName": user.login,
            "emails": [{ "value": user.email }],
            "active": active,
            "meta": { "resourceType": "User", "version": Self::version(user) },
        });
        if self.manners == Manners::Modern {
            let groups = user
                .roles
                .iter()
                .map(|role| json!({ "value": role, "display": role }));
            shown["groups"] = groups.collect();
        }
        shown
    }

    fn shown_group(&self, name: &str) -> Value {
        let members = self
            .records
            .search(|user| user.roles.iter().any(|role| role == name));
        let members = members.iter().map(|user| json!({ "value": user.id }));
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "id": group_id(name),
            "displayName": name,
            "members": members.collect::<Value>(),
        })
    }

    fn changed(&self, user: Option<User>) -> Response {
        match (user, self.manners) {
            (None, _) => error(StatusCode::NOT_FOUND, "no such user"),
            (Some(_), Manners::Terse) => StatusCode::NO_CONTENT.into_response(),
            (Some(user), _) => Json(self.shown(&user)).into_response(),
        }
    }

    /// A close never demands a version; an open does, where there are versions.
    fn refuses_fence(&self, id: &str, active: bool, headers: &HeaderMap) -> Option<Response> {
        let fence = headers
            .get("if-match")
            .and_then(|value| value.to_str().ok());
        if !active {
            return fence.map(|_| error(StatusCode::BAD_REQUEST, "a close with a precondition"));
        }
        let version = self.records.get(id).as_ref().map(Self::version);
        match (self.manners, fence) {
            (Manners::Modern, None) => Some(error(StatusCode::PRECONDITION_REQUIRED, "no version")),
            (Manners::Modern, fence) if fence != version.as_deref() => {
                Some(error(StatusCode::PRECONDITION_FAILED, "another version"))
            }
            _ => None,
        }
    }
}

fn list(all: Vec<Value>, query: &HashMap<String, String>) -> Json<Value> {
    let number = |key: &str| query.get(key).and_then(|text| text.parse::<usize>().ok());
    let start = number("startIndex").unwrap_or(1).max(1);
    let count = number("count").unwrap_or(PAGE).min(PAGE);
    let page: Vec<&Value> = all.iter().skip(start - 1).take(count).collect();
    Json(json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": all.len(),
        "startIndex": start,
        "itemsPerPage": page.len(),
        "Resources": page,
    }))
}

async fn users(
    State(provider): State<Provider>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let filter = query
        .get("filter")
        .filter(|_| provider.manners != Manners::Stubborn);
    let Some(filter) = filter else {
        let found = provider.records.search(|_| true);
        let shown = found.iter().map(|user| provider.shown(user)).collect();
        return list(shown, &query).into_response();
    };
    let Some((attribute, value)) = filter.split_once(" eq ") else {
        return error(StatusCode::BAD_REQUEST, "invalidFilter");
    };
    let Ok(value) = serde_json::from_str::<String>(value) else {
        return error(StatusCode::BAD_REQUEST, "invalidFilter");
    };
    let is = |own: &str| own.eq_ignore_ascii_case(&value);
    let found = match (attribute, provider.manners) {
        ("userName", _) => provider.records.search(|user| is(&user.login)),
        ("emails.value", Manners::Modern) => provider.records.search(|user| is(&user.email)),
        ("emails.value", Manners::Terse) => Vec::new(),
        // Nobody here has one.
        ("externalId", Manners::Modern) => Vec::new(),
        _ => return error(StatusCode::BAD_REQUEST, "invalidFilter"),
    };
    list(
        found.iter().map(|user| provider.shown(user)).collect(),
        &query,
    )
    .into_response()
}

async fn user(State(provider): State<Provider>, Path(id): Path<String>) -> Response {
    match provider.records.get(&id) {
        None => error(StatusCode::NOT_FOUND, "no such user"),
        Some(user) => Json(provider.shown(&user)).into_response(),
    }
}

async fn create(State(provider): State<Provider>, Json(body): Json<Value>) -> Response {
    let Some(name) = body["userName"].as_str() else {
        return error(StatusCode::BAD_REQUEST, "invalidValue");
    };
    if provider.manners == Manners::Stubborn {
        let email = body["emails"][0].as_object();
        if email.is_some_and(|email| email.len() != 1)
            || body["name"]["formatted"].as_str().is_none()
        {
            return error(StatusCode::BAD_REQUEST, "invalidValue");
        }
    }
    if provider.records.user(name).is_some() {
        return error(StatusCode::CONFLICT, "uniqueness");
    }
    let user = provider.records.add(name);
    (StatusCode::CREATED, Json(provider.shown(&user))).into_response()
}

async fn put_user(
    State(provider): State<Provider>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let (Some(active), Some(_)) = (body["active"].as_bool(), body["userName"].as_str()) else {
        return error(StatusCode::BAD_REQUEST, "invalidValue");
    };
    let refused = provider.refuses_fence(&id, active, &headers);
    refused.unwrap_or_else(|| {
        provider.changed(provider.records.change(&id, |user| user.active = active))
    })
}

async fn patch_user(
    State(provider): State<Provider>,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if provider.manners == Manners::Stubborn {
        return error(StatusCode::METHOD_NOT_ALLOWED, "no patch here");
    }
    let operation = &body["Operations"][0];
    let is_replace = operation["op"] == "replace" && operation["path"] == "active";
    let Some(active) = operation["value"].as_bool().filter(|_| is_replace) else {
        return error(StatusCode::BAD_REQUEST, "invalidPath");
    };
    let refused = provider.refuses_fence(&id, active, &headers);
    refused.unwrap_or_else(|| {
        provider.changed(provider.records.change(&id, |user| user.active = active))
    })
}

async fn delete(State(provider): State<Provider>, Path(id): Path<String>) -> StatusCode {
    provider.records.delete(&id);
    StatusCode::NO_CONTENT
}

fn group_id(name: &str) -> String {
    format!("group/{name}")
}

fn group_name(id: &str) -> Option<&'static str> {
    GROUPS.into_iter().find(|name| group_id(name) == id)
}

async fn groups(
    State(provider): State<Provider>,
    Query(query): Query<HashMap<String, String>>,
) -> Json<Value> {
    list(
        GROUPS
            .iter()
            .map(|name| provider.shown_group(name))
            .collect(),
        &query,
    )
}

async fn group(State(provider): State<Provider>, Path(id): Path<String>) -> Response {
    match group_name(&id) {
        None => error(StatusCode::NOT_FOUND, "no such group"),
        Some(name) => Json(provider.shown_group(name)).into_response(),
    }
}

async fn put_group(
    State(provider): State<Provider>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let (Some(name), Some(members)) = (group_name(&id), body["members"].as_array()) else {
        return error(StatusCode::NOT_FOUND, "no such group");
    };
    let members: BTreeSet<&str> = members
        .iter()
        .filter_map(|each| each["value"].as_str())
        .collect();
    for user in provider.records.search(|_| true) {
        set_member(
            &provider,
            &user.id,
            name,
            members.contains(user.id.as_str()),
        );
    }
    Json(provider.shown_group(name)).into_response()
}

async fn patch_group(
    State(provider): State<Provider>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    if provider.manners == Manners::Stubborn {
        return error(StatusCode::METHOD_NOT_ALLOWED, "no patch here");
    }
    let Some(name) = group_name(&id) else {
        return error(StatusCode::NOT_FOUND, "no such group");
    };
    let operation = &body["Operations"][0];
    let path = operation["path"].as_str().unwrap_or_default();
    let named = path
        .strip_prefix("members[value eq ")
        .and_then(|rest| rest.strip_suffix(']'));
    let named = named.and_then(|quoted| serde_json::from_str::<String>(quoted).ok());
    match (
        operation["op"].as_str(),
        operation["value"][0]["value"].as_str(),
        named,
    ) {
        (Some("add"), Some(member), _) if path == "members" => {
            set_member(&provider, member, name, true);
        }
        (Some("remove"), _, Some(member)) => set_member(&provider, &member, name, false),
        _ => return error(StatusCode::BAD_REQUEST, "invalidPath"),
    }
    match provider.manners {
        Manners::Modern => Json(provider.shown_group(name)).into_response(),
        Manners::Terse | Manners::Stubborn => StatusCode::NO_CONTENT.into_response(),
    }
}

fn set_member(provider: &Provider, id: &str, group: &str, is_member: bool) {
    provider.records.change(id, |user| {
        user.roles.retain(|role| role != group);
        if is_member {
            user.roles.push(group.to_owned());
        }
    });
}
