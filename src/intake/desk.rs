//! What reception knows of a practice: its systems and the role matrix in force.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use crate::{
    ids::{PracticeName, SystemName},
    policy::{self, Roles, SystemFacts},
};

/// Words of one system for the levels of the role matrix.
pub type Levels = BTreeMap<String, Vec<String>>;

/// What reception knows of one practice.
#[derive(Debug)]
pub struct Desk {
    /// The practice.
    pub practice: PracticeName,
    /// Its systems, as the plan sees them.
    pub systems: Vec<SystemFacts>,
    /// Within what time a leaver's doors must be closed, unless a system says otherwise.
    pub close_within: Duration,
    /// How long losing every role closes nothing.
    pub role_grace: Duration,
    levels: HashMap<SystemName, Levels>,
    /// The matrix in force: an edit of the file moves no door until it is applied.
    roles: RwLock<Arc<Roles>>,
}

impl Desk {
    /// A desk with this role matrix in force.
    pub fn new(
        practice: PracticeName,
        systems: Vec<SystemFacts>,
        levels: HashMap<SystemName, Levels>,
        (close_within, role_grace): (Duration, Duration),
        roles: Roles,
    ) -> Self {
        Self {
            practice,
            systems,
            close_within,
            role_grace,
            levels,
            roles: RwLock::new(Arc::new(roles)),
        }
    }

    /// The role matrix in force.
    pub fn roles(&self) -> Arc<Roles> {
        Arc::clone(&self.roles.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn put_into_force(&self, roles: Roles) {
        *self.roles.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(roles);
    }

    /// Levels in the words of a system. One without a translation goes to it as it is.
    pub fn translate(&self, system: &SystemName, levels: &[String]) -> Vec<String> {
        let table = self.levels.get(system);
        let mut words: Vec<String> = Vec::new();
        for level in levels {
            for word in policy::translate(level, table) {
                if !words.contains(&word) {
                    words.push(word);
                }
            }
        }
        words
    }
}
