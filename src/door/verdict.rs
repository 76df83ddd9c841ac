//! What a reading proves.

use drawbridge_sdk::{
    Account, AccountId, AccountState, Canary, Capabilities, Observation, Residual, Sessions, Way,
};
use jiff::Timestamp;

use super::{Door, Opening, Seen, Wanted};
use crate::clock;

/// One reading of a system, with what is needed to judge it.
#[derive(Debug)]
pub struct Reading<'a> {
    /// When the question was sent.
    pub began: Timestamp,
    /// What the system showed, without accounts that belong to somebody else's door.
    pub observation: &'a Observation,
    /// Whether an enabled account bears one of the person's names and belongs to somebody else's door:
    /// it is not this door's to close, and a person must look.
    pub namesake_is_enabled: bool,
    /// Accounts the door is known to own: one that is not seen any more is a question of absence.
    pub known_accounts: &'a [AccountId],
    /// What the connector can see.
    pub capabilities: &'a Capabilities,
    /// Every level the practice manages in this system, in the system's own words.
    pub managed_levels: &'a [String],
    /// Whether some account was verified on this system within a day, so that an empty answer counts
    /// even without a canary.
    pub sees_others: bool,
    /// Until when something opposite, sent earlier and never finally answered, may still land.
    pub opposite_may_land_until: Option<Timestamp>,
}

/// What a reading proves about a door.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It is as wanted, and nothing opposite can land any more.
    AsWanted(Seen),
    /// It looks as wanted, but something opposite may still land until then: read again after it.
    TooEarly(Seen, Timestamp),
    /// It is shut, and something is left over.
    Residual {
        /// What was seen.
        seen: Seen,
        /// What is left.
        left: Vec<Residual>,
        /// Until then; `None` is without a known end.
        until: Option<Timestamp>,
        /// Whether open sessions were seen, so that nobody can say there are none.
        is_seen_in_use: bool,
    },
    /// Nothing was found, but the same reading does not see what is known to be there.
    Blind,
    /// It is not as wanted; the text says what was seen.
    Otherwise(Seen, String),
}

/// Whether a reading leaves out an account that should be there, so that what else the system shows
/// decides whether it counts.
pub fn misses_some(accounts: &[Account], known: &[AccountId]) -> bool {
    let is_missing = |known: &AccountId| !accounts.iter().any(|account| account.id == *known);
    accounts.is_empty() || known.iter().any(is_missing)
}

/// Judges a reading (rule R6, and the table "a closed door is green when").
pub fn judge(door: &Door, reading: &Reading<'_>) -> Verdict {
    let verdict = match &door.wanted {
        Wanted::Closed => judge_closed(door, reading),
        Wanted::Open(opening) => judge_open(door.way, opening, reading),
    };
    match (verdict, reading.opposite_may_land_until) {
        (Verdict::AsWanted(seen) | Verdict::Residual { seen, .. }, Some(until))
            if reading.began <= until =>
        {
            Verdict::TooEarly(seen, until)
        }
        (verdict, _) => verdict,
    }
}

fn judge_closed(door: &Door, reading: &Reading<'_>) -> Verdict {
    let accounts = &reading.observation.accounts;
    if accounts
        .iter()
        .any(|account| account.state == AccountState::Enabled)
    {
        return Verdict::Otherwise(Seen::Open, still_open(door.way));
    }
    if reading.namesake_is_enabled {
        let what =
            "an enabled account that bears one of these names is another person's".to_owned();
        let seen = if accounts.is_empty() {
            Seen::Absent
        } else {
            Seen::Closed
        };
        let left = vec![Residual {
            what,
            longest: None,
        }];
        return Verdict::Residual {
            seen,
            left,
            until: None,
            is_seen_in_use: false,
        };
    }
    if misses_some(accounts, reading.known_accounts) {
        let trusted = match reading.observation.canary {
            Canary::Seen => true,
            Canary::NotAsked => reading.sees_others,
            Canary::Missing => false,
        };
        if !trusted {
            return Verdict::Blind;
        }
        if accounts.is_empty() {
            return Verdict::AsWanted(Seen::Absent);
        }
    }
    let open: u32 = accounts.iter().filter_map(open_sessions).sum();
    if open > 0 && reading.capabilities.end_sessions {
        return Verdict::Otherwise(
            Seen::Closed,
            format!("the account is disabled, but {open} of its sessions are still open"),
        );
    }
    let left = left_over(door, reading, open);
    match after_lifetime(door, &left, reading.began) {
        Left::Nothing => Verdict::AsWanted(Seen::Closed),
        Left::Until(until) => residual(left, Some(until), open > 0),
        Left::NoEnd => residual(left, None, open > 0),
    }
}

