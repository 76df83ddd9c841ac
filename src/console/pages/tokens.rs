//! Tokens that identity providers push with: made, replaced, taken back, and waited for.

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{Extension, extract::Path, response::Response};
use jiff::Timestamp;

use super::super::{
    admit::Visit,
    frame::{Frame, ok, see_other},
    time::{When, apart},
    trouble::{Answer, Happened},
    words,
};
use crate::{
    clock,
    ids::{SourceName, TokenId},
    intake::tokens,
    policy::office::Action,
    store::{
        StoredToken,
        token_uses::{Came, TokenUse},
    },
};

/// How long a token works if nobody says otherwise, in days.
pub(super) const DAYS: u32 = 180;

/// The longest it may.
const MOST_DAYS: u32 = 3_650;

/// How long a token that is replaced goes on working if nobody says otherwise, in days.
pub(super) const OVERLAP_DAYS: u32 = 7;

/// The longest it may.
const MOST_OVERLAP_DAYS: u32 = 30;

/// When it is time to make the next one.
const EXPIRES_SOON: Duration = Duration::from_secs(14 * 24 * 3_600);

/// How often a page without scripts looks whether something came, in seconds.
const LOOK_EVERY: u32 = 5;

/// A token as it is listed.
#[derive(Debug)]
pub(super) struct TokenRow {
    pub(super) id: String,
    pub(super) source: String,
    pub(super) expires: When,
    pub(super) state: (&'static str, &'static str, &'static str),
    pub(super) works: bool,
    /// Who used it last, and what for.
    pub(super) used: Option<CameView>,
    /// What to do, while two tokens of a source work.
    pub(super) advice: &'static str,
}

/// A request as it is shown.
#[derive(Debug)]
pub(in super::super) struct CameView {
    pub(in super::super) at: When,
    pub(in super::super) ago: String,
    pub(in super::super) from: String,
    pub(in super::super) what: String,
    pub(in super::super) status: u16,
    pub(in super::super) why: String,
}

impl CameView {
    fn new(came: &Came, visit: &Visit) -> Self {
        Self {
            at: When::new(came.at, visit),
            ago: apart(came.at, visit.now),
            from: came.from.clone(),
            what: came.what.clone(),
            status: came.status,
            why: words::for_here(&came.why),
        }
    }
}

fn works(token: &StoredToken, now: Timestamp) -> bool {
    !token.revoked && token.expires > now
}

/// The tokens of the practice, the latest first, with who used which last.
pub(super) async fn rows(visit: &Visit) -> Result<Vec<TokenRow>, Happened> {
    let tokens = tokens_of(visit).await?;
    let store = &visit.office.store;
    let uses = store.list_token_uses(&visit.practice().name).await?;
    let last = |token: &StoredToken| {
        let found = uses.iter().find(|used| used.token == token.id);
        found.and_then(|used| used.last.as_ref())
    };
    Ok(tokens
        .iter()
        .map(|token| {
            // The latest of its source comes first: whatever else works is being replaced.
            let newer = tokens
                .iter()
                .find(|other| other.source == token.source && works(other, visit.now))
                .filter(|newer| newer.id != token.id && works(token, visit.now));
            let advice = match newer.map(|newer| (last(newer), last(token))) {
                None => "",
                Some((Some(new), old)) if old.is_none_or(|old| old.at < new.at) => {
                    "The newer one is in use, and this one no more: take it back."
                }
                Some((Some(_), _)) => {
                    "Both are in use: something still pushes with this one. Look at its settings before this one ends."
                }
                Some((None, _)) => {
                    "The newer one was not used yet: paste it into the identity provider before this one ends."
                }
            };
            TokenRow {
                id: token.id.to_string(),
                source: token.source.to_string(),
                expires: When::new(token.expires, visit),
                state: state(token, newer.is_some(), visit.now),
                works: works(token, visit.now),
                used: last(token).map(|came| CameView::new(came, visit)),
                advice,
            }
        })
        .collect())
}

fn state(
    token: &StoredToken,
    is_replaced: bool,
    now: Timestamp,
) -> (&'static str, &'static str, &'static str) {
    let left = clock::between(now, token.expires);
    if token.revoked {
        ("cross", "revoked", "idle")
    } else if left.is_zero() {
        ("cross", "expired", "bad")
    } else if is_replaced {
        ("clock", "being replaced", "busy")
    } else if left < EXPIRES_SOON {
        ("alert", "expires soon", "warn")
    } else {
        ("check", "works", "good")
    }
}

async fn tokens_of(visit: &Visit) -> Result<Vec<StoredToken>, Happened> {
    let all = visit.office.store.list_tokens().await?;
    let practice = &visit.practice().name;
    Ok(all
        .into_iter()
        .filter(|token| token.practice == *practice)
        .collect())
}

async fn find(visit: &Visit, token: String) -> Result<StoredToken, Happened> {
    let id = TokenId::from(token);
    let known = tokens_of(visit).await?;
    let found = known.into_iter().find(|token| token.id == id);
    found.ok_or(Happened::NotThere)
}

/// A number of days that was typed.
fn days(visit: &Visit, field: &str, (least, most): (u32, u32)) -> Result<Duration, Happened> {
    let days: u32 = visit.form.get(field).parse().unwrap_or(u32::MAX);
    if !(least..=most).contains(&days) {
        return Err(Happened::Refused(format!(
            "write for how many days it shall work: {least} to {most}"
        )));
    }
    Ok(Duration::from_secs(u64::from(days) * 24 * 3_600))
}

#[derive(Template)]
#[template(path = "token.html")]
struct NewToken {
    frame: Frame,
    source: SourceName,
    id: String,
    token: String,
    /// Where identity providers push to.
    address: String,
    works_for: String,
    /// Until when the one before goes on working.
    before: Option<When>,
}

/// The address of the front door, as far as it is known.
pub(super) fn address(visit: &Visit) -> String {
    format!("{}/scim/v2", visit.office.url)
}

/// Makes a token and shows it, once.
pub(in super::super) async fn make(Extension(visit): Extension<Arc<Visit>>) -> Answer {
    let source = visit.form.get("source");
    let practice = visit.practice();
    let mut sources = practice.sources.iter();
    let Some(source) = sources.find(|known| known.as_str() == source) else {
        return Err(Happened::Refused(
            "choose a source: the settings file names them".to_owned(),
        ));
    };
    let expires = clock::after(visit.now, days(&visit, "days", (1, MOST_DAYS))?);
    let (token, stored) = tokens::new_token(&practice.name, source, expires)
        .map_err(|error| Happened::NoArchive(error.to_string()))?;
    tokens::record(&visit.office.store, &visit.caller(), &stored, visit.now).await?;
    show_new(&visit, token, &stored, None).await
}

/// Makes a token in the place of another, which goes on working for a while.
pub(in super::super) async fn replace(
    Extension(visit): Extension<Arc<Visit>>,
    Path(token): Path<String>,
) -> Answer {
    let before = find(&visit, token).await?;
    if !works(&before, visit.now) {
        return Err(Happened::Refused(
            "this token does not work any more: make a new one of its source".to_owned(),
        ));
    }
    let overlap = days(&visit, "overlap", (0, MOST_OVERLAP_DAYS))?;
    let until = clock::after(visit.now, overlap).min(before.expires);
    let lifetime = Duration::from_secs(u64::from(DAYS) * 24 * 3_600);
    let expires = clock::after(visit.now, lifetime);
    let (token, stored) = tokens::new_token(&before.practice, &before.source, expires)
        .map_err(|error| Happened::NoArchive(error.to_string()))?;
    let store = &visit.office.store;
    let old = (&before.id, until);
    tokens::replace(store, &visit.caller(), &stored, old, visit.now).await?;
    show_new(&visit, token, &stored, Some(until)).await
}

async fn show_new(
    visit: &Visit,
    token: String,
    stored: &StoredToken,
    before: Option<Timestamp>,
) -> Answer {
    Ok(ok(&NewToken {
        frame: Frame::of(visit, "New token").await,
        source: stored.source.clone(),
        id: stored.id.to_string(),
        token,
        address: address(visit),
        works_for: apart(visit.now, stored.expires),
        before: before.map(|until| When::new(until, visit)),
    }))
}

/// Makes a token stop working.
pub(in super::super) async fn revoke(
    Extension(visit): Extension<Arc<Visit>>,
    Path(token): Path<String>,
) -> Result<Response, Happened> {
    let token = find(&visit, token).await?;
    tokens::revoke(&visit.office.store, &visit.caller(), &token.id, visit.now).await?;
    Ok(see_other("/settings?said=revoked"))
}

#[derive(Template)]
#[template(path = "waiting.html")]
struct Waiting {
    frame: Frame,
    source: SourceName,
    address: String,
    works: bool,
    first: Option<CameView>,
    last: Option<CameView>,
    /// The latest that was refused, unless one was taken after it.
    refused: Option<CameView>,
    /// The latest without a token of this bridge, where it can only have been meant for here.
    stranger: Option<CameView>,
    sees_people: bool,
    may_make_tokens: bool,
}

/// Waits for the first request with a token, and shows what came.
pub(in super::super) async fn wait(
    Extension(visit): Extension<Arc<Visit>>,
    Path(token): Path<String>,
) -> Answer {
    let token = find(&visit, token).await?;
    let used = find_use(&visit, &token.id).await?;
    let (first, last, refused) = used.map_or((None, None, None), |used| {
        (used.first, used.last, used.refused)
    });
    // The first one is not told twice.
    let later = |last: &&Came| first.as_ref().is_none_or(|first| first.at < last.at);
    let is_latest = |came: &Came| last.as_ref().is_none_or(|last| last.at < came.at);
    let refused = refused.filter(is_latest);
    let view = |came: &Came| CameView::new(came, &visit);
    let mut frame = Frame::live(&visit, "Waiting for the first request").await;
    frame.refresh = LOOK_EVERY;
    frame.stream = format!("/live?token={}", token.id);
    Ok(ok(&Waiting {
        frame,
        address: address(&visit),
        works: works(&token, visit.now),
        first: first.as_ref().map(view),
        stranger: stranger(&visit).filter(is_latest).as_ref().map(view),
        last: last.as_ref().filter(later).map(view),
        refused: refused.as_ref().map(view),
        source: token.source,
        sees_people: visit.may(Action::SeePeople),
        may_make_tokens: visit.may(Action::ManageTokens),
    }))
}

/// The latest request without a token of ours. Where there are several practices, nobody can say for which it
/// was meant.
fn stranger(visit: &Visit) -> Option<Came> {
    let is_only_one = visit.office.practices.len() == 1;
    let came = visit.office.store.find_stranger();
    came.filter(|_| is_only_one)
}

async fn find_use(visit: &Visit, token: &TokenId) -> Result<Option<TokenUse>, Happened> {
    let store = &visit.office.store;
    let uses = store.list_token_uses(&visit.practice().name).await?;
    Ok(uses.into_iter().find(|used| used.token == *token))
}

/// Changes whenever something came with this token, or without one of ours.
pub(in super::super) async fn stamp(visit: &Visit, token: &str) -> Option<String> {
    let used = find_use(visit, &TokenId::from(token)).await.ok()?;
    let stranger = stranger(visit).map(|came| clock::to_text(came.at));
    Some(format!("{:?}{stranger:?}", used.map(|used| used.stamp())))
}
