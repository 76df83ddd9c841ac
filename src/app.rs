//! Wiring only: settings to systems, desks, reception, rounds, front door, office and messenger.

mod alarm;
mod metrics;
mod start;
mod telling;

use std::{collections::HashMap, fmt, path::Path, sync::Arc, time::Duration};

use drawbridge_sdk::{BuildContext, Connector};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{Notify, watch};
use tower::limit::GlobalConcurrencyLimitLayer;

pub use self::{
    alarm::{alarm, watched},
    start::find_missing_systems,
    telling::Telling,
};
use crate::{
    alerts::Alarm,
    cases::cards,
    clock::Clock,
    config::{self, ConfigError, Practice, Settings, SystemSettings},
    connectors, console,
    door::Door,
    events::{self, push::Push},
    ids::PracticeName,
    intake::{Desk, FirstTries, Intake},
    policy::{Brake, Roles, SystemFacts},
    rounds::{Rounds, System, Systems, lookout::Lookout, systems::SystemOptions},
    sources::departures::{self, Departures},
    store::{SecondLedger, Store, StoreError, WriteTx},
};

/// Total time one call to a system may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);

/// How often reception looks whether somebody's time has come.
const REPLAN_EVERY: Duration = Duration::from_secs(5);

/// Reads and checks the settings.
///
/// # Errors
/// With every mistake found, each with its place and the way out.
pub fn load_settings(path: &Path) -> Result<Settings, ConfigError> {
    let kinds = connectors::kinds();
    let known: Vec<&str> = kinds.iter().map(|kind| kind.name).collect();
    Settings::load(path, &known)
}

/// Connectors that could not be built, all of them.
#[derive(Debug)]
pub struct SystemProblems(Vec<String>);

impl fmt::Display for SystemProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for SystemProblems {}

/// One connector with the settings it belongs to.
struct Built<'a> {
    practice: &'a Practice,
    settings: &'a SystemSettings,
    connector: Arc<dyn Connector>,
}

fn build<'a>(settings: &'a Settings) -> Result<Vec<Built<'a>>, SystemProblems> {
    let mut built = Vec::new();
    let mut problems = Vec::new();
    for practice in &settings.practices {
        for system in practice.systems.iter().filter(|system| !system.retired) {
            match connector_of(settings, system) {
                Ok(connector) => built.push(Built {
                    practice,
                    settings: system,
                    connector,
                }),
                Err(problem) => problems.push(format!(
                    "practice `{}`, system `{}`: {problem}",
                    practice.name, system.name
                )),
            }
        }
    }
    if problems.is_empty() {
        Ok(built)
    } else {
        Err(SystemProblems(problems))
    }
}

/// The connector of one system.
///
/// # Errors
/// With the sentence to show: a key that is wrong, or a secret reference that leads nowhere.
pub fn connector_of(
    settings: &Settings,
    system: &SystemSettings,
) -> Result<Arc<dyn Connector>, String> {
    let kind = connectors::find(&system.connector).ok_or_else(|| {
        format!(
            "there is no connector `{}`: see `drawbridge connector list`",
            system.connector
        )
    })?;
    let context = BuildContext {
        system: system.name.as_str().to_owned(),
        base_dir: settings.base_dir.clone(),
        call_timeout: CALL_TIMEOUT,
    };
    kind.build(system.settings.clone(), &context)
        .map_err(|error| error.to_string())
}

/// Role matrices in force, which may differ from the files'.
pub type InForce = HashMap<PracticeName, Roles>;

