//! A whole bridge in a temporary folder, with fake systems and a clock that stands still.

pub mod browser;
pub mod fake;
pub mod forms;
pub mod oidc;
pub mod passkey;
pub mod post;
pub mod provider;
pub mod wire;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use drawbridge::{
    alerts::Alarm,
    app,
    clock::{Clock, MockClock},
    config::Settings,
    door::Door,
    ids::{PersonId, PracticeName, UserId},
    intake::{
        Caller, Intake,
        human::{Attestation, attest},
    },
    people::Attributes,
    rounds::{Rounds, System, Systems, systems::SystemOptions},
    store::{SecondLedger, Store, StoreError, WriteTx, claims::Claimable},
};
use drawbridge_sdk::Way;
use fake::FakeSystem;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};

/// When every test begins: a Friday, two minutes past five.
pub const FRIDAY: &str = "2026-11-20T17:02:00Z";

const ROLES: &str = r#"
[[role]]
name = "Nurse"
matches = ["Nurse"]
[role.access]
ehr = "nurse"
mail = "mailbox"

[[role]]
name = "Billing"
matches = ["Billing"]
[role.access]
billing = "full"
ehr = "codes"

[[role]]
name = "Student"
matches = ["Student"]
[role.access]
ehr = "deny"
"#;

/// A source with the usual manners, and one that wants the letter of the protocol.
const SOURCES: &str = r#"
[[practice.source]]
name = "entra"
[[practice.source]]
name = "by_the_letter"
strict = true
group_patch_204 = true
"#;

/// A bridge to test: one practice `elm` with the systems `ehr`, `mail`, `billing` and `vpn`, and
/// an empty one, `oak`.
pub struct TestApp {
    pub store: Store,
    pub intake: Intake,
    pub rounds: Arc<Rounds>,
    pub clock: MockClock,
    pub settings: Settings,
    systems: BTreeMap<&'static str, FakeSystem>,
    _folder: TempDir,
}

const SYSTEMS: [&str; 4] = ["billing", "ehr", "mail", "vpn"];

impl TestApp {
    /// A bridge on a fresh SQLite file.
    pub async fn start() -> Self {
        Self::on("sqlite://test.db").await
    }

    /// The same, with these lines at the top of the settings and within the practice `elm`.
    pub async fn start_with(top: &str, in_elm: &str) -> Self {
        Self::made_of("sqlite://test.db", top, in_elm).await
    }

    /// A bridge on this database.
    pub async fn on(database: &str) -> Self {
        Self::made_of(database, "", "").await
    }

    async fn made_of(database: &str, top: &str, in_elm: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let systems: String = SYSTEMS
            .iter()
            .map(|name| {
                let category = if *name == "mail" { "email" } else { name };
                format!("[[practice.system]]\nname = \"{name}\"\ncategory = \"{category}\"\nconnector = \"sandbox\"\ncanary = \"canary\"\nholds_ephi = {}\n", *name == "ehr")
            })
            .collect();
        let text = format!(
            "database = \"{database}\"\n{top}\n[[practice]]\nname = \"elm\"\nroles = \"roles.toml\"\nbreak_glass = [\"Emergency\"]\n{SOURCES}{systems}{in_elm}\n[[practice]]\nname = \"oak\"\n{SOURCES}"
        );
        let file = folder.path().join("practice.toml");
        std::fs::write(&file, text).expect("settings can be written");
        std::fs::write(folder.path().join("roles.toml"), ROLES).expect("roles can be written");
        let settings = app::load_settings(&file).expect("the settings are right");
        let store = app::open_store(&settings)
            .await
            .expect("the database opens");
        let clock = MockClock::at(FRIDAY.parse().expect("a time"));
        let wake = Arc::new(Notify::new());
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let intake = app::intake(&settings, &store, Arc::clone(&shared), Arc::clone(&wake))
            .await
            .expect("intake");
        let fakes: BTreeMap<&'static str, FakeSystem> = SYSTEMS
            .into_iter()
            .map(|name| (name, FakeSystem::default()))
            .collect();
        let systems = systems_of(&settings, &fakes);
        let rounds = Rounds::new(store.clone(), shared, systems, wake);
        let rounds = Arc::new(match second_ledger(&settings) {
            Some(second) => rounds.with_second_ledger(second),
            None => rounds,
        });
        Self {
            store,
            intake,
            rounds,
            clock,
            settings,
            systems: fakes,
            _folder: folder,
        }
    }

    /// The alarm of a bridge over this archive, where the settings name channels.
    pub fn find_alarm(&self) -> Option<Alarm> {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        app::alarm(&self.settings, &self.store, clock).expect("channels that can be used")
    }

    /// The same where they surely do.
    pub fn alarm(&self) -> Alarm {
        self.find_alarm().expect("an alarm")
    }

