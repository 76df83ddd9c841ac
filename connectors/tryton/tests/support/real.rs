//! A real Tryton server seen by its own administrator: directly, not through the connector.

use std::{
    net::SocketAddr,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use drawbridge_conformance::{Canned, Fault, FaultyProxy, Fixture, RealSystem};
use drawbridge_sdk::{
    BuildContext, Connector, Subject,
    http::{Endpoint, EndpointOptions, Method},
};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::{Credential, connector, error_inside_success, fake::asks};

/// For real servers on a busy machine, which also answer a refused login late on purpose.
const PATIENCE: Duration = Duration::from_secs(10);

pub const PASSWORD: &str = "Nurse-Passw0rd-1";
const BRIDGE_LOGIN: &str = "bridge";
const BRIDGE_PASSWORD: &str = "Bridge-Passw0rd-1";
const WRONG_PASSWORD: &str = "wrong-Passw0rd-93af";

/// Which server, shared by all tests of a binary.
pub trait Target: Send + Sync + Sized + 'static {
    const NAME: &'static str;
    /// Two groups there are.
    const LEVELS: [&'static str; 2];

    fn server() -> &'static OnceCell<Server>;
}

/// A running server with the bridge's own user and the canary in it.
pub struct Server(RealSystem);

impl Server {
    async fn start(name: &str) -> Self {
        let server = Self(RealSystem::start(name));
        let admin = server.administrator().await;
        // A user of its own with the right to administer, as the page of this connector says.
        let groups = json!([["add", [admin.group("Administration").await]]]);
        admin
            .create_user(BRIDGE_LOGIN, BRIDGE_PASSWORD, &groups)
            .await;
        admin.create_user("canary", PASSWORD, &json!([])).await;
        server
    }

    pub fn rpc(&self) -> Rpc {
        let options = EndpointOptions {
            allow_plain_http: true,
            ..EndpointOptions::default()
        };
        let context = BuildContext {
            call_timeout: PATIENCE,
            ..BuildContext::named("admin")
        };
        let url = format!("{}/{}", self.0.var("URL"), self.0.var("DATABASE"));
        let endpoint = Endpoint::new(&url, options, &context).expect("an endpoint");
        Rpc {
            endpoint,
            session: String::new(),
        }
    }

    pub async fn administrator(&self) -> Rpc {
        let rpc = self
            .rpc()
            .log_in(self.0.var("ADMIN_LOGIN"), self.0.var("ADMIN_PASSWORD"))
            .await;
        rpc.expect("the administrator's login")
    }

    /// Does this in the server's database, behind its back.
    pub fn sql(&self, statement: &str) -> String {
        let script = "import sqlite3, sys\n\
                      db = sqlite3.connect(sys.argv[1], timeout=20)\n\
                      print(db.execute(sys.argv[2]).fetchall())\n\
                      db.commit()";
        let file = self.0.var("DATABASE_FILE");
        let output = Command::new("python3")
            .args(["-c", script, file, statement])
            .output();
        let output = output.expect("python3");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.0.var("PORT").parse().expect("a port")).into()
    }
}

/// One who is logged in, or not.
pub struct Rpc {
    endpoint: Endpoint,
    session: String,
}

impl Rpc {
    /// The same one, logged in; `None` when the server refuses.
    pub async fn log_in(&self, login: &str, password: &str) -> Option<Self> {
        let params = json!([login, { "password": password }, "en"]);
        let (status, answer) = self.ask("common.db.login", params).await;
        let (user, key) = (answer["result"][0].as_i64(), answer["result"][1].as_str());
        assert!(status == 401 || key.is_some(), "{status} {answer}");
        let session = STANDARD.encode(format!("{login}:{}:{}", user?, key?));
        Some(Self {
            endpoint: self.endpoint.clone(),
            session: format!("Session {session}"),
        })
    }

    pub async fn log_out(&self) {
        self.ask("common.db.logout", json!([])).await;
    }

    /// Whether the session is still good for something.
    pub async fn is_let_in(&self) -> bool {
        self.ask("model.res.user.get_preferences", json!([true, {}]))
            .await
            .0
            == 200
    }

    pub async fn call(&self, method: &str, params: Value) -> Value {
        let (status, mut answer) = self.ask(method, params).await;
        assert!(
            status == 200 && answer.get("result").is_some(),
            "{status} {answer}"
        );
        answer["result"].take()
    }

    async fn ask(&self, method: &str, params: Value) -> (u16, Value) {
        let request = self.endpoint.read("administer", Method::POST, "/");
        let request = request.header("Authorization", &self.session);
        let body = json!({ "id": 1, "method": method, "params": params });
        let answer = request.json(&body).send().await.expect("an answer");
        (answer.status, answer.json().unwrap_or_default())
    }

    async fn group(&self, name: &str) -> i64 {
        let domain = json!([[["name", "=", name]], 0, null, null, {}]);
        let found = self.call("model.res.group.search", domain).await;
        found[0].as_i64().expect("a group")
    }

    pub async fn create_user(&self, login: &str, password: &str, groups: &Value) -> i64 {
        let user = json!({
            "login": login,
            "name": login,
            "password": password,
            "email": format!("{login}@practice.example"),
            "groups": groups,
        });
        let made = self
            .call("model.res.user.create", json!([[user], {}]))
            .await;
        made[0].as_i64().expect("an id")
    }

