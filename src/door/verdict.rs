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
    /// An account that bears one of the person's names and belongs to somebody else's door: it is not
    /// this door's to open or close, and a person must look.
    pub namesake: Option<&'a Namesake>,
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

/// An account that bears a name of one person and is another's (rule R11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namesake {
    /// The name one logs in with.
    pub login: String,
    /// How its owner is called.
    pub owner: String,
    /// Whether one can log in with it.
    pub is_enabled: bool,
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
    /// What is this person's is as far as it goes, and an account that bears their name is somebody
    /// else's: a person must look, and the text says what at.
    Anothers {
        /// What was seen of this person's own.
        seen: Seen,
        /// What a person must know, and do.
        text: String,
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
    let open: u32 = accounts.iter().filter_map(open_sessions).sum();
    if open > 0 && reading.capabilities.end_sessions {
        return Verdict::Otherwise(
            Seen::Closed,
            format!("the account is disabled, but {open} of its sessions are still open"),
        );
    }
    if let Some(namesake) = reading.namesake.filter(|namesake| namesake.is_enabled) {
        let seen = if accounts.is_empty() {
            Seen::Absent
        } else {
            Seen::Closed
        };
        let text = format!(
            "{}: take the name off it there, or see to it that this person cannot use it, then sign with `drawbridge attest`",
            left_alone(namesake)
        );
        return Verdict::Anothers { seen, text };
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

fn left_alone(namesake: &Namesake) -> String {
    let Namesake { login, owner, .. } = namesake;
    format!(
        "the account `{login}` bears a name of this person and also belongs to {owner}, so it is left as it is"
    )
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
        if let Some(namesake) = reading.namesake.filter(|_| accounts.is_empty()) {
            let text = format!(
                "{}: take the name off it there, or make them an account of their own by hand, which is found by itself",
                left_alone(namesake)
            );
            return Verdict::Anothers {
                seen: Seen::Absent,
                text,
            };
        }
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
