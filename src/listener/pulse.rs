//! What a connection is doing, and until when it may.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::watch,
    time::{self, Instant},
};

use crate::config::Waits;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// Nothing, or taking what is left of an answer, until then at most: the next request may begin.
    Idle(Instant),
    /// Sending the header of a request.
    Asking,
    /// Waiting for the answer, perhaps while it still sends the body.
    Waiting,
}

type State = (Doing, Instant);

/// The least time that is worth a word.
const AT_LEAST: Duration = Duration::from_secs(1);

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
        let now = Instant::now();
        let longest = now + self.waits.bulk;
        self.state
            .send_replace((Doing::Idle(longest), now + self.waits.idle));
    }

    /// Bytes of an answer were taken. A long file takes its time, and whoever takes it is not idle.
    fn sent(&self) {
        let until = Instant::now() + self.waits.idle;
        self.state.send_if_modified(|state| {
            let Doing::Idle(longest) = state.0 else {
                return false;
            };
            // Not with each packet: an answer that is short gains nothing by it.
            let is_later = until.min(longest) > state.1 + AT_LEAST;
            if is_later {
                state.1 = until.min(longest);
            }
            is_later
        });
    }

    /// Bytes came. The first of them begins a request; later ones buy no time.
    fn received(&self) {
        self.state.send_if_modified(|state| {
            let is_first = matches!(state.0, Doing::Idle(_));
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
                    Doing::Idle(_) => "idle",
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
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.pulse.sent();
        }
        written
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
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.pulse.sent();
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
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
        let (doing, left) = now(&limit);
        assert!(matches!(doing, Doing::Idle(_)) && left == 75);

        pulse.received();
        assert_eq!(now(&limit), (Doing::Asking, 10));
    }

    #[test]
    fn whoever_takes_a_long_answer_has_time_for_it_and_not_for_ever() {
        let (pulse, limit) = Pulse::begin(WAITS);
        for (longest, left) in [(300, 75), (40, 40), (3, 5)] {
            let after = |seconds| Instant::now() + Duration::from_secs(seconds);
            pulse
                .state
                .send_replace((Doing::Idle(after(longest)), after(5)));

            pulse.sent();

            assert_eq!(now(&limit).1, left);
        }
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
