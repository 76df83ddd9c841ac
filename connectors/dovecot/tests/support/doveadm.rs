//! A doveadm HTTP API with the answers Dovecot 2.3.19 was seen to give: HTTP 200 always, errors inside
//! it, per command.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

/// What the server holds.
#[derive(Default)]
pub struct World {
    /// Open sessions by login.
    pub sessions: HashMap<String, u32>,
    /// Scripts of each mailbox by name.
    pub scripts: HashMap<String, BTreeMap<String, String>>,
    /// The active script of each mailbox.
    pub active: HashMap<String, String>,
    /// Logins whose old answer of the user table is still remembered.
    pub cached: Vec<String>,
    /// Answers to give instead of doing what a command says.
    pub answers: HashMap<&'static str, Value>,
    /// Commands that say yes and do nothing.
    pub idle: Vec<&'static str>,
    /// Scripts that cannot be shown.
    pub unreadable: Vec<&'static str>,
    /// A body to answer with, whatever is asked.
    pub body: Option<String>,
    /// Every command that came in, with its parameters.
    pub taken: Vec<(String, Value)>,
}

/// The server, on loopback. It stops when dropped.
pub struct Doveadm {
    pub address: SocketAddr,
    world: Arc<Mutex<World>>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    world: Arc<Mutex<World>>,
    key: &'static str,
}

impl Doveadm {
    pub async fn start(key: &'static str) -> Self {
        let world = Arc::new(Mutex::new(World::default()));
        let shared = Shared {
            world: world.clone(),
            key,
        };
        let app = Router::new()
            .route("/doveadm/v1", post(run).get(list))
            .with_state(shared);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let task = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("serving");
        });
        Self {
            address,
            world,
            task,
        }
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("the world")
    }

    pub fn url(&self) -> String {
        format!("http://{}/doveadm/v1", self.address)
    }
}

impl Drop for Doveadm {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn list(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    if !is_allowed(&headers, shared.key) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let commands = [
        "authCacheFlush",
        "kick",
        "who",
        "sieveList",
        "sieveGet",
        "sievePut",
    ];
    let commands: Vec<Value> = commands
        .iter()
        .map(|name| json!({ "command": name }))
        .collect();
    axum::Json(commands).into_response()
}

async fn run(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    if !is_allowed(&headers, shared.key) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let mut world = shared.world.lock().expect("the world");
    let Ok(commands) = serde_json::from_slice::<Vec<(String, Value, String)>>(&body) else {
        return (StatusCode::BAD_REQUEST, "Request must be a JSON array\n").into_response();
    };
    let answers: Vec<Value> = commands
        .into_iter()
        .map(|(command, parameters, tag)| {
            world.taken.push((command.clone(), parameters.clone()));
            match answer(&mut world, &command, &parameters) {
                Ok(done) => json!(["doveadmResponse", done, tag]),
                Err(error) => json!(["error", error, tag]),
            }
        })
        .collect();
    let body = world
        .body
        .clone()
        .unwrap_or_else(|| json!(answers).to_string());
    (
        [(header::CONTENT_TYPE, "application/json; charset=utf-8")],
        body,
    )
        .into_response()
}

fn is_allowed(headers: &HeaderMap, key: &str) -> bool {
    let expected = format!("X-Dovecot-API {}", STANDARD.encode(key));
    headers
        .get(header::AUTHORIZATION)
        .is_some_and(|given| given == expected.as_str())
}

fn answer(world: &mut World, command: &str, parameters: &Value) -> Result<Value, Value> {
    if let Some(answer) = world.answers.get(command) {
        return if answer.get("type").is_some() {
            Err(answer.clone())
        } else {
            Ok(answer.clone())
        };
    }
    let is_idle = world.idle.contains(&command);
    let text = |name: &str| parameters[name].as_str().unwrap_or_default().to_owned();
    let user = text("user");
    let script = text("scriptname");
    match command {
        "authCacheFlush" => {
            let user = parameters["user"][0].as_str().unwrap_or_default();
            let before = world.cached.len();
            if !is_idle {
                world.cached.retain(|login| login != user);
            }
            Ok(json!([{ "entries": (before - world.cached.len()).to_string() }]))
        }
        "kick" => {
            let mask = parameters["mask"][0]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let open = world.sessions.get(&mask).copied().unwrap_or_default();
            if open == 0 {
                return Err(exit(68));
            }
            if !is_idle {
                world.sessions.remove(&mask);
            }
            Ok(json!([{ "result": mask }]))
        }
        "who" => {
            let mask = parameters["mask"][0].as_str().unwrap_or_default();
            Ok(world
                .sessions
                .iter()
                .filter(|(login, open)| *login == mask && **open > 0)
                .map(|(login, open)| {
                    json!({
                        "username": login, "connections": open.to_string(), "service": "imap",
                        "pids": "(1)", "ips": "(127.0.0.1)",
                    })
                })
                .collect())
        }
        _ if is_idle => Ok(json!([])),
        "sieveList" => {
            let active = world.active.get(&user);
            let scripts = world.scripts.get(&user).into_iter().flatten();
            Ok(scripts
                .map(|(name, _)| {
                    let is_active = active == Some(name);
                    json!({ "script": name, "active": if is_active { "ACTIVE" } else { "" } })
                })
                .collect())
        }
        "sieveGet" if world.unreadable.contains(&script.as_str()) => Err(exit(75)),
        "sieveGet" => match world
            .scripts
            .get(&user)
            .and_then(|scripts| scripts.get(&script))
        {
            Some(content) => Ok(json!([{ "sieve script": content }])),
            None => Err(exit(68)),
        },
        "sievePut" => {
            world
                .scripts
                .entry(user.clone())
                .or_default()
                .insert(script.clone(), text("file"));
            if parameters["activate"] == true {
                world.active.insert(user, script);
            }
            Ok(json!([]))
        }
        "sieveActivate" => {
            if world
                .scripts
                .get(&user)
                .is_none_or(|scripts| !scripts.contains_key(&script))
            {
                return Err(exit(68));
            }
            world.active.insert(user, script);
            Ok(json!([]))
        }
        "sieveDeactivate" => {
            world.active.remove(&user);
            Ok(json!([]))
        }
        "sieveDelete" => {
            let script = parameters["scriptname"][0].as_str().unwrap_or_default();
            if world
                .active
                .get(&user)
                .is_some_and(|active| active == script)
            {
                return Err(exit(65));
            }
            let removed = world.scripts.entry(user).or_default().remove(script);
            removed.map(|_| json!([])).ok_or_else(|| exit(68))
        }
        _ => Err(json!({ "type": "unknownMethod", "exitCode": 0 })),
    }
}

/// What Dovecot answers when a command fails with this exit code.
pub fn exit(code: u32) -> Value {
    json!({ "type": "exitCode", "exitCode": code })
}
