//! What a connection is doing, and until when it may.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::watch,
    time::{self, Instant},
};

use crate::config::Waits;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// Nothing: the next request may begin.
    Idle,
    /// Sending the header of a request.
    Asking,
    /// Waiting for the answer, perhaps while it still sends the body.
    Waiting,
}

type State = (Doing, Instant);

/// Is told what happens on a connection.
#[derive(Debug, Clone)]
pub(super) struct Pulse {
    state: Arc<watch::Sender<State>>,
    waits: Waits,
}

/// Knows when a connection has taken too long.
#[derive(Debug)]
pub(super) struct Limit(watch::Receiver<State>);

impl Pulse {
    /// The pulse of a new connection. Its first request is to come at once: who opens a connection has
    /// something to say.
    pub(super) fn begin(waits: Waits) -> (Self, Limit) {
        let (sender, receiver) = watch::channel((Doing::Asking, Instant::now() + waits.head));
        let pulse = Self {
            state: Arc::new(sender),
            waits,
        };
        (pulse, Limit(receiver))
    }

    /// The header of a request is complete.
    pub(super) fn asked(&self) {
        let until = Instant::now() + self.waits.bulk;
        self.state.send_replace((Doing::Waiting, until));
    }

    /// The answer is there to be sent.
    pub(super) fn answered(&self) {
        let until = Instant::now() + self.waits.idle;
        self.state.send_replace((Doing::Idle, until));
    }

    /// Bytes came. The first of them begins a request; later ones buy no time.
    fn received(&self) {
        self.state.send_if_modified(|state| {
            let is_first = state.0 == Doing::Idle;
            if is_first {
                *state = (Doing::Asking, Instant::now() + self.waits.head);
            }
            is_first
        });
    }
}

impl Limit {
    /// Waits until the connection has taken too long, and says for what.
    pub(super) async fn passed(&mut self) -> &'static str {
        loop {
            let (doing, until) = *self.0.borrow_and_update();
            tokio::select! {
                () = time::sleep_until(until) => return match doing {
                    Doing::Idle => "idle",
                    Doing::Asking => "sending a header",
                    Doing::Waiting => "waiting for an answer",
                },
                // It cannot fail: the connection holds the sender.
                _ = self.0.changed() => {}
            }
        }
    }
}

/// A stream whose pulse is taken.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    pulse: Pulse,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, pulse: Pulse) -> Self {
        Self { stream, pulse }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.pulse.received();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const WAITS: Waits = Waits {
        head: Duration::from_secs(10),
        body: Duration::from_secs(15),
        request: Duration::from_secs(30),
        bulk: Duration::from_secs(300),
        idle: Duration::from_secs(75),
        drain: Duration::from_secs(20),
    };

    /// What the connection is doing, and for how many more seconds it may.
    fn now(limit: &Limit) -> (Doing, u64) {
        let (doing, until) = *limit.0.borrow();
        let left = until.duration_since(Instant::now()).as_secs_f64();
        (doing, left.round() as u64)
    }

    #[test]
    fn every_step_has_its_own_limit() {
        let (pulse, limit) = Pulse::begin(WAITS);
        assert_eq!(now(&limit), (Doing::Asking, 10));

        pulse.asked();
        pulse.received();
        assert_eq!(now(&limit), (Doing::Waiting, 300));

        pulse.answered();
        assert_eq!(now(&limit), (Doing::Idle, 75));

        pulse.received();
        assert_eq!(now(&limit), (Doing::Asking, 10));
    }

    #[test]
    fn a_byte_now_and_then_buys_no_time() {
        let (pulse, limit) = Pulse::begin(WAITS);
        let until = limit.0.borrow().1;

        pulse.received();

        assert_eq!(limit.0.borrow().1, until);
    }

    #[tokio::test]
    async fn a_limit_that_comes_nearer_is_noticed_while_it_is_waited_for() {
        let head = Duration::from_millis(1);
        let (pulse, mut limit) = Pulse::begin(Waits { head, ..WAITS });
        pulse.answered();
        let waiting = tokio::spawn(async move { limit.passed().await });
        tokio::task::yield_now().await;

        pulse.received();

        assert_eq!(waiting.await.unwrap(), "sending a header");
    }
}
