//! What reception knows of a practice: its systems and the role matrix in force.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use crate::{
    door::Door,
    events::Addressee,
    ids::{PracticeName, SystemName},
    people::User,
    policy::{self, Brake, Roles, SystemFacts},
    query::fold,
    store::{StoreError, WriteTx},
};

/// Words of one system for the levels of the role matrix.
pub type Levels = BTreeMap<String, Vec<String>>;

/// Whoever can make the first try to shut a door without waiting for the next round.
pub trait FirstTries: fmt::Debug + Send + Sync {
    /// Takes a door that was just wished, if its call can be made at once: that is written into the
    /// transaction of the wish, and made once that is durable. Else the door is left as it is.
    fn take(&self, tx: &mut WriteTx, door: &mut Door);
}

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
    /// How long a departure sticks.
    pub hold_for: Duration,
    /// When a wave of people who lose doors is held; `None` is never.
    pub brake: Option<Brake>,
    /// userNames that belong to no person, folded: nothing is opened or closed for them.
    break_glass: Vec<String>,
    /// Who is told of departures and returns.
    pub addressees: Vec<Addressee>,
    levels: HashMap<SystemName, Levels>,
    first_tries: OnceLock<Arc<dyn FirstTries>>,
    /// The matrix in force with its text, parsed once.
    roles: Mutex<(String, Arc<Roles>)>,
}

impl Desk {
    /// A desk with these systems; within what time doors close, how long losing every role closes
    /// nothing, and how long a departure sticks.
    pub fn new(
        practice: PracticeName,
        systems: Vec<SystemFacts>,
        levels: HashMap<SystemName, Levels>,
        [close_within, role_grace, hold_for]: [Duration; 3],
    ) -> Self {
        Self {
            practice,
            systems,
            close_within,
            role_grace,
            hold_for,
            brake: None,
            break_glass: Vec::new(),
            addressees: Vec::new(),
            levels,
            first_tries: OnceLock::new(),
            roles: Mutex::default(),
        }
    }

    /// The same desk, with a brake.
    #[must_use]
    pub const fn braked(mut self, brake: Option<Brake>) -> Self {
        self.brake = brake;
        self
    }

    /// The same desk, which leaves these userNames alone.
    #[must_use]
    pub fn leaving_alone(mut self, user_names: &[String]) -> Self {
        self.break_glass = user_names.iter().map(|name| fold(name)).collect();
        self
    }

    /// Whether this is an account for emergencies, which belongs to no person.
    pub(super) fn is_break_glass(&self, user: &User) -> bool {
        self.break_glass.contains(&fold(user.user_name()))
    }

    /// The same desk, which tells these.
    #[must_use]
    pub fn telling(mut self, addressees: Vec<Addressee>) -> Self {
        self.addressees = addressees;
        self
    }

    /// Has these make first tries from now on.
    pub(super) fn first_tries_by(&self, first_tries: Arc<dyn FirstTries>) {
        // Whoever was asked first goes on.
        let _ = self.first_tries.set(first_tries);
    }

    /// Gives a door that shall be shut now to whoever makes first tries. If nobody does, the bridges
    /// that run are told.
    pub(super) fn hand_over(&self, tx: &mut WriteTx, door: &mut Door) {
        match self.first_tries.get() {
            Some(first_tries) => first_tries.take(tx, door),
            None => tx.tell_bridges(&door.system),
        }
    }

    /// The role matrix in force, as this transaction sees it: another process may have applied one.
    ///
    /// # Errors
    /// When the matrix in force cannot be read.
    pub(super) fn roles(&self, tx: &WriteTx) -> Result<Arc<Roles>, StoreError> {
        let Some(text) = tx.applied_roles() else {
            return Ok(Arc::default());
        };
        let mut cached = self.roles.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.0 != text {
            let roles = Roles::parse(text).map_err(|error| {
                StoreError::Corrupt(format!("the roles in force cannot be read: {error}"))
            })?;
            *cached = (text.to_owned(), Arc::new(roles));
        }
        Ok(Arc::clone(&cached.1))
    }

    /// Whether a system is still called; doors into others are closed by hand.
    pub(super) fn calls(&self, system: &SystemName) -> bool {
        self.systems
            .iter()
            .any(|own| own.name == *system && !own.retired)
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
