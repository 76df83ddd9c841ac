//! All that the office may see and ask of the systems: how they are, and "test now".

use drawbridge_sdk::{FailureClass, Way};
use jiff::Timestamp;

use super::{
    Systems,
    call::{Kind, bounded},
};
use crate::ids::{PracticeName, SystemName};

/// Looks at the systems, and changes nothing there.
#[derive(Debug, Clone)]
pub struct Lookout(Systems);

/// A system as it is seen from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// Its permanent name.
    pub name: SystemName,
    /// Whether it answered lately, as far as anybody asked.
    pub is_reachable: bool,
    /// Whether the bridge calls it; else a person does what is to be done.
    pub is_called: bool,
    /// Whether it can be read back after a change.
    pub reads_back: bool,
    /// Whether its open sessions can be ended.
    pub ends_sessions: bool,
    /// An account known to exist, by which an empty answer is told from a blind one.
    pub canary: Option<String>,
    /// Ways in that it knows.
    pub ways: Vec<Way>,
}

/// Why a system could not be tested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreached {
    /// What kind of failure.
    pub class: FailureClass,
    /// One plain sentence.
    pub text: String,
}

impl Lookout {
    /// A lookout over these systems.
    pub const fn new(systems: Systems) -> Self {
        Self(systems)
    }

    /// The system of this name; `None` when it is retired or not in the settings.
    pub fn find(&self, practice: &PracticeName, name: &SystemName) -> Option<Outlook> {
        let system = self.0.get(practice, name)?;
        let can = &system.capabilities;
        Some(Outlook {
            name: system.name.clone(),
            is_reachable: system.is_reachable(),
            is_called: can.disable || can.read_back,
            reads_back: can.read_back,
            ends_sessions: can.end_sessions,
            canary: system.canary.clone(),
            ways: can.ways.clone(),
        })
    }

    /// When the certificate ends that a system showed last, as far as it was asked since the start.
    pub fn certificate_ends(
        &self,
        practice: &PracticeName,
        name: &SystemName,
    ) -> Option<Timestamp> {
        self.0.get(practice, name)?.connector().certificate_ends()
    }

    /// Asks a system whether it can be reached and takes the credential. `None` when there is none of
    /// this name.
    pub async fn test(
        &self,
        practice: &PracticeName,
        name: &SystemName,
    ) -> Option<Result<String, Unreached>> {
        let system = self.0.get(practice, name)?;
        let connector = system.connector();
        let answer = bounded(system.call_timeout, Kind::Reads, async move {
            connector.check().await
        });
        Some(match answer.await {
            Ok(health) => Ok(health.product),
            Err(error) => Err(Unreached {
                class: error.class,
                text: error.message,
            }),
        })
    }
}
