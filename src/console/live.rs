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

use super::{admit::Visit, pages::tokens};
use crate::{lifecycle::Stopping, policy::office::Action};

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
    let begin = (visit, None::<String>);
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
                let stands = stands(&visit).await;
                match (stands, &known) {
                    (Some(stands), Some(known)) if stands != *known => {
                        let event = Event::default().event("moved").data(&stands);
                        return Some((Ok::<_, Infallible>(event), (visit, Some(stands))));
                    }
                    // A page that opens says where it stands, so that nothing between two streams is missed.
                    (Some(stands), None) => {
                        let event = Event::default().event("stands").data(&stands);
                        return Some((Ok(event), (visit, Some(stands))));
                    }
                    _ => tokio::time::sleep(LOOK_EVERY).await,
                }
            }
        }
    });
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15));
    Sse::new(changes).keep_alive(keep_alive).into_response()
}

/// How far the practice has come, and what came with a token that somebody waits for. `None` when the archive does
/// not answer.
async fn stands(visit: &Visit) -> Option<String> {
    let store = &visit.office.store;
    let length = store
        .find_ledger_length(&visit.practice().name)
        .await
        .ok()?;
    match visit.query.get("token") {
        "" => Some(length.to_string()),
        _ if !visit.may(Action::SeeSettings) => Some(length.to_string()),
        token => Some(format!("{length} {}", tokens::stamp(visit, token).await?)),
    }
}
