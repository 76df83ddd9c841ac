//! Logs: JSON or text on standard error, fields instead of prose, never a person's name.

pub mod metrics;

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Starts logging. `DRAWBRIDGE_LOG` chooses what (default `info`), `DRAWBRIDGE_LOG_FORMAT=json` how.
pub fn start() {
    let filter = EnvFilter::try_from_env("DRAWBRIDGE_LOG")
        .unwrap_or_else(|_| EnvFilter::new("warn,drawbridge=info"));
    let registry = tracing_subscriber::registry().with(filter);
    let wants_json = std::env::var("DRAWBRIDGE_LOG_FORMAT").is_ok_and(|format| format == "json");
    // A second start, in tests, keeps the first.
    let _ = if wants_json {
        registry
            .with(fmt::layer().json().with_writer(std::io::stderr))
            .try_init()
    } else {
        registry
            .with(fmt::layer().with_writer(std::io::stderr))
            .try_init()
    };
}
