//! Brivo Access as its documentation has it.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Json, Router,
    extract::{Path, Query, Request, State},
    http::{HeaderMap, StatusCode, header::AUTHORIZATION},
    middleware::{Next, from_fn},
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use drawbridge_sdk::Connector;
use serde_json::{Value, json};

use super::{context, secret, serve};

/// The administrator's password.
pub const PASSWORD: &str = "Admin-Pw-1";
/// The api key of the developer portal.
pub const API_KEY: &str = "api-key-7f1c";
/// The application's secret.
pub const CLIENT_SECRET: &str = "client-secret-9b2d";
/// `client:client-secret-9b2d`, as Basic has it.
const CLIENT: &str = "Basic Y2xpZW50OmNsaWVudC1zZWNyZXQtOWIyZA==";
/// The token that is given out.
pub const TOKEN: &str = "access-token-51aa";

#[derive(Clone)]
pub struct User {
    pub id: u64,
    pub external_id: Option<String>,
    pub email: String,
    pub suspended: bool,
}

#[derive(Clone)]
pub struct Brivo {
    users: Arc<Mutex<Vec<User>>>,
    pub address: SocketAddr,
}

type Shared = State<Arc<Mutex<Vec<User>>>>;

impl Brivo {
    /// An account that knows the canary and nobody else.
    pub async fn start() -> Self {
        let users = Arc::new(Mutex::new(Vec::new()));
        let api = Router::new()
            .route("/v1/api/users", get(list))
            .route("/v1/api/users/{id}", get(read))
            .route("/v1/api/users/{id}/external", get(by_external_id))
            .route(
                "/v1/api/users/{id}/suspended",
                get(read_suspended).put(suspend),
            )
            .layer(from_fn(guard));
        let router = Router::new()
            .route("/oauth/token", post(token))
            .merge(api)
            .with_state(Arc::clone(&users));
        let brivo = Self {
            users,
            address: serve(router).await,
        };
        brivo.add("canary", Some("canary"));
        brivo
    }

    pub fn users(&self) -> MutexGuard<'_, Vec<User>> {
        self.users.lock().expect("no test panicked holding it")
    }

    /// Adds a user with a badge.
    pub fn add(&self, name: &str, external_id: Option<&str>) -> u64 {
        let mut users = self.users();
        let id = 442_200 + users.len() as u64;
        users.push(User {
            id,
            external_id: external_id.map(str::to_owned),
            email: format!("{name}@practice.example"),
            suspended: false,
        });
        id
    }

    pub fn is_suspended(&self, name: &str) -> Option<bool> {
        let email = format!("{name}@practice.example");
        self.users()
            .iter()
            .find(|user| user.email == email)
            .map(|user| user.suspended)
    }

    pub fn connector(&self, password: &str, api_key: &str) -> Arc<dyn Connector> {
        Self::connector_at(self.address, password, api_key)
    }

    /// A connector that asks at another address, where a proxy stands before this.
    pub fn connector_at(address: SocketAddr, password: &str, api_key: &str) -> Arc<dyn Connector> {
        Self::connector_to(&format!("http://{address}"), None, password, api_key)
    }

    /// A connector that asks there, and trusts these certificates if it is over TLS.
    pub fn connector_to(
        origin: &str,
        ca_file: Option<&std::path::Path>,
        password: &str,
        api_key: &str,
    ) -> Arc<dyn Connector> {
        let settings = json!({
            "vendor": "brivo",
            "base_url": format!("{origin}/v1/api"),
            "token_url": format!("{origin}/oauth/token"),
            "allow_plain_http": true,
            "ca_file": ca_file,
            "credentials": {
                "client_id": "client",
                "client_secret": secret(CLIENT_SECRET),
                "user": "admin",
                "password": secret(password),
                "api_key": secret(api_key),
            },
        });
        drawbridge_http::kind()
            .build(settings, &context())
            .expect("the settings are right")
    }
}

