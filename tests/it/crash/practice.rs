//! A practice of SCIM providers, one or two bridges over one database, and an identity provider that
//! tries again until it is answered.

use std::{net::SocketAddr, time::Duration};

use drawbridge::{
    clock::{Clock as _, SystemClock},
    store::Store,
};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::Instant;

use super::{
    bridge::{Bridge, Death, PATIENCE, command, free_address},
    vendor::{self, Vendor},
};

const ROLES: &str =
    "[[role]]\nname = \"Nurse\"\nmatches = [\"Nurse\"]\n[role.access]\nsaas = \"staff\"\n";

/// When a bridge was killed, and who waited for their doors to be closed then.
pub struct Killed {
    pub when: Instant,
    pub how: String,
    pub waiting: Vec<String>,
}

pub struct Practice {
    pub vendors: Vec<Vendor>,
    pub bridges: Vec<Bridge>,
    pub folder: TempDir,
    pub database: String,
    /// Whose disable was answered with 2xx.
    pub acknowledged: Vec<String>,
    pub kills: Vec<Killed>,
    pub token: String,
    pub provider: Provider,
}

impl Practice {
    /// Nothing runs yet. `postgres` is the database's URL; without it there is a SQLite file.
    pub fn new(systems: usize, bridges: usize, postgres: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = postgres.map_or_else(
            || format!("sqlite://{}", folder.path().join("bridge.db").display()),
            str::to_owned,
        );
        drawbridge_sdk::http::install_tls_provider();
        let vendors: Vec<Vendor> = (0..systems).map(|_| Vendor::start()).collect();
        let systems: String = vendors
            .iter()
            .enumerate()
            .map(|(number, vendor)| system(number, vendor))
            .collect();
        let bridges: Vec<Bridge> = (0..bridges)
            .map(|number| {
                let address = free_address();
                let name = format!("practice-{number}.toml");
                let settings = format!(
                    "listen = \"{address}\"\ndatabase = \"{database}\"\n\
                     [[practice]]\nname = \"elm\"\nroles = \"roles.toml\"\n\
                     [practice.brake]\noff = true\n\
                     [[practice.source]]\nname = \"entra\"\n{systems}"
                );
                std::fs::write(folder.path().join(&name), settings).unwrap();
                Bridge::new(folder.path(), &name, address)
            })
            .collect();
        std::fs::write(folder.path().join("roles.toml"), ROLES).unwrap();
        std::fs::write(folder.path().join("vendor-token"), vendor::TOKEN).unwrap();
        let token = command(
            folder.path(),
            &[
                "token",
                "create",
                "--config",
                "practice-0.toml",
                "--practice",
                "elm",
                "--source",
                "entra",
            ],
        );
        let addresses = bridges.iter().map(|bridge| bridge.address).collect();
        Self {
            vendors,
            bridges,
            database,
            acknowledged: Vec::new(),
            kills: Vec::new(),
            provider: Provider::new(token.trim(), addresses),
            token: token.trim().to_owned(),
            folder,
        }
    }

    /// Starts the bridges that do not run.
    pub fn start(&mut self, death: Option<Death>) {
        for bridge in &mut self.bridges {
            if bridge.is_dead() {
                bridge.start(death);
            }
        }
    }

    /// A bridge is dead.
    pub fn take_note_of_a_kill(&mut self, how: String) {
        let waiting = self
            .acknowledged
            .iter()
            .filter(|login| self.vendors[0].is_active(login) == Some(true))
            .cloned()
            .collect();
        self.kills.push(Killed {
            when: Instant::now(),
            how,
            waiting,
        });
    }

    /// Somebody's id, once a bridge says that they are there.
    pub async fn hire(&self, login: &str) -> Option<String> {
        self.provider.hire(login).await
    }

    /// Whether the disable was answered with 2xx.
    pub async fn disable(&mut self, login: &str, id: &str) -> bool {
        let is_acknowledged = self.provider.disable(login, id).await;
        if is_acknowledged && !self.acknowledged.iter().any(|known| known == login) {
            self.acknowledged.push(login.to_owned());
        }
        is_acknowledged
    }

    /// The database, read beside the bridges.
    pub async fn store(&self) -> Store {
        Store::open(&self.database).await.unwrap()
    }

