//! Who is signed in, whether they may do what they ask, and whether the form is theirs.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::Response,
};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use subtle::ConstantTimeEq as _;

use super::{Office, Practice, admins, form, kept, routes::Needs, trouble};
use crate::{
    bearer::{Bearer, Kind},
    clock,
    evidence::{file::Unfit, pack::SignedFile},
    intake::Caller,
    policy::office::{Action, OfficeRole},
    store::{StoreError, admins::Session},
    tries,
};

/// How long somebody may do nothing before they are signed out.
pub const IDLE: Duration = Duration::from_secs(15 * 60);

/// The same for who reads for long.
pub const IDLE_AUDITOR: Duration = Duration::from_secs(30 * 60);

/// The longest anybody is signed in.
pub const LONGEST: Duration = Duration::from_secs(8 * 3_600);

/// How often it is written down that somebody is active: not with each page.
const NOTED_EVERY: Duration = Duration::from_secs(30);

/// The most letters of what is typed into a field, as the pages say too. What is signed is kept for good.
const MOST_LETTERS: [(&str, usize); 7] = [
    ("by", 100),
    ("signer", 100),
    ("name", 100),
    ("email", 254),
    ("how", 2_000),
    ("note", 2_000),
    ("reason", 2_000),
];

/// Says that a page asks for itself again, and nobody did anything.
const LIVE: &str = "drawbridge-live";

/// The name of a form's field that proves where the form comes from.
pub(super) const CSRF: &str = "csrf";

/// What stands before a route.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    pub(super) office: Arc<Office>,
    pub(super) needs: Needs,
    /// Whether they must just have proved who they are.
    pub(super) needs_proof: bool,
    /// Whether its form may bring a file.
    pub(super) takes_file: bool,
}

/// Light or dark, or as the machine has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Theme {
    #[default]
    AsTheMachine,
    Light,
    Dark,
}

impl Theme {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::AsTheMachine => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub(super) fn from_name(name: &str) -> Self {
        match name {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::AsTheMachine,
        }
    }
}

