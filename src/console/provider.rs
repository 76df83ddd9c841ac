//! Signing in by an identity provider: setting out, coming back, and who that lets in.
//!
//! The provider says who somebody is. Whether they may come in is said by the list of admins alone: by the
//! name the provider knows them by for good, or, the first time, by the address they were invited with.

use std::{sync::Arc, time::Duration};

use askama::Template;
use axum::{
    Extension,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use subtle::ConstantTimeEq as _;

use super::{
    Office, admins,
    admit::{Visit, cookie, hold, is_proved},
    frame::{self, Frame, ok, ours, see_other},
    providers::{Providers, Which},
    sign_in::{self, with_cookie},
    trouble::{Answer, Happened},
};
use crate::{
    clock,
    ids::AdminId,
    oidc::{Identity, OidcError, SetOut},
    store::{StoreError, admins::Admin},
};

/// How long somebody may take at the provider.
const BACK_WITHIN: Duration = Duration::from_secs(10 * 60);

/// How long somebody may take to choose a practice, or to say yes.
const CHOOSE_WITHIN: Duration = Duration::from_secs(5 * 60);

/// What is kept in a browser meanwhile, and under which name.
const GOING: &str = "going";
const VOUCHED: &str = "vouched";

/// What for somebody was sent to the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum For {
    /// To come in.
    SignIn,
    /// To prove anew that it is them.
    Proof,
    /// To come in by it from now on.
    Connecting,
}

/// Somebody on the way to the provider and back, in the browser that set out.
#[derive(Debug, Serialize, Deserialize)]
struct Going {
    what_for: For,
    which: Which,
    state: String,
    nonce: String,
    verifier: String,
    next: String,
    since: Timestamp,
}

/// Somebody the provider vouched for, who has something to say yet.
#[derive(Debug, Serialize, Deserialize)]
struct Vouched {
    /// What the page that shows them carries: a page of another sign-in says nothing about them.
    page: String,
    what_for: For,
    identity: Identity,
    which: Which,
    next: String,
    since: Timestamp,
}

/// Sends somebody to the provider.
pub(super) async fn set_out(Extension(visit): Extension<Arc<Visit>>) -> Answer {
    let office = &visit.office;
    let which = office.providers.named(visit.query.get("practice"));
    let Some(provider) = office.providers.find(&which) else {
        return Ok(see_other("/sign-in"));
    };
    let what_for = match (visit.query.get("for"), &visit.signed_in) {
        ("proof", Some(_)) => For::Proof,
        ("connecting", Some(_)) => For::Connecting,
        _ => For::SignIn,
    };
    // Whoever connects proves as well that both are theirs. Half of the time is left for what they came for.
    let within = (what_for != For::SignIn).then_some(office.fresh_for / 2);
    match provider.set_out(within).await {
        Ok(SetOut {
            url,
            state,
            nonce,
            verifier,
        }) => {
            let going = Going {
                what_for,
                which,
                state,
                nonce,
                verifier,
                next: ours(visit.query.get("next")).unwrap_or_default().to_owned(),
                since: visit.now,
            };
            let held = keep(office, GOING, &going).await?;
            Ok(with_cookie(see_other(&url), &held))
        }
        Err(error) => Ok(not_vouched(&visit, &error)),
    }
}

/// Takes somebody in who comes back from the provider.
pub(super) async fn come_back(
    Extension(visit): Extension<Arc<Visit>>,
    headers: HeaderMap,
) -> Answer {
    let office = &visit.office;
    let answer = match find::<Going>(office, GOING, &headers).await? {
        Some(going) if clock::after(going.since, BACK_WITHIN) > visit.now => {
            take_in(&visit, going).await?
        }
        _ => refuse(
            &visit,
            StatusCode::BAD_REQUEST,
            "nobody set out from this browser within the last ten minutes",
            "This sign-in did not begin in this browser, or took longer than 10 minutes. Begin again.",
        ),
    };
    Ok(with_cookie(answer, &drop_kept(office, GOING)))
}

