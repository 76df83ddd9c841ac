//! THE LISTENER: takes connections and keeps each of them within its limits, with TLS or without.
//!
//! - `connection`: one connection from its first byte to its last
//! - `pulse`: what it is doing, and until when it may

mod connection;
mod pulse;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Extension, Router};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time,
};
use tokio_rustls::TlsAcceptor;

use crate::{config::Limits, lifecycle::Stopping};
use connection::Door;

/// When a connection is tried again after the operating system gave none, for want of descriptors.
const BREATH: Duration = Duration::from_secs(1);

/// Serves until told to stop, then until the last request is answered or has taken too long.
///
/// Connections above the limit wait in the operating system's queue.
pub async fn serve(
    socket: TcpListener,
    tls: Option<TlsAcceptor>,
    limits: &Limits,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(
        limits.connections.min(Semaphore::MAX_PERMITS),
    ));
    let door = Arc::new(Door {
        tls,
        waits: limits.waits,
        router: router.layer(Extension(Stopping(stop.clone()))),
        stop: stop.clone(),
    });
    let mut open = JoinSet::new();
    loop {
        let (place, stream, peer) = tokio::select! {
            taken = take(&socket, &places) => taken,
            () = told_to_stop(&mut stop) => break,
        };
        let door = Arc::clone(&door);
        open.spawn(async move {
            door.attend(stream, peer).await;
            drop(place);
        });
        while open.try_join_next().is_some() {}
    }
    // Nobody is let in while those inside finish.
    drop(socket);
    let all_gone = async { while open.join_next().await.is_some() {} };
    if time::timeout(limits.waits.drain, all_gone).await.is_err() {
        tracing::warn!(
            "stopped before every request was answered: the clients will send them again"
        );
        open.shutdown().await;
    }
}

/// The next connection, as soon as there is a place for it.
async fn take(
    socket: &TcpListener,
    places: &Arc<Semaphore>,
) -> (Option<OwnedSemaphorePermit>, TcpStream, SocketAddr) {
    // The places are never closed, so there always is one in the end.
    let place = Arc::clone(places).acquire_owned().await.ok();
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => return (place, stream, peer),
            Err(error) if is_of_one_client(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot take a connection: raise the limit of open files, or lower `connections`");
                time::sleep(BREATH).await;
            }
        }
    }
}

fn is_of_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}

async fn told_to_stop(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|is_told| *is_told).await;
}
