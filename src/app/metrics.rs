//! The page of the metrics: what was counted, and what stands now.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
    routing::get,
};
use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::time::Instant;

use crate::{
    clock::{self, Clock},
    ids::PracticeName,
    rounds::Rounds,
    store::{Store, StoreError},
    telemetry::metrics::{
        CHANNELS_FAILING, DISK_FULL, OLDEST, OPENS_WAIT, OVERDUE, REACHABLE, REQUEST_SECONDS,
        REQUESTS, RETURNS, SECOND_HOLDS, SECOND_WRITABLE, UNCLOSED, WRITABLE,
    },
};

/// Counts a SCIM request.
pub async fn count_request(request: Request, next: Next) -> Response {
    let method = match request.method().as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        _ => "other",
    };
    let began = Instant::now();
    let answer = next.run(request).await;
    let status = answer.status().as_u16().to_string();
    counter!(REQUESTS, "method" => method, "status" => status).increment(1);
    histogram!(REQUEST_SECONDS, "method" => method).record(began.elapsed());
    answer
}

/// What the page is made of.
#[derive(Debug, Clone)]
pub struct Page {
    /// What was counted.
    pub counted: PrometheusHandle,
    /// What stands.
    pub store: Store,
    /// Which systems can be reached, and what the second ledger holds.
    pub rounds: Arc<Rounds>,
    /// The practices, for those with nothing to tell.
    pub practices: Vec<PracticeName>,
    /// How old something is.
    pub clock: Arc<dyn Clock>,
}

/// `/metrics`, for a listener of its own.
pub fn router(page: Page) -> Router {
    Router::new().route("/metrics", get(show)).with_state(page)
}

async fn show(State(page): State<Page>) -> Response {
    let writable = page.store.ping().await.is_ok();
    gauge!(WRITABLE).set(yes(writable));
    gauge!(DISK_FULL).set(yes(page.store.is_short_of_room()));
    if let Some(second) = page.rounds.second_ledger() {
        gauge!(SECOND_HOLDS).set(yes(second.holds_records()));
        gauge!(SECOND_WRITABLE).set(yes(second.is_writable()));
    }
    if let Err(error) = page.look().await {
        tracing::warn!(%error, "what stands could not be read for the metrics");
        if writable {
            return (
                StatusCode::SERVICE_UNAVAILABLE,
                "the database does not answer",
            )
                .into_response();
        }
    }
    page.counted.run_upkeep();
    let text = page.counted.render();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

impl Page {
    async fn look(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let opens_wait = self.store.find_opens_wait().await?.is_some();
        gauge!(OPENS_WAIT).set(yes(opens_wait));
        let failing = self.store.count_failing_channels().await?;
        for practice in &self.practices {
            let own = failing.iter().find(|(name, _)| name == practice);
            let channels = own.map_or(0, |(_, channels)| *channels);
            gauge!(CHANNELS_FAILING, "practice" => practice.to_string())
                .set(to_float(usize::try_from(channels).unwrap_or_default()));
            let waiting = self.store.list_held_returns(practice).await?.len();
            gauge!(RETURNS, "practice" => practice.to_string()).set(to_float(waiting));
        }
        let unclosed = self.store.count_unclosed_doors(now).await?;
        for system in self.rounds.systems().iter() {
            let own = unclosed
                .iter()
                .find(|row| row.practice == system.practice && row.system == system.name);
            let labels = [
                ("practice", system.practice.to_string()),
                ("system", system.name.to_string()),
            ];
            gauge!(UNCLOSED, &labels).set(own.map_or(0.0, |own| to_float(own.doors)));
            gauge!(OVERDUE, &labels).set(own.map_or(0.0, |own| to_float(own.overdue)));
            let age = own.map_or(Duration::ZERO, |own| clock::between(own.oldest, now));
            gauge!(OLDEST, &labels).set(age.as_secs_f64());
            gauge!(REACHABLE, &labels).set(yes(system.is_reachable()));
        }
        Ok(())
    }
}

fn yes(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

fn to_float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