async fn take_in(visit: &Visit, going: Going) -> Result<Response, Happened> {
    let office = &visit.office;
    let Some(provider) = office.providers.find(&going.which) else {
        return Ok(see_other("/sign-in"));
    };
    let state = visit.query.get("state");
    let said_by = visit.query.get("iss");
    if !bool::from(state.as_bytes().ct_eq(going.state.as_bytes()))
        || !(said_by.is_empty() || said_by == provider.issuer())
    {
        return Ok(refuse(
            visit,
            StatusCode::BAD_REQUEST,
            "what came back is not of the sign-in that set out",
            "What came back does not belong to the sign-in that you began. Begin again.",
        ));
    }
    let code = visit.query.get("code");
    if code.is_empty() {
        let says = match visit.query.get("error") {
            "access_denied" => "The identity provider did not let you in here, or you said no.",
            "login_required" | "interaction_required" => {
                "The identity provider wants you to sign in there first."
            }
            _ => "The identity provider did not sign you in.",
        };
        let why = "the provider said no";
        return Ok(refuse(visit, StatusCode::FORBIDDEN, why, says));
    }
    // A code that somebody made up has the bridge ask the provider all the same.
    if let Some(peer) = visit.peer
        && let Err(wait) = office.in_vain.count(peer, visit.now)
    {
        return Ok(too_often(visit, wait));
    }
    let secrets = (going.nonce.as_str(), going.verifier.as_str());
    let turn = office.exchanges.acquire().await;
    let vouched = provider.vouch(code, secrets, visit.now).await;
    drop(turn);
    let is_their_fault = matches!(vouched, Err(OidcError::NotTaken(_)));
    if let Some(peer) = visit.peer.as_ref().filter(|_| !is_their_fault) {
        office.in_vain.went_well(peer);
    }
    match vouched {
        Ok(identity) => arrive(visit, going, identity).await,
        Err(error) => Ok(not_vouched(visit, &error)),
    }
}

async fn arrive(visit: &Visit, going: Going, identity: Identity) -> Result<Response, Happened> {
    let is_new = is_proved(visit, identity.proved);
    if going.what_for != For::SignIn && !is_new {
        return Ok(refuse(
            visit,
            StatusCode::FORBIDDEN,
            "the provider did not say that somebody just proved who they are",
            "The identity provider did not say that you just proved who you are. It must send `auth_time`; until it \
             does, a one-time link does the same.",
        ));
    }
    let vouched = Vouched {
        page: going.state,
        what_for: going.what_for,
        identity,
        which: going.which,
        next: going.next,
        since: visit.now,
    };
    if going.what_for == For::Connecting {
        return ask_to_connect(visit, &vouched).await;
    }
    let admins = admins_of(visit, &vouched).await?;
    let someone = visit.signed_in.as_ref().map(|someone| &someone.session);
    if let (For::Proof, Some(session)) = (going.what_for, someone) {
        if !admins.iter().any(|admin| admin.id == session.admin.id) {
            return Ok(refuse(
                visit,
                StatusCode::FORBIDDEN,
                "the provider vouched for somebody else",
                &format!(
                    "You are signed in here as {}, and the identity provider vouched for somebody else. Sign out here, \
                     or sign in there as yourself.",
                    session.admin.name
                ),
            ));
        }
        let store = &office_of(visit).store;
        if !admins::prove(store, session, &vouched.identity, visit.now).await? {
            return Ok(nobody_here(visit));
        }
        return Ok(see_other(sign_in::next(&vouched.next, &session.admin)));
    }
    match admins.as_slice() {
        [] => Ok(nobody_here(visit)),
        [admin] => come_in(visit, admin, &vouched).await,
        several => choose(visit, several, &vouched).await,
    }
}

/// Everybody whom the provider vouches for and who was let in: by its name for them, or newly by their address.
async fn admins_of(visit: &Visit, vouched: &Vouched) -> Result<Vec<Admin>, StoreError> {
    let office = office_of(visit);
    let Identity {
        issuer,
        subject,
        email,
        ..
    } = &vouched.identity;
    let mut admins = office
        .store
        .find_admins_by_identity(issuer, subject)
        .await?;
    if let Some(email) = email {
        let by_email = office.store.find_admins_by_email(issuer, email).await?;
        let known: Vec<_> = admins.iter().map(|admin| admin.practice.clone()).collect();
        admins.extend(
            by_email
                .into_iter()
                .filter(|admin| !known.contains(&admin.practice)),
        );
    }
    admins.retain(|admin| {
        office.practices.contains_key(&admin.practice)
            && Providers::may_vouch(&vouched.which, &admin.practice)
    });
    Ok(admins)
}

