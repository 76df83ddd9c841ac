//! OpenMRS as its REST documentation and the source of its `webservices.rest` module have it.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Json, Router,
    extract::{Path, Query, Request, State},
    http::{StatusCode, header::AUTHORIZATION},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::get,
};
use drawbridge_sdk::Connector;
use serde_json::{Value, json};

use super::{context, secret, serve};

/// The service account's password.
pub const PASSWORD: &str = "Bridge-Pw-1";
/// `bridge:Bridge-Pw-1`, as Basic has it.
const BASIC: &str = "Basic YnJpZGdlOkJyaWRnZS1Qdy0x";
/// Small, so that searches go over several pages.
const PAGE: usize = 2;
/// The roles there are.
pub const ROLES: [&str; 2] = [
    "3480cb6d-c291-46c8-8d3a-96dc33d199fb",
    "774b2af3-6437-4e5a-a310-547554c7c65c",
];

#[derive(Clone)]
pub struct User {
    pub uuid: String,
    pub username: String,
    pub roles: Vec<String>,
    pub retired: bool,
    pub reason: Option<String>,
}

#[derive(Default)]
pub struct Records {
    pub users: Vec<User>,
    /// Every request, as method and path with query.
    pub requests: Vec<String>,
}

#[derive(Clone)]
pub struct OpenMrs {
    records: Arc<Mutex<Records>>,
    pub address: SocketAddr,
}

type Shared = State<Arc<Mutex<Records>>>;

impl OpenMrs {
    /// An installation that knows the canary and nobody else.
    pub async fn start() -> Self {
        let records = Arc::new(Mutex::new(Records::default()));
        let router = Router::new()
            .route("/openmrs/ws/rest/v1/session", get(session))
            .route("/openmrs/ws/rest/v1/user", get(search).post(create))
            .route(
                "/openmrs/ws/rest/v1/user/{uuid}",
                get(read).post(update).delete(retire),
            )
            .layer(from_fn_with_state(Arc::clone(&records), guard))
            .with_state(Arc::clone(&records));
        let openmrs = Self {
            records,
            address: serve(router).await,
        };
        openmrs.add("canary");
        openmrs
    }

    pub fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().expect("no test panicked holding it")
    }

    /// Adds an enabled user and gives the uuid.
    pub fn add(&self, username: &str) -> String {
        let mut records = self.records();
        let uuid = format!("00000000-0000-4000-8000-{:012}", records.users.len());
        records.users.push(User {
            uuid: uuid.clone(),
            username: username.to_owned(),
            roles: vec![ROLES[0].to_owned()],
            retired: false,
            reason: None,
        });
        uuid
    }

    /// Changes a user as an administrator would, and says whether there is one.
    pub fn edit(&self, username: &str, change: impl FnOnce(&mut User)) -> bool {
        let mut records = self.records();
        let user = records
            .users
            .iter_mut()
            .find(|user| user.username == username);
        user.map(change).is_some()
    }

    pub fn user(&self, username: &str) -> Option<User> {
        self.records()
            .users
            .iter()
            .find(|user| user.username == username)
            .cloned()
    }

    pub fn connector(&self, password: &str) -> Arc<dyn Connector> {
        Self::connector_at(self.address, password)
    }

    /// A connector that asks at another address, where a proxy stands before this.
    pub fn connector_at(address: SocketAddr, password: &str) -> Arc<dyn Connector> {
        Self::connector_to(&format!("http://{address}"), None, password)
    }

    /// A connector that asks there, and trusts these certificates if it is over TLS.
    pub fn connector_to(
        origin: &str,
        ca_file: Option<&std::path::Path>,
        password: &str,
    ) -> Arc<dyn Connector> {
        let settings = json!({
            "vendor": "openmrs",
            "base_url": format!("{origin}/openmrs"),
            "allow_plain_http": true,
            "ca_file": ca_file,
            "credentials": { "user": "bridge", "password": secret(password) },
        });
        drawbridge_http::kind()
            .build(settings, &context())
            .expect("the settings are right")
    }
}

/// Only `/session` answers to anybody.
async fn guard(State(records): Shared, request: Request, next: Next) -> Response {
    let is_known = request
        .headers()
        .get(AUTHORIZATION)
        .is_some_and(|value| value == BASIC);
    let line = format!("{} {}", request.method(), request.uri());
    records.lock().expect("not poisoned").requests.push(line);
    if request.uri().path().ends_with("/session") {
        return Json(json!({ "sessionId": "2D158E83", "authenticated": is_known })).into_response();
    }
    if !is_known {
        return error(StatusCode::UNAUTHORIZED, "Privileges required: [Get Users]");
    }
    next.run(request).await
}

async fn session() {}

