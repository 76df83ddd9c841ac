//! The systems of every practice, each with its connector, limits and breaker.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use drawbridge_sdk::{Capabilities, Connector};
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::breaker::Breaker;
use crate::{
    clock,
    ids::{PracticeName, SystemName},
};

/// How much earlier than what was found first something may come to light that is due: a wish is as old as
/// its transaction, and other bridges' clocks are not quite this one's.
const UNSEEN: Duration = Duration::from_secs(60);

/// One configured target, ready to be called.
#[derive(Debug)]
pub struct System {
    /// The practice.
    pub practice: PracticeName,
    /// Its permanent name.
    pub name: SystemName,
    /// What it can do, asked once.
    pub capabilities: Capabilities,
    /// How long after its time limit a call may still take effect.
    pub settle: Duration,
    /// Total time one call may take.
    pub call_timeout: Duration,
    /// An account known to exist.
    pub canary: Option<String>,
    /// Every level the practice manages here, in the system's own words.
    pub managed_levels: Vec<String>,
    connector: Handle,
    /// One per call at a time. One system's trouble never takes another's places.
    places: Arc<Semaphore>,
    /// Whether something may be due that waits for a place, as far as this bridge knows.
    is_backlogged: AtomicBool,
    /// Since when something may be due, as far as this bridge knows: see [`System::note_first_due`].
    due_since: Mutex<Timestamp>,
    breaker: Mutex<Breaker>,
    /// When its certificate ends, as far as this bridge has written it down.
    certificate: Mutex<Option<Timestamp>>,
}

/// The right to one call; given back when dropped.
pub(super) type Place = OwnedSemaphorePermit;

/// A connector, whose insides stay out of logs.
struct Handle(Arc<dyn Connector>);

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector")
    }
}

/// What a system needs besides its connector.
#[derive(Debug, Clone)]
pub struct SystemOptions {
    /// See [`System::settle`].
    pub settle: Duration,
    /// See [`System::call_timeout`].
    pub call_timeout: Duration,
    /// See [`System::canary`].
    pub canary: Option<String>,
    /// See [`System::managed_levels`].
    pub managed_levels: Vec<String>,
    /// Calls at a time.
    pub concurrency: usize,
}

impl System {
    /// A system with its connector.
    pub fn new(
        practice: PracticeName,
        name: SystemName,
        connector: Arc<dyn Connector>,
        options: SystemOptions,
    ) -> Self {
        Self {
            practice,
            name,
            capabilities: connector.capabilities(),
            settle: options.settle,
            call_timeout: options.call_timeout,
            canary: options.canary,
            managed_levels: options.managed_levels,
            connector: Handle(connector),
            places: Arc::new(Semaphore::new(options.concurrency.max(1))),
            is_backlogged: AtomicBool::default(),
            due_since: Mutex::new(Timestamp::MIN),
            breaker: Mutex::new(Breaker::default()),
            certificate: Mutex::default(),
        }
    }

    /// The connector, for a call.
    pub fn connector(&self) -> Arc<dyn Connector> {
        Arc::clone(&self.connector.0)
    }

    /// Whether it answered lately, as far as anybody asked.
    pub fn is_reachable(&self) -> bool {
        !self.breaker().is_open()
    }

    /// A place for one call, if one is free.
    pub(super) fn place(&self) -> Option<Place> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// Whether something may be due that waits for a place.
    pub(super) fn is_backlogged(&self) -> bool {
        self.is_backlogged.load(Ordering::SeqCst)
    }

    /// Notes whether something may be due that waits for a place.
    pub(super) fn note_backlog(&self, is_backlogged: bool) {
        self.is_backlogged.store(is_backlogged, Ordering::SeqCst);
    }

    /// When its certificate ends, as far as this bridge has written it down.
    pub(super) fn kept_certificate(&self) -> Option<Timestamp> {
        let kept = self.certificate.lock();
        *kept.unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what was written down.
    pub(super) fn keep_certificate(&self, ends: Timestamp) {
        let kept = self.certificate.lock();
        *kept.unwrap_or_else(PoisonError::into_inner) = Some(ends);
    }

    /// Since when something may be due here.
    pub(super) fn due_since(&self) -> Timestamp {
        *self
            .due_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in since when something is due, at a look at everything there is. Only spares looking further
    /// back: what is due since earlier after all, because its lease has ended, is found at the next look.
    pub(super) fn note_first_due(&self, first: Timestamp) {
        let mut due_since = self
            .due_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *due_since = clock::before(first, UNSEEN);
    }

    pub(super) fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every system of every practice.
#[derive(Debug, Clone, Default)]
pub struct Systems(HashMap<(PracticeName, SystemName), Arc<System>>);

impl Systems {
    /// The systems by practice and name.
    pub fn new(systems: impl IntoIterator<Item = System>) -> Self {
        Self(
            systems
                .into_iter()
                .map(|system| {
                    (
                        (system.practice.clone(), system.name.clone()),
                        Arc::new(system),
                    )
                })
                .collect(),
        )
    }

    /// The system with this name.
    pub fn get(&self, practice: &PracticeName, name: &SystemName) -> Option<&Arc<System>> {
        self.0.get(&(practice.clone(), name.clone()))
    }

    /// The practices they belong to.
    pub fn practices(&self) -> BTreeSet<PracticeName> {
        self.0
            .keys()
            .map(|(practice, _)| practice.clone())
            .collect()
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<System>> {
        self.0.values()
    }
}