async fn come_in(visit: &Visit, admin: &Admin, vouched: &Vouched) -> Result<Response, Happened> {
    let office = office_of(visit);
    let before = visit.signed_in.as_ref().map(|someone| &someone.session);
    let shown = admins::Shown::Identity(&vouched.identity);
    let Some(held) = admins::sign_in(&office.store, admin, shown, before, visit.now).await? else {
        return Ok(nobody_here(visit));
    };
    tracing::info!(practice.name = %admin.practice, admin.id = %admin.id,
        "somebody signed in to the console by their identity provider");
    let to = sign_in::waiting_for(visit, admin, &vouched.next).await?;
    Ok(with_cookie(see_other(&to), &hold(&held, office.is_https)))
}

#[derive(Template)]
#[template(path = "choose.html")]
struct Choose {
    frame: Frame,
    /// Which sign-in it is about.
    vouched: String,
    /// The id of each, the practice and the role.
    rows: Vec<(String, String, &'static str)>,
}

/// Asks whoever works for several practices into which they want to go.
async fn choose(visit: &Visit, several: &[Admin], vouched: &Vouched) -> Result<Response, Happened> {
    let office = office_of(visit);
    let held = keep(office, VOUCHED, vouched).await?;
    let rows = several.iter().map(|admin| {
        let practice = office.practices.get(&admin.practice);
        let title = practice.map_or_else(String::new, |practice| practice.title.clone());
        (admin.id.to_string(), title, admin.role.as_str())
    });
    let template = Choose {
        frame: Frame::bare(visit, "Which practice?"),
        vouched: vouched.page.clone(),
        rows: rows.collect(),
    };
    Ok(with_cookie(ok(&template), &held))
}

/// Lets somebody in who chose.
pub(super) async fn chosen(Extension(visit): Extension<Arc<Visit>>, headers: HeaderMap) -> Answer {
    let Some(vouched) = vouched(&visit, &headers).await? else {
        return Ok(too_late(&visit));
    };
    if vouched.what_for == For::Connecting || !is_about(&visit, &vouched) {
        return Ok(another_page(&visit));
    }
    let id = AdminId::from(visit.form.get("admin"));
    // As of now: the choice was on a page for a while.
    let admins = admins_of(&visit, &vouched).await?;
    let answer = match admins.iter().find(|admin| admin.id == id) {
        Some(admin) => come_in(&visit, admin, &vouched).await?,
        None => nobody_here(&visit),
    };
    Ok(with_cookie(answer, &drop_kept(&visit.office, VOUCHED)))
}

#[derive(Template)]
#[template(path = "connect.html")]
struct Connect {
    frame: Frame,
    /// Which sign-in it is about.
    vouched: String,
    provider: String,
    /// What the provider calls them.
    subject: String,
    email: String,
    name: String,
}

/// Shows whom the provider vouched for, and asks: whoever is signed in may not be who is signed in there.
async fn ask_to_connect(visit: &Visit, vouched: &Vouched) -> Result<Response, Happened> {
    let office = office_of(visit);
    let Some(someone) = &visit.signed_in else {
        return Ok(too_late(visit));
    };
    if !Providers::may_vouch(&vouched.which, &someone.session.admin.practice) {
        return Ok(nobody_here(visit));
    }
    let held = keep(office, VOUCHED, vouched).await?;
    let provider = office.providers.find(&vouched.which);
    let template = Connect {
        frame: Frame::bare(visit, "Sign in by your identity provider"),
        vouched: vouched.page.clone(),
        provider: provider.map_or_else(String::new, |provider| provider.title().to_owned()),
        subject: vouched.identity.subject.clone(),
        email: vouched.identity.email.clone().unwrap_or_default(),
        name: someone.session.admin.name.clone(),
    };
    Ok(with_cookie(ok(&template), &held))
}

/// Has the provider vouch for whoever is signed in from now on.
pub(super) async fn connect(Extension(visit): Extension<Arc<Visit>>, headers: HeaderMap) -> Answer {
    let Some(vouched) = vouched(&visit, &headers).await? else {
        return Ok(too_late(&visit));
    };
    if vouched.what_for != For::Connecting || !is_about(&visit, &vouched) {
        return Ok(another_page(&visit));
    }
    let admin = &visit.signed_in().session.admin;
    if !Providers::may_vouch(&vouched.which, &admin.practice) {
        return Ok(nobody_here(&visit));
    }
    let store = &visit.office.store;
    let connected = admins::connect(store, admin, &vouched.identity, visit.now).await?;
    connected.map_err(Happened::Refused)?;
    let to = format!("{}?said=connected", frame::home(admin.role));
    let cookie = drop_kept(&visit.office, VOUCHED);
    Ok(with_cookie(see_other(&to), &cookie))
}

async fn vouched(visit: &Visit, headers: &HeaderMap) -> Result<Option<Vouched>, StoreError> {
    let found = find::<Vouched>(&visit.office, VOUCHED, headers).await?;
    Ok(found.filter(|vouched| clock::after(vouched.since, CHOOSE_WITHIN) > visit.now))
}

/// Whether the page whose button was pressed showed whom the provider vouched for last. Another window may have
/// been to the provider since.
fn is_about(visit: &Visit, vouched: &Vouched) -> bool {
    let page = visit.form.get("vouched").as_bytes();
    page.ct_eq(vouched.page.as_bytes()).into()
}

fn office_of(visit: &Visit) -> &Office {
    &visit.office
}

fn too_late(visit: &Visit) -> Response {
    refuse(
        visit,
        StatusCode::BAD_REQUEST,
        "a sign-in was answered too late, or in another browser",
        "That took longer than 5 minutes, or began in another browser. Begin again.",
    )
}

fn another_page(visit: &Visit) -> Response {
    refuse(
        visit,
        StatusCode::BAD_REQUEST,
        "a button was pressed on the page of another sign-in",
        "That page is about another sign-in than the latest one in this browser. Nothing was changed; begin again.",
    )
}

fn too_often(visit: &Visit, wait: Duration) -> Response {
    let seconds = wait.as_secs() + 1;
    let mut response = refuse(
        visit,
        StatusCode::TOO_MANY_REQUESTS,
        "too many sign-ins from one network went wrong",
        &format!(
            "Too many sign-ins by the identity provider went wrong where you are. Try again in {seconds} seconds, or come \
             in by a one-time link."
        ),
    );
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

fn nobody_here(visit: &Visit) -> Response {
    refuse(
        visit,
        StatusCode::FORBIDDEN,
        "the provider vouched for somebody whom nobody let in, or who left",
        "The identity provider knows you, and nobody here has let you in. An owner of the practice does that on the page \
         Settings, with the e-mail address that your identity provider has of you. If you were let in without one, come in \
         by a one-time link first and connect the two. Whoever has left the practice comes in by a one-time link alone.",
    )
}

fn not_vouched(visit: &Visit, error: &OidcError) -> Response {
    match error {
        OidcError::Provider(text) => refuse(
            visit,
            StatusCode::SERVICE_UNAVAILABLE,
            text,
            "The identity provider cannot be reached, or does not do its part. Try again in a moment. In a hurry, a one-time \
             link lets you in without it.",
        ),
        OidcError::NotTaken(text) => refuse(
            visit,
            StatusCode::BAD_REQUEST,
            text,
            "What the identity provider said about you was not for this sign-in, and nobody was signed in. Begin again; if \
             it stays so, whoever looks after the server finds the reason in its log.",
        ),
    }
}

fn refuse(visit: &Visit, status: StatusCode, why: &str, says: &str) -> Response {
    tracing::warn!(
        why,
        "nobody was signed in to the console by an identity provider"
    );
    sign_in::explained(visit, status, says)
}

fn kept_name(office: &Office, what: &str) -> String {
    let prefix = if office.is_https { "__Host-" } else { "" };
    format!("{prefix}drawbridge-{what}")
}

/// Has the browser that asked keep something, sealed for this use.
pub(super) async fn keep(
    office: &Office,
    what: &str,
    value: &impl Serialize,
) -> Result<String, StoreError> {
    let no_randomness =
        || StoreError::Unavailable("this machine has no randomness to give".to_owned());
    let seal = office.seal().await?;
    let sealed = seal.seal(what, value).ok_or_else(no_randomness)?;
    let secure = if office.is_https { "; Secure" } else { "" };
    Ok(format!(
        "{}={sealed}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}{secure}",
        kept_name(office, what),
        BACK_WITHIN.as_secs()
    ))
}

/// Has the browser forget it.
pub(super) fn drop_kept(office: &Office, what: &str) -> String {
    let secure = if office.is_https { "; Secure" } else { "" };
    format!(
        "{}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0{secure}",
        kept_name(office, what)
    )
}

/// What the browser kept for this use.
pub(super) async fn find<T: DeserializeOwned>(
    office: &Office,
    what: &str,
    headers: &HeaderMap,
) -> Result<Option<T>, StoreError> {
    let seal = office.seal().await?;
    let sealed = cookie(headers, &kept_name(office, what));
    Ok(sealed.and_then(|sealed| seal.open(what, sealed)))
}
