//! How long somebody stays signed in, and how many pages of theirs listen at a time.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Extension, response::Response};
use jiff::Timestamp;

use super::admit::{LONGEST, SignedIn, Visit, idle};
use crate::clock;

/// Streams of one session at a time: a browser has no more connections to one server.
const OF_A_SESSION: usize = 6;

/// Streams of one practice at a time, so that one cannot use up what all share.
const OF_A_PRACTICE: usize = 100;

/// What is left of a session, in seconds: until nobody pressed anything for too long, and at most.
pub(super) fn left(someone: &SignedIn, now: Timestamp) -> (u64, u64) {
    let session = &someone.session;
    let until = |end: Timestamp| clock::between(now, end).as_secs();
    let idle = idle(session.admin.role);
    (
        until(clock::after(session.last_active, idle)),
        until(clock::after(session.began, LONGEST)),
    )
}

/// Somebody is still there, who pressed that they are or is typing. Answers what is left then.
pub(super) async fn stay(Extension(visit): Extension<Arc<Visit>>) -> Response {
    let someone = visit.signed_in();
    let (_, at_most) = left(someone, visit.now);
    // The guard has noted it; what was noted within the last half minute counts as now.
    let idle = idle(someone.session.admin.role).as_secs();
    let text = format!("{} {at_most}", idle - NOTED_LATE.as_secs());
    Response::new(text.into())
}

/// How late it may be noted that somebody is active.
const NOTED_LATE: Duration = Duration::from_secs(30);

/// Who listens how often.
#[derive(Debug, Clone, Default)]
pub(super) struct Listeners(Arc<Mutex<HashMap<String, usize>>>);

/// A stream that is open; its place is free again when it is over.
#[derive(Debug)]
pub(super) struct Listening {
    all: Listeners,
    names: [String; 2],
}

impl Listeners {
    /// A place for one more stream, if there is one.
    pub(super) fn admit(&self, someone: &SignedIn) -> Option<Listening> {
        let names = [
            format!("session {}", someone.session.id),
            format!("practice {}", someone.practice.name),
        ];
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |name: &String| all.get(name).copied().unwrap_or_default();
        if count(&names[0]) >= OF_A_SESSION || count(&names[1]) >= OF_A_PRACTICE {
            return None;
        }
        for name in &names {
            *all.entry(name.clone()).or_default() += 1;
        }
        Some(Listening {
            all: self.clone(),
            names,
        })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut all = self.all.0.lock().unwrap_or_else(PoisonError::into_inner);
        for name in &self.names {
            if let Some(count) = all.get_mut(name) {
                *count -= 1;
                if *count == 0 {
                    all.remove(name);
                }
            }
        }
    }
}
