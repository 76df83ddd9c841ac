//! A SCIM provider that keeps a journal, can be unplugged, and can kill whoever calls it.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::get,
};
use drawbridge::clock::{Clock as _, SystemClock};
use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::{runtime::Runtime, time::Instant};

use super::bridge::PATIENCE;

/// What a request did to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Created,
    Enabled,
    Disabled,
    /// Read, or changed into what it was.
    None,
}

/// One request about one account.
#[derive(Debug, Clone)]
pub struct Note {
    pub at: Timestamp,
    pub when: Instant,
    pub login: String,
    pub effect: Effect,
}

/// When the caller dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trap {
    /// In the middle of sending a change: nothing of it takes effect.
    MidSend,
    /// After the change took effect, before the answer.
    BeforeAnswer,
    /// While it reads.
    MidReading,
}

impl Trap {
    pub const ALL: [Self; 3] = [Self::MidSend, Self::BeforeAnswer, Self::MidReading];
}

#[derive(Debug, Default)]
struct Account {
    login: String,
    active: bool,
}

#[derive(Default)]
struct Records {
    accounts: BTreeMap<String, Account>,
    journal: Vec<Note>,
    trap: Option<(Trap, Pid, Signal)>,
}

#[derive(Default)]
struct Shared {
    records: Mutex<Records>,
}

/// The provider. What it knows outlives being unplugged.
pub struct Vendor {
    shared: Arc<Shared>,
    address: SocketAddr,
    server: Option<Runtime>,
}

pub const TOKEN: &str = "vendor-token-5f1c2a";

impl Vendor {
    pub fn start() -> Self {
        let address = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .unwrap();
        let mut vendor = Self {
            shared: Arc::default(),
            address,
            server: None,
        };
        vendor.shared.lock().accounts.insert(
            "canary".to_owned(),
            Account {
                login: "canary".to_owned(),
                active: true,
            },
        );
        vendor.plug_in();
        vendor
    }

    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn base_url(&self) -> String {
        format!("http://{}/scim/v2", self.address)
    }

    /// Nobody listens any more, and every connection is gone.
    pub fn unplug(&mut self) {
        if let Some(server) = self.server.take() {
            server.shutdown_background();
        }
    }

    pub fn plug_in(&mut self) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        // Connections that were cut may hold the address for a moment.
        let began = Instant::now();
        let socket = loop {
            match TcpListener::bind(self.address) {
                Ok(socket) => break socket,
                Err(error) => assert!(began.elapsed() < PATIENCE, "{}: {error}", self.address),
            }
            std::thread::yield_now();
        };
        socket.set_nonblocking(true).unwrap();
        let router = router(Arc::clone(&self.shared));
        runtime.spawn(async move {
            let socket = tokio::net::TcpListener::from_std(socket).unwrap();
            axum::serve(socket, router).await
        });
        self.server = Some(runtime);
    }

    /// Kills this process once, the next time it does this.
    pub fn set_trap(&self, trap: Trap, victim: u32) {
        self.shared.lock().trap = Some((trap, process(victim), Signal::KILL));
    }

    /// The same, but it is held up and goes on when it is told to.
    #[cfg(feature = "real-systems")]
    pub fn set_pause(&self, trap: Trap, victim: u32) {
        self.shared.lock().trap = Some((trap, process(victim), Signal::STOP));
    }

    #[cfg(feature = "real-systems")]
    pub fn has_sprung(&self) -> bool {
        self.shared.lock().trap.is_none()
    }

    pub fn take_trap_away(&self) {
        self.shared.lock().trap = None;
    }

    pub fn journal(&self) -> Vec<Note> {
        self.shared.lock().journal.clone()
    }

    /// Whether somebody can log in with this name; `None` without an account.
    pub fn is_active(&self, login: &str) -> Option<bool> {
        let records = self.shared.lock();
        let mut own = records
            .accounts
            .values()
            .filter(|account| account.login == login);
        let first = own.next()?.active;
        assert!(own.next().is_none(), "{login} has two accounts");
        Some(first)
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.unplug();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Records {
    fn note(&mut self, login: &str, effect: Effect) {
        self.journal.push(Note {
            at: SystemClock.now(),
            when: Instant::now(),
            login: login.to_owned(),
            effect,
        });
    }

    /// Whether the caller was killed just now, and gets no answer.
    fn springs(&mut self, trap: Trap) -> bool {
        let Some((_, pid, signal)) = self.trap.take_if(|(set, ..)| *set == trap) else {
            return false;
        };
        let _ = kill_process(pid, signal);
        true
    }
}

fn process(id: u32) -> Pid {
    i32::try_from(id).ok().and_then(Pid::from_raw).unwrap()
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/scim/v2/Users", get(list).post(create))
        .route("/scim/v2/Users/{id}", get(one).patch(change).put(change))
        .with_state(shared)
}

fn shown(id: &str, account: &Account) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": id, "userName": account.login, "active": account.active,
        "meta": {"resourceType": "User"},
    })
}

