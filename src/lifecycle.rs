//! Whether the bridge is well, and how it is told to stop.

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::sync::watch;

use crate::store::Store;

/// `/livez`: the process answers. `/readyz`: the database answers too, takes what is written, and has room.
pub fn router(store: Store) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .with_state(store)
}

async fn ready(State(store): State<Store>) -> (StatusCode, &'static str) {
    match store.ping().await {
        Ok(()) if store.is_short_of_room() => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the disk of the database is full, or nearly so",
        ),
        Ok(()) => (StatusCode::OK, "ok"),
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the database does not answer, or cannot be written",
        ),
    }
}

/// Goes with each request, so that an answer without an end ends when the process is asked to stop.
#[derive(Debug, Clone)]
pub struct Stopping(pub watch::Receiver<bool>);

/// Becomes true when the process is asked to stop, by SIGTERM or Ctrl-C.
pub fn stop_signal() -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        wait_for_signal().await;
        let _ = sender.send(true);
    });
    receiver
}

#[cfg(unix)]
async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(not(unix))]
async fn wait_for_signal() {
    let _ = tokio::signal::ctrl_c().await;
}