    /// The record with this login, whatever its state.
    pub async fn user(&self, login: &str) -> Option<Value> {
        let domain = json!([["login", "=", login], ["active", "in", [true, false]]]);
        let fields = json!(["login", "active", "sessions", "groups"]);
        let params = json!([domain, 0, null, null, fields, {}]);
        let found = self.call("model.res.user.search_read", params).await;
        found.get(0).cloned()
    }
}

/// One test's view of the shared server, and what produces the faults of a network before it.
pub struct Real<T> {
    pub server: &'static Server,
    pub admin: Rpc,
    pub proxy: FaultyProxy,
    credential: Credential,
    wrong_credential: Credential,
    number: u32,
    target: std::marker::PhantomData<T>,
}

impl<T: Target> Real<T> {
    pub async fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let server = T::server().get_or_init(|| Server::start(T::NAME)).await;
        let proxy = FaultyProxy::start_with(server.address(), asks)
            .answering(Fault::ErrorInsideSuccess, |_| Some(error_inside_success()))
            .answering(Fault::SaysYesDoesNothing, |seen| {
                let changes = seen.body.contains("model.res.user.write");
                changes.then(|| Canned::json(200, r#"{"id":1,"result":null}"#))
            })
            .answering(Fault::Blind, |seen| {
                let searches = seen.body.contains("model.res.user.search_read");
                searches.then(|| Canned::json(200, r#"{"id":1,"result":[]}"#))
            });
        Self {
            server,
            admin: server.administrator().await,
            proxy,
            credential: Credential::new(BRIDGE_LOGIN, BRIDGE_PASSWORD),
            // A login of its own for each test: the server slows down one that is often wrong.
            wrong_credential: Credential::new(&format!("nobody-{number}"), WRONG_PASSWORD),
            number,
            target: std::marker::PhantomData,
        }
    }

    pub fn connector_as(&self, credential: &Credential) -> Arc<dyn Connector> {
        connector(
            &self.proxy.url(),
            self.server.0.var("DATABASE"),
            credential,
            PATIENCE,
        )
    }

    pub async fn browser_of(&self, subject: &Subject) -> Option<Rpc> {
        self.server
            .rpc()
            .log_in(subject.user_name()?, PASSWORD)
            .await
    }

    async fn record(&self, subject: &Subject) -> Option<Value> {
        self.admin.user(subject.user_name()?).await
    }

    pub async fn id_of(&self, subject: &Subject) -> i64 {
        self.record(subject).await.expect("a user")["id"]
            .as_i64()
            .expect("an id")
    }
}

#[async_trait]
impl<T: Target> Fixture for Real<T> {
    async fn start() -> Self {
        Self::new().await
    }

    fn connector(&self) -> Arc<dyn Connector> {
        self.connector_as(&self.credential)
    }

    fn connector_with_wrong_credential(&self) -> Arc<dyn Connector> {
        self.connector_as(&self.wrong_credential)
    }

    fn canary(&self) -> String {
        "canary".to_owned()
    }

    async fn add_account(&self, name: &str) -> Subject {
        let person = self.stranger(name);
        self.admin
            .create_user(&person.user_names[0], PASSWORD, &json!([]))
            .await;
        person
    }

    fn stranger(&self, name: &str) -> Subject {
        let name = format!("{name}-{}", self.number);
        Subject {
            emails: vec![format!("{name}@practice.example")],
            user_names: vec![name],
            ..Subject::default()
        }
    }

    async fn can_log_in(&self, subject: &Subject) -> Option<bool> {
        self.record(subject).await?;
        let browser = self.browser_of(subject).await;
        if let Some(browser) = &browser {
            browser.log_out().await;
        }
        Some(browser.is_some())
    }

    async fn is_enabled(&self, subject: &Subject) -> Option<bool> {
        let active = self.record(subject).await?["active"].clone();
        Some(active == json!(true) || active == json!(1))
    }

    async fn open_session(&self, subject: &Subject) -> bool {
        self.browser_of(subject).await.is_some()
    }

    async fn open_sessions(&self, subject: &Subject) -> Option<u32> {
        let sessions = self.record(subject).await?["sessions"].as_u64()?;
        u32::try_from(sessions).ok()
    }

    fn levels(&self) -> Vec<String> {
        T::LEVELS.map(str::to_owned).to_vec()
    }

    async fn levels_of(&self, subject: &Subject) -> Vec<String> {
        let Some(record) = self.record(subject).await else {
            return Vec::new();
        };
        let params = json!([record["groups"], ["name"], {}]);
        let groups = self.admin.call("model.res.group.read", params).await;
        let names = groups
            .as_array()
            .into_iter()
            .flatten()
            .map(|group| &group["name"]);
        names
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect()
    }

    async fn misbehave(&self, fault: Fault) -> bool {
        self.proxy.misbehave(fault).await
    }

    async fn behave(&self) {
        self.proxy.behave();
    }

    fn cannot(&self) -> Vec<(Fault, &'static str)> {
        vec![(
            Fault::SomebodyElse,
            "the server searches, and what it found cannot be made up for every search",
        )]
    }

    fn proxy(&self) -> Option<&FaultyProxy> {
        Some(&self.proxy)
    }

    fn secrets(&self) -> Vec<String> {
        [BRIDGE_PASSWORD, PASSWORD, WRONG_PASSWORD]
            .map(str::to_owned)
            .to_vec()
    }

    fn call_timeout(&self) -> Duration {
        PATIENCE
    }

    async fn block_by_hand(&self, subject: &Subject) -> bool {
        let login = &subject.user_names[0];
        self.server.sql(&format!(
            "update res_user set active = 0 where login = '{login}'"
        ));
        true
    }
}
