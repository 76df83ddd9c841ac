//! Settings: who tells the bridge about people, with which tokens, and who may come in here.

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{Extension, extract::Path, response::Response};

use super::super::{
    admins,
    admit::Visit,
    frame::{Frame, ok, see_other},
    time::{When, apart},
    trouble::{Answer, Happened},
};
use crate::{
    clock,
    ids::TokenId,
    intake::tokens,
    policy::office::{Action, OfficeRole},
    store::StoredToken,
};

/// How long a token works if nobody says otherwise, in days.
const DAYS: u32 = 180;

/// The longest it may.
const MOST_DAYS: u32 = 3_650;

/// When it is time to make the next one.
const EXPIRES_SOON: Duration = Duration::from_secs(14 * 24 * 3_600);

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    frame: Frame,
    sources: Vec<String>,
    tokens: Vec<TokenRow>,
    admins: Vec<AdminRow>,
    roles: Vec<OfficeRole>,
    days: u32,
    may_make_tokens: bool,
    may_manage_admins: bool,
    close_within: String,
    zone: String,
}

#[derive(Debug)]
struct TokenRow {
    id: String,
    source: String,
    expires: When,
    state: (&'static str, &'static str, &'static str),
    works: bool,
}

#[derive(Debug)]
struct AdminRow {
    id: String,
    name: String,
    role: &'static str,
    may: &'static str,
    is_you: bool,
}

fn token_row(token: &StoredToken, visit: &Visit) -> TokenRow {
    let left = clock::between(visit.now, token.expires);
    let state = if token.revoked {
        ("cross", "revoked", "idle")
    } else if left.is_zero() {
        ("cross", "expired", "bad")
    } else if left < EXPIRES_SOON {
        ("alert", "expires soon", "warn")
    } else {
        ("check", "works", "good")
    };
    TokenRow {
        id: token.id.to_string(),
        source: token.source.to_string(),
        expires: When::new(token.expires, visit),
        works: !token.revoked && !left.is_zero(),
        state,
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

/// The page.
pub(in super::super) async fn show(Extension(visit): Extension<Arc<Visit>>) -> Answer {
    let practice = visit.practice();
    let tokens = tokens_of(&visit).await?;
    let admins = visit.office.store.list_admins(&practice.name).await?;
    let you = &visit.signed_in().session.admin.id;
    Ok(ok(&SettingsPage {
        frame: Frame::of(&visit, "Settings").await,
        sources: practice.sources.iter().map(ToString::to_string).collect(),
        tokens: tokens
            .iter()
            .map(|token| token_row(token, &visit))
            .collect(),
        admins: admins
            .iter()
            .map(|admin| AdminRow {
                id: admin.id.to_string(),
                name: admin.name.clone(),
                role: admin.role.as_str(),
                may: admin.role.in_words(),
                is_you: admin.id == *you,
            })
            .collect(),
        roles: OfficeRole::ALL.to_vec(),
        days: DAYS,
        may_make_tokens: visit.may(Action::ManageTokens),
        may_manage_admins: visit.may(Action::ManageAdmins),
        close_within: format!("{} minutes", practice.close_within.as_secs() / 60),
        zone: practice.zone.iana_name().unwrap_or("UTC").to_owned(),
    }))
}

#[derive(Template)]
#[template(path = "secret.html")]
struct Secret {
    frame: Frame,
    heading: String,
    text: String,
    label: &'static str,
    secret: String,
    next: &'static str,
}

/// Makes a token and shows it, once.
pub(in super::super) async fn make_token(Extension(visit): Extension<Arc<Visit>>) -> Answer {
    let source = visit.form.get("source");
    let practice = visit.practice();
    let Some(source) = practice
        .sources
        .iter()
        .find(|known| known.as_str() == source)
    else {
        return Err(Happened::Refused(
            "choose a source: the settings file names them".to_owned(),
        ));
    };
    let days: u32 = visit.form.get("days").parse().unwrap_or_default();
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(Happened::Refused(format!(
            "write for how many days it shall work: 1 to {MOST_DAYS}"
        )));
    }
    let lifetime = Duration::from_secs(u64::from(days) * 24 * 3_600);
    let expires = clock::after(visit.now, lifetime);
    let (token, stored) = tokens::new_token(&practice.name, source, expires)
        .map_err(|error| Happened::NoArchive(error.to_string()))?;
    tokens::record(&visit.office.store, &visit.caller(), &stored, visit.now).await?;
    Ok(ok(&Secret {
        frame: Frame::of(&visit, "New token").await,
        heading: format!("A new token for {source}"),
        text: format!(
            "It works for {}. It is shown now and never again: paste it into the identity provider as its secret token.",
            apart(visit.now, expires)
        ),
        label: "The token",
        secret: token,
        next: "Two tokens of one source work side by side: revoke the old one once this one is in use.",
    }))
}

/// Makes a token stop working.
pub(in super::super) async fn revoke_token(
    Extension(visit): Extension<Arc<Visit>>,
    Path(token): Path<String>,
) -> Result<Response, Happened> {
    let id = TokenId::from(token);
    let known = tokens_of(&visit).await?;
    if !known.iter().any(|token| token.id == id) {
        return Err(Happened::NotThere);
    }
    tokens::revoke(&visit.office.store, &visit.caller(), &id, visit.now).await?;
    Ok(see_other("/settings?said=revoked"))
}

/// Makes a link for somebody.
pub(in super::super) async fn invite(Extension(visit): Extension<Arc<Visit>>) -> Answer {
    let Some(role) = OfficeRole::from_name(visit.form.get("role")) else {
        return Err(Happened::Refused("choose a role".to_owned()));
    };
    let name = visit.form.get("name");
    let you = &visit.signed_in().session.admin;
    if name.eq_ignore_ascii_case(&you.name) && role != you.role {
        return Err(Happened::Refused(
            "nobody changes their own role: ask another owner".to_owned(),
        ));
    }
    let store = &visit.office.store;
    let invited = admins::invite(store, &visit.caller(), (name, role), visit.now).await?;
    let link = invited.map_err(Happened::Refused)?;
    Ok(ok(&Secret {
        frame: Frame::of(&visit, "Invitation").await,
        heading: format!("A link for {name}"),
        text: format!(
            "It signs in once, as {}, within 15 minutes. Send it in a way that only they read.",
            role.as_str()
        ),
        label: "Add this to the address of the console",
        secret: format!("/sign-in/{link}"),
        next: "It is shown now and never again; make another whenever one is needed.",
    }))
}

/// Sends somebody away.
pub(in super::super) async fn remove_admin(
    Extension(visit): Extension<Arc<Visit>>,
    Path(admin): Path<String>,
) -> Result<Response, Happened> {
    let store = &visit.office.store;
    let admins = store.list_admins(&visit.practice().name).await?;
    let admin = admins
        .iter()
        .find(|known| known.id.as_str() == admin)
        .ok_or(Happened::NotThere)?;
    if admin.id == visit.signed_in().session.admin.id {
        return Err(Happened::Refused(
            "nobody sends themselves away: ask another owner".to_owned(),
        ));
    }
    admins::remove(store, &visit.caller(), admin, visit.now).await?;
    Ok(see_other("/settings?said=removed"))
}