    pub fn practice(&self) -> PracticeName {
        "elm".into()
    }

    pub fn caller(&self) -> Caller {
        Caller {
            practice: self.practice(),
            actor: "source:entra".to_owned(),
            request_id: "request-1".to_owned(),
        }
    }

    /// The fake system of this name.
    pub fn system(&self, name: &str) -> &FakeSystem {
        &self.systems[name]
    }

    /// Somebody with this title is created at the identity provider.
    pub async fn hire(&self, user_name: &str, title: &str) -> UserId {
        let attributes = person(user_name, title, true);
        self.change(None, attributes).await.expect("a User")
    }

    /// The identity provider says that this User may no longer get in.
    pub async fn disable(&self, id: &UserId) {
        self.set_active(id, false).await;
    }

    /// The identity provider says whether this User may get in.
    pub async fn set_active(&self, id: &UserId, active: bool) {
        self.edit(id, |attributes| {
            attributes.insert("active".to_owned(), Value::from(active));
        })
        .await;
    }

    /// No two changes come in the same millisecond.
    fn tick(&self) {
        self.clock.advance(Duration::from_millis(1));
    }

    /// The identity provider changes a User.
    pub async fn edit(&self, id: &UserId, edit: impl FnOnce(&mut Attributes)) {
        self.tick();
        let before = self.store.find_user(&self.practice(), id).await.unwrap();
        let mut attributes = before.expect("the User exists").attributes;
        edit(&mut attributes);
        self.change(Some(id), attributes).await;
    }

    /// The identity provider deletes a User.
    pub async fn delete(&self, id: &UserId) {
        self.tick();
        self.intake
            .change_user::<()>(&self.caller(), Some(id), |_| Ok(None))
            .await
            .expect("deleted");
    }

    async fn change(&self, id: Option<&UserId>, attributes: Attributes) -> Option<UserId> {
        let user = self
            .intake
            .change_user::<()>(&self.caller(), id, move |_| Ok(Some(attributes.clone())))
            .await
            .expect("the change is accepted");
        user.map(|user| user.id)
    }

    /// Works on everything that is due now.
    pub async fn run_due(&self) {
        self.rounds.run_due().await.expect("the rounds");
    }

    /// The rounds of a second bridge over the same database and systems.
    pub fn another_worker(&self) -> Arc<Rounds> {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let systems = systems_of(&self.settings, &self.systems);
        Arc::new(Rounds::new(
            self.store.clone(),
            clock,
            systems,
            Arc::new(Notify::new()),
        ))
    }

    /// A second bridge over the same database and systems, which looks for what is due at this pace.
    #[cfg(feature = "real-systems")]
    pub async fn another_bridge(&self, pace: Duration) -> Running {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let systems = systems_of(&self.settings, &self.systems);
        let store = app::open_store(&self.settings).await.expect("the database");
        let wake = Arc::new(Notify::new());
        let rounds = Arc::new(Rounds::new(store, clock, systems, wake).looking_every(pace));
        let (stop, stopped) = watch::channel(false);
        let rounds = tokio::spawn(rounds.run(stopped));
        Running { stop, rounds }
    }

    /// The rounds of a bridge that is started after this one died.
    pub fn next_rounds(&self) -> Arc<Rounds> {
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let systems = systems_of(&self.settings, &self.systems);
        let rounds = Rounds::new(self.store.clone(), clock, systems, Arc::new(Notify::new()));
        let second = second_ledger(&self.settings).expect("a second ledger");
        Arc::new(rounds.with_second_ledger(second))
    }

