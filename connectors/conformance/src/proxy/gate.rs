//! A port that can refuse connections and listen again.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinSet,
};

type Handle = dyn Fn(TcpStream) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

/// A port of this machine that hands each connection to one task.
pub struct Gate {
    address: SocketAddr,
    handle: Arc<Handle>,
    listening: Mutex<Option<JoinSet<()>>>,
    /// Keeps the port ours while nobody listens on it: bound, never listening.
    _reserved: TcpSocket,
}

impl Gate {
    /// Listens on a free port of this machine.
    ///
    /// # Panics
    /// If there is none.
    pub fn open<F, H>(handle: H) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
        H: Fn(TcpStream) -> F + Send + Sync + 'static,
    {
        let reserved = socket(SocketAddr::from(([127, 0, 0, 1], 0)))
            .unwrap_or_else(|error| panic!("no free port: {error}"));
        let address = reserved
            .local_addr()
            .unwrap_or_else(|error| panic!("no address: {error}"));
        let gate = Self {
            address,
            handle: Arc::new(move |stream| Box::pin(handle(stream))),
            listening: Mutex::new(None),
            _reserved: reserved,
        };
        gate.listen();
        gate
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Listens again, if it does not.
    ///
    /// # Panics
    /// If the port cannot be listened on.
    pub fn listen(&self) {
        let mut listening = self
            .listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if listening.is_some() {
            return;
        }
        let listener = socket(self.address)
            .and_then(|socket| socket.listen(128))
            .unwrap_or_else(|error| panic!("cannot listen again: {error}"));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&self.handle)));
        *listening = Some(tasks);
    }

    /// Refuses connections from now on and breaks those there are.
    pub async fn refuse(&self) {
        let tasks = self
            .listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(mut tasks) = tasks {
            tasks.shutdown().await;
        }
    }
}

async fn accept(listener: TcpListener, handle: Arc<Handle>) {
    // Connections belong to this task, so that they end with it.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(handle(stream));
        while connections.try_join_next().is_some() {}
    }
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}
