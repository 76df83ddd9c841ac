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
    admit::{Visit, hold},
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
    store::{StoreError, admins::Admin, passkeys::Passkey},
};

/// How long somebody may take before their device, and the form that follows may wait.
const BACK_WITHIN: Duration = Duration::from_secs(10 * 60);

/// How many passkeys somebody may have.
const MOST: usize = 20;

/// What is kept in the browser meanwhile.
const ASKED: &str = "asked";

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
    let is_none = of(visit, admin).await?.is_empty();
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

/// The passkeys of somebody, the oldest first.
async fn of(visit: &Visit, admin: &Admin) -> Result<Vec<Passkey>, StoreError> {
    let mut passkeys = visit.office.store.list_passkeys(&admin.practice).await?;
    passkeys.retain(|passkey| passkey.admin.id == admin.id);
    Ok(passkeys)
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
    let known: Vec<String> = match admin {
        Some(admin) => {
            let known = of(&visit, admin).await?;
            known.into_iter().map(|passkey| passkey.id).collect()
        }
        // Nobody is told who has one.
        None => Vec::new(),
    };
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
    let held = keep(office, ASKED, &asked).await?;
    Ok(with_cookie(json(&question), &held))
}

fn json(value: &Value) -> Response {
    let kind = [(header::CONTENT_TYPE, "application/json")];
    (kind, value.to_string()).into_response()
}

/// What this browser asked its device lately.
async fn asked(visit: &Visit, headers: &HeaderMap) -> Result<Option<Asked>, StoreError> {
    let found = find::<Asked>(&visit.office, ASKED, headers).await?;
    Ok(found.filter(|asked| clock::after(asked.since, BACK_WITHIN) > visit.now))
}

/// Lets somebody in who shows a passkey, or notes that it is still them.
pub(super) async fn let_in(Extension(visit): Extension<Arc<Visit>>, headers: HeaderMap) -> Answer {
    let office = &visit.office;
    let site = office.site.as_ref().ok_or(Happened::NotThere)?;
    let answer = match asked(&visit, &headers).await? {
        Some(asked) if asked.what_for != For::Adding => take_in(&visit, site, &asked).await?,
        _ => refuse(
            &visit,
            "nothing was asked of this browser within the last ten minutes",
            "This did not begin in this browser, or took longer than 10 minutes. Begin again.",
        ),
    };
    Ok(with_cookie(answer, &drop_kept(office, ASKED)))
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
            if why == Refused::CountedBack {
                admins::note_copied(&office.store, &passkey, visit.now).await?;
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
        "the passkey was used already for this, was removed, or its holder left",
        "This was sent once already, or the passkey was removed meanwhile, or its holder has left the practice since it was \
         added. Begin again.",
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
    let known = of(&visit, &visit.signed_in().session.admin).await?;
    let site = visit.office.site.as_ref();
    Ok(ok(&Passkeys {
        frame: Frame::of(&visit, "Passkeys").await,
        script: site.map_or("", |_| assets::passkey()),
        is_full: known.len() >= MOST,
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
    let asked = asked(&visit, &headers).await?;
    let is_theirs =
        |asked: &Asked| asked.what_for == For::Adding && asked.admin.as_ref() == Some(&admin.id);
    let Some(asked) = asked.filter(is_theirs) else {
        let why = "no device was asked for a passkey of yours in this browser within the last 10 minutes: add it once more";
        return Err(Happened::Refused(why.to_owned()));
    };
    let (client_data, attestation) = (visit.form.get("client_data"), visit.form.get("attestation"));
    let made = site
        .read_made(&asked.challenge, client_data, attestation)
        .map_err(|why| Happened::Refused(why.to_string()))?;
    if of(&visit, admin).await?.len() >= MOST {
        let why = format!("nobody has more than {MOST} passkeys: remove one first");
        return Err(Happened::Refused(why));
    }
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
    let cookie = drop_kept(office, ASKED);
    Ok(with_cookie(see_other("/passkeys?said=passkey"), &cookie))
}

/// Removes one of whoever is signed in.
pub(super) async fn remove(
    Extension(visit): Extension<Arc<Visit>>,
    Path(id): Path<String>,
) -> Answer {
    let admin = &visit.signed_in().session.admin;
    let (store, caller) = (&visit.office.store, visit.caller());
    let removed = admins::remove_passkeys(store, &caller, admin, Some(&id), visit.now).await?;
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
    admins::remove_passkeys(store, &visit.caller(), admin, None, visit.now).await?;
    Ok(see_other("/settings?said=passkeys-removed"))
}