    /// Lets other tasks go on until this is so.
    pub async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        while !is_so(self) {
            tokio::task::yield_now().await;
        }
    }

    /// Dana signs for a door as it is wanted now.
    pub async fn sign(&self, user_name: &str, system: &str) -> Result<(), String> {
        let generation = self.door(user_name, system).await.generation;
        self.sign_for(user_name, system, generation).await
    }

    /// Dana signs for this wish of a door.
    pub async fn sign_for(
        &self,
        user_name: &str,
        system: &str,
        generation: i64,
    ) -> Result<(), String> {
        let person = self.person(user_name).await;
        let signed = Attestation {
            by: "Dana Ruiz",
            note: "looked into the panel",
            generation,
            done: None,
            file: None,
        };
        let door = (&system.into(), Way::Account);
        attest(
            &self.store,
            &self.caller(),
            &person,
            door,
            &signed,
            self.clock.now(),
        )
        .await
        .expect("the archive")
    }

    /// Claims what is due in one system, as a worker does.
    pub async fn claim(&self, system: &str) -> Vec<Door> {
        let mut tx = self.begin().await;
        let doors = tx
            .claim_doors(
                "worker",
                &system.into(),
                8,
                (Claimable::All, jiff::Timestamp::MIN),
            )
            .await;
        tx.commit().await.expect("a claim");
        doors.expect("a claim")
    }

    /// Lets time pass, then works on what is due by then.
    pub async fn run_after(&self, wait: Duration) {
        self.clock.advance(wait);
        self.intake.replan_due().await.expect("planning");
        self.run_due().await;
    }

    pub async fn person(&self, user_name: &str) -> PersonId {
        let people = self
            .store
            .find_people(&self.practice(), user_name)
            .await
            .expect("people");
        people.into_iter().next().expect("somebody of this name")
    }

    /// The User that points at somebody.
    pub async fn user_of(&self, user_name: &str) -> UserId {
        let person = self.person(user_name).await;
        let mut tx = self.begin().await;
        let known = tx.find_known(&person).await.expect("somebody");
        known.user.expect("a User").id
    }

    pub async fn doors_of(&self, user_name: &str) -> Vec<Door> {
        let person = self.person(user_name).await;
        self.store
            .find_doors_of(&self.practice(), &person)
            .await
            .expect("doors")
    }

    pub async fn door(&self, user_name: &str, system: &str) -> Door {
        let doors = self.doors_of(user_name).await;
        doors
            .into_iter()
            .find(|door| door.system.as_str() == system)
            .expect("a door into this system")
    }

    pub async fn is_green(&self, user_name: &str, system: &str) -> bool {
        self.door(user_name, system)
            .await
            .is_green(self.clock.now())
    }

    /// A transaction at the time of the test.
    pub async fn begin(&self) -> WriteTx {
        self.store
            .begin(&self.practice(), self.clock.now())
            .await
            .expect("a transaction")
    }

    /// What the ledger says happened to a person, in order.
    pub async fn history(&self, user_name: &str) -> Vec<String> {
        let person = self.person(user_name).await;
        let records = self
            .store
            .list_records(&self.practice(), Some(&person))
            .await
            .expect("records");
        records
            .iter()
            .filter(|record| record.is_theirs)
            .map(|record| {
                let record: Value = serde_json::from_str(&record.text).expect("JSON");
                format!(
                    "{} {}",
                    record["what"].as_str().unwrap_or_default(),
                    record["system"].as_str().unwrap_or_default()
                )
            })
            .collect()
    }
}

/// The file beside the database.
fn second_ledger(settings: &Settings) -> Option<Arc<SecondLedger>> {
    let path = settings.second_ledger().expect("a database");
    path.map(|path| Arc::new(SecondLedger::at(path)))
}

/// Rounds that run beside the test, as those of a server do, until they are stopped.
pub struct Running {
    stop: watch::Sender<bool>,
    rounds: JoinHandle<()>,
}

impl Running {
    /// Lets what runs come to its end.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.rounds.await.expect("the rounds end well");
    }
}

impl TestApp {
    /// Runs the rounds beside the test, which make first tries too.
    pub async fn run(&self) -> Running {
        self.intake.first_tries_by(&app::first_tries(&self.rounds));
        let (stop, stopped) = watch::channel(false);
        let rounds = tokio::spawn(Arc::clone(&self.rounds).run(stopped));
        // Their first look is over once they wait.
        tokio::task::yield_now().await;
        Running { stop, rounds }
    }
}

/// Works on everything that is due, beside the test.
pub fn spawn_rounds(rounds: &Arc<Rounds>) -> JoinHandle<Result<(), StoreError>> {
    let rounds = Arc::clone(rounds);
    tokio::spawn(async move { rounds.run_due().await })
}

/// The attributes of somebody with this title.
pub fn person(user_name: &str, title: &str, active: bool) -> Attributes {
    json!({
        "userName": user_name,
        "externalId": format!("ext-{user_name}"),
        "title": title,
        "active": active,
        "emails": [{"value": format!("{user_name}@elm.example"), "type": "work", "primary": true}],
    })
    .as_object()
    .cloned()
    .expect("an object")
}

fn systems_of(settings: &Settings, fakes: &BTreeMap<&'static str, FakeSystem>) -> Systems {
    let practice = &settings.practices[0];
    Systems::new(practice.systems.iter().map(|system| {
        let options = SystemOptions {
            settle: system.settle,
            call_timeout: Duration::from_secs(20),
            canary: system.canary.clone(),
            managed_levels: vec![
                "nurse".to_owned(),
                "codes".to_owned(),
                "full".to_owned(),
                "mailbox".to_owned(),
            ],
            concurrency: system.concurrency,
        };
        let connector = Arc::new(fakes[system.name.as_str()].clone());
        System::new(
            practice.name.clone(),
            system.name.clone(),
            connector,
            options,
        )
    }))
}