async fn search(State(records): Shared, Query(query): Query<HashMap<String, String>>) -> Response {
    let records = records.lock().expect("not poisoned");
    let with_retired = query.get("includeAll").is_some_and(|all| all == "true");
    let start = query
        .get("startIndex")
        .and_then(|start| start.parse().ok())
        .unwrap_or(0);
    let is_default = query.get("v").is_some_and(|v| v == "default");
    let found: Vec<&User> = records
        .users
        .iter()
        .filter(|user| {
            // `username` looks past retired users, whatever `includeAll` says.
            match (query.get("username"), query.get("q")) {
                (Some(username), _) => !user.retired && user.username == *username,
                (None, Some(q)) => {
                    (with_retired || !user.retired)
                        && user.username.to_lowercase().starts_with(&q.to_lowercase())
                }
                (None, None) => true,
            }
        })
        .collect();
    let results: Vec<Value> = found
        .iter()
        .skip(start)
        .take(PAGE)
        .map(|user| shown(user, is_default))
        .collect();
    Json(json!({ "results": results })).into_response()
}

async fn read(State(records): Shared, Path(uuid): Path<String>) -> Response {
    let records = records.lock().expect("not poisoned");
    match records.users.iter().find(|user| user.uuid == uuid) {
        Some(user) => Json(shown(user, true)).into_response(),
        None => missing(),
    }
}

async fn create(State(records): Shared, Json(body): Json<Value>) -> Response {
    let mut records = records.lock().expect("not poisoned");
    let password = body["password"].as_str().unwrap_or_default();
    let is_strong = password.len() >= 8
        && password.contains(char::is_uppercase)
        && password.contains(char::is_lowercase)
        && password.contains(|letter: char| letter.is_ascii_digit());
    let has_person =
        body["person"]["names"][0]["givenName"].is_string() && body["person"]["gender"].is_string();
    let Some(username) = body["username"].as_str() else {
        return error(StatusCode::BAD_REQUEST, "username");
    };
    if !is_strong || !has_person {
        return error(StatusCode::BAD_REQUEST, "Invalid Submission");
    }
    if records.users.iter().any(|user| user.username == username) {
        return error(StatusCode::BAD_REQUEST, "Username taken");
    }
    let Some(roles) = roles(&body) else {
        return error(StatusCode::BAD_REQUEST, "Unknown role");
    };
    let user = User {
        uuid: format!("00000000-0000-4000-8000-{:012}", records.users.len()),
        username: username.to_owned(),
        roles,
        retired: false,
        reason: None,
    };
    let answer = shown(&user, true);
    records.users.push(user);
    (StatusCode::CREATED, Json(answer)).into_response()
}

async fn update(
    State(records): Shared,
    Path(uuid): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let mut records = records.lock().expect("not poisoned");
    let Some(user) = records.users.iter_mut().find(|user| user.uuid == uuid) else {
        return missing();
    };
    // The undelete of the module answers and does nothing for users.
    if body != json!({ "deleted": "false" }) {
        if let Some(retired) = body["retired"].as_bool() {
            user.retired = retired;
        }
        if body["roles"].is_array() {
            let Some(roles) = roles(&body) else {
                return error(StatusCode::BAD_REQUEST, "Unknown role");
            };
            user.roles = roles;
        }
    }
    Json(shown(user, true)).into_response()
}

async fn retire(
    State(records): Shared,
    Path(uuid): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let mut records = records.lock().expect("not poisoned");
    if query.get("purge").is_some_and(|purge| purge == "true") {
        records.users.retain(|user| user.uuid != uuid);
        return StatusCode::NO_CONTENT.into_response();
    }
    let Some(user) = records.users.iter_mut().find(|user| user.uuid == uuid) else {
        return missing();
    };
    user.retired = true;
    user.reason = query.get("reason").cloned();
    StatusCode::NO_CONTENT.into_response()
}

fn roles(body: &Value) -> Option<Vec<String>> {
    let roles: Vec<String> = body["roles"]
        .as_array()?
        .iter()
        .map(|role| role.as_str().unwrap_or_default().to_owned())
        .collect();
    roles
        .iter()
        .all(|role| ROLES.contains(&role.as_str()))
        .then_some(roles)
}

fn shown(user: &User, is_default: bool) -> Value {
    let roles: Vec<Value> = user
        .roles
        .iter()
        .map(|role| json!({ "uuid": role, "display": "a role" }))
        .collect();
    if !is_default {
        return json!({ "uuid": user.uuid, "display": user.username });
    }
    json!({
        "uuid": user.uuid,
        "display": user.username,
        "username": user.username,
        "systemId": format!("{}-1", user.uuid),
        "userProperties": {},
        "person": { "uuid": format!("p-{}", user.uuid), "display": "Given Family" },
        "privileges": [],
        "roles": roles,
        "retired": user.retired,
        "links": [{ "rel": "self", "uri": "http://demo.example/openmrs/ws/rest/v1/user" }],
        "resourceVersion": "1.8",
    })
}

fn missing() -> Response {
    error(
        StatusCode::NOT_FOUND,
        "Object with given uuid doesn't exist",
    )
}

fn error(status: StatusCode, message: &str) -> Response {
    (
        status,
        Json(json!({ "error": { "message": message, "code": "stub:1" } })),
    )
        .into_response()
}
