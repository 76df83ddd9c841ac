//! Passkeys: signing in by one, proving anew that it is them, and the page on which people keep their own.
//!
//! A script asks the browser; without one there is the one-time link. What the device is asked is sealed into a
//! cookie of the browser, as on the way to an identity provider: strangers write nothing into the database.

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{
    Extension,
    extract::Path,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    admins::{self, Used},
    admit::{Visit, hold, is_proved},
    assets,
    frame::{Frame, ok, ours, see_other},
    provider::{drop_kept, find, keep},
    sign_in::{self, with_cookie},
    time::When,
    trouble::{Answer, Happened},
};
use crate::{
    bearer, clock,
    ids::AdminId,
    passkey::{self, Refused, Signed, Site},
    store::{StoreError, passkeys::Passkey},
};

/// How long somebody may take before their device, and the form that follows may wait.
const BACK_WITHIN: Duration = Duration::from_secs(10 * 60);

/// What for a device is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum For {
    /// To come in.
    SignIn,
    /// To prove anew that it is them.
    Proof,
    /// To come in by it from now on.
    Adding,
}

impl For {
    /// What is kept in the browser meanwhile: one for each, so that proving in between takes nothing from what was
    /// begun before.
    const fn kept_as(self) -> &'static str {
        match self {
            Self::SignIn => "asked",
            Self::Proof => "asked-proof",
            Self::Adding => "asked-adding",
        }
    }
}

/// What a device was asked, by the browser that asked.
#[derive(Debug, Serialize, Deserialize)]
struct Asked {
    what_for: For,
    challenge: String,
    /// Whose passkey it shall be, or become; `None` for whoever comes.
    admin: Option<AdminId>,
    next: String,
    since: Timestamp,
}

/// A form that asks for a passkey, on whatever page it stands.
#[derive(Debug)]
pub(super) struct Form {
    pub(super) script: &'static str,
    /// What for, and where to go then: the end of an address.
    pub(super) query: String,
    pub(super) button: String,
}

/// The form to come in by a passkey, where there may be any.
pub(super) fn form_to_sign_in(visit: &Visit, next: &str) -> Option<Form> {
    visit.office.site.as_ref()?;
    Some(form("signing-in", next, "Sign in by passkey".to_owned()))
}

/// The form to prove by a passkey that it is still them, for whoever has one.
pub(super) async fn form_to_prove(visit: &Visit, next: &str) -> Result<Option<Form>, StoreError> {
    if visit.office.site.is_none() {
        return Ok(None);
    }
    let admin = &visit.signed_in().session.admin;
    let good = visit.office.store.list_good_passkeys_of(admin).await?;
    let is_none = good.is_empty();
    Ok((!is_none).then(|| form("proof", next, "Prove it by passkey".to_owned())))
}

fn form(what_for: &str, next: &str, button: String) -> Form {
    Form {
        script: assets::passkey(),
        query: url::form_urlencoded::Serializer::new(String::new())
            .append_pair("for", what_for)
            .append_pair("next", next)
            .finish(),
        button,
    }
}

/// Why no device is asked for a new passkey. It would keep one that is not taken.
fn may_not_add(visit: &Visit) -> Option<&'static str> {
    let session = &visit.signed_in().session;
    if session.admin.email.is_none() {
        return Some(admins::NO_ADDRESS);
    }
    (!is_proved(visit, session.proved))
        .then_some("prove first that it is still you: load the page again")
}

/// What a browser shall ask its device, for a script.
pub(super) async fn ask(Extension(visit): Extension<Arc<Visit>>) -> Answer {
    let office = &visit.office;
    let site = office.site.as_ref().ok_or(Happened::NotThere)?;
    let challenge = bearer::random_hex()
        .map_err(|_| Happened::NoArchive("this machine has no randomness to give".to_owned()))?;
    let someone = visit.signed_in.as_ref();
    let someone = someone.map(|someone| &someone.session.admin);
    let (what_for, admin) = match (visit.query.get("for"), someone) {
        ("proof", Some(admin)) => (For::Proof, Some(admin)),
        ("adding", Some(admin)) => (For::Adding, Some(admin)),
        _ => (For::SignIn, None),
    };
    if what_for == For::Adding
        && let Some(why) = may_not_add(&visit)
    {
        return Err(Happened::Refused(why.to_owned()));
    }
    let known = match (what_for, admin) {
        (For::Adding, Some(admin)) => office.store.list_passkeys_of(admin).await?,
        (_, Some(admin)) => office.store.list_good_passkeys_of(admin).await?,
        // Nobody is told who has one.
        (_, None) => Vec::new(),
    };
    let known: Vec<String> = known.into_iter().map(|passkey| passkey.id).collect();
    let question = match (what_for, admin) {
        (For::Adding, Some(admin)) => {
            // Whoever works for several practices has one in each.
            let name = format!("{}, {}", admin.name, visit.practice().title);
            site.ask_to_make(&challenge, (admin.id.as_str(), &name), &known)
        }
        _ => site.ask_to_sign(&challenge, &known),
    };
    let asked = Asked {
        what_for,
        challenge,
        admin: admin.map(|admin| admin.id.clone()),
        next: ours(visit.query.get("next")).unwrap_or_default().to_owned(),
        since: visit.now,
    };
    let held = keep(office, what_for.kept_as(), &asked).await?;
    Ok(with_cookie(json(&question), &held))
}

