//! Who works on what, and when.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use drawbridge_sdk::FailureClass;
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
    task::JoinSet,
    time::MissedTickBehavior,
};
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use super::{
    bell::Bell,
    call::{Kind, bounded},
    notes,
    outage::Ahead,
    systems::{Place, System, Systems},
    work::{Job, announce, work},
};
use crate::{
    clock::{Clock, Step, Steps},
    door::Door,
    failpoint::{self, Point},
    store::{SecondLedger, Store, StoreError, WriteTx, claims::Claimable},
};

/// How often the rounds look everywhere: a time may have come, and another bridge may have written.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Longest a claim waits for its turn to write: a close that is due does not wait with it.
const TURN_WITHIN: Duration = Duration::from_secs(8);

/// How long running calls may go on once the bridge is asked to stop.
const DRAIN: Duration = Duration::from_secs(25);

/// Where the rounds look for what is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Everywhere,
    /// In systems of which this bridge knows that something may be due. Costs nothing elsewhere.
    WhereSomethingWaits,
}

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
    /// Where they run, while they do: then reception may hand doors over.
    runtime: Mutex<Option<Handle>>,
    pub(super) bell: Bell,
    look_every: Duration,
    /// Doors that reception handed over, until they were seen to.
    handed_over: TaskTracker,
    /// Where calls are written down when the database takes nothing.
    pub(super) second: Option<Arc<SecondLedger>>,
    /// What was done so and the database does not know yet.
    pub(super) ahead: Mutex<Ahead>,
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
            bell: Bell::default(),
            look_every: LOOK_EVERY,
            owner: uuid::Uuid::now_v7().to_string(),
            runtime: Mutex::default(),
            handed_over: TaskTracker::new(),
            second: None,
            ahead: Mutex::default(),
        }
    }

    /// The same, at another pace of looking everywhere, to show what is found without it.
    #[doc(hidden)]
    #[must_use]
    pub const fn looking_every(mut self, pace: Duration) -> Self {
        self.look_every = pace;
        self
    }

    /// Has closes go on over a record in this file while the database cannot be written. Only for a
    /// database that no other bridge works on: without a lease nobody else may be at a door.
    #[must_use]
    pub fn with_second_ledger(mut self, second: Arc<SecondLedger>) -> Self {
        self.second = Some(second);
        self
    }

    /// The second ledger, where there is one.
    pub fn second_ledger(&self) -> Option<&SecondLedger> {
        self.second.as_deref()
    }

    /// The systems that are called.
    pub const fn systems(&self) -> &Systems {
        &self.systems
    }

    /// Works until told to stop, then lets running calls end and gives back its leases.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut running = JoinSet::new();
        self.runs_on(Some(Handle::current()));
        let listening = tokio::spawn(Arc::clone(&self).listen());
        let mut look = Look::Everywhere;
        let mut looks = tokio::time::interval(self.look_every);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if let Err(error) = self.dispatch(&mut running, look).await {
                warn!(%error, "the rounds cannot read what is due: the database does not answer");
            }
            while running.try_join_next().is_some() {}
            look = Look::WhereSomethingWaits;
            tokio::select! {
                () = self.wake.notified() => {}
                _ = running.join_next(), if !running.is_empty() => {}
                _ = looks.tick() => look = Look::Everywhere,
                _ = stop.changed() => break,
            }
        }
        self.runs_on(None);
        listening.abort();
        self.handed_over.close();
        let drained = tokio::time::timeout(DRAIN, async {
            while running.join_next().await.is_some() {}
            self.handed_over.wait().await;
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
            self.dispatch(&mut running, Look::Everywhere).await?;
            if running.is_empty() {
                return Ok(());
            }
            while running.join_next().await.is_some() {}
        }
    }

    /// Claims what is due, as far as each system has places free, and starts working on it. While the
    /// database cannot be written, closes go on without it.
    async fn dispatch(
        self: &Arc<Self>,
        running: &mut JoinSet<()>,
        look: Look,
    ) -> Result<(), StoreError> {
        if !self.has_caught_up(look).await {
            return self.close_without_the_database(running).await;
        }
        self.claim_everywhere(running, look).await?;
        if self.store.is_in_trouble() {
            self.close_without_the_database(running).await?;
        }
        Ok(())
    }

    async fn claim_everywhere(
        self: &Arc<Self>,
        running: &mut JoinSet<()>,
        look: Look,
    ) -> Result<(), StoreError> {
        self.follow_the_clock().await?;
        self.probe_unreachable_systems(running);
        let systems: Vec<&Arc<System>> = match look {
            Look::Everywhere => self.look_everywhere().await?,
            Look::WhereSomethingWaits => {
                let systems = self.systems.iter();
                systems.filter(|system| system.is_backlogged()).collect()
            }
        };
        let claims = systems
            .into_iter()
            .map(async |system| (system, self.claim(system).await));
        // What is claimed sets off at once: a practice that is locked keeps no other waiting.
        let mut claims: FuturesUnordered<_> = claims.collect();
        while let Some((system, claim)) = claims.next().await {
            // One system's trouble never stops another's doors.
            match claim {
                Ok(started) => started.into_iter().for_each(|(job, place)| {
                    running.spawn(Arc::clone(self).see_to(Arc::clone(system), job, place));
                }),
                Err(error) => {
                    self.store.note_trouble(&error);
                    warn!(system.name = %system.name, %error, "could not claim doors of a system");
                }
            }
        }
        Ok(())
    }

    /// Systems in which something is due, most urgent first.
    async fn look_everywhere(&self) -> Result<Vec<&Arc<System>>, StoreError> {
        let now = self.clock.now();
        let due = self.store.find_due_systems(now).await?;
        let first: HashMap<_, _> = due
            .iter()
            .map(|(practice, name, first)| ((practice, name), *first))
            .collect();
        for system in self.systems.iter() {
            // Where nothing is due, whatever will be is due from now on.
            let first = first.get(&(&system.practice, &system.name));
            system.note_first_due(first.copied().unwrap_or(now));
        }
        let system = |(practice, name, _): &(_, _, _)| self.systems.get(practice, name);
        Ok(due.iter().filter_map(system).collect())
    }

    /// When somebody has set the clock, what waits for a time goes with it: what was sent may land for
    /// as long as before, and a retry comes when it would have.
    async fn follow_the_clock(&self) -> Result<(), StoreError> {
        let (before, step) = {
            let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
            (steps.clone(), steps.look(self.clock.as_ref()))
        };
        let Some(step) = step else {
            return Ok(());
        };
        let written = self.have_all_follow(step).await;
        if written.is_err() {
            // It is found again at the next look.
            *self.steps.lock().unwrap_or_else(PoisonError::into_inner) = before;
        }
        written
    }

    async fn have_all_follow(&self, step: Step) -> Result<(), StoreError> {
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

    /// Takes as many due doors of a system as it has places free, each with its place, and writes down
    /// the calls they are due for.
    async fn claim(&self, system: &System) -> Result<Vec<(Job, Place)>, StoreError> {
        if self.store.is_in_trouble() {
            // Another system's claim has just found out; this one would wait as long.
            return Ok(Vec::new());
        }
        let places: Vec<Place> = std::iter::from_fn(|| system.place()).collect();
        let Some(most) = u32::try_from(places.len()).ok().filter(|most| *most > 0) else {
            return Ok(Vec::new());
        };
        failpoint::pass(Point::BeforeClaim);
        let turn = self.store.begin(&system.practice, self.clock.now());
        let mut tx = in_turn(turn).await?;
        let jobs = self.claim_in(&mut tx, system, most).await?;
        if jobs.is_empty() {
            // Nothing to make durable: nobody waits for the disk.
            return Ok(Vec::new());
        }
        in_turn(tx.commit()).await?;
        failpoint::pass(Point::AfterAttempt);
        Ok(jobs.into_iter().zip(places).collect())
    }

    async fn claim_in(
        &self,
        tx: &mut WriteTx,
        system: &System,
        most: u32,
    ) -> Result<Vec<Job>, StoreError> {
        let which = if system.breaker().is_open() {
            Claimable::FirstTries
        } else if self.may_open() {
            Claimable::All
        } else {
            Claimable::Closes
        };
        // Before looking: what is noted from now on is looked for again.
        system.note_backlog(false);
        let doors = tx
            .claim_doors(&self.owner, &system.name, most, (which, system.due_since()))
            .await?;
        failpoint::pass(Point::AfterClaim);
        if doors.len() == most as usize {
            system.note_backlog(true);
        }
        let jobs = doors
            .into_iter()
            .map(|door| announce(tx, &self.owner, system, door))
            .collect();
        Ok(jobs)
    }

    /// What is to be done next in a system, for whoever is done with a door there and writes that down:
    /// one commit ends the one and begins the other.
    pub(super) async fn next_job(
        &self,
        tx: &mut WriteTx,
        system: &System,
    ) -> Result<Option<Job>, StoreError> {
        let second = self.second.as_deref();
        // What was done without the database comes in before anything else is claimed.
        let is_behind = second.is_some_and(SecondLedger::holds_records);
        if self.runtime().is_none() || is_behind || !system.is_backlogged() {
            return Ok(None);
        }
        Ok(self.claim_in(tx, system, 1).await?.pop())
    }

    /// Takes a door that reception has just wished shut, if the system has a place free, and writes the
    /// call down with the wish. It is made the moment both are durable. Any other door that is due is
    /// looked for then.
    pub fn take(self: &Arc<Self>, tx: &mut WriteTx, door: &mut Door) {
        let is_due = door.next_try.is_some_and(|next| next <= tx.now());
        let Some(system) = self
            .systems
            .get(&door.practice, &door.system)
            .filter(|_| is_due)
        else {
            return;
        };
        let (rounds, system) = (Arc::clone(self), Arc::clone(system));
        // First, so that whoever waits for the last of them waits for this one.
        let token = self.handed_over.token();
        // Whoever waits already comes first.
        let may_take = door.wanted.is_closed() && !system.is_backlogged();
        let runtime = self.runtime().filter(|_| may_take);
        let taken = runtime.and_then(|runtime| Some((runtime, system.place()?)));
        let Some((runtime, place)) = taken else {
            tx.then(move || {
                system.note_backlog(true);
                rounds.wake.notify_one();
                rounds.ring(&system);
            });
            return;
        };
        door.fence += 1;
        let job = announce(tx, &self.owner, &system, door.clone());
        door.tries = job.door.tries;
        tx.then(move || {
            // Not where this is called: that is the thread that writes.
            let handed_over = token.task_tracker();
            handed_over.spawn_on(rounds.see_to(system, job, place), &runtime);
        });
    }

    fn runtime(&self) -> Option<Handle> {
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        runtime.clone()
    }

    fn runs_on(&self, runtime: Option<Handle>) {
        *self.runtime.lock().unwrap_or_else(PoisonError::into_inner) = runtime;
    }

    async fn see_to(self: Arc<Self>, system: Arc<System>, job: Job, place: Place) {
        let mut next = Some(job);
        while let Some(job) = next {
            let id = job.door.id.clone();
            next = work(&self, &system, job).await.unwrap_or_else(|error| {
                error!(door.id = %id, system.name = %system.name, %error,
                    "could not write down what happened to a door: it is picked up again when its lease ends");
                None
            });
        }
        drop(place);
        self.wake.notify_one();
    }

    pub(super) fn probe_unreachable_systems(self: &Arc<Self>, running: &mut JoinSet<()>) {
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
        if self.store.is_in_trouble() {
            self.ahead().make_due(system, now);
            self.wake.notify_one();
            return;
        }
        match self
            .store
            .make_waiting_doors_due(&system.practice, &system.name, now)
            .await
        {
            Ok(doors) => {
                system.note_backlog(true);
                info!(system.name = %system.name, doors, "{} can be reached again", system.name);
                self.wake.notify_one();
            }
            Err(error) => {
                warn!(system.name = %system.name, %error,
                    "could not make waiting doors due: it is tried again with the next look");
                self.store.note_trouble(&error);
                self.ahead().make_due(system, now);
            }
        }
    }
}

/// Waits for the turn to write, and not for ever.
pub(super) async fn in_turn<T>(
    turn: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    tokio::time::timeout(TURN_WITHIN, turn)
        .await
        .unwrap_or_else(|_| {
            Err(StoreError::Unavailable(
                "whoever writes does not come to an end".to_owned(),
            ))
        })
}