/// Every system of every practice, ready to be called. Levels of the file's matrix and of the one in
/// force are managed, so that neither is forgotten on an account.
///
/// # Errors
/// With every system whose connector cannot be built.
pub fn systems(settings: &Settings, in_force: &InForce) -> Result<Systems, SystemProblems> {
    Ok(Systems::new(build(settings)?.into_iter().map(|built| {
        let Built {
            practice,
            settings,
            connector,
        } = built;
        let system = facts(practice, settings, Vec::new());
        let mut managed_levels = practice.roles.managed_levels(&system, &settings.levels);
        if let Some(roles) = in_force.get(&practice.name) {
            managed_levels.extend(roles.managed_levels(&system, &settings.levels));
            managed_levels.sort();
            managed_levels.dedup();
        }
        let options = SystemOptions {
            settle: settings.settle,
            call_timeout: CALL_TIMEOUT,
            canary: settings.canary.clone(),
            managed_levels,
            concurrency: settings.concurrency,
        };
        System::new(
            practice.name.clone(),
            settings.name.clone(),
            connector,
            options,
        )
    })))
}

fn facts(
    practice: &Practice,
    system: &SystemSettings,
    ways: Vec<drawbridge_sdk::Way>,
) -> SystemFacts {
    SystemFacts {
        name: system.name.clone(),
        category: system.category,
        ways,
        holds_ephi: system.holds_ephi,
        close_within: system.close_within.unwrap_or(practice.close_within),
        forward_to: system.forward_to.clone(),
        retired: system.retired,
    }
}

/// The database, with a row for each practice.
///
/// # Errors
/// When it cannot be opened.
pub async fn open_store(settings: &Settings) -> Result<Store, StoreError> {
    let store = Store::open(&settings.database_url()?).await?;
    for practice in &settings.practices {
        store.ensure_practice(&practice.name).await?;
    }
    Ok(store)
}

/// The reception over these settings, with the role matrix each practice has in force. The first
/// start puts the file's matrix into force; later edits wait for `plan apply`.
///
/// # Errors
/// When the database does not answer.
pub async fn intake(
    settings: &Settings,
    store: &Store,
    clock: Arc<dyn Clock>,
    wake: Arc<Notify>,
) -> Result<Intake, StoreError> {
    let built = build(settings).map_err(|problems| StoreError::Corrupt(problems.to_string()))?;
    let mut desks = Vec::new();
    for practice in &settings.practices {
        let systems = built
            .iter()
            .filter(|built| built.practice.name == practice.name)
            .map(|built| {
                facts(
                    practice,
                    built.settings,
                    built.connector.capabilities().ways,
                )
            })
            .collect();
        let levels: HashMap<_, _> = practice
            .systems
            .iter()
            .map(|system| (system.name.clone(), system.levels.clone()))
            .collect();
        put_first_roles_into_force(store, practice, clock.now()).await?;
        desks.push(
            Desk::new(
                practice.name.clone(),
                systems,
                levels,
                [
                    practice.close_within,
                    practice.role_grace,
                    practice.hold_for,
                ],
            )
            .braked(brake(practice))
            .leaving_alone(&practice.break_glass)
            .telling(telling::addressees(settings, practice)),
        );
    }
    Ok(Intake::new(store.clone(), clock, desks, wake))
}

fn brake(practice: &Practice) -> Option<Brake> {
    let config::Brake { people, share, off } = practice.brake;
    (!off).then_some(Brake { people, share })
}

async fn in_force(settings: &Settings, store: &Store) -> Result<InForce, StoreError> {
    let mut matrices = InForce::new();
    for practice in &settings.practices {
        if let Some(text) = store.find_applied_roles(&practice.name).await? {
            let roles = Roles::parse(&text).map_err(|error| {
                StoreError::Corrupt(format!("the roles in force cannot be read: {error}"))
            })?;
            matrices.insert(practice.name.clone(), roles);
        }
    }
    Ok(matrices)
}

/// The first start puts the file's matrix into force.
async fn put_first_roles_into_force(
    store: &Store,
    practice: &Practice,
    now: jiff::Timestamp,
) -> Result<(), StoreError> {
    if store.find_applied_roles(&practice.name).await?.is_some() {
        return Ok(());
    }
    let mut tx = store.begin(&practice.name, now).await?;
    tx.record_applied_roles(&practice.roles_text);
    tx.commit().await
}

