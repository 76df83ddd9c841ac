//! "Acme PM", the made-up vendor of `docs/vendor-files.md`, so that the example there is one that works.

use std::{
    collections::{BTreeSet, HashMap},
    net::SocketAddr,
    path::Path as FilePath,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Json, Router,
    extract::{Path, Query, Request, State},
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::{Html, IntoResponse, Response},
    routing::{delete, get, post, put},
};
use drawbridge_sdk::Connector;
use serde_json::{Value, json};

use super::{context, secret, serve};

/// How many users a page shows.
const PAGE: usize = 2;

#[derive(Clone, Default)]
pub struct User {
    pub id: String,
    pub login: String,
    pub suspended: bool,
    pub groups: BTreeSet<String>,
    pub sessions: u32,
    pub tokens: u32,
}

/// What goes wrong from now on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The record says enabled though the user is suspended, and suspending again is a conflict.
    HidesSuspension,
    /// Suspending answers with an error inside a 200.
    ErrorInside,
    /// Suspending answers for another user.
    OtherUser,
    /// Suspending answers 202.
    Later,
    /// Suspending breaks.
    Broken,
    /// Suspending answers with a page.
    Page,
    /// Ending sessions is refused.
    TokensRefused,
    /// Ending sessions answers with a page.
    TokensPage,
    /// A user's own page shows another one.
    ReadsOther,
    /// A group cannot be taken away.
    RemovalRefused,
    /// The search by login answers with everybody.
    Everybody,
    /// The next page is said to be the same again.
    SameCursor,
}

#[derive(Default)]
pub struct Records {
    pub users: Vec<User>,
    pub trouble: Option<Trouble>,
    /// Method, path and idempotency key of every request.
    pub requests: Vec<(String, String, Option<String>)>,
}

#[derive(Clone)]
pub struct Acme {
    records: Arc<Mutex<Records>>,
    address: SocketAddr,
}

type Shared = State<Arc<Mutex<Records>>>;

impl Acme {
    pub async fn start() -> Self {
        let records = Arc::new(Mutex::new(Records::default()));
        let api = Router::new()
            .route(
                "/api/v2/me",
                get(async || Json(json!({ "scopes": ["users.read"] }))),
            )
            .route("/api/v2/users", get(list).post(create))
            .route("/api/v2/users/search", post(search))
            .route("/api/v2/users/{id}", get(read))
            .route("/api/v2/users/{id}/reactivate", post(reactivate))
            .route("/api/v2/users/{id}/suspend", post(suspend))
            .route("/api/v2/users/{id}/tokens", delete(end_tokens))
            .route("/api/v2/users/{id}/sessions", get(sessions))
            .route(
                "/api/v2/groups/{group}/members/{id}",
                put(add).delete(remove),
            )
            .layer(from_fn_with_state(Arc::clone(&records), guard));
        let router = Router::new()
            .route("/oauth/token", post(async || Json(json!({ "access_token": "t0ken", "token_type": "Bearer", "expires_in": 3600 }))))
            .merge(api)
            .with_state(Arc::clone(&records));
        Self {
            records,
            address: serve(router).await,
        }
    }

