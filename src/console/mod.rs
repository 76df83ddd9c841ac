//! THE OFFICE: the admin's web pages.
//!
//! - [`routes`]: the one table of what can be asked, and what somebody must be allowed to do for it
//! - `admit`: who is signed in, whether they may, and whether the form is theirs
//! - [`admins`]: inviting somebody, letting them in, sending them away
//! - `sign_in`, `provider`: how somebody gets in, by a link and by an identity provider
//! - `passkeys`: the same by a passkey, and the page where people keep theirs
//! - `kept`, `stay`: forms that wait until somebody proves who they are, and how long they stay signed in
//! - `frame`, `time`, `words`, `moments`: what every page shares
//! - `pages`: one file per page
//! - `assets`: the style sheet and the scripts
//!
//! Every page is HTML that works without JavaScript, and every button is a form.

pub mod admins;
mod admit;
mod assets;
mod csv;
mod download;
mod form;
mod frame;
mod kept;
mod live;
mod moments;
mod pages;
mod passkeys;
mod provider;
mod providers;
pub mod routes;
mod seal;
mod sign_in;
mod stay;
mod time;
mod trouble;
mod words;

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, header},
    middleware::{self, Next},
    response::Response,
};
use jiff::{Timestamp, tz::TimeZone};
use tokio::sync::{OnceCell, Semaphore};

pub use self::providers::Providers;
use self::seal::Seal;
use crate::{
    alerts::Alarm,
    bearer,
    clock::Clock,
    config::{Settings, SystemSettings, Waits},
    ids::{PracticeName, SourceName, SystemName},
    intake::Intake,
    passkey::Site,
    rounds::lookout::Lookout,
    store::{Store, StoreError},
    tries::Tries,
};

/// How many codes are brought to identity providers at once; whoever comes then waits for a moment.
const EXCHANGES: usize = 8;

/// What the office knows of a practice.
#[derive(Debug)]
struct Practice {
    name: PracticeName,
    title: String,
    zone: TimeZone,
    close_within: Duration,
    hold_for: Duration,
    sources: Vec<SourceName>,
    silent_after: Vec<(SourceName, Duration)>,
    systems: Vec<SystemSettings>,
    break_glass: Vec<String>,
}

impl Practice {
    fn system(&self, name: &SystemName) -> Option<&SystemSettings> {
        self.systems.iter().find(|system| system.name == *name)
    }

    /// What its time zone is called.
    fn zone_name(&self) -> String {
        self.zone.iana_name().unwrap_or("UTC").to_owned()
    }

    /// What people call a system.
    fn title_of(&self, name: &SystemName) -> String {
        self.system(name)
            .map_or_else(|| name.to_string(), |system| system.title.clone())
    }
}

/// What a look at something said, and when.
#[derive(Debug, Clone)]
struct Looked {
    at: Timestamp,
    is_well: bool,
    says: String,
}

/// The office of every practice.
#[derive(Debug)]
pub struct Office {
    store: Store,
    intake: Intake,
    lookout: Lookout,
    /// `None` where nobody is told anything.
    alarm: Option<Alarm>,
    clock: Arc<dyn Clock>,
    practices: HashMap<PracticeName, Arc<Practice>>,
    is_https: bool,
    waits: Waits,
    /// Who may say who somebody is.
    providers: Arc<Providers>,
    /// Sign-ins that a provider did not vouch for, by network.
    in_vain: Tries<IpAddr>,
    /// How many codes may be brought to identity providers at once.
    exchanges: Semaphore,
    /// Whether browsers come here themselves, and not by a proxy.
    knows_peers: bool,
    /// How long somebody who proved who they are is not asked again.
    fresh_for: Duration,
    /// Where people reach the console, and identity providers the front door.
    url: String,
    /// Whether the settings say so; else it is where the server listens, which others may reach by another name.
    knows_its_url: bool,
    /// What passkeys are for; `None` where browsers keep none for this address.
    site: Option<Site>,
    listeners: stay::Listeners,
    seal: OnceCell<Seal>,
    /// What systems said when they were last tested. Forgotten at a restart: it would be stale.
    tests: Mutex<HashMap<(PracticeName, SystemName), Looked>>,
    /// What the chains were when they were last checked.
    chains: Mutex<HashMap<PracticeName, Looked>>,
}

impl Office {
    /// An office over this reception.
    pub fn new(
        store: Store,
        intake: Intake,
        lookout: Lookout,
        settings: &Settings,
        providers: Arc<Providers>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let practices = settings.practices.iter().map(|practice| {
            let known = Practice {
                name: practice.name.clone(),
                title: practice.title.clone(),
                // Checked when the settings were read.
                zone: TimeZone::get(&practice.time_zone).unwrap_or(TimeZone::UTC),
                close_within: practice.close_within,
                hold_for: practice.hold_for,
                sources: practice
                    .sources
                    .iter()
                    .map(|source| source.name.clone())
                    .collect(),
                silent_after: practice.silent_after(),
                systems: practice.systems.clone(),
                break_glass: practice.break_glass.clone(),
            };
            (practice.name.clone(), Arc::new(known))
        });
        let url = settings.console.url.clone().unwrap_or_else(|| {
            let scheme = if settings.is_https { "https" } else { "http" };
            format!("{scheme}://{}", settings.listen)
        });
        Self {
            store,
            intake,
            lookout,
            alarm: None,
            clock,
            practices: practices.collect(),
            is_https: settings.is_https,
            waits: settings.limits.waits,
            providers,
            in_vain: Tries::default(),
            exchanges: Semaphore::new(EXCHANGES),
            knows_peers: settings.tls.is_some() || !settings.is_https,
            fresh_for: settings.console.fresh_for,
            knows_its_url: settings.console.url.is_some(),
            site: Site::at(&url),
            url,
            listeners: stay::Listeners::default(),
            seal: OnceCell::new(),
            tests: Mutex::default(),
            chains: Mutex::default(),
        }
    }

    /// Seals what browsers keep for us.
    async fn seal(&self) -> Result<&Seal, StoreError> {
        let no_randomness =
            || StoreError::Unavailable("this machine has no randomness to give".to_owned());
        self.seal
            .get_or_try_init(|| async {
                let new = bearer::random_hex().map_err(|_| no_randomness())?;
                let secret = self.store.install_value("console_seal", &new).await?;
                Seal::of(&secret).ok_or_else(no_randomness)
            })
            .await
    }

    /// The same office, which may test and show the channels of this alarm.
    #[must_use]
    pub fn alarmed_by(mut self, alarm: Option<Alarm>) -> Self {
        self.alarm = alarm;
        self
    }

    fn tests(&self) -> MutexGuard<'_, HashMap<(PracticeName, SystemName), Looked>> {
        self.tests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn chains(&self) -> MutexGuard<'_, HashMap<PracticeName, Looked>> {
        self.chains.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The routes of the office, at `/`.
pub fn router(office: Office) -> Router {
    let dressed = middleware::from_fn_with_state(office.is_https, dress);
    routes::all(&Arc::new(office)).layer(dressed)
}

/// Nothing but this server's own files runs or is shown in a page, and no page is shown in another.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Browsers that were here once ask by https alone, for a year. Other names of the domain are not ours to bind.
const HTTPS_ALONE: &str = "max-age=31536000";

/// Puts on what every answer wears.
async fn dress(State(is_https): State<bool>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Not `no-referrer`: a browser would then hide where a form comes from, and that is checked.
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), microphone=(), geolocation=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_https {
        let alone = HeaderValue::from_static(HTTPS_ALONE);
        headers.insert(header::STRICT_TRANSPORT_SECURITY, alone);
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
