//! Tells an open page the moment something happened. It says nothing else: the page then asks for itself.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Extension,
    http::StatusCode,
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::stream;
use tokio::time::Instant;

use super::admit::Visit;
use crate::lifecycle::Stopping;

/// How often the length of the ledger is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long one stream goes on; browsers come again by themselves. Shorter than the listener lets a
/// connection be.
const STREAM_FOR: Duration = Duration::from_secs(60);

/// Something happens in a practice whenever its ledger grows, whichever process wrote it.
pub(super) async fn stream(
    Extension(visit): Extension<Arc<Visit>>,
    Extension(Stopping(stop)): Extension<Stopping>,
) -> Response {
    // A page without a stream asks for itself now and then.
    let Some(listening) = visit.office.listeners.admit(visit.signed_in()) else {
        return StatusCode::TOO_MANY_REQUESTS.into_response();
    };
    let until = Instant::now() + STREAM_FOR;
    let begin = (visit, None::<i64>);
    let changes = stream::unfold(begin, move |(visit, known)| {
        // Its place is taken for as long as the stream goes on.
        let _ = &listening;
        let stop = stop.clone();
        async move {
            loop {
                // An open page keeps the bridge from stopping for no longer than one look.
                if Instant::now() >= until || *stop.borrow() {
                    return None;
                }
                let store = &visit.office.store;
                let length = store.find_ledger_length(&visit.practice().name).await.ok();
                match (length, known) {
                    (Some(length), Some(known)) if length != known => {
                        let event = Event::default().event("moved").data(length.to_string());
                        return Some((Ok::<_, Infallible>(event), (visit, Some(length))));
                    }
                    // A page that opens says where it stands, so that nothing between two streams is missed.
                    (Some(length), None) => {
                        let event = Event::default().event("stands").data(length.to_string());
                        return Some((Ok(event), (visit, Some(length))));
                    }
                    _ => tokio::time::sleep(LOOK_EVERY).await,
                }
            }
        }
    });
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15));
    Sse::new(changes).keep_alive(keep_alive).into_response()
}
