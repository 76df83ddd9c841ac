//! `drawbridge serve`

use std::{sync::Arc, time::Duration};

use clap::Args;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::Instant};
use tracing::{info, warn};

use super::{CliError, Exit, setup::ConfigArg};
use crate::{
    app::{self, Bridge},
    clock::SystemClock,
    config::Settings,
    console, lifecycle, listener,
    store::{Dialect, SecondLedger, ServerLock, StoreError, ballast},
    telemetry, tls,
};

/// How long a database that does not answer is waited for at the start.
const DATABASE_STARTS_WITHIN: Duration = Duration::from_secs(60);

/// Take changes from the identity provider and carry them to every system.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  drawbridge serve --config practice.toml

Stops on SIGTERM or Ctrl-C within 25 seconds; what is unfinished goes on at the next start.")]
pub struct Serve {
    #[command(flatten)]
    config: ConfigArg,
    /// Take changes, and call no system. For measuring.
    #[arg(long, hide = true)]
    no_rounds: bool,
}

impl Serve {
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        telemetry::start();
        let settings = self.config.load()?;
        // Built once before anything is written, so that a mistake leaves no trace.
        app::systems(&settings, &app::InForce::new())
            .map_err(|problems| CliError::Configuration(problems.to_string()))?;
        app::Telling::new(&settings).map_err(CliError::Configuration)?;
        console::Providers::new(&settings).map_err(CliError::Configuration)?;
        app::watched(&settings).map_err(CliError::Configuration)?;
        let url = settings.database_url().map_err(CliError::from)?;
        let _lock = ServerLock::take(&url)?;
        let bridge = build(&settings, &url).await?;
        let missing = app::find_missing_systems(&settings, &bridge.store).await?;
        if !missing.is_empty() {
            return Err(CliError::Configuration(missing.join("\n")));
        }
        bridge.take_stock(&settings).await?;
        let stop = lifecycle::stop_signal();
        let metrics = serve_metrics(&settings, &bridge, stop.clone()).await?;
        let rounds = (!self.no_rounds).then(|| {
            let (bridge, stop) = (bridge.clone(), stop.clone());
            tokio::spawn(async move { bridge.run(stop).await })
        });
        if rounds.is_none() {
            warn!("no system is called: doors stay as they are");
        }
        listen(&settings, &bridge, stop).await?;
        for task in [rounds, metrics].into_iter().flatten() {
            let _ = task.await;
        }
        bridge.store.close().await;
        Ok(Exit::Ok)
    }
}

/// Puts the bridge together. A database that does not answer is waited for: after a power cut it may
/// start later than the bridge does.
async fn build(settings: &Settings, url: &str) -> Result<Bridge, StoreError> {
    let began = Instant::now();
    loop {
        match build_now(settings).await {
            Err(error) if error.may_pass() && began.elapsed() < DATABASE_STARTS_WITHIN => {
                warn!(why = %error, "the database does not answer yet: trying again");
                ballast::free_before_opening(url);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            done => return done,
        }
    }
}

/// Puts the bridge together, and brings over what was done while the database could not be written, before
/// anything else is.
async fn build_now(settings: &Settings) -> Result<Bridge, StoreError> {
    let bridge = Bridge::build(settings, Arc::new(SystemClock)).await?;
    bridge.store.keep_ballast(ballast::SIZE);
    if bridge.store.is_short_of_room() {
        warn!(
            "the disk of the database has little room: only departures are taken, and nothing is opened, until {} MB are free",
            2 * ballast::SIZE / (1024 * 1024)
        );
    }
    if bridge.store.dialect() == Dialect::Sqlite {
        bridge.store.release_all_leases().await?;
    }
    match bridge.rounds.import_second_ledger().await {
        // Closes need one ledger, and the database is one. Opens wait until this one can be read.
        Err(error @ StoreError::File { .. }) => {
            warn!(%error, "the second ledger cannot be brought over: nothing is opened until it is");
        }
        imported => imported?,
    }
    if let Some(Err(error)) = bridge.rounds.second_ledger().map(SecondLedger::try_to_open) {
        warn!(%error, "closes will wait for the database whenever it cannot be written");
    }
    Ok(bridge)
}

/// The metrics, on a listener of their own, where one is asked for.
async fn serve_metrics(
    settings: &Settings,
    bridge: &Bridge,
    stop: watch::Receiver<bool>,
) -> Result<Option<JoinHandle<()>>, CliError> {
    let Some(address) = settings.metrics_listen else {
        return Ok(None);
    };
    let counted = telemetry::metrics::start().map_err(CliError::Problem)?;
    let socket = TcpListener::bind(address).await.map_err(|error| {
        CliError::Unreachable(format!(
            "cannot listen on {address} for metrics: {error}: choose another `metrics_listen`"
        ))
    })?;
    let router = bridge.metrics(counted, settings);
    let limits = settings.limits;
    info!(%address, "metrics at http://{address}/metrics");
    Ok(Some(tokio::spawn(async move {
        listener::serve(socket, None, &limits, router, stop).await;
    })))
}

async fn listen(
    settings: &Settings,
    bridge: &Bridge,
    stop: watch::Receiver<bool>,
) -> Result<(), CliError> {
    let router = bridge.router(settings);
    let tls = settings.tls.as_ref().map(tls::acceptor).transpose();
    let tls = tls.map_err(CliError::Configuration)?;
    let unusable = |error: std::io::Error| {
        CliError::Unreachable(format!(
            "cannot listen on {}: {error}: choose another `listen`",
            settings.listen
        ))
    };
    let socket = TcpListener::bind(settings.listen).await.map_err(unusable)?;
    let address = socket.local_addr().map_err(unusable)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    info!(%address, "SCIM at {scheme}://{address}/scim/v2");
    listener::serve(socket, tls, &settings.limits, router, stop).await;
    Ok(())
}
