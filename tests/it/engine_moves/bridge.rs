//! A bridge that can be killed: the real reception and rounds on a runtime of their own, over a database
//! and systems that outlive it.

use std::{
    future::poll_fn,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Poll, Waker},
};

use drawbridge::{
    app,
    clock::{Clock, MockClock},
    config::Settings,
    intake::Intake,
    rounds::{Rounds, System, Systems, systems::SystemOptions},
    store::Store,
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::{Notify, watch},
};

use super::vendor::{CALL_TIMEOUT, Vendor};

/// How a bridge learns of its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As a server does: a wish wakes it, and it makes first tries.
    Prompt,
    /// Only when it is told to look.
    WhenTold,
}

/// What every bridge of the practice works with.
pub struct Practice {
    pub settings: Settings,
    pub store: Store,
    pub clock: MockClock,
    pub vendors: [Vendor; 2],
}

pub struct Bridge {
    pub intake: Intake,
    pub rounds: Arc<Rounds>,
    runtime: Runtime,
    idle: Idle,
    _stop: watch::Sender<bool>,
}

/// Tells when nothing on a runtime can go on by itself.
#[derive(Clone, Default)]
struct Idle {
    times: Arc<AtomicU64>,
    waits: Arc<Mutex<Option<Waker>>>,
}

impl Idle {
    fn waits(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_now(&self) {
        self.times.fetch_add(1, Ordering::SeqCst);
        if let Some(waits) = self.waits().take() {
            waits.wake();
        }
    }

    async fn next(&self) {
        let before = self.times.load(Ordering::SeqCst);
        poll_fn(|context| {
            *self.waits() = Some(context.waker().clone());
            match self.times.load(Ordering::SeqCst) > before {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }
}

impl Bridge {
    /// A bridge begins to work.
    pub fn start(practice: &Practice, pace: Pace) -> Self {
        let idle = Idle::default();
        let tells = idle.clone();
        let runtime = Builder::new_current_thread()
            .enable_all()
            .on_thread_park(move || tells.is_now())
            .build()
            .expect("a runtime");
        let clock: Arc<dyn Clock> = Arc::new(practice.clock.clone());
        let wake = Arc::new(Notify::new());
        let (settings, store) = (&practice.settings, &practice.store);
        let intake = runtime
            .block_on(app::intake(
                settings,
                store,
                Arc::clone(&clock),
                Arc::clone(&wake),
            ))
            .expect("a reception");
        let systems = systems_of(practice);
        let rounds = Arc::new(Rounds::new(store.clone(), clock, systems, wake));
        let (stop, stopped) = watch::channel(false);
        if pace == Pace::Prompt {
            intake.first_tries_by(&app::first_tries(&rounds));
            runtime.spawn(Arc::clone(&rounds).run(stopped));
        }
        let bridge = Self {
            intake,
            rounds,
            runtime,
            idle,
            _stop: stop,
        };
        bridge.go_on();
        bridge
    }

    /// Does one thing, then goes on until everything waits.
    pub fn does<T>(&self, what: impl Future<Output = T>) -> T {
        let done = self.runtime.block_on(what);
        self.go_on();
        done
    }

    /// Looks for what is due, and works on it until everything waits.
    pub fn look(&self) {
        let (rounds, intake) = (Arc::clone(&self.rounds), self.intake.clone());
        self.runtime.spawn(async move {
            intake.replan_due().await.expect("planning");
            rounds.run_due().await.expect("the rounds");
        });
        self.go_on();
    }

    /// Goes on until everything waits for a system or for a time.
    pub fn go_on(&self) {
        self.runtime.block_on(self.idle.next());
    }
}

fn systems_of(practice: &Practice) -> Systems {
    let settings = &practice.settings.practices[0];
    let systems = settings.systems.iter().zip(&practice.vendors);
    Systems::new(systems.map(|(system, vendor)| {
        let options = SystemOptions {
            settle: system.settle,
            call_timeout: CALL_TIMEOUT,
            canary: system.canary.clone(),
            managed_levels: vec!["nurse".to_owned(), "mailbox".to_owned()],
            concurrency: system.concurrency,
        };
        let name = (settings.name.clone(), system.name.clone());
        System::new(name.0, name.1, Arc::new(vendor.clone()), options)
    }))
}