fn json(value: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, value.to_string()).into_response()
}

/// What this browser asked its device lately, for this.
async fn asked(
    visit: &Visit,
    what_for: For,
    headers: &HeaderMap,
) -> Result<Option<Asked>, StoreError> {
    let found = find::<Asked>(&visit.office, what_for.kept_as(), headers).await?;
    Ok(found.filter(|asked| {
        asked.what_for == what_for && clock::after(asked.since, BACK_WITHIN) > visit.now
    }))
}

/// Lets somebody in who shows a passkey, or notes that it is still them.
pub(super) async fn let_in(Extension(visit): Extension<Arc<Visit>>, headers: HeaderMap) -> Answer {
    let office = &visit.office;
    let site = office.site.as_ref().ok_or(Happened::NotThere)?;
    let what_for = match visit.query.get("for") {
        "proof" => For::Proof,
        _ => For::SignIn,
    };
    let answer = match asked(&visit, what_for, &headers).await? {
        Some(asked) => take_in(&visit, site, &asked).await?,
        None => refuse(
            &visit,
            "nothing was asked of this browser within the last ten minutes",
            "This did not begin in this browser, or took longer than 10 minutes. Begin again.",
        ),
    };
    Ok(with_cookie(answer, &drop_kept(office, what_for.kept_as())))
}

async fn take_in(visit: &Visit, site: &Site, asked: &Asked) -> Result<Response, Happened> {
    let office = &visit.office;
    let found = office.store.find_passkey(visit.form.get("id")).await?;
    let known = found.filter(|found| office.practices.contains_key(&found.admin.practice));
    let Some(passkey) = known else {
        return Ok(unknown(visit));
    };
    let admin = &passkey.admin;
    let held_by = visit.form.get("holder");
    if !held_by.is_empty() && held_by != passkey::handle(admin.id.as_str()) {
        return Ok(unknown(visit));
    }
    let signed = Signed {
        client_data: visit.form.get("client_data"),
        authenticator_data: visit.form.get("device_data"),
        signature: visit.form.get("signature"),
    };
    let key = (passkey.public_key.as_str(), passkey.counter);
    let counter = match site.check_signed(&asked.challenge, key, signed) {
        Ok(counter) => counter,
        Err(why) => {
            if why == Refused::CountedBack
                && !admins::note_copied(&office.store, &passkey, &asked.challenge, visit.now)
                    .await?
            {
                return Ok(not_again(visit));
            }
            return Ok(not_taken(visit, why));
        }
    };
    let used = Used {
        passkey: &passkey,
        counter,
        challenge: &asked.challenge,
    };
    match (asked.what_for, &visit.signed_in) {
        (For::Proof, Some(someone)) => {
            let session = &someone.session;
            if session.admin.id != admin.id || asked.admin.as_ref() != Some(&admin.id) {
                return Ok(refuse(
                    visit,
                    "the passkey is somebody else's",
                    &format!(
                        "You are signed in here as {}, and this passkey is somebody else's. Use your own.",
                        session.admin.name
                    ),
                ));
            }
            if !admins::prove_by_passkey(&office.store, session, used, visit.now).await? {
                return Ok(not_again(visit));
            }
            let to = sign_in::next(&asked.next, admin).to_owned();
            Ok(see_other(&to))
        }
        (For::SignIn, before) => {
            let before = before.as_ref().map(|someone| &someone.session);
            let shown = admins::Shown::Passkey(used);
            let held = admins::sign_in(&office.store, admin, shown, before, visit.now).await?;
            let Some(held) = held else {
                return Ok(not_again(visit));
            };
            tracing::info!(practice.name = %admin.practice, admin.id = %admin.id,
                "somebody signed in to the console by a passkey");
            let to = sign_in::waiting_for(visit, admin, &asked.next).await?;
            Ok(with_cookie(see_other(&to), &hold(&held, office.is_https)))
        }
        // Signed out meanwhile.
        _ => Ok(refuse(
            visit,
            "whoever shall prove who they are is not signed in",
            "You were signed out meanwhile. Sign in again.",
        )),
    }
}

fn refuse(visit: &Visit, why: &str, says: &str) -> Response {
    tracing::warn!(why, "nobody was signed in to the console by a passkey");
    sign_in::explained(visit, StatusCode::FORBIDDEN, says)
}

fn not_taken(visit: &Visit, why: Refused) -> Response {
    refuse(
        visit,
        &why.to_string(),
        &format!(
            "This passkey was not taken, and nobody was signed in: {why}. Begin again; if it stays so, come in by a one-time \
             link, remove the passkey and add it anew."
        ),
    )
}

