//! The vendor that is called: it answers at once, keeps everything in memory, and notes when each
//! account was disabled. In this very process, so that its clock is the clients'.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::{sync::Notify, time::Instant};

use crate::Failure;

/// How the `http` connector asks it.
pub const FILE: &str = r#"
title = "Bench"
documentation = "https://bench.example"
read_on = 2026-11-24
tested = "the vendor of the benchmark"
disabled_means = "the login is refused"

[[auth]]
kind = "bearer"

[check]
request = "GET /status"
expect = [{ at = "/product", present = true }]

[record]
id = "/id"
login = "/login"
enabled = { at = "/active", is = true }
disabled = { at = "/active", is = false }

[read]
request = "GET /users/{account_id}"

[[find]]
by = ["user_name"]
request = "GET /users?login={identifier}"
at = "/users"

[create]
request = "POST /users"
json = { login = "{user_name}" }
success = [201]

[enable]
request = "POST /users/{account_id}/resume"
expect = [{ at = "/id", is_account_id = true }, { at = "/active", is = true }]

[[close]]
does = "both"
request = "POST /users/{account_id}/suspend"
expect = [{ at = "/id", is_account_id = true }, { at = "/active", is = false }]
"#;

/// An account: `None` while it is active, else when it was first disabled.
type Accounts = HashMap<(String, String), Option<Instant>>;

/// The vendor. Cheap to clone. An account's id is its login.
#[derive(Clone)]
pub struct Vendor {
    pub address: SocketAddr,
    accounts: Arc<Mutex<Accounts>>,
    told: Arc<Notify>,
}

impl Vendor {
    /// Starts it; it ends with the process.
    pub async fn start() -> Result<Self, Failure> {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let vendor = Self {
            address: socket.local_addr()?,
            accounts: Arc::default(),
            told: Arc::default(),
        };
        let router = Router::new()
            .route(
                "/{system}/status",
                get(async || Json(json!({"product": "Bench"}))),
            )
            .route("/{system}/users", get(find).post(create))
            .route("/{system}/users/{id}", get(read))
            .route("/{system}/users/{id}/suspend", post(suspend))
            .route("/{system}/users/{id}/resume", post(resume))
            .with_state(vendor.clone());
        tokio::spawn(async move { axum::serve(socket, router).await });
        Ok(vendor)
    }

    /// When each account was first disabled.
    pub fn disabled(&self) -> Vec<Instant> {
        self.with(|accounts| accounts.values().copied().flatten().collect())
    }

    /// Waits until this account is disabled; answers when it first was.
    pub async fn hears(&self, system: &str, login: &str) -> Instant {
        let key = (system.to_owned(), login.to_owned());
        loop {
            let told = self.told.notified();
            if let Some(heard) = self.with(|accounts| accounts.get(&key).copied().flatten()) {
                return heard;
            }
            told.await;
        }
    }

    /// Gives somebody an account.
    pub fn hire(&self, system: &str, login: &str) {
        self.with(|accounts| accounts.insert((system.to_owned(), login.to_owned()), None));
    }

    /// Forgets everybody.
    pub fn forget(&self) {
        self.with(HashMap::clear);
    }

    fn with<T>(&self, look: impl FnOnce(&mut Accounts) -> T) -> T {
        look(&mut self.accounts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, key: (String, String), disabled: Option<Instant>) -> Response {
        self.with(|accounts| match accounts.get_mut(&key) {
            Some(account) => {
                *account = disabled.map(|now| account.unwrap_or(now));
                Json(record(&key.1, *account)).into_response()
            }
            None => StatusCode::NOT_FOUND.into_response(),
        })
    }
}

fn record(login: &str, disabled: Option<Instant>) -> Value {
    json!({"id": login, "login": login, "active": disabled.is_none()})
}

async fn find(
    State(vendor): State<Vendor>,
    Path(system): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Json<Value> {
    let login = query.get("login").cloned().unwrap_or_default();
    let found = vendor.with(|accounts| accounts.get(&(system, login.clone())).copied());
    let users: Vec<Value> = found
        .map(|account| record(&login, account))
        .into_iter()
        .collect();
    Json(json!({"users": users}))
}

async fn create(
    State(vendor): State<Vendor>,
    Path(system): Path<String>,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let login = body["login"].as_str().unwrap_or_default().to_owned();
    vendor.hire(&system, &login);
    (StatusCode::CREATED, Json(record(&login, None)))
}

async fn read(State(vendor): State<Vendor>, Path(key): Path<(String, String)>) -> Response {
    vendor.with(|accounts| match accounts.get(&key) {
        Some(account) => Json(record(&key.1, *account)).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    })
}

async fn suspend(State(vendor): State<Vendor>, Path(key): Path<(String, String)>) -> Response {
    let answer = vendor.change(key, Some(Instant::now()));
    vendor.told.notify_one();
    answer
}

async fn resume(State(vendor): State<Vendor>, Path(key): Path<(String, String)>) -> Response {
    vendor.change(key, None)
}
