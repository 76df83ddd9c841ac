//! THE DOOR: one way in for one person, and the rules of what may follow what. Pure.
//!
//! - [`aside`]: doors that a named person sets aside, with a reason
//! - [`snooze`]: doors that somebody looks at again later
//! - [`verdict`]: what a reading proves (rule R6, and the table "a closed door is green when")
//! - [`transition`]: what becomes of a door after an answer, a reading or a failure
//! - [`sweep`]: when a door is read again (rule R7)

pub mod aside;
pub mod snooze;
pub mod sweep;
pub mod transition;
pub mod verdict;

use std::time::Duration;

use drawbridge_sdk::{FailureClass, Residual, Way};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{AttemptId, CaseId, DoorId, PersonId, PracticeName, SystemName};

/// One way in for one person: person x system x way. Long-lived: one row, not one job per event.
#[derive(Debug, Clone, PartialEq)]
pub struct Door {
    /// The practice.
    pub practice: PracticeName,
    /// The door's id.
    pub id: DoorId,
    /// Whose door.
    pub person: PersonId,
    /// Which system.
    pub system: SystemName,
    /// Which way in.
    pub way: Way,
    /// What it shall be.
    pub wanted: Wanted,
    /// Raised by each new wish.
    pub generation: i64,
    /// Why it shall be so, for people.
    pub reason: String,
    /// When this wish was made.
    pub wanted_at: Timestamp,
    /// When it must be so; `None` for wishes without a clock.
    pub deadline: Option<Timestamp>,
    /// The case it belongs to.
    pub case: Option<CaseId>,
    /// What it was last seen to be.
    pub seen: Seen,
    /// When that reading began.
    pub seen_at: Option<Timestamp>,
    /// How sure the bridge is that it is as wanted.
    pub assurance: Assurance,
    /// When the system's answer first said that it is shut, in this generation. Residual access is
    /// counted from here.
    pub shut_at: Option<Timestamp>,
    /// Whether the system said that open sessions were ended, in this generation.
    pub sessions_ended: bool,
    /// What stays possible although the door is shut.
    pub residual: Vec<Residual>,
    /// Raised by each claim: only the holder of the current fence may write the door's state.
    pub fence: i64,
    /// Raised by each reading that contradicted an answer.
    pub round: i64,
    /// Calls made for this generation.
    pub tries: i64,
    /// What is to be done next.
    pub due: Due,
    /// When; `None` when nothing is to be done by the bridge.
    pub next_try: Option<Timestamp>,
    /// How many readings of the sweep were made.
    pub sweep: i64,
    /// What went wrong last, until something goes right.
    pub failure: Option<Failure>,
    /// Who set it aside, and why. Counts until then: see [`Door::set_aside_at`].
    pub set_aside: Option<aside::SetAside>,
}

/// What a door shall be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "wanted", rename_all = "snake_case")]
pub enum Wanted {
    /// Open, with these levels in the system's own words.
    Open(Opening),
    /// Closed.
    Closed,
}

impl Wanted {
    /// `open` or `closed`, as stored and printed.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Open(_) => "open",
            Self::Closed => "closed",
        }
    }

    /// Whether the door shall be closed.
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }
}

/// How a door shall be open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// Levels in the system's own words.
    pub levels: Vec<String>,
    /// Where mail goes, for forwarding.
    pub forward_to: Option<String>,
    /// When it ends by itself, for forwarding.
    pub until: Option<Timestamp>,
}

/// What a door was last seen to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// One can get in.
    Open,
    /// The account is there and refuses.
    Closed,
    /// There is no account.
    Absent,
    /// It was never read.
    Unknown,
}

impl Seen {
    /// The word as stored and printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Absent => "absent",
            Self::Unknown => "unknown",
        }
    }

    /// The value with this stored name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Open, Self::Closed, Self::Absent, Self::Unknown]
            .into_iter()
            .find(|seen| seen.as_str() == name)
    }
}

/// How sure the bridge is that a door is as wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assurance {
    /// Read back from the system after the change.
    Verified,
    /// A named person did it and said how they checked.
    Attested,
    /// The system said yes; it cannot be read back.
    Acknowledged,
    /// Something is known, but not enough: residual access, or a blind reading.
    Unproven,
    /// Nothing is known yet.
    Unknown,
}

impl Assurance {
    /// The word as stored and printed.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Attested => "attested",
            Self::Acknowledged => "acknowledged",
            Self::Unproven => "unproven",
            Self::Unknown => "unknown",
        }
    }

    /// The value with this stored name.
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::Verified,
            Self::Attested,
            Self::Acknowledged,
            Self::Unproven,
            Self::Unknown,
        ]
        .into_iter()
        .find(|assurance| assurance.as_str() == name)
    }
}

/// What is to be done next with a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Open or close it, then read.
    Act,
    /// Only read.
    Read,
}

impl Due {
    /// The word as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Act => "act",
            Self::Read => "read",
        }
    }
}

