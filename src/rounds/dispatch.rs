//! Who works on what, and when.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use drawbridge_sdk::FailureClass;
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};
use tracing::{error, info, warn};

use super::{
    call::{Kind, bounded},
    notes,
    systems::{System, Systems},
    work::work,
};
use crate::{
    clock::{Clock, Steps},
    door::Door,
    failpoint::{self, Point},
    ids::{PracticeName, SystemName},
    store::{Store, StoreError},
};

/// The longest the rounds rest without looking: another bridge may have written.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long running calls may go on once the bridge is asked to stop.
const DRAIN: Duration = Duration::from_secs(25);

/// The rounds of one bridge.
#[derive(Debug)]
pub struct Rounds {
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) systems: Systems,
    pub(super) wake: Arc<Notify>,
    /// Who holds the leases this bridge takes.
    pub(super) owner: String,
    steps: Mutex<Steps>,
}

impl Rounds {
    /// The rounds over these systems. `wake` is rung when a wish was made.
    pub fn new(store: Store, clock: Arc<dyn Clock>, systems: Systems, wake: Arc<Notify>) -> Self {
        let steps = Mutex::new(Steps::watch(clock.as_ref()));
        Self {
            store,
            clock,
            systems,
            wake,
            steps,
            owner: uuid::Uuid::now_v7().to_string(),
        }
    }

    /// The systems that are called.
    pub const fn systems(&self) -> &Systems {
        &self.systems
    }

    /// Works until told to stop, then lets running calls end and gives back its leases.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut running = JoinSet::new();
        loop {
            if let Err(error) = self.dispatch(&mut running).await {
                warn!(%error, "the rounds cannot read what is due: the database does not answer");
            }
            while running.try_join_next().is_some() {}
            tokio::select! {
                () = self.wake.notified() => {}
                _ = running.join_next(), if !running.is_empty() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = stop.changed() => break,
            }
        }
        let drained = tokio::time::timeout(DRAIN, async {
            while running.join_next().await.is_some() {}
        })
        .await;
        if drained.is_err() {
            warn!("some calls did not end in time: their doors are picked up by the next start");
        }
        if let Err(error) = self.store.release_leases_of(&self.owner).await {
            warn!(%error, "leases could not be given back: they end by themselves within 30 seconds");
        }
    }

    /// Works on everything that is due now, and on what becomes due by it, until nothing is. For
    /// tests and tools, which move the clock themselves.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn run_due(self: &Arc<Self>) -> Result<(), StoreError> {
        loop {
            let mut running = JoinSet::new();
            self.dispatch(&mut running).await?;
            if running.is_empty() {
                return Ok(());
            }
            while running.join_next().await.is_some() {}
        }
    }

    /// Claims what is due, as far as each system has places free, and starts working on it.
    async fn dispatch(self: &Arc<Self>, running: &mut JoinSet<()>) -> Result<(), StoreError> {
        self.follow_the_clock().await?;
        self.probe_unreachable_systems(running);
        let now = self.clock.now();
        for (practice, name) in self.store.find_due_systems(now).await? {
            let Some(system) = self.systems.get(&practice, &name) else {
                continue;
            };
            // One system's trouble never stops another's doors.
            match self.claim(system, &practice, &name).await {
                Ok(doors) => doors
                    .into_iter()
                    .for_each(|door| self.start(running, Arc::clone(system), door)),
                Err(error) => {
                    warn!(system.name = %name, %error, "could not claim doors of a system")
                }
            }
        }
        Ok(())
    }

    /// When somebody has set the clock, what waits for a time goes with it: what was sent may land for
    /// as long as before, and a retry comes when it would have.
    async fn follow_the_clock(&self) -> Result<(), StoreError> {
        let step = {
            let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
            steps.look(self.clock.as_ref())
        };
        let Some(step) = step else {
            return Ok(());
        };
        warn!(expected = %step.expected, found = %step.found,
            "the clock was set: what waits goes with it, and the evidence says so");
        for practice in self.systems.practices() {
            let mut tx = self.store.begin(&practice, step.found).await?;
            tx.move_times(step).await?;
            tx.record(notes::clock_was_set(step));
            tx.commit().await?;
        }
        Ok(())
    }

    async fn claim(
        &self,
        system: &System,
        practice: &PracticeName,
        name: &SystemName,
    ) -> Result<Vec<Door>, StoreError> {
        let free = u32::try_from(system.permits.available_permits()).unwrap_or(u32::MAX);
        if free == 0 {
            return Ok(Vec::new());
        }
        let unreachable = system.breaker().is_open();
        failpoint::pass(Point::BeforeClaim);
        let whose = (practice, name);
        let claim = self
            .store
            .claim_doors(&self.owner, whose, free, unreachable, self.clock.now());
        let doors = claim.await?;
        failpoint::pass(Point::AfterClaim);
        Ok(doors)
    }

    fn start(self: &Arc<Self>, running: &mut JoinSet<()>, system: Arc<System>, door: Door) {
        // Claims never exceed the free places, and only this task takes them.
        let Ok(permit) = Arc::clone(&system.permits).try_acquire_owned() else {
            return;
        };
        let rounds = Arc::clone(self);
        running.spawn(async move {
            let id = door.id.clone();
            if let Err(error) = work(&rounds, &system, door).await {
                error!(door.id = %id, system.name = %system.name, %error,
                    "could not write down what happened to a door: it is picked up again when its lease ends");
            }
            drop(permit);
            rounds.wake.notify_one();
        });
    }

    fn probe_unreachable_systems(self: &Arc<Self>, running: &mut JoinSet<()>) {
        let now = self.clock.now();
        for system in self.systems.iter() {
            if system.breaker().take_probe(now) {
                let rounds = Arc::clone(self);
                let system = Arc::clone(system);
                running.spawn(async move { rounds.probe(&system).await });
            }
        }
    }

    async fn probe(&self, system: &System) {
        let connector = system.connector();
        let answer = bounded(system.call_timeout, Kind::Reads, async move {
            connector.check().await
        })
        .await;
        let reached = match &answer {
            Ok(_) => true,
            // A refused credential is tried on its own pace, so that the account is not locked out.
            Err(error) => !matches!(
                error.class,
                FailureClass::Retryable | FailureClass::Credential
            ),
        };
        if reached {
            system.breaker().answered();
            self.wake_waiting_doors(system).await;
        }
    }

    /// Makes due what waited for this system.
    pub(super) async fn wake_waiting_doors(&self, system: &System) {
        let now = self.clock.now();
        match self
            .store
            .make_waiting_doors_due(&system.practice, &system.name, now)
            .await
        {
            Ok(doors) => {
                info!(system.name = %system.name, doors, "{} can be reached again", system.name);
                self.wake.notify_one();
            }
            Err(error) => {
                warn!(system.name = %system.name, %error, "could not make waiting doors due: they keep their schedule");
            }
        }
    }
}