    /// Waits until the doors of everybody whose disable was acknowledged are green in these systems,
    /// and answers how long that took.
    pub async fn wait_until_all_are_out(&self, systems: &[usize], longest: Duration) -> Duration {
        let store = self.store().await;
        let began = Instant::now();
        loop {
            let doors = store.list_doors(&"elm".into()).await.unwrap();
            let now = SystemClock.now();
            let open = doors
                .iter()
                .filter(|door| {
                    let is_asked = systems
                        .iter()
                        .any(|number| door.system.as_str() == format!("saas{number}"));
                    is_asked && door.wanted.is_closed() && !door.is_green(now)
                })
                .count();
            let closed = doors.iter().filter(|door| door.wanted.is_closed()).count();
            if open == 0 && closed >= self.acknowledged.len() * self.vendors.len() {
                store.close().await;
                return began.elapsed();
            }
            assert!(
                began.elapsed() < longest.min(PATIENCE),
                "{open} doors are open after {longest:?}: {:#?}",
                doors.iter().find(|door| !door.is_green(now))
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// An identity provider, which asks one bridge after the other.
#[derive(Clone)]
pub struct Provider {
    client: Client,
    token: String,
    bridges: Vec<SocketAddr>,
}

impl Provider {
    fn new(token: &str, bridges: Vec<SocketAddr>) -> Self {
        Self {
            // Each request on a connection of its own: one that died with its bridge says nothing.
            client: Client::builder()
                .no_proxy()
                .pool_max_idle_per_host(0)
                .timeout(Duration::from_secs(20))
                .build()
                .unwrap(),
            token: token.to_owned(),
            bridges,
        }
    }

    /// The same, which asks this bridge first.
    #[cfg(feature = "real-systems")]
    pub fn beginning_with(&self, bridge: usize) -> Self {
        let mut own = self.clone();
        own.bridges.rotate_left(bridge % self.bridges.len());
        own
    }

    /// The same, which knows this bridge only.
    #[cfg(feature = "real-systems")]
    pub fn only(&self, bridge: usize) -> Self {
        let mut own = self.beginning_with(bridge);
        own.bridges.truncate(1);
        own
    }

    /// One request to the first bridge that answers; `None` when none does.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Option<(u16, Value)> {
        for bridge in &self.bridges {
            let url = format!("http://{bridge}/scim/v2{path}");
            let mut request = self
                .client
                .request(method.clone(), url)
                .bearer_auth(&self.token);
            if let Some(body) = &body {
                request = request.json(body);
            }
            if let Ok(answer) = request.send().await {
                let status = answer.status().as_u16();
                let body = answer.json().await.unwrap_or_default();
                return Some((status, body));
            }
        }
        None
    }

    /// Somebody's id, once the bridge says that they are there.
    pub async fn hire(&self, login: &str) -> Option<String> {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": login, "title": "Nurse", "active": true,
        });
        match self.ask(Method::POST, "/Users", Some(body)).await? {
            (201, user) => user["id"].as_str().map(str::to_owned),
            // It was written, and the answer was lost.
            (409, _) => self.find(login).await,
            (503, _) => None,
            (status, body) => panic!("POST /Users: {status} {body}"),
        }
    }

    pub async fn find(&self, login: &str) -> Option<String> {
        let path = format!("/Users?filter=userName%20eq%20%22{login}%22");
        let (_, list) = self.ask(Method::GET, &path, None).await?;
        list["Resources"][0]["id"].as_str().map(str::to_owned)
    }

    /// Whether the disable was answered with 2xx.
    pub async fn disable(&self, login: &str, id: &str) -> bool {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "Replace", "path": "active", "value": "False"}],
        });
        let path = format!("/Users/{id}");
        match self.ask(Method::PATCH, &path, Some(body)).await {
            Some((200 | 204, _)) => true,
            None | Some((503, _)) => false,
            Some((status, body)) => panic!("PATCH {login}: {status} {body}"),
        }
    }
}

fn system(number: usize, vendor: &Vendor) -> String {
    format!(
        "[[practice.system]]\nname = \"saas{number}\"\ncategory = \"saas\"\nconnector = \"scim\"\ncanary = \"canary\"\nsettle = \"1s\"\n\
         [practice.system.levels]\nstaff = []\n\
         [practice.system.settings]\nbase_url = \"{}\"\ntoken = {{ file = \"vendor-token\" }}\n\
         allow_plain_http = true\nsession_lifetime_minutes = 0\n",
        vendor.base_url()
    )
}