/// What went wrong last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind.
    pub class: FailureClass,
    /// One plain sentence.
    pub text: String,
}

/// How long after its time a due reading may be missing before the door stops being green.
const MISSED_READING: Duration = Duration::from_secs(15 * 60);

impl Door {
    /// A door of which nothing is known and nothing wanted yet.
    pub fn new(
        practice: PracticeName,
        id: DoorId,
        person: PersonId,
        (system, way): (SystemName, Way),
        now: Timestamp,
    ) -> Self {
        Self {
            practice,
            id,
            person,
            system,
            way,
            wanted: Wanted::Closed,
            generation: 0,
            reason: String::new(),
            wanted_at: now,
            deadline: None,
            case: None,
            seen: Seen::Unknown,
            seen_at: None,
            assurance: Assurance::Unknown,
            shut_at: None,
            sessions_ended: false,
            residual: Vec::new(),
            fence: 0,
            round: 0,
            tries: 0,
            due: Due::Act,
            next_try: None,
            sweep: 0,
            failure: None,
            set_aside: None,
        }
    }

    /// Whether the door may be shown green: proved, nothing left over, and no due reading missed.
    pub fn is_green(&self, now: Timestamp) -> bool {
        let proved = match self.assurance {
            Assurance::Verified => true,
            // A reading that failed since takes the green away until one comes through again.
            Assurance::Attested => self.failure.is_none(),
            _ => false,
        };
        let missed = self
            .next_try
            .is_some_and(|due| crate::clock::after(due, MISSED_READING) < now);
        proved && !missed
    }

    /// Whether the latest reading, or a person, said that it is as wanted and no call is to be made since. It need
    /// not be green: a later reading failed, or is missed.
    pub fn was_as_wanted(&self) -> bool {
        let was_read = self.seen_at >= Some(self.wanted_at)
            && match self.seen {
                Seen::Open => !self.wanted.is_closed(),
                Seen::Closed | Seen::Absent => self.wanted.is_closed(),
                Seen::Unknown => false,
            };
        self.due == Due::Read
            && match self.assurance {
                Assurance::Attested => true,
                Assurance::Verified | Assurance::Unproven => was_read,
                Assurance::Acknowledged | Assurance::Unknown => false,
            }
    }

    /// Whether its deadline has passed without it being green. A reading that is merely blind is
    /// never overdue, and neither is what somebody set aside.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        let read_since = self.seen_at >= Some(self.wanted_at);
        let blind =
            read_since && self.seen == Seen::Absent && self.assurance == Assurance::Unproven;
        self.deadline.is_some_and(|deadline| deadline < now) && !self.is_settled(now) && !blind
    }

    /// Whether the brake holds it back: it waits for a look, and nothing failed.
    pub fn is_held_back(&self, now: Timestamp) -> bool {
        self.wanted.is_closed()
            && self.due == Due::Act
            && self.tries == 0
            && self.next_try.is_some_and(|at| at > now)
            && self.needs_a_person()
    }

    /// Whether nothing is called for it: a person puts it right, and signs.
    pub fn waits_for_a_person(&self) -> bool {
        self.next_try.is_none() && self.needs_a_person()
    }

    fn needs_a_person(&self) -> bool {
        let failure = self.failure.as_ref();
        failure.is_some_and(|failure| failure.class == FailureClass::NeedsHuman)
    }

    /// What stays possible, in one line; `None` when nothing does.
    pub fn residual_text(&self) -> Option<String> {
        if self.residual.is_empty() {
            return None;
        }
        let parts: Vec<String> = self
            .residual
            .iter()
            .map(|residual| match (residual.longest, self.shut_at) {
                (Some(longest), Some(shut_at)) => {
                    format!(
                        "{} until {}",
                        residual.what,
                        crate::clock::to_text(crate::clock::after(shut_at, longest))
                    )
                }
                _ => format!("{}, without a known end", residual.what),
            })
            .collect();
        Some(parts.join("; "))
    }
}

/// What one call to a connector is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Open the door.
    Open,
    /// Close it.
    Close,
}

impl Action {
    /// The action that makes a door as wanted.
    pub const fn towards(wanted: &Wanted) -> Self {
        match wanted {
            Wanted::Open(_) => Self::Open,
            Wanted::Closed => Self::Close,
        }
    }

    /// The word as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Close => "close",
        }
    }

    /// The action that undoes this one.
    pub const fn opposite(self) -> Self {
        match self {
            Self::Open => Self::Close,
            Self::Close => Self::Open,
        }
    }
}

/// One call to a connector: written before the bytes leave, completed after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its id.
    pub id: AttemptId,
    /// The wish it serves.
    pub generation: i64,
    /// What it does.
    pub action: Action,
    /// The round it belongs to.
    pub round: i64,
    /// The fence it was made under.
    pub fence: i64,
    /// When it was written.
    pub started: Timestamp,
    /// The call is over by then.
    pub answer_by: Timestamp,
    /// What was sent may take effect until then, if no final answer comes.
    pub may_land_until: Timestamp,
}
