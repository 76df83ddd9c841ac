//! What a reading proves.

use drawbridge_sdk::{
    Account, AccountState, Canary, Capabilities, Observation, Residual, Sessions, Way,
};
use jiff::Timestamp;

use super::{Action, Door, Opening, Seen, Wanted};
use crate::clock;

/// One reading of a system, with what is needed to judge it.
#[derive(Debug)]
pub struct Reading<'a> {
    /// When the question was sent.
    pub began: Timestamp,
    /// What the system showed.
    pub observation: &'a Observation,
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
    /// It is shut, and something is left over: until then, or without a known end.
    Residual(Seen, Vec<Residual>, Option<Timestamp>),
    /// Nothing was found, but the same reading does not see what is known to be there.
    Blind,
    /// It is not as wanted; the text says what was seen.
    Otherwise(Seen, String),
}

/// Judges a reading (rule R6, and the table "a closed door is green when").
pub fn judge(door: &Door, reading: &Reading<'_>) -> Verdict {
    let verdict = match &door.wanted {
        Wanted::Closed => judge_closed(door, reading),
        Wanted::Open(opening) => judge_open(door.way, opening, reading),
    };
    match (verdict, reading.opposite_may_land_until) {
        (Verdict::AsWanted(seen) | Verdict::Residual(seen, ..), Some(until))
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
    if accounts.is_empty() {
        let trusted = match reading.observation.canary {
            Canary::Seen => true,
            Canary::NotAsked => reading.sees_others,
            Canary::Missing => false,
        };
        return if trusted {
            Verdict::AsWanted(Seen::Absent)
        } else {
            Verdict::Blind
        };
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
        Left::Until(until) => Verdict::Residual(Seen::Closed, left, Some(until)),
        Left::NoEnd => Verdict::Residual(Seen::Closed, left, None),
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

/// Whether an attempt still unresolved stands in the way of verifying this wish.
pub fn stands_in_the_way(wanted: &Wanted, attempt: Action) -> bool {
    Action::towards(wanted).opposite() == attempt
}