/// The fields of a form, or of an address.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    pub(super) fn read(text: &[u8]) -> Self {
        Self(url::form_urlencoded::parse(text).into_owned().collect())
    }

    pub(super) fn from_pairs(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// What was typed, without the space around it; empty when there is no such field.
    pub(super) fn get(&self, name: &str) -> &str {
        let field = self.0.iter().find(|(field, _)| field == name);
        field.map_or("", |(_, value)| value.trim())
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields as the end of an address, but for these; empty ones say nothing.
    pub(super) fn to_query(&self, but: &[&str]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.iter() {
            if !value.is_empty() && !but.contains(&name) {
                query.append_pair(name, value);
            }
        }
        query.finish()
    }

    /// Whether somebody typed a NUL, which PostgreSQL keeps in no text.
    pub(super) fn has_nul(&self) -> bool {
        self.iter()
            .any(|(name, value)| name.contains('\0') || value.contains('\0'))
    }

    /// Why a form is refused in which a field is longer than its page lets anybody type.
    fn too_long(&self) -> Option<String> {
        let over = MOST_LETTERS.iter().find(|(name, most)| {
            let typed = self.iter().filter(|(field, _)| field == name);
            // A browser counts the end of a line as one letter, and sends two.
            typed
                .map(|(_, value)| value.chars().filter(|letter| *letter != '\r').count())
                .any(|letters| letters > *most)
        });
        let (name, most) = over?;
        let label = trouble::label(name).unwrap_or(name);
        Some(format!("\"{label}\" takes {most} letters: write less"))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.0.iter();
        fields.map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Somebody who is signed in and asks for something.
#[derive(Debug, Clone)]
pub(super) struct SignedIn {
    pub(super) session: Session,
    pub(super) practice: Arc<Practice>,
    /// What their forms carry.
    pub(super) csrf: String,
}

/// One request.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) office: Arc<Office>,
    /// `None` only where nobody has to be signed in.
    pub(super) signed_in: Option<SignedIn>,
    /// Whoever was signed in until the time was over, and sent a form of theirs.
    pub(super) was_signed_in: Option<SignedIn>,
    pub(super) theme: Theme,
    pub(super) path: String,
    pub(super) query: Fields,
    pub(super) form: Fields,
    /// Which network it came from.
    pub(super) peer: Option<IpAddr>,
    /// The file that came with the form, if it is one that can be signed with.
    pub(super) file: Option<Result<SignedFile, Unfit>>,
    pub(super) now: Timestamp,
}

impl Visit {
    /// Whoever is signed in.
    ///
    /// # Panics
    /// On a route that needs nobody to be.
    pub(super) fn signed_in(&self) -> &SignedIn {
        self.signed_in
            .as_ref()
            .expect("the guard of this route lets nobody in who is not signed in")
    }

    pub(super) fn practice(&self) -> &Practice {
        &self.signed_in().practice
    }

    pub(super) fn may(&self, action: Action) -> bool {
        self.signed_in
            .as_ref()
            .is_some_and(|someone| someone.session.admin.role.may(action))
    }

    /// Whether whoever is signed in has all that a route needs.
    fn may_all(&self, needs: Needs) -> bool {
        match needs {
            Needs::Nothing => true,
            Needs::Session => self.signed_in.is_some(),
            Needs::Right(action) => self.may(action),
        }
    }

    /// As whom changes are made.
    pub(super) fn caller(&self) -> Caller {
        admins::caller(&self.practice().name, &self.signed_in().session.admin)
    }
}

/// Lets in who may, with the form they sent.
pub(super) async fn admit(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let mut visit = Visit {
        office: Arc::clone(&guard.office),
        signed_in: None,
        was_signed_in: None,
        theme: theme(&parts.headers),
        path: parts.uri.path().to_owned(),
        query: Fields::read(parts.uri.query().unwrap_or_default().as_bytes()),
        form: Fields::default(),
        // Behind a proxy everybody is the proxy, and nobody must be kept out for another.
        peer: peer
            .filter(|_| guard.office.knows_peers)
            .map(|ConnectInfo(peer)| tries::network(peer.ip())),
        file: None,
        now: guard.office.clock.now(),
    };
    if visit.path.contains("%00") || visit.query.has_nul() {
        return trouble::bare(&visit, StatusCode::BAD_REQUEST);
    }
    let changes = parts.method == Method::POST;
    if changes && !is_from_here(&parts.headers, guard.office.is_https) {
        return trouble::refuse(&visit, "a form came from another site");
    }
    if visit.path.starts_with("/assets/") {
        return next.run(Request::from_parts(parts, Body::empty())).await;
    }
    let problem = match find_session(&visit, &parts.headers).await {
        Ok(Some(someone)) if is_over(&someone, visit.now) => {
            visit.was_signed_in = Some(someone);
            None
        }
        Ok(signed_in) => {
            visit.signed_in = signed_in;
            None
        }
        Err(error) => Some(error),
    };
    if changes {
        // A file is read of whoever may send it only: what others typed comes back to them all the same.
        let takes_file = guard.takes_file && visit.may_all(guard.needs);
        match form::read(&guard.office, &parts, body, takes_file).await {
            Ok((form, file)) => (visit.form, visit.file) = (form, file),
            Err(status) => return trouble::bare(&visit, status),
        }
    }
    let was_theirs = |someone: &SignedIn| changes && is_theirs(&visit.form, someone);
    if !visit.was_signed_in.as_ref().is_some_and(was_theirs) {
        visit.was_signed_in = None;
    }
    if let Some(error) = problem {
        return trouble::unavailable(&visit, &error);
    }
    if guard.needs != Needs::Nothing {
        let Some(someone) = &visit.signed_in else {
            return trouble::not_signed_in(&visit).await;
        };
        if changes && !is_theirs(&visit.form, someone) {
            return trouble::refuse(&visit, "a form without the session's token");
        }
        if let Needs::Right(action) = guard.needs
            && !visit.may(action)
        {
            return trouble::may_not(&visit, action).await;
        }
        note_active(&visit, someone, &parts.headers).await;
        if let Some(why) = visit.form.too_long() {
            return trouble::tell(&visit, &trouble::Happened::Refused(why)).await;
        }
        if guard.needs_proof && !is_proved(&visit, someone.session.proved) {
            return kept::ask_whether_it_is_them(&visit).await;
        }
        kept::forget(&visit, someone).await;
    }
    let visit = Arc::new(visit);
    let mut request = Request::from_parts(parts, Body::empty());
    request.extensions_mut().insert(Arc::clone(&visit));
    let response = next.run(request).await;
    match response.extensions().get::<trouble::Happened>() {
        Some(happened) => trouble::tell(&visit, &happened.clone()).await,
        None => response,
    }
}

/// Whether a form was sent by a page of this very server.
fn is_from_here(headers: &HeaderMap, is_https: bool) -> bool {
    let one = |name| {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    };
    let scheme = if is_https { "https" } else { "http" };
    match (one(header::ORIGIN), one(header::HOST)) {
        (Some(origin), Some(host)) => origin.eq_ignore_ascii_case(&format!("{scheme}://{host}")),
        _ => false,
    }
}

fn is_theirs(form: &Fields, someone: &SignedIn) -> bool {
    form.get(CSRF)
        .as_bytes()
        .ct_eq(someone.csrf.as_bytes())
        .into()
}

/// Whether somebody proved who they are a moment ago.
pub(super) fn is_proved(visit: &Visit, proved: Option<Timestamp>) -> bool {
    let fresh_for = visit.office.fresh_for;
    proved.is_some_and(|proved| clock::after(proved, fresh_for) > visit.now)
}

/// Whether a session is over by the time alone.
fn is_over(someone: &SignedIn, now: Timestamp) -> bool {
    let session = &someone.session;
    clock::after(session.last_active, idle(session.admin.role)) <= now
        || clock::after(session.began, LONGEST) <= now
}

/// Whose session the browser holds, whether or not its time is over.
async fn find_session(visit: &Visit, headers: &HeaderMap) -> Result<Option<SignedIn>, StoreError> {
    let office = &visit.office;
    let Some(held) = cookie(headers, cookie_name(office.is_https))
        .and_then(|text| Bearer::parse(Kind::Session, text))
    else {
        return Ok(None);
    };
    let found = office.store.find_session(held.id()).await?;
    Ok(found
        .filter(|session| held.has_hash(&session.hash))
        .and_then(|session| {
            // A practice that left the settings has no office any more.
            let practice = office.practices.get(&session.admin.practice)?;
            Some(SignedIn {
                practice: Arc::clone(practice),
                session,
                csrf: held.derived(CSRF),
            })
        }))
}

/// How long somebody in this role may do nothing. Nobody clicks on a screen on the wall.
pub(super) const fn idle(role: OfficeRole) -> Duration {
    match role {
        OfficeRole::Board => LONGEST,
        OfficeRole::Auditor => IDLE_AUDITOR,
        _ => IDLE,
    }
}

/// Writes down that somebody did something. A page that asks for itself keeps nobody signed in.
async fn note_active(visit: &Visit, someone: &SignedIn, headers: &HeaderMap) {
    let is_due = clock::after(someone.session.last_active, NOTED_EVERY) <= visit.now;
    // Without scripts a page says so in its address.
    let asks_by_itself = headers.contains_key(LIVE) || visit.query.get("live") == "1";
    let is_live = asks_by_itself || visit.path == "/live";
    let store = &visit.office.store;
    // While nothing can be written, each page would wait for it in vain.
    if !is_due || is_live || store.is_in_trouble() {
        return;
    }
    if let Err(error) = store.note_active(&someone.session.id, visit.now).await {
        tracing::warn!(%error, "could not note that somebody is active: they may be signed out early");
    }
}

/// What the browser holds a session in. The prefix keeps other hosts and plain http from setting it.
const fn cookie_name(is_https: bool) -> &'static str {
    if is_https {
        "__Host-drawbridge"
    } else {
        "drawbridge"
    }
}

/// Has the browser hold a session.
pub(super) fn hold(held: &Bearer, is_https: bool) -> String {
    let secure = if is_https { "; Secure" } else { "" };
    format!(
        "{}={}; Path=/; HttpOnly; SameSite=Lax{secure}",
        cookie_name(is_https),
        held.text().expose_secret()
    )
}

/// Has the browser forget it.
pub(super) fn let_go(is_https: bool) -> String {
    let secure = if is_https { "; Secure" } else { "" };
    format!(
        "{}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0{secure}",
        cookie_name(is_https)
    )
}

fn theme(headers: &HeaderMap) -> Theme {
    cookie(headers, "theme").map_or(Theme::AsTheMachine, Theme::from_name)
}

/// What the browser holds under this name.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn only_a_form_of_this_very_server_is_taken() {
        let from = |origin: &str, is_https| {
            let pairs = [
                (header::HOST, "bridge.example:8443"),
                (header::ORIGIN, origin),
            ];
            is_from_here(&headers(&pairs), is_https)
        };

        assert!(from("https://bridge.example:8443", true));
        for origin in [
            "null",
            "http://bridge.example:8443",
            "https://bridge.example",
            "https://evil.example",
            "https://bridge.example:8443.evil.example",
        ] {
            assert!(!from(origin, true), "{origin}");
        }
        assert!(!is_from_here(
            &headers(&[(header::HOST, "bridge.example")]),
            true
        ));
    }

    #[test]
    fn a_session_is_held_where_no_script_and_no_other_host_reaches_it() {
        let held = Bearer::generate(Kind::Session).unwrap();

        let set = hold(&held, true);

        assert!(set.starts_with("__Host-drawbridge=dbr_session_"));
        for part in ["; Path=/", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
            assert!(set.contains(part), "{part}");
        }
        assert!(!set.contains("Domain"));
    }
}