/// First tries are made by the rounds of this very bridge.
#[derive(Debug)]
struct ByRounds(Arc<Rounds>);

impl FirstTries for ByRounds {
    fn take(&self, tx: &mut WriteTx, door: &mut Door) {
        self.0.take(tx, door);
    }
}

/// First tries made by these rounds, once they run.
pub fn first_tries(rounds: &Arc<Rounds>) -> Arc<dyn FirstTries> {
    Arc::new(ByRounds(Arc::clone(rounds)))
}

/// A running bridge: everything but the listener.
#[derive(Debug, Clone)]
pub struct Bridge {
    /// The archive.
    pub store: Store,
    /// The reception.
    pub intake: Intake,
    /// The rounds.
    pub rounds: Arc<Rounds>,
    telling: Option<Telling>,
    /// Who says who somebody in the console is.
    providers: Arc<console::Providers>,
    alarm: Option<Alarm>,
    clock: Arc<dyn Clock>,
}

impl Bridge {
    /// Puts the bridge together. Nothing runs yet.
    ///
    /// # Errors
    /// When the database cannot be opened or a connector cannot be built.
    pub async fn build(settings: &Settings, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let store = open_store(settings).await?;
        let wake = Arc::new(Notify::new());
        let intake = intake(settings, &store, Arc::clone(&clock), Arc::clone(&wake)).await?;
        let systems = systems(settings, &in_force(settings, &store).await?)
            .map_err(|problems| StoreError::Corrupt(problems.to_string()))?;
        warn_about_unapplied_roles(settings, &store).await?;
        let rounds = Rounds::new(store.clone(), Arc::clone(&clock), systems, wake);
        let second = settings.second_ledger()?;
        let second = second.map(|path| Arc::new(SecondLedger::at(path)));
        let rounds = Arc::new(match &second {
            Some(second) => rounds.with_second_ledger(Arc::clone(second)),
            None => rounds,
        });
        intake.first_tries_by(&first_tries(&rounds));
        let telling = Telling::new(settings).map_err(StoreError::Corrupt)?;
        let providers = console::Providers::new(settings).map_err(StoreError::Corrupt)?;
        let alarm = alarm(settings, &store, Arc::clone(&clock));
        let alarm = alarm.map_err(StoreError::Corrupt)?;
        Ok(Self {
            store,
            intake,
            rounds,
            telling,
            providers: Arc::new(providers),
            alarm: alarm.map(|alarm| alarm.watching(second)),
            clock,
        })
    }

    /// Brings security events to those who take them, where any are configured.
    pub fn push(&self) -> Option<Push> {
        let telling = self.telling.as_ref()?;
        Some(telling.push(self.store.clone(), Arc::clone(&self.clock)))
    }

    /// Tells people when a leaver's time runs short, where anybody is to be told.
    pub const fn alarm(&self) -> Option<&Alarm> {
        self.alarm.as_ref()
    }

    /// Runs rounds, planning, telling and the alarm until told to stop.
    pub async fn run(&self, stop: watch::Receiver<bool>) {
        let push = self
            .push()
            .map(|push| tokio::spawn(push.run(self.intake.told(), stop.clone())));
        let alarm = self.alarm.clone();
        let alarm = alarm.map(|alarm| tokio::spawn(alarm.run(stop.clone())));
        let rounds = tokio::spawn(Arc::clone(&self.rounds).run(stop.clone()));
        let intake = self.intake.clone();
        let mut stopping = stop;
        loop {
            if let Err(error) = intake.depart_due().await {
                tracing::warn!(%error, "could not look whose departure is due");
            }
            if let Err(error) = intake.replan_due().await {
                tracing::warn!(%error, "could not look whose time has come");
            }
            self.open_cards().await;
            if let Err(error) = self.rounds.keep_certificates().await {
                tracing::warn!(%error, "could not note when certificates of systems end");
            }
            if let Err(error) = self.store.note_progress().await {
                tracing::warn!(%error, "could not note how far the ledgers have come: a restore may go unnoticed");
            }
            if self.store.look_for_room() {
                tracing::info!("the disk of the database has room again: everything goes on");
            }
            tokio::select! {
                () = tokio::time::sleep(REPLAN_EVERY) => {}
                _ = stopping.changed() => break,
            }
        }
        if let Err(error) = rounds.await {
            tracing::error!(%error, "the rounds ended badly: their doors are picked up at the next start");
        }
        for task in [push, alarm].into_iter().flatten() {
            let _ = task.await;
        }
    }

