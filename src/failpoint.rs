//! Named points at which a build for tests can be made to die, so that what a crash leaves behind is
//! seen and not argued. In a release build passing one is nothing at all.
//!
//! `DRAWBRIDGE_FAILPOINT=after_claim:3` kills the process (SIGKILL) as it passes that point for the
//! third time.

/// A point in the life of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Point {
    /// A request has come whole, and nothing was done with it.
    BodyRead,
    /// A change is written down, and not yet committed.
    BeforeCommit,
    /// What several wrote at once is in the database's hands.
    MidCommit,
    /// A change is durable, and the identity provider was not told.
    AfterCommit,
    /// A door is due, and nobody holds it.
    BeforeClaim,
    /// A door is held, and nothing was done with it.
    AfterClaim,
    /// An attempt is about to be written.
    BeforeAttempt,
    /// An attempt is durable, and nothing was sent.
    AfterAttempt,
    /// The last look was taken; the bytes leave next.
    BeforeSend,
    /// The system has answered, and that is written nowhere.
    BeforeResult,
    /// What became of an attempt is durable, and the system was not read.
    AfterResult,
    /// The system was read, and what that proves is written nowhere.
    BeforeVerdict,
    /// What a reading proved is durable.
    AfterVerdict,
    /// A close is on record in the second ledger, and nothing was sent.
    AfterSecondRecord,
    /// What the second ledger held is durable in the database, and stands in both.
    AfterImport,
    /// Evidence is being written into a file.
    DuringExport,
}

impl Point {
    /// Every point that a running bridge passes for each change; the others are those of a database
    /// that cannot be written, and an export is a program of its own.
    pub const OF_A_CHANGE: [Self; 13] = [
        Self::BodyRead,
        Self::BeforeCommit,
        Self::MidCommit,
        Self::AfterCommit,
        Self::BeforeClaim,
        Self::AfterClaim,
        Self::BeforeAttempt,
        Self::AfterAttempt,
        Self::BeforeSend,
        Self::BeforeResult,
        Self::AfterResult,
        Self::BeforeVerdict,
        Self::AfterVerdict,
    ];

    /// The name, as the variable has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BodyRead => "body_read",
            Self::BeforeCommit => "before_commit",
            Self::MidCommit => "mid_commit",
            Self::AfterCommit => "after_commit",
            Self::BeforeClaim => "before_claim",
            Self::AfterClaim => "after_claim",
            Self::BeforeAttempt => "before_attempt",
            Self::AfterAttempt => "after_attempt",
            Self::BeforeSend => "before_send",
            Self::BeforeResult => "before_result",
            Self::AfterResult => "after_result",
            Self::BeforeVerdict => "before_verdict",
            Self::AfterVerdict => "after_verdict",
            Self::AfterSecondRecord => "after_second_record",
            Self::AfterImport => "after_import",
            Self::DuringExport => "during_export",
        }
    }
}

/// Passes a point, or dies there.
#[cfg(all(debug_assertions, unix))]
pub fn pass(point: Point) {
    armed::pass(point);
}

/// Passes a point.
#[cfg(not(all(debug_assertions, unix)))]
#[inline(always)]
pub const fn pass(_: Point) {}

/// How long a lease lasts in a test that cannot wait for one of full length.
pub fn lease() -> Option<std::time::Duration> {
    if cfg!(debug_assertions) {
        let seconds = std::env::var("DRAWBRIDGE_LEASE_SECONDS").ok()?;
        seconds.parse().ok().map(std::time::Duration::from_secs)
    } else {
        None
    }
}

#[cfg(all(debug_assertions, unix))]
mod armed {
    use std::sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    };

    use rustix::process::{Signal, getpid, kill_process};

    use super::Point;

    /// Where to die, and how many passings before that.
    struct Death {
        point: String,
        left: AtomicU32,
    }

    static DEATH: LazyLock<Option<Death>> = LazyLock::new(|| {
        let asked = std::env::var("DRAWBRIDGE_FAILPOINT").ok()?;
        let (point, passings) = asked.split_once(':').unwrap_or((&asked, "1"));
        Some(Death {
            point: point.to_owned(),
            left: AtomicU32::new(passings.parse().ok()?),
        })
    });

    pub(super) fn pass(point: Point) {
        let Some(death) = DEATH.as_ref().filter(|death| death.point == point.as_str()) else {
            return;
        };
        if death.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            // Nothing after this line runs, in any thread.
            let _ = kill_process(getpid(), Signal::KILL);
        }
    }
}