fn gone() -> Response {
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

async fn list(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let mut records = shared.lock();
    let login = query
        .get("filter")
        .and_then(|filter| filter.strip_prefix("userName eq \""))
        .and_then(|rest| rest.strip_suffix('"'))
        .map(str::to_owned);
    if let Some(login) = &login {
        records.note(login, Effect::None);
    }
    if records.springs(Trap::MidReading) {
        return gone();
    }
    let has_filter = query.contains_key("filter");
    let found: Vec<Value> = records
        .accounts
        .iter()
        .filter(|(_, account)| !has_filter || login.as_ref() == Some(&account.login))
        .map(|(id, account)| shown(id, account))
        .collect();
    Json(json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": found.len(), "startIndex": 1, "itemsPerPage": found.len(), "Resources": found,
    }))
    .into_response()
}

async fn one(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let mut records = shared.lock();
    let Some(account) = records.accounts.get(&id) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (login, answer) = (account.login.clone(), shown(&id, account));
    records.note(&login, Effect::None);
    if records.springs(Trap::MidReading) {
        return gone();
    }
    Json(answer).into_response()
}

async fn create(State(shared): State<Arc<Shared>>, Json(body): Json<Value>) -> Response {
    let mut records = shared.lock();
    if records.springs(Trap::MidSend) {
        return gone();
    }
    let login = body["userName"].as_str().unwrap_or_default().to_owned();
    if records
        .accounts
        .values()
        .any(|account| account.login == login)
    {
        return StatusCode::CONFLICT.into_response();
    }
    let id = format!("account-{}", records.accounts.len());
    let account = Account {
        login: login.clone(),
        active: body["active"].as_bool().unwrap_or(true),
    };
    let answer = shown(&id, &account);
    records.accounts.insert(id, account);
    records.note(&login, Effect::Created);
    if records.springs(Trap::BeforeAnswer) {
        return gone();
    }
    (StatusCode::CREATED, Json(answer)).into_response()
}

async fn change(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let mut records = shared.lock();
    if records.springs(Trap::MidSend) {
        return gone();
    }
    let Some(wanted) = active_in(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let Some(account) = records.accounts.get_mut(&id) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let effect = match (account.active, wanted) {
        (false, true) => Effect::Enabled,
        (true, false) => Effect::Disabled,
        _ => Effect::None,
    };
    account.active = wanted;
    let (login, answer) = (account.login.clone(), shown(&id, account));
    records.note(&login, effect);
    if records.springs(Trap::BeforeAnswer) {
        return gone();
    }
    Json(answer).into_response()
}

/// What a PATCH or a PUT says of `active`.
fn active_in(body: &Value) -> Option<bool> {
    if let Some(active) = body["active"].as_bool() {
        return Some(active);
    }
    body["Operations"].as_array()?.iter().find_map(|operation| {
        let value = &operation["value"];
        value.as_bool().or_else(|| value["active"].as_bool())
    })
}