    /// Opens cards for doors that are not proved shut in time.
    pub async fn open_cards(&self) {
        let now = self.clock.now();
        for practice in self.intake.practices() {
            if let Err(error) = cards::open_due(&self.store, practice, now).await {
                tracing::warn!(practice.name = %practice, %error, "could not look which doors need a person's hand");
            }
        }
    }

    /// The page of the metrics.
    pub fn metrics(&self, counted: PrometheusHandle, settings: &Settings) -> axum::Router {
        metrics::router(metrics::Page {
            counted,
            store: self.store.clone(),
            rounds: Arc::clone(&self.rounds),
            practices: settings
                .practices
                .iter()
                .map(|practice| practice.name.clone())
                .collect(),
            clock: Arc::clone(&self.clock),
        })
    }

    /// The routes of the listener: the front door, the office, and whether the bridge is well.
    pub fn router(&self, settings: &Settings) -> axum::Router {
        let at_a_time = GlobalConcurrencyLimitLayer::new(settings.limits.concurrency);
        let mut front_door = crate::scim::router(crate::scim::FrontDoor::new(
            self.store.clone(),
            self.intake.clone(),
            settings,
            Arc::clone(&self.clock),
        ));
        if settings.metrics_listen.is_some() {
            front_door = front_door.layer(axum::middleware::from_fn(metrics::count_request));
        }
        let front_door = front_door
            .layer(at_a_time)
            // Health is answered however busy the front door is, and so is whoever looks at the board.
            .merge(crate::lifecycle::router(self.store.clone()))
            .merge(self.console(settings))
            .merge(self.departures(settings));
        match &self.telling {
            Some(telling) => {
                let clock = Arc::clone(&self.clock);
                let poll = telling.poll(self.store.clone(), clock, &self.intake);
                front_door.merge(events::poll::router(poll))
            }
            None => front_door,
        }
    }
}

impl Bridge {
    /// The routes of the API that starts departures.
    fn departures(&self, settings: &Settings) -> axum::Router {
        let practices = settings.practices.iter();
        departures::router(Departures {
            store: self.store.clone(),
            intake: self.intake.clone(),
            clock: Arc::clone(&self.clock),
            practices: practices.map(|practice| practice.name.clone()).collect(),
        })
    }

    /// The routes of the office.
    fn console(&self, settings: &Settings) -> axum::Router {
        let office = console::Office::new(
            self.store.clone(),
            self.intake.clone(),
            Lookout::new(self.rounds.systems().clone()),
            settings,
            Arc::clone(&self.providers),
            Arc::clone(&self.clock),
        );
        console::router(office.alarmed_by(self.alarm.clone()))
    }
}

async fn warn_about_unapplied_roles(settings: &Settings, store: &Store) -> Result<(), StoreError> {
    for practice in &settings.practices {
        if store
            .find_applied_roles(&practice.name)
            .await?
            .is_some_and(|applied| applied != practice.roles_text)
        {
            tracing::warn!(practice.name = %practice.name,
                "the roles file was edited and is not in force: see `drawbridge plan show`, then `drawbridge plan apply`");
        }
    }
    Ok(())
}

/// Practices by name, for whoever looks one up.
pub fn practice<'a>(settings: &'a Settings, name: &PracticeName) -> Option<&'a Practice> {
    settings
        .practices
        .iter()
        .find(|practice| practice.name == *name)
}
