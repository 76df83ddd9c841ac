//! The thread that writes to SQLite. Those in line follow each other on it: to wake another thread for
//! the next one takes longer than what it writes.

use std::{io, panic::resume_unwind, sync::OnceLock, thread};

use tokio::{
    runtime::{Builder, Handle, RuntimeFlavor},
    sync::oneshot,
};

use super::StoreError;

/// The thread, started when it is first needed. It ends with the last clone of its store.
#[derive(Debug, Default)]
pub(super) struct Writer(OnceLock<Running>);

#[derive(Debug)]
struct Running {
    handle: Handle,
    /// Dropped, it ends the thread.
    _end: oneshot::Sender<()>,
}

impl Writer {
    /// Whether those in line are on several threads. On one, they wake nobody anyway.
    pub(super) fn is_of_use() -> bool {
        Handle::try_current()
            .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread)
    }

    /// Does this on the thread that writes, to its end even if the caller goes away.
    ///
    /// # Errors
    /// When the thread cannot be started, or has ended.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let done = self.running()?.handle.spawn(work).await;
        done.map_err(|error| match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_) => StoreError::Unavailable("the server is stopping".to_owned()),
        })
    }

    fn running(&self) -> Result<&Running, StoreError> {
        if let Some(running) = self.0.get() {
            return Ok(running);
        }
        let started = Running::start()
            .map_err(|error| StoreError::Unavailable(format!("no thread to write on: {error}")))?;
        // Of two that were started at once, the later one ends here.
        Ok(self.0.get_or_init(|| started))
    }
}

impl Running {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_time().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        thread::Builder::new()
            .name("writer".to_owned())
            .spawn(move || {
                // Whether it is told or the other end is gone, it is over.
                let _ = runtime.block_on(ended);
            })?;
        Ok(Self { handle, _end: end })
    }
}