fn unknown(visit: &Visit) -> Response {
    refuse(
        visit,
        "no such passkey",
        "This passkey is not known here: it was removed, or whoever had it may not come in any more.",
    )
}

fn not_again(visit: &Visit) -> Response {
    refuse(
        visit,
        "the passkey was used already for this, was removed, or its holder left or has no address",
        "This was sent once already, or the passkey was removed meanwhile, or its holder has left the practice since it was \
         added, or has no e-mail address here by which that would be known. Begin again, or come in by a one-time link.",
    )
}

#[derive(Template)]
#[template(path = "passkeys.html")]
struct Passkeys {
    frame: Frame,
    rows: Vec<Row>,
    /// The script; empty where browsers keep no passkeys for this address.
    script: &'static str,
    is_full: bool,
    /// Why there is none to be had; empty for nothing.
    needs: &'static str,
    /// Whether they proved lately that it is them.
    is_proved: bool,
}

#[derive(Debug)]
struct Row {
    id: String,
    name: String,
    added: When,
    used: Option<When>,
}

/// The passkeys of whoever is signed in.
pub(super) async fn show(Extension(visit): Extension<Arc<Visit>>) -> Answer {
    let session = &visit.signed_in().session;
    let known = visit.office.store.list_passkeys_of(&session.admin).await?;
    let site = visit.office.site.as_ref();
    Ok(ok(&Passkeys {
        frame: Frame::of(&visit, "Passkeys").await,
        script: site.map_or("", |_| assets::passkey()),
        is_full: i64::try_from(known.len()).is_ok_and(|known| known >= admins::MOST),
        needs: match session.admin.email {
            None => admins::NO_ADDRESS,
            Some(_) => "",
        },
        is_proved: is_proved(&visit, session.proved),
        rows: known
            .into_iter()
            .map(|passkey| Row {
                id: passkey.id,
                name: passkey.name,
                added: When::new(passkey.added, &visit),
                used: passkey.used.map(|at| When::new(at, &visit)),
            })
            .collect(),
    }))
}

/// Adds a passkey for whoever is signed in.
pub(super) async fn add(Extension(visit): Extension<Arc<Visit>>, headers: HeaderMap) -> Answer {
    let office = &visit.office;
    let site = office.site.as_ref().ok_or(Happened::NotThere)?;
    let admin = &visit.signed_in().session.admin;
    let (client_data, attestation) = (visit.form.get("client_data"), visit.form.get("attestation"));
    if client_data.is_empty() && attestation.is_empty() {
        // They came to prove first that it is them.
        return Ok(see_other("/passkeys"));
    }
    let asked = asked(&visit, For::Adding, &headers).await?;
    let is_theirs = |asked: &Asked| asked.admin.as_ref() == Some(&admin.id);
    let Some(asked) = asked.filter(is_theirs) else {
        let why = "no device was asked for a passkey of yours in this browser within the last 10 minutes: add it once more";
        return Err(Happened::Refused(why.to_owned()));
    };
    let made = site
        .read_made(&asked.challenge, client_data, attestation)
        .map_err(|why| Happened::Refused(why.to_string()))?;
    let name = visit.form.get("name");
    let passkey = Passkey {
        id: made.id,
        admin: admin.clone(),
        name: if name.is_empty() { "Passkey" } else { name }.to_owned(),
        public_key: made.public_key,
        counter: made.counter,
        added: visit.now,
        used: None,
    };
    let added = admins::add_passkey(&office.store, &passkey, &asked.challenge).await?;
    added.map_err(Happened::Refused)?;
    let cookie = drop_kept(office, For::Adding.kept_as());
    Ok(with_cookie(see_other("/passkeys?said=passkey"), &cookie))
}

/// Removes one of whoever is signed in.
pub(super) async fn remove(
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Answer {
    let session = &visit.signed_in().session;
    let (store, caller) = (&visit.office.store, visit.caller());
    let which = (&session.admin, Some(id.as_str()));
    let removed = admins::remove_passkeys(store, &caller, which, session, visit.now).await?;
    if removed == 0 {
        return Err(Happened::NotThere);
    }
    Ok(see_other("/passkeys?said=passkey-removed"))
}

/// Removes all of somebody, who lost the device.
pub(super) async fn remove_all(
    Extension(visit): Extension<Arc<Visit>>,
    Path(admin): Path<String>,
) -> Answer {
    let store = &visit.office.store;
    let admins = store.list_admins(&visit.practice().name).await?;
    let admin = admins
        .iter()
        .find(|known| known.id.as_str() == admin)
        .ok_or(Happened::NotThere)?;
    let session = &visit.signed_in().session;
    let caller = visit.caller();
    admins::remove_passkeys(store, &caller, (admin, None), session, visit.now).await?;
    Ok(see_other("/settings?said=passkeys-removed"))
}
