//! RECEPTION: the one way in for every change, whoever brings it.
//!
//! - [`desk`]: what reception knows of a practice: its systems and the role matrix in force
//! - `users`, `groups`: a change of a resource, and what it means for people
//! - [`doors`]: what a plan means for the doors of one person
//! - [`returns`]: a departure sticks until somebody lets the person in again
//! - `superseded`: cases that lose doors to a newer one
//! - `tell`: who is told of it
//! - `brake`: a wave of people who lose doors waits for a look
//! - [`aside`]: doors that a person sets aside, and who sees to a door
//! - [`snooze`]: failed calls that somebody looks at again later
//! - [`human`]: what a person decides about a door: try again now, or signed by hand
//! - [`later`]: a departure that waits for its time
//! - [`undo`]: the wrong person left
//! - [`ends`]: when the work ended, as somebody says it
//! - [`tokens`]: tokens that identity providers push with
//! - [`departures`]: departure by name, planning again, and putting a role matrix into force

pub mod aside;
mod brake;
pub mod departures;
pub mod desk;
pub mod doors;
pub mod ends;
mod groups;
pub mod human;
pub mod later;
pub mod moved;
pub mod returns;
pub mod snooze;
mod superseded;
mod tell;
pub mod tokens;
pub mod undo;
mod users;

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::sync::{Notify, watch};

pub use desk::{Desk, FirstTries};

use crate::{
    clock::Clock,
    ids::PracticeName,
    people::{Attributes, Member},
    store::{Store, StoreError, WriteTx},
};

/// Who asks for a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// In which practice.
    pub practice: PracticeName,
    /// Who, as evidence names them: `source:entra`, `cli:dana`, `bridge`.
    pub actor: String,
    /// Id of the request, for finding it in the logs.
    pub request_id: String,
}

/// What a Group shall be.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupContent {
    /// Everything but the members.
    pub attributes: Attributes,
    /// Who is in it.
    pub members: Vec<Member>,
}

/// A change that was not made. Nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError<E> {
    /// No such resource, or it was deleted.
    #[error("no such resource")]
    NotFound,
    /// Another resource of this practice has this value already.
    #[error("`{attribute}` is taken")]
    Taken {
        /// The attribute that must be unique: `userName`, `externalId` or `displayName`.
        attribute: &'static str,
    },
    /// The function that computes the change refused.
    #[error("refused")]
    Refused(E),
    /// The archive cannot be written now.
    #[error("the archive cannot be written now")]
    Unavailable {
        /// When to try again.
        retry_after: Duration,
    },
    /// Others were changing the same, again and again.
    #[error("others were changing the same")]
    Crossed,
}

/// How often a change is begun anew after others came across it, before the caller is told to.
const BEGIN_ANEW: usize = 4;

/// When a caller may try again after the archive could not be written.
const RETRY_AFTER: Duration = Duration::from_secs(10);

impl<E> From<StoreError> for ChangeError<E> {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Taken(index) => Self::Taken {
                attribute: attribute_of(&index),
            },
            StoreError::Crossed(problem) => {
                tracing::info!(problem, "a change crossed others and was taken back");
                Self::Crossed
            }
            StoreError::Nul => Self::NotFound,
            error => {
                tracing::error!(%error, "a change could not be written: the caller was told to try again");
                Self::Unavailable {
                    retry_after: RETRY_AFTER,
                }
            }
        }
    }
}

/// The attribute a unique index is about, as SQLite names its columns and PostgreSQL the index.
fn attribute_of(index: &str) -> &'static str {
    if index.contains("external") {
        "externalId"
    } else if index.contains("scim_group") {
        "displayName"
    } else {
        "userName"
    }
}

/// The reception. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Intake {
    store: Store,
    clock: Arc<dyn Clock>,
    desks: Arc<HashMap<PracticeName, Desk>>,
    wake: Arc<Notify>,
    told: watch::Sender<()>,
}

impl Intake {
    /// A reception for these practices. `wake` is rung when a wish was made.
    pub fn new(
        store: Store,
        clock: Arc<dyn Clock>,
        desks: impl IntoIterator<Item = Desk>,
        wake: Arc<Notify>,
    ) -> Self {
        let desks = desks
            .into_iter()
            .map(|desk| (desk.practice.clone(), desk))
            .collect();
        Self {
            store,
            clock,
            desks: Arc::new(desks),
            wake,
            told: watch::Sender::new(()),
        }
    }

    /// Has these make the first try of every close they can.
    pub fn first_tries_by(&self, first_tries: &Arc<dyn FirstTries>) {
        for desk in self.desks.values() {
            desk.first_tries_by(Arc::clone(first_tries));
        }
    }

    /// Changes whenever a subscriber is to be told something.
    pub fn told(&self) -> watch::Receiver<()> {
        self.told.subscribe()
    }

    /// Does a change in a transaction of its own, and begins anew when others came across it.
    async fn write<T, E, F>(
        &self,
        practice: &PracticeName,
        change: impl Fn(Self, WriteTx) -> F + Clone + Send + 'static,
    ) -> Result<T, ChangeError<E>>
    where
        T: Send + 'static,
        E: Send + 'static,
        F: Future<Output = Result<T, ChangeError<E>>> + Send + 'static,
    {
        for _ in 0..BEGIN_ANEW {
            let (intake, change) = (self.clone(), change.clone());
            let write = move |tx| change(intake, tx);
            let written = self.store.write(practice, self.clock.now(), write).await;
            match written.unwrap_or_else(|error| Err(error.into())) {
                Err(ChangeError::Crossed) => {}
                done => return done,
            }
        }
        Err(ChangeError::Crossed)
    }

    /// The practices it works for.
    pub fn practices(&self) -> impl Iterator<Item = &PracticeName> {
        self.desks.keys()
    }

    /// What reception knows of a practice.
    ///
    /// # Errors
    /// When the practice is not in the settings any more.
    fn desk(&self, practice: &PracticeName) -> Result<&Desk, StoreError> {
        self.desks.get(practice).ok_or_else(|| {
            StoreError::Corrupt(format!("practice `{practice}` is not in the settings"))
        })
    }
}