async fn token(headers: HeaderMap, body: String) -> Response {
    let form: HashMap<_, _> = url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    let is = |name: &str, value: &str| form.get(name).is_some_and(|own| own == value);
    if headers
        .get(AUTHORIZATION)
        .is_none_or(|value| value != CLIENT)
    {
        let refusal = json!({ "status": 401, "error": "Unauthorized", "message": "Bad credentials", "path": "/oauth/token" });
        return (StatusCode::UNAUTHORIZED, Json(refusal)).into_response();
    }
    if !is("grant_type", "password") || !is("username", "admin") || !is("password", PASSWORD) {
        let refusal = json!({ "error": "invalid_grant", "error_description": "Bad credentials" });
        return (StatusCode::UNAUTHORIZED, Json(refusal)).into_response();
    }
    Json(json!({ "access_token": TOKEN, "token_type": "bearer", "refresh_token": "r", "expires_in": 300 })).into_response()
}

async fn guard(request: Request, next: Next) -> Response {
    if !has(request.headers(), "api-key", API_KEY) {
        return (StatusCode::FORBIDDEN, Html("<h1>Developer Inactive</h1>")).into_response();
    }
    if !has(
        request.headers(),
        "authorization",
        &format!("bearer {TOKEN}"),
    ) {
        let refusal = json!({ "error": "unauthorized", "error_description": "Full authentication is required" });
        return (StatusCode::UNAUTHORIZED, Json(refusal)).into_response();
    }
    next.run(request).await
}

fn has(headers: &HeaderMap, name: &str, wanted: &str) -> bool {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| value.eq_ignore_ascii_case(wanted))
}

async fn list(State(users): Shared, Query(query): Query<HashMap<String, String>>) -> Response {
    let users = users.lock().expect("not poisoned");
    let number = |name: &str| {
        query
            .get(name)
            .and_then(|number| number.parse::<usize>().ok())
    };
    let (offset, size) = (
        number("offset").unwrap_or(0),
        number("pageSize").unwrap_or(20).min(100),
    );
    // A list shows less of each user than the user's own page: no external id.
    let data: Vec<Value> = users
        .iter()
        .skip(offset)
        .take(size)
        .map(|user| {
            json!({
                "id": user.id, "firstName": "Given", "lastName": "Family", "suspended": user.suspended,
                "emails": [{ "address": user.email, "type": "Work" }],
            })
        })
        .collect();
    Json(json!({ "data": data, "offset": offset, "pageSize": size, "count": users.len() }))
        .into_response()
}

async fn read(State(users): Shared, Path(id): Path<u64>) -> Response {
    let users = users.lock().expect("not poisoned");
    users
        .iter()
        .find(|user| user.id == id)
        .map_or_else(missing, |user| Json(shown(user)).into_response())
}

async fn by_external_id(State(users): Shared, Path(external_id): Path<String>) -> Response {
    let users = users.lock().expect("not poisoned");
    let found = users
        .iter()
        .find(|user| user.external_id.as_ref() == Some(&external_id));
    found.map_or_else(missing, |user| Json(shown(user)).into_response())
}

async fn read_suspended(State(users): Shared, Path(id): Path<u64>) -> Response {
    let users = users.lock().expect("not poisoned");
    users
        .iter()
        .find(|user| user.id == id)
        .map_or_else(missing, status)
}

async fn suspend(State(users): Shared, Path(id): Path<u64>, Json(body): Json<Value>) -> Response {
    let mut users = users.lock().expect("not poisoned");
    let Some(user) = users.iter_mut().find(|user| user.id == id) else {
        return missing();
    };
    let Some(suspended) = body["suspended"].as_bool() else {
        return (
            StatusCode::BAD_REQUEST,
            Json(json!({ "code": 400, "message": "Invalid criteria provided" })),
        )
            .into_response();
    };
    user.suspended = suspended;
    status(user)
}

fn status(user: &User) -> Response {
    Json(json!({ "id": user.id, "suspended": user.suspended })).into_response()
}

fn shown(user: &User) -> Value {
    let mut shown = json!({
        "id": user.id,
        "firstName": "Given",
        "lastName": "Family",
        "pin": "5678",
        "suspended": user.suspended,
        "emails": [{ "address": user.email, "type": "work" }],
        "phoneNumbers": [{ "number": "+1-541-754-3010", "type": "work" }],
    });
    // Empty fields are left out, not null.
    if let Some(external_id) = &user.external_id {
        shown["externalId"] = json!(external_id);
    }
    shown
}

fn missing() -> Response {
    (
        StatusCode::NOT_FOUND,
        Json(json!({ "code": 404, "message": "User not found" })),
    )
        .into_response()
}
