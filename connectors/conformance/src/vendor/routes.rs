//! What the make-believe vendor answers.
//!
//! | request | answer |
//! |---|---|
//! | `GET /status` | `{"product": ".."}` |
//! | `GET /users?login=..&email=..&offset=..&limit=..` | `{"users": [..], "total": 3}` |
//! | `GET /users/{id}` | the user, 404 |
//! | `POST /users` with `login` | 201 and the user, 409 |
//! | `PATCH /users/{id}` with `active`, `roles` | 200 and the user, 404 |
//! | `DELETE /users/{id}` | 204 |
//! | `GET /users/{id}/sessions` | `{"open": 2}` |
//! | `DELETE /users/{id}/sessions` | 204 |
//! | `POST /login` with `login`, `password` | 204, 403 |
//!
//! Everything but the login wants `Authorization: Bearer` with [`TOKEN`].

use std::collections::HashMap;

use axum::{
    Json, Router,
    extract::{Path, Query, Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{
    TOKEN,
    records::{Records, User},
};

/// Users on one page where a request asks for no other number.
const PAGE: usize = 5;

/// The routes over these records.
pub fn routes(records: Records) -> Router {
    Router::new()
        .route(
            "/status",
            get(|| async { Json(json!({ "product": "Fake vendor 1.0" })) }),
        )
        .route("/users", get(search).post(create))
        .route("/users/{id}", get(read).patch(change).delete(delete))
        .route(
            "/users/{id}/sessions",
            get(count_sessions).delete(end_sessions),
        )
        .layer(middleware::from_fn(needs_token))
        .route("/login", post(log_in))
        .with_state(records)
}

/// A user as the vendor shows it.
pub fn shown(user: &User) -> Value {
    json!({
        "id": user.id,
        "login": user.login,
        "email": user.email,
        "active": user.active,
        "roles": user.roles,
    })
}

async fn needs_token(request: Request, next: Next) -> Response {
    let presented = request
        .headers()
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    if presented == Some(&format!("Bearer {TOKEN}")) {
        return next.run(request).await;
    }
    // A careless vendor: it repeats what it was sent.
    let repeated = json!({ "error": "no such token", "sent": presented });
    (StatusCode::UNAUTHORIZED, Json(repeated)).into_response()
}

async fn search(
    State(records): State<Records>,
    Query(query): Query<HashMap<String, String>>,
) -> Json<Value> {
    let is = |field: &str, name: &str| {
        query
            .get(field)
            .is_none_or(|wanted| wanted.eq_ignore_ascii_case(name))
    };
    let number = |field: &str, otherwise| {
        query
            .get(field)
            .and_then(|text| text.parse().ok())
            .unwrap_or(otherwise)
    };
    let found = records.search(|user| is("login", &user.login) && is("email", &user.email));
    let page: Vec<Value> = found
        .iter()
        .skip(number("offset", 0))
        .take(number("limit", PAGE))
        .map(shown)
        .collect();
    Json(json!({ "users": page, "total": found.len() }))
}

async fn read(State(records): State<Records>, Path(id): Path<String>) -> Response {
    answer(records.get(&id))
}

async fn create(State(records): State<Records>, Json(body): Json<Value>) -> Response {
    match body["login"].as_str() {
        None => StatusCode::BAD_REQUEST.into_response(),
        Some(login) if records.user(login).is_some() => StatusCode::CONFLICT.into_response(),
        Some(login) => (StatusCode::CREATED, Json(shown(&records.add(login)))).into_response(),
    }
}

async fn change(
    State(records): State<Records>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    answer(records.change(&id, |user| {
        if let Some(active) = body["active"].as_bool() {
            user.active = active;
        }
        if let Some(roles) = body["roles"].as_array() {
            user.roles = roles
                .iter()
                .filter_map(|role| role.as_str().map(str::to_owned))
                .collect();
        }
    }))
}

async fn delete(State(records): State<Records>, Path(id): Path<String>) -> StatusCode {
    records.delete(&id);
    StatusCode::NO_CONTENT
}

async fn count_sessions(State(records): State<Records>, Path(id): Path<String>) -> Response {
    match records.get(&id) {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(user) => Json(json!({ "open": user.sessions })).into_response(),
    }
}

async fn end_sessions(State(records): State<Records>, Path(id): Path<String>) -> StatusCode {
    match records.change(&id, |user| user.sessions = 0) {
        None => StatusCode::NOT_FOUND,
        Some(_) => StatusCode::NO_CONTENT,
    }
}

async fn log_in(State(records): State<Records>, Json(body): Json<Value>) -> StatusCode {
    let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
    if records.log_in(&text("login"), &text("password")) {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::FORBIDDEN
    }
}

fn answer(user: Option<User>) -> Response {
    match user {
        None => (
            StatusCode::NOT_FOUND,
            Json(json!({ "error": "no such user" })),
        )
            .into_response(),
        Some(user) => Json(shown(&user)).into_response(),
    }
}