    pub fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().expect("no test panicked holding it")
    }

    pub fn add(&self, login: &str) -> String {
        let mut records = self.records();
        let id = format!("u{}", records.users.len());
        records.users.push(User {
            id: id.clone(),
            login: login.to_owned(),
            groups: BTreeSet::from(["own".to_owned(), "nurse".to_owned()]),
            sessions: 2,
            tokens: 1,
            ..User::default()
        });
        id
    }

    pub fn user(&self, login: &str) -> User {
        self.records()
            .users
            .iter()
            .find(|user| user.login == login)
            .cloned()
            .expect("there is such a user")
    }

    pub fn gets_into(&self, trouble: Trouble) {
        self.records().trouble = Some(trouble);
    }

    /// A connector with the example of the documentation as its vendor file.
    pub fn connector(&self) -> Arc<dyn Connector> {
        let page = include_str!("../../../../docs/vendor-files.md");
        let example = page
            .split("```toml\n")
            .nth(1)
            .and_then(|rest| rest.split("```").next());
        let file = FilePath::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("acme-{}.toml", self.address.port()));
        std::fs::write(&file, example.expect("the page has an example"))
            .expect("it can be written");
        let settings = json!({
            "vendor": file,
            "base_url": format!("http://{}", self.address),
            "token_url": format!("http://{}/oauth/token", self.address),
            "allow_plain_http": true,
            "credentials": { "client_id": "drawbridge", "client_secret": secret("s3cret") },
        });
        drawbridge_http::kind()
            .build(settings, &context())
            .expect("the settings are right")
    }
}

async fn guard(State(records): Shared, request: Request, next: Next) -> Response {
    let key = header(&request, "idempotency-key");
    let line = (request.method().to_string(), request.uri().to_string(), key);
    records.lock().expect("not poisoned").requests.push(line);
    if header(&request, "authorization").as_deref() != Some("Bearer t0ken") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    next.run(request).await
}

fn header(request: &Request, name: &str) -> Option<String> {
    request
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}

async fn list(State(records): Shared, Query(query): Query<HashMap<String, String>>) -> Response {
    let records = records.lock().expect("not poisoned");
    if let Some(login) = query.get("login") {
        let is_found =
            |user: &&User| user.login == *login || records.trouble == Some(Trouble::Everybody);
        let found: Vec<Value> = records
            .users
            .iter()
            .filter(is_found)
            .map(|user| shown(user, records.trouble))
            .collect();
        return Json(json!({ "ok": true, "users": found })).into_response();
    }
    let page: usize = query
        .get("page")
        .and_then(|page| page.parse().ok())
        .unwrap_or(1);
    let users: Vec<Value> = records
        .users
        .iter()
        .skip((page - 1) * PAGE)
        .take(PAGE)
        .map(|user| shown(user, records.trouble))
        .collect();
    Json(json!({ "users": users, "pages": records.users.len().div_ceil(PAGE) })).into_response()
}

async fn search(State(records): Shared, Json(body): Json<Value>) -> Response {
    let records = records.lock().expect("not poisoned");
    let query = body["query"].as_str().unwrap_or_default();
    let after: usize = body["after"]
        .as_str()
        .and_then(|after| after.parse().ok())
        .unwrap_or(0);
    let found: Vec<&User> = records
        .users
        .iter()
        .filter(|user| query.starts_with(&user.login[..1]))
        .collect();
    let users: Vec<Value> = found
        .iter()
        .skip(after)
        .take(PAGE)
        .map(|user| shown(user, records.trouble))
        .collect();
    let next = match (records.trouble, after + PAGE < found.len()) {
        (Some(Trouble::SameCursor), _) => Some("7".to_owned()),
        (_, true) => Some((after + PAGE).to_string()),
        _ => None,
    };
    Json(json!({ "users": users, "next": next })).into_response()
}