fn residual(left: Vec<Residual>, until: Option<Timestamp>, is_seen_in_use: bool) -> Verdict {
    Verdict::Residual {
        seen: Seen::Closed,
        left,
        until,
        is_seen_in_use,
    }
}

fn still_open(way: Way) -> String {
    match way {
        Way::Forwarding => "the system still forwards mail".to_owned(),
        _ => "the system still shows the account as enabled".to_owned(),
    }
}

fn open_sessions(account: &Account) -> Option<u32> {
    match account.sessions {
        Sessions::Open(count) => Some(count),
        Sessions::None | Sessions::NotReadable => None,
    }
}

/// What stays possible with what was seen: what the connector names, and sessions nobody can see.
fn left_over(door: &Door, reading: &Reading<'_>, open: u32) -> Vec<Residual> {
    let mut left = reading.observation.residual.clone();
    let unseen = reading
        .observation
        .accounts
        .iter()
        .any(|account| account.sessions == Sessions::NotReadable);
    let lifetime = reading.capabilities.session_lifetime;
    if open > 0 {
        left.push(Residual {
            what: format!("{open} open sessions"),
            longest: lifetime,
        });
    } else if unseen && !door.sessions_ended && left.is_empty() && door.way == Way::Account {
        left.push(Residual {
            what: "sessions that were open before".to_owned(),
            longest: lifetime,
        });
    }
    left
}

enum Left {
    Nothing,
    Until(Timestamp),
    NoEnd,
}

/// What of it is left at this time, counted from when the door was shut.
fn after_lifetime(door: &Door, left: &[Residual], at: Timestamp) -> Left {
    let mut latest = None;
    for residual in left {
        let (Some(longest), Some(shut_at)) = (residual.longest, door.shut_at) else {
            return Left::NoEnd;
        };
        let ends = clock::after(shut_at, longest);
        if ends > at {
            latest = latest.max(Some(ends));
        }
    }
    latest.map_or(Left::Nothing, Left::Until)
}

fn judge_open(way: Way, opening: &Opening, reading: &Reading<'_>) -> Verdict {
    let accounts = &reading.observation.accounts;
    let Some(account) = accounts
        .iter()
        .find(|account| account.state == AccountState::Enabled)
    else {
        let seen = if accounts.is_empty() {
            Seen::Absent
        } else {
            Seen::Closed
        };
        return Verdict::Otherwise(
            seen,
            "the system does not show an enabled account".to_owned(),
        );
    };
    if way == Way::Account && reading.capabilities.set_role {
        let has = |wanted: &String| {
            account
                .levels
                .iter()
                .any(|level| level.to_lowercase() == wanted.to_lowercase())
        };
        if !opening.levels.iter().all(has) {
            return Verdict::Otherwise(
                Seen::Open,
                "the account does not have the level it should have".to_owned(),
            );
        }
        let wanted = |level: &String| {
            opening
                .levels
                .iter()
                .any(|own| own.to_lowercase() == level.to_lowercase())
        };
        if reading
            .managed_levels
            .iter()
            .any(|level| has(level) && !wanted(level))
        {
            return Verdict::Otherwise(
                Seen::Open,
                "the account has a level it should not have".to_owned(),
            );
        }
    }
    Verdict::AsWanted(Seen::Open)
}
