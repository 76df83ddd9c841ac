//! A make-believe Tryton server: the calls the connector makes, with a real server's answers.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{Html, IntoResponse, Response},
    routing::post,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use drawbridge_conformance::{
    Asks, Seen,
    vendor::{Records, User},
};
use serde_json::{Value, json};

pub const DATABASE: &str = "health";
pub const LOGIN: &str = "bridge";
pub const PASSWORD: &str = "bridge-Passw0rd-7c1e";

/// The groups there are; a group's id is its place, counted from 1.
pub const GROUPS: [&str; 2] = ["Health Nurse", "Health Front Desk"];

/// A server whose sessions can be ended.
#[derive(Clone)]
pub struct Server {
    records: Records,
    session: Arc<AtomicU32>,
    logins: Arc<AtomicU32>,
}

impl Server {
    pub fn over(records: Records) -> Self {
        records.add(LOGIN);
        Self {
            records,
            session: Arc::default(),
            logins: Arc::default(),
        }
    }

    /// Ends the bridge's session, as the server does after a while.
    pub fn end_bridges_session(&self) {
        self.session.fetch_add(1, Ordering::Relaxed);
    }

    /// How often the bridge was let in.
    pub fn logins(&self) -> u32 {
        self.logins.load(Ordering::Relaxed)
    }

    pub fn routes(&self) -> Router {
        Router::new()
            .route(&format!("/{DATABASE}/"), post(answer))
            .with_state(self.clone())
    }

    fn session_key(&self) -> String {
        format!(
            "session-key-of-the-bridge-{}",
            self.session.load(Ordering::Relaxed)
        )
    }

    fn shown(&self, user: &User) -> Value {
        let groups = GROUPS
            .iter()
            .zip(1..)
            .filter(|(name, _)| user.roles.iter().any(|role| role == *name));
        json!({
            "id": number(user),
            "login": user.login,
            "email": user.email,
            // As over SQLite.
            "active": u8::from(user.active),
            "groups": groups.map(|(_, id)| id).collect::<Vec<i64>>(),
            "sessions": user.sessions,
            "applications": [],
        })
    }

    fn call(&self, method: &str, params: &[Value]) -> Result<Value, String> {
        match method {
            "model.res.user.search_read" => {
                let most = params[2]
                    .as_u64()
                    .and_then(|most| usize::try_from(most).ok());
                // As on a real server, inactive users are hidden unless the context says otherwise.
                let shows_all = params[5]["active_test"] == false;
                let found = self.records.search(|user| {
                    (user.active || shows_all) && holds(&params[0], &self.shown(user))
                });
                let found = found.iter().map(|user| self.shown(user));
                Ok(found.take(most.unwrap_or(usize::MAX)).collect())
            }
            "model.res.group.search_read" => {
                let groups = GROUPS.iter().zip(1..);
                Ok(groups
                    .map(|(name, id)| json!({ "id": id, "name": name }))
                    .collect())
            }
            "model.res.user.write" => {
                for id in params[0].as_array().into_iter().flatten() {
                    let written = self
                        .records
                        .change(&format!("u-{id}"), |user| write(user, &params[1]));
                    written.ok_or("You are trying to write records that don't exist.")?;
                }
                Ok(Value::Null)
            }
            "model.res.user.create" => {
                let fields = &params[0][0];
                let login = fields["login"].as_str().unwrap_or_default();
                if self.records.user(login).is_some() {
                    return Err("You can not have two users with the same login!".to_owned());
                }
                let id = self.records.add(login).id;
                self.records.change(&id, |user| write(user, fields));
                Ok(json!([number(
                    &self.records.user(login).expect("just made")
                )]))
            }
            _ => Err(format!("no such method: {method}")),
        }
    }
}

/// Which calls read, which change, and which is the bridge's own login.
pub fn asks(seen: &Seen) -> Asks {
    let body: Value = serde_json::from_str(&seen.body).unwrap_or_default();
    match body["method"].as_str().unwrap_or_default() {
        "common.db.login" => Asks::LogsIn,
        method if method.ends_with(".search_read") => Asks::Reads,
        _ => Asks::Changes,
    }
}

async fn answer(
    State(server): State<Server>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let method = body["method"].as_str().unwrap_or_default();
    let params = body["params"].as_array().cloned().unwrap_or_default();
    if method == "common.db.login" {
        let is_right = params[0] == LOGIN && params[1]["password"] == PASSWORD;
        return if is_right {
            server.logins.fetch_add(1, Ordering::Relaxed);
            Json(json!({ "id": 1, "result": [1, server.session_key()] })).into_response()
        } else {
            (
                StatusCode::UNAUTHORIZED,
                Html("<!doctype html><title>401 Unauthorized</title>"),
            )
                .into_response()
        };
    }
    let session = STANDARD.encode(format!("{LOGIN}:1:{}", server.session_key()));
    let presented = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    if presented != Some(&format!("Session {session}")) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    // Every call ends with a context.
    if params.last().is_none_or(|context| !context.is_object()) {
        return Json(json!({ "id": 1, "error": ["'context'", ""] })).into_response();
    }
    Json(match server.call(method, &params) {
        Ok(result) => json!({ "id": 1, "result": result }),
        Err(why) => json!({ "id": 1, "error": ["UserError", [why, "", null]] }),
    })
    .into_response()
}

fn number(user: &User) -> i64 {
    user.id.trim_start_matches("u-").parse().expect("a number")
}

fn write(user: &mut User, fields: &Value) {
    if let Some(active) = fields["active"].as_bool() {
        user.active = active;
    }
    if fields.get("active").is_some() || fields.get("password").is_some() {
        user.sessions = 0;
    }
    for action in fields["groups"].as_array().into_iter().flatten() {
        for id in action[1]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_u64)
        {
            let name = GROUPS[usize::try_from(id).expect("small") - 1];
            user.roles.retain(|role| role != name);
            if action[0] == "add" {
                user.roles.push(name.to_owned());
            }
        }
    }
}

/// Whether a record is in a domain: a clause, or a list of which all, or after `OR` any, must hold.
fn holds(domain: &Value, record: &Value) -> bool {
    let parts: &[Value] = domain.as_array().map_or(&[], Vec::as_slice);
    match parts {
        [Value::String(or), any @ ..] if or == "OR" => any.iter().any(|part| holds(part, record)),
        [Value::String(field), Value::String(operator), wanted] => {
            let own = &record[field];
            match operator.as_str() {
                "=" => own == wanted,
                "in" => wanted.as_array().is_some_and(|all| {
                    all.iter().any(|each| {
                        each == own
                            || each.as_bool().map(u8::from).map(Value::from).as_ref() == Some(own)
                    })
                }),
                ">" => own.as_i64() > wanted.as_i64(),
                "ilike" => {
                    own.as_str().map(str::to_lowercase) == wanted.as_str().map(str::to_lowercase)
                }
                _ => panic!("the fake knows no operator {operator}"),
            }
        }
        all => all.iter().all(|part| holds(part, record)),
    }
}