async fn create(State(records): Shared, Json(body): Json<Value>) -> Response {
    let mut records = records.lock().expect("not poisoned");
    let groups = body["groups"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    let user = User {
        id: format!("u{}", records.users.len()),
        login: body["login"].as_str().unwrap_or_default().to_owned(),
        groups,
        ..User::default()
    };
    let answer = json!({ "user": { "id": user.id } });
    records.users.push(user);
    (StatusCode::CREATED, Json(answer)).into_response()
}

async fn read(State(records): Shared, Path(id): Path<String>) -> Response {
    let records = records.lock().expect("not poisoned");
    let is_other = records.trouble == Some(Trouble::ReadsOther);
    match records
        .users
        .iter()
        .find(|user| (user.id == id) != is_other)
    {
        Some(user) => Json(json!({ "user": shown(user, records.trouble) })).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn reactivate(State(records): Shared, Path(id): Path<String>) -> Response {
    change(&records, &id, |user| {
        user.suspended = false;
        None
    })
}

async fn suspend(State(records): Shared, Path(id): Path<String>) -> Response {
    let trouble = records.lock().expect("not poisoned").trouble;
    match trouble {
        Some(Trouble::ErrorInside) => {
            Json(json!({ "ok": false, "code": "no_right" })).into_response()
        }
        Some(Trouble::OtherUser) => {
            Json(json!({ "user": { "id": "u99", "status": "suspended" } })).into_response()
        }
        Some(Trouble::Later) => StatusCode::ACCEPTED.into_response(),
        Some(Trouble::Broken) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Some(Trouble::Page) => Html("<html>please log in</html>").into_response(),
        _ => change(&records, &id, |user| {
            if user.suspended {
                return Some(
                    (
                        StatusCode::CONFLICT,
                        Json(json!({ "code": "already_suspended" })),
                    )
                        .into_response(),
                );
            }
            user.suspended = true;
            user.sessions = 0;
            None
        }),
    }
}

async fn end_tokens(State(records): Shared, Path(id): Path<String>) -> Response {
    let trouble = records.lock().expect("not poisoned").trouble;
    match trouble {
        Some(Trouble::TokensRefused) => return StatusCode::FORBIDDEN.into_response(),
        Some(Trouble::TokensPage) => return Html("<html>please log in</html>").into_response(),
        _ => {}
    }
    change(&records, &id, |user| {
        user.tokens = 0;
        Some(StatusCode::NO_CONTENT.into_response())
    })
}

async fn sessions(State(records): Shared, Path(id): Path<String>) -> Response {
    let records = records.lock().expect("not poisoned");
    let open = records
        .users
        .iter()
        .find(|user| user.id == id)
        .map_or(0, |user| user.sessions);
    let sessions: Vec<Value> = (0..open)
        .map(|number| json!({ "id": number, "ip": "192.0.2.7" }))
        .collect();
    Json(json!({ "sessions": sessions })).into_response()
}

async fn add(State(records): Shared, Path((group, id)): Path<(String, String)>) -> Response {
    member(&records, &id, |user| user.groups.insert(group))
}

async fn remove(State(records): Shared, Path((group, id)): Path<(String, String)>) -> Response {
    let trouble = records.lock().expect("not poisoned").trouble;
    if trouble == Some(Trouble::RemovalRefused) {
        return StatusCode::FORBIDDEN.into_response();
    }
    member(&records, &id, |user| user.groups.remove(&group))
}

fn member(records: &Mutex<Records>, id: &str, act: impl FnOnce(&mut User) -> bool) -> Response {
    change(records, id, |user| {
        act(user);
        Some(StatusCode::NO_CONTENT.into_response())
    })
}

/// Changes a user and shows it, unless the change has an answer of its own.
fn change(
    records: &Mutex<Records>,
    id: &str,
    act: impl FnOnce(&mut User) -> Option<Response>,
) -> Response {
    let mut records = records.lock().expect("not poisoned");
    let Some(user) = records.users.iter_mut().find(|user| user.id == id) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match act(user) {
        None => Json(json!({ "ok": true, "user": shown(user, None) })).into_response(),
        Some(own) => own,
    }
}

fn shown(user: &User, trouble: Option<Trouble>) -> Value {
    let is_suspended = user.suspended && trouble != Some(Trouble::HidesSuspension);
    let groups: Vec<Value> = user
        .groups
        .iter()
        .map(|group| json!({ "id": group }))
        .collect();
    json!({
        "id": user.id,
        "login": user.login,
        "emails": [{ "value": format!("{}@practice.example", user.login) }],
        "status": if is_suspended { "suspended" } else { "active" },
        "groups": groups,
    })
}
