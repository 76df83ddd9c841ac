//! Where a system is, checked once when the settings are read.

use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use reqwest::{Certificate, Client, Method, Response, redirect, retry, tls::TlsInfo};
use tokio::time::Instant;
use url::Url;

use super::{
    address::AddressRules,
    auth::Auth,
    install_tls_provider,
    request::{Request, Sends},
    resolver::CheckedResolver,
};
use crate::{
    connector::{BuildContext, SettingsError},
    tls::not_after,
};

/// How long an unused connection is kept. Long enough for the steps of one call, too short to meet
/// a connection the other side has dropped.
const KEEP_CONNECTION: Duration = Duration::from_secs(5);

/// What a connector's settings may say about its address, besides the address.
///
/// A connector has these as plain fields of its own settings, because serde cannot both flatten and
/// refuse unknown keys.
#[derive(Debug, Clone, Default)]
pub struct EndpointOptions {
    /// Admits `http://` to loopback addresses, and loopback over https.
    pub allow_plain_http: bool,
    /// Networks beyond the public internet that may be connected to, as `10.0.0.0/8`.
    pub allow_networks: Vec<String>,
    /// PEM certificates that are trusted instead of the machine's own, relative to the settings file.
    pub ca_file: Option<PathBuf>,
    /// How the bridge says who it is; more than one where a system wants a key besides a token.
    pub auth: Vec<Auth>,
    /// Headers sent with every request, for example an API version.
    pub headers: Vec<(String, String)>,
}

/// The point in time by which a call must be over, shared by its requests.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// The time that is left.
    pub fn remaining(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// A system's address with everything needed to ask it.
#[derive(Clone)]
pub struct Endpoint {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) client: Client,
    pub(super) base: String,
    pub(super) auth: Vec<Auth>,
    pub(super) headers: Vec<(String, String)>,
    call_timeout: Duration,
    certificate_ends: Mutex<Option<Timestamp>>,
}

impl Endpoint {
    /// An endpoint at this address. Nothing is connected.
    ///
    /// # Errors
    /// When the address, a network, a header or the certificate file cannot be used.
    pub fn new(
        base_url: &str,
        options: EndpointOptions,
        context: &BuildContext,
    ) -> Result<Self, SettingsError> {
        let rules = AddressRules::new(options.allow_plain_http, &options.allow_networks)?;
        let (url, client) = client(
            "base_url",
            base_url,
            &rules,
            options.ca_file.as_ref(),
            context,
        )?;
        let mut auth = options.auth;
        for each in &mut auth {
            if let Auth::OAuth(oauth) = each {
                let (url, client) = self::client(
                    "token_url",
                    oauth.token_url(),
                    &rules,
                    options.ca_file.as_ref(),
                    context,
                )?;
                oauth.connect(url, client);
            }
        }
        Ok(Self {
            inner: Arc::new(Inner {
                client,
                base: url.as_str().trim_end_matches('/').to_owned(),
                auth,
                headers: options.headers,
                call_timeout: context.call_timeout,
                certificate_ends: Mutex::default(),
            }),
        })
    }

    /// A request that changes nothing. `step` and `path` go into the receipt; `{places}` in the path
    /// are filled by [`Request::fill`].
    pub fn read(&self, step: &str, method: Method, path: &str) -> Request {
        Request::new(Arc::clone(&self.inner), Sends::Reads, step, method, path)
    }

    /// A request that may change something, so that without an answer it may still land.
    pub fn change(&self, step: &str, method: Method, path: &str) -> Request {
        Request::new(Arc::clone(&self.inner), Sends::Changes, step, method, path)
    }

    /// When a call that begins now must be over. The requests of one call share it with
    /// [`Request::before`], so that a silent system does not hold each of them for the whole time.
    pub fn deadline(&self) -> Deadline {
        self.inner.deadline()
    }

    /// When the certificate ends that was shown with the last answer. `None` before the first one, and
    /// without TLS.
    pub fn certificate_ends(&self) -> Option<Timestamp> {
        let ends = self.inner.certificate_ends.lock();
        *ends.unwrap_or_else(PoisonError::into_inner)
    }

    /// The address as in the settings, without a final `/`.
    pub fn base_url(&self) -> &str {
        &self.inner.base
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("base_url", &self.inner.base)
            .finish_non_exhaustive()
    }
}

impl Inner {
    pub(super) fn deadline(&self) -> Deadline {
        Deadline::after(self.call_timeout)
    }

    /// Notes when the certificate ends that came with an answer.
    pub(super) fn note_certificate(&self, response: &Response) {
        let shown = response.extensions().get::<TlsInfo>();
        let end = shown
            .and_then(TlsInfo::peer_certificate)
            .and_then(not_after);
        if end.is_some() {
            let mut ends = self
                .certificate_ends
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            *ends = end;
        }
    }
}

impl Deadline {
    pub(super) fn after(time: Duration) -> Self {
        Self(Instant::now() + time)
    }
}

/// A client that can reach this address and follows nothing away from it.
fn client(
    key: &'static str,
    url: &str,
    rules: &AddressRules,
    ca_file: Option<&PathBuf>,
    context: &BuildContext,
) -> Result<(Url, Client), SettingsError> {
    install_tls_provider();
    let (url, rules) = rules.check(key, url)?;
    let mut builder = Client::builder()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .no_proxy()
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        .tls_info(true)
        // Less than the whole time, so that "cannot be reached" is told apart from "does not answer".
        .connect_timeout(context.call_timeout / 2)
        .pool_idle_timeout(KEEP_CONNECTION)
        .user_agent(concat!("drawbridge/", env!("CARGO_PKG_VERSION")))
        .dns_resolver(CheckedResolver { rules });
    if let Some(file) = ca_file {
        builder = builder.tls_certs_only(certificates(file, context)?);
    } else if url.scheme() == "http" {
        // A container without certificates can still ask a system on the same machine.
        builder = builder.tls_certs_only([]);
    }
    let client = builder.build().map_err(|error| SettingsError::Value {
        key,
        problem: format!("no client can be made for it ({error}): name a ca_file, or install the system's certificates"),
    })?;
    Ok((url, client))
}

fn certificates(file: &PathBuf, context: &BuildContext) -> Result<Vec<Certificate>, SettingsError> {
    let path = context.base_dir.join(file);
    let wrong = |problem: String| SettingsError::Value {
        key: "ca_file",
        problem,
    };
    let pem = std::fs::read(&path).map_err(|error| {
        wrong(format!(
            "`{}` cannot be read ({error}): check the path",
            path.display()
        ))
    })?;
    let certificates = Certificate::from_pem_bundle(&pem).unwrap_or_default();
    if certificates.is_empty() {
        return Err(wrong(format!(
            "`{}` holds no PEM certificate: export the authority's as PEM",
            path.display()
        )));
    }
    Ok(certificates)
}
