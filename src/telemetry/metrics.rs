//! What is counted, for Prometheus. No person is in a label, and no address.
//!
//! What happens is counted here as it happens; what stands is read from the database when the page is
//! asked for (`app::metrics`).
//!
//! # Source
//! <https://prometheus.io/docs/practices/naming/>, <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::ids::{PracticeName, SystemName};

pub(crate) const REQUESTS: &str = "drawbridge_scim_requests_total";
pub(crate) const REQUEST_SECONDS: &str = "drawbridge_scim_request_seconds";
const ATTEMPTS: &str = "drawbridge_attempts_total";
const CALL_SECONDS: &str = "drawbridge_call_seconds";
const ALERTS: &str = "drawbridge_alerts_total";
pub(crate) const CHANNELS_FAILING: &str = "drawbridge_alert_channels_failing";
pub(crate) const UNCLOSED: &str = "drawbridge_doors_unclosed";
pub(crate) const OVERDUE: &str = "drawbridge_doors_overdue";
pub(crate) const OLDEST: &str = "drawbridge_oldest_unclosed_seconds";
pub(crate) const RETURNS: &str = "drawbridge_returns_waiting";
pub(crate) const REACHABLE: &str = "drawbridge_system_reachable";
pub(crate) const WRITABLE: &str = "drawbridge_database_writable";
pub(crate) const OPENS_WAIT: &str = "drawbridge_opens_wait";
pub(crate) const DISK_FULL: &str = "drawbridge_disk_full";
pub(crate) const SECOND_HOLDS: &str = "drawbridge_second_ledger_holds_records";
pub(crate) const SECOND_WRITABLE: &str = "drawbridge_second_ledger_writable";

/// Seconds at which calls and requests are told apart; a call ends after 20.
const BUCKETS: [f64; 12] = [
    0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0,
];

/// Begins to count. Once for each process.
///
/// # Errors
/// When something counts already.
pub fn start() -> Result<PrometheusHandle, String> {
    let unusable = |error: &dyn std::fmt::Display| format!("metrics cannot be counted: {error}");
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)
        .map_err(|error| unusable(&error))?
        .install_recorder()
        .map_err(|error| unusable(&error))?;
    describe_counter!(REQUESTS, "SCIM requests answered, by method and status");
    describe_histogram!(REQUEST_SECONDS, "time until a SCIM request was answered");
    describe_counter!(
        ATTEMPTS,
        "calls that were to change something, by what became of them"
    );
    describe_histogram!(CALL_SECONDS, "time until a system answered such a call");
    describe_counter!(ALERTS, "alerts given to a channel, by what became of them");
    describe_gauge!(CHANNELS_FAILING, "channels of alerts that take nothing");
    describe_gauge!(UNCLOSED, "doors that shall be shut and are not green");
    describe_gauge!(OVERDUE, "those of them past their deadline");
    describe_gauge!(OLDEST, "for how long the oldest of them shall be shut");
    describe_gauge!(
        RETURNS,
        "people who left and wait for somebody's word to get in again"
    );
    describe_gauge!(REACHABLE, "1 while a system can be reached, else 0");
    describe_gauge!(
        WRITABLE,
        "1 while the database takes what is written, else 0"
    );
    describe_gauge!(OPENS_WAIT, "1 while nothing is opened after a restore");
    describe_gauge!(
        DISK_FULL,
        "1 while the disk of the database is full and the room kept for that in use"
    );
    describe_gauge!(
        SECOND_HOLDS,
        "1 while the second ledger holds calls that the database does not know"
    );
    describe_gauge!(
        SECOND_WRITABLE,
        "0 when the second ledger could not be written"
    );
    Ok(handle)
}

/// Counts an alert that was given to a channel.
pub fn count_alert(practice: &PracticeName, result: &'static str) {
    counter!(ALERTS, "practice" => practice.to_string(), "result" => result).increment(1);
}

/// Counts a call that was to change something.
pub fn count_attempt(
    (practice, system): (&PracticeName, &SystemName),
    action: &'static str,
    result: &'static str,
    took: Duration,
) {
    let (practice, system) = (practice.to_string(), system.to_string());
    counter!(ATTEMPTS, "practice" => practice.clone(), "system" => system.clone(), "action" => action, "result" => result)
        .increment(1);
    histogram!(CALL_SECONDS, "practice" => practice, "system" => system).record(took);
}
