//! The conformance suite over FreeRADIUS's tables and a gateway inside this process.
//!
//! Two systems stand behind this connector. Most faults are the database's; a lost answer is the
//! gateway's, which cuts the session and never says so.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use drawbridge_conformance::{DatabaseFault, Fault, FaultyDatabase, Fixture};
use drawbridge_sdk::{BuildContext, Connector, Subject};
use serde_json::json;
use support::{
    gateway::{Gateway, Mood},
    tables::Tables,
};
use tempfile::TempDir;
use tokio::sync::Mutex;

#[expect(dead_code, reason = "other tests use the rest of it")]
mod support;

const SECRET: &str = "gateway-secret";
const PASSWORD: &str = "her-own-password";
const CALL_TIMEOUT: Duration = Duration::from_secs(4);

struct Radius {
    folder: TempDir,
    tables: Tables,
    gateway: Gateway,
    faulty: Mutex<Option<FaultyDatabase>>,
    /// Kept, so that it goes on refusing.
    _refusing: FaultyDatabase,
    sessions: AtomicU32,
}

impl Radius {
    /// The address is a secret that is read at each call, so a fault is another address.
    fn point_to(&self, address: &str) {
        std::fs::write(self.folder.path().join("database"), address).expect("the address");
    }

    fn build(&self, address_file: &str) -> Arc<dyn Connector> {
        let settings = json!({
            "database": { "file": address_file },
            "coa_secret": { "file": "secret" },
            "coa_port": self.gateway.address.port(),
        });
        let context = BuildContext {
            base_dir: self.folder.path().to_owned(),
            call_timeout: CALL_TIMEOUT,
            ..BuildContext::named("vpn")
        };
        drawbridge_radius::kind()
            .build(settings, &context)
            .expect("usable settings")
    }
}

#[async_trait]
impl Fixture for Radius {
    async fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let tables = Tables::create(&folder.path().join("radius.db")).await;
        tables.add_user("canary", PASSWORD).await;
        Tables::create(&folder.path().join("empty.db")).await;
        std::fs::write(folder.path().join("secret"), SECRET).expect("the secret");
        let gateway = Gateway::start(tables.clone(), SECRET).await;
        let refusing = FaultyDatabase::start(DatabaseFault::RefusesLogin).await;
        std::fs::write(folder.path().join("refusing"), refusing.url()).expect("the address");
        let radius = Self {
            folder,
            tables,
            gateway,
            faulty: Mutex::new(None),
            _refusing: refusing,
            sessions: AtomicU32::new(0),
        };
        radius.behave().await;
        radius
    }

    fn connector(&self) -> Arc<dyn Connector> {
        self.build("database")
    }

    fn connector_with_wrong_credential(&self) -> Arc<dyn Connector> {
        self.build("refusing")
    }

    fn canary(&self) -> String {
        "canary".to_owned()
    }

    async fn add_account(&self, name: &str) -> Subject {
        self.tables.add_user(name, PASSWORD).await;
        self.stranger(name)
    }

    fn stranger(&self, name: &str) -> Subject {
        Subject {
            person: name.to_owned(),
            user_names: vec![name.to_owned()],
            emails: vec![format!("{name}@practice.test")],
            ..Subject::default()
        }
    }

    async fn can_log_in(&self, subject: &Subject) -> Option<bool> {
        self.is_enabled(subject).await
    }

    async fn is_enabled(&self, subject: &Subject) -> Option<bool> {
        let name = subject.user_name()?;
        let has_rows = self.tables.check_rows(name).await > 0;
        let is_refused = self.tables.refusing_rows(name).await > 0;
        has_rows.then_some(!is_refused)
    }

    async fn open_session(&self, subject: &Subject) -> bool {
        let id = self.sessions.fetch_add(1, Ordering::Relaxed);
        let name = subject.user_name().expect("a name");
        self.tables
            .start_session(name, &format!("S{id}"), "127.0.0.1")
            .await;
        true
    }

    async fn open_sessions(&self, subject: &Subject) -> Option<u32> {
        Some(self.tables.open_sessions(subject.user_name()?).await)
    }

    fn levels(&self) -> Vec<String> {
        vec!["vpn-staff".to_owned(), "vpn-admins".to_owned()]
    }

    async fn levels_of(&self, subject: &Subject) -> Vec<String> {
        self.tables
            .groups(subject.user_name().expect("a name"))
            .await
    }

    async fn misbehave(&self, fault: Fault) -> bool {
        let database = match fault {
            Fault::ConnectionRefused => DatabaseFault::ConnectionRefused,
            Fault::NeverConnects => DatabaseFault::NeverConnects,
            Fault::Silence => DatabaseFault::Silence,
            Fault::CutMidAnswer => DatabaseFault::CutMidAnswer,
            Fault::HtmlPage => DatabaseFault::HtmlPage,
            Fault::Blind => {
                self.point_to("sqlite://empty.db");
                return true;
            }
            Fault::AnswerLost => {
                self.gateway.set_mood(Mood::LosesAnswers);
                return true;
            }
            _ => return false,
        };
        let database = FaultyDatabase::start(database).await;
        self.point_to(&database.url());
        *self.faulty.lock().await = Some(database);
        true
    }

    async fn behave(&self) {
        self.gateway.set_mood(Mood::Obedient);
        self.point_to("sqlite://radius.db");
        *self.faulty.lock().await = None;
    }

    fn cannot(&self) -> Vec<(Fault, &'static str)> {
        let within = "the tables are a file here, and nobody stands between it and the connector";
        [
            Fault::SilentChanges,
            Fault::LateChanges,
            Fault::Dripping,
            Fault::OnlyChanges(&Fault::Dripping),
            Fault::HalfClosed,
            Fault::OnlyChanges(&Fault::HalfClosed),
            Fault::Reset,
            Fault::OnlyChanges(&Fault::Reset),
            Fault::SaysYesDoesNothing,
            Fault::SomebodyElse,
        ]
        .map(|fault| (fault, within))
        .into()
    }

    fn secrets(&self) -> Vec<String> {
        vec![
            SECRET.to_owned(),
            PASSWORD.to_owned(),
            "wrong-database-password".to_owned(),
        ]
    }

    fn call_timeout(&self) -> Duration {
        CALL_TIMEOUT
    }

    async fn block_by_hand(&self, subject: &Subject) -> bool {
        let name = subject.user_name().expect("a name");
        self.tables
            .add_check(name, "Auth-Type", ":=", "Reject")
            .await;
        true
    }
}

drawbridge_conformance::suite!(
    Radius,
    claims = [
        set_role,
        disable,
        end_sessions,
        read_back,
        read_sessions,
        list_accounts
    ]
);
