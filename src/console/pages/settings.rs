//! Settings: who tells the bridge about people, with which tokens, and who may come in here.

use std::sync::Arc;

use askama::Template;
use axum::{Extension, extract::Path, http::StatusCode, response::Response};

use super::{
    super::{
        admins::{self, Guest, Link, NotInvited, Wish},
        admit::Visit,
        frame::{Frame, ok, page, see_other},
        providers::Offer,
        trouble::{Answer, Happened},
    },
    tokens::{self, TokenRow},
};
use crate::{
    ids::AdminId,
    policy::office::{Action, OfficeRole},
    store::{admins::Admin, identities::Vouched},
};

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    frame: Frame,
    sources: Vec<String>,
    tokens: Vec<TokenRow>,
    admins: Vec<AdminRow>,
    /// By which providers people come in.
    providers: Vec<Offer>,
    /// Whether an address is of use: a provider knows people by it, and a passkey needs one.
    takes_email: bool,
    roles: Vec<OfficeRole>,
    /// The role that is chosen in the form.
    chosen: &'static str,
    days: u32,
    overlap: u32,
    may_make_tokens: bool,
    may_manage_admins: bool,
    close_within: String,
    zone: String,
    /// Somebody of a name that was typed who is here already, if it is to be said who is meant.
    asked: Option<Asked>,
}

/// A form that is not enough yet.
#[derive(Debug)]
struct Asked {
    name: String,
    email: String,
    known: String,
    is_now: &'static str,
    shall_be: &'static str,
}

#[derive(Debug)]
struct AdminRow {
    id: String,
    name: String,
    role: &'static str,
    may: &'static str,
    email: String,
    /// Whether a provider vouches for them by a name it never gives to anybody else.
    is_connected: bool,
    /// The address that a provider has of them, if it is another one than theirs here; else empty.
    other_email: String,
    /// Whether a provider vouches for them, and nobody wrote an address of theirs.
    needs_email: bool,
    passkeys: usize,
    is_you: bool,
}

/// The page.
pub(in super::super) async fn show(Extension(visit): Extension<Arc<Visit>>) -> Answer {
    Ok(ok(&settings(&visit, None).await?))
}

async fn settings(visit: &Visit, asked: Option<Asked>) -> Result<SettingsPage, Happened> {
    let practice = visit.practice();
    let tokens = tokens::rows(visit).await?;
    let admins = visit.office.store.list_admins(&practice.name).await?;
    let identities = visit.office.store.list_identities(&practice.name).await?;
    let passkeys = visit.office.store.list_passkeys(&practice.name).await?;
    let offers = visit.office.providers.offers(practice.name.as_str());
    let you = &visit.signed_in().session.admin.id;
    Ok(SettingsPage {
        takes_email: !offers.is_empty() || visit.office.site.is_some(),
        providers: offers,
        frame: Frame::of(visit, "Settings").await,
        sources: practice.sources.iter().map(ToString::to_string).collect(),
        tokens,
        admins: admins
            .iter()
            .map(|admin| AdminRow {
                id: admin.id.to_string(),
                name: admin.name.clone(),
                role: admin.role.as_str(),
                may: admin.role.in_words(),
                email: admin.email.clone().unwrap_or_default(),
                is_connected: is_connected(admin, &identities),
                other_email: other_email(admin, &identities),
                needs_email: admin.email.is_none() && is_connected(admin, &identities),
                passkeys: passkeys
                    .iter()
                    .filter(|passkey| passkey.admin.id == admin.id)
                    .count(),
                is_you: admin.id == *you,
            })
            .collect(),
        roles: OfficeRole::ALL.to_vec(),
        chosen: asked.as_ref().map_or("admin", |asked| asked.shall_be),
        days: tokens::DAYS,
        overlap: tokens::OVERLAP_DAYS,
        may_make_tokens: visit.may(Action::ManageTokens),
        may_manage_admins: visit.may(Action::ManageAdmins),
        close_within: format!("{} minutes", practice.close_within.as_secs() / 60),
        zone: practice.zone_name(),
        asked,
    })
}

fn is_connected(admin: &Admin, identities: &[Vouched]) -> bool {
    identities.iter().any(|known| known.admin == admin.id)
}

/// Of whoever has none here, nothing changed: they connected the provider themselves.
fn other_email(admin: &Admin, identities: &[Vouched]) -> String {
    let Some(own) = &admin.email else {
        return String::new();
    };
    let known = identities.iter().filter(|known| known.admin == admin.id);
    let mut others = known.filter_map(|known| known.email.as_ref());
    let other = others.find(|email| *email != own);
    other.cloned().unwrap_or_default()
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

/// Makes a link for somebody who is not here yet; for who is, only if the form says that they are meant.
pub(in super::super) async fn invite(Extension(visit): Extension<Arc<Visit>>) -> Answer {
    let Some(role) = OfficeRole::from_name(visit.form.get("role")) else {
        return Err(Happened::Refused("choose a role".to_owned()));
    };
    let name = visit.form.get("name");
    let email = visit.form.get("email");
    let wish = Wish {
        guest: Guest { name, role, email },
        is_known: visit.form.get("change") == "yes",
        by: &visit.signed_in().session.admin.id,
    };
    let store = &visit.office.store;
    match admins::invite_by_name(store, &visit.caller(), wish, visit.now).await? {
        Ok(link) => Ok(show_link(&visit, link).await),
        Err(NotInvited::Known(known)) => {
            let asked = asked(name, email, &known, role);
            let form = settings(&visit, Some(asked)).await?;
            Ok(page(StatusCode::UNPROCESSABLE_ENTITY, &form))
        }
        Err(NotInvited::Refused(why)) => Err(Happened::Refused(why)),
    }
}

fn asked(name: &str, email: &str, known: &Admin, role: OfficeRole) -> Asked {
    Asked {
        name: name.to_owned(),
        email: email.to_owned(),
        known: known.name.clone(),
        is_now: known.role.as_str(),
        shall_be: role.as_str(),
    }
}

/// Makes a new link for somebody who is here, and changes nothing about them.
pub(in super::super) async fn renew_link(
    Extension(visit): Extension<Arc<Visit>>,
    Path(admin): Path<String>,
) -> Answer {
    let store = &visit.office.store;
    let id = AdminId::from(admin);
    let made = admins::renew_link(store, &visit.caller(), &id, visit.now).await?;
    let link = made.ok_or(Happened::NotThere)?.map_err(Happened::Refused)?;
    Ok(show_link(&visit, link).await)
}

async fn show_link(visit: &Visit, link: Link) -> Response {
    let (label, begins) = if visit.office.knows_its_url {
        ("The link", visit.office.url.as_str())
    } else {
        ("Add this to the address of the console", "")
    };
    ok(&Secret {
        frame: Frame::of(visit, "Invitation").await,
        heading: format!("A link for {}", link.admin.name),
        text: format!(
            "It signs in once, as {}, within 15 minutes. Send it in a way that only they read.",
            link.admin.role.as_str()
        ),
        label,
        secret: format!("{begins}/sign-in/{}", link.secret),
        next: "It is shown now and never again, and earlier links of theirs stopped working. Make another whenever one is needed.",
    })
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
    let removed =
        admins::remove_but_the_last_owner(store, &visit.caller(), admin, visit.now).await?;
    removed.map_err(Happened::Refused)?;
    Ok(see_other("/settings?said=removed"))
}
