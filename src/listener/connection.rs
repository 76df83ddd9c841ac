//! One connection from its first byte to its last.

use std::{net::SocketAddr, pin::Pin, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo, http::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    time,
};
use tokio_rustls::TlsAcceptor;
use tower::Service as _;

use super::{
    pulse::{Pulse, Watched},
    told_to_stop,
};
use crate::config::Waits;

/// Room for the header of a request: twice the longest address that is read.
const HEAD_BYTES: usize = 128 * 1024;

/// How long a client may go on sending after it was answered for the last time.
const LINGER: Duration = Duration::from_secs(5);

/// What every connection needs.
pub(super) struct Door {
    pub(super) tls: Option<TlsAcceptor>,
    pub(super) waits: Waits,
    pub(super) router: Router,
    pub(super) stop: watch::Receiver<bool>,
}

impl Door {
    pub(super) async fn attend(&self, stream: TcpStream, peer: SocketAddr) {
        // Answers are small and written whole: waiting for more to send only delays them.
        let _ = stream.set_nodelay(true);
        let Some(tls) = &self.tls else {
            return self.converse(stream, peer).await;
        };
        match time::timeout(self.waits.head, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.converse(stream, peer).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS with a client"),
            Err(_) => tracing::debug!(%peer, "no TLS with a client in time"),
        }
    }

    /// Answers request after request. HTTP/1.1 alone: nothing that speaks SCIM needs more, and what
    /// is not there cannot be attacked.
    async fn converse<S>(&self, stream: S, peer: SocketAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (pulse, mut limit) = Pulse::begin(self.waits);
        let service = service_fn(|mut request: Request<Incoming>| {
            pulse.asked();
            request.extensions_mut().insert(ConnectInfo(peer));
            let answer = self.router.clone().call(request.map(Body::new));
            let pulse = pulse.clone();
            async move {
                let answer = answer.await;
                pulse.answered();
                answer
            }
        });
        let io = TokioIo::new(Watched::new(stream, pulse.clone()));
        let mut conversation = http1::Builder::new()
            .header_read_timeout(None)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(io, service);
        let mut stop = self.stop.clone();
        tokio::select! {
            _ = &mut conversation => {
                return linger(conversation.into_parts().io.into_inner()).await;
            }
            doing = limit.passed() => return tracing::debug!(%peer, doing, "closed a slow connection"),
            () = told_to_stop(&mut stop) => {}
        }
        // Closed at once when it is idle, else after the answer.
        Pin::new(&mut conversation).graceful_shutdown();
        tokio::select! {
            _ = &mut conversation => {}
            _ = limit.passed() => {}
        }
    }
}

/// Reads what a client still sends. Closing on top of it would reset the connection, and a client that
/// sent too much would never see the answer that says so.
async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    // Not yet done where the request could not be read.
    let _ = stream.shutdown().await;
    let mut rest = [0; 4096];
    let all_of_it = async { while matches!(stream.read(&mut rest).await, Ok(1..)) {} };
    let _ = time::timeout(LINGER, all_of_it).await;
}
