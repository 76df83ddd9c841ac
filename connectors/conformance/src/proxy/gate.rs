//! A port that can refuse connections and listen again.

use std::{
    fmt,
    future::Future,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinSet,
    time::timeout,
};

/// On this machine a connection comes about at once, or its first packet was dropped.
const AT_ONCE: Duration = Duration::from_millis(250);

type Handle = dyn Fn(TcpStream) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

enum Door {
    /// Nobody listens.
    Shut,
    /// Connections are taken and handled.
    Open(JoinSet<()>),
    /// Nobody takes the connections that wait, and no more of them can.
    Blocked {
        _listener: TcpListener,
        _waiting: Vec<TcpStream>,
    },
}

/// A port of this machine that hands each connection to one task.
pub struct Gate {
    address: SocketAddr,
    handle: Arc<Handle>,
    door: Mutex<Door>,
    /// Keeps the port ours while nobody listens on it: bound, never listening.
    _reserved: TcpSocket,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
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
            door: Mutex::new(Door::Shut),
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
        let mut door = self.door();
        if matches!(*door, Door::Open(_)) {
            return;
        }
        // What blocked it goes first: two listeners would share the connections.
        *door = Door::Shut;
        let listener = socket(self.address)
            .and_then(|socket| socket.listen(128))
            .unwrap_or_else(|error| panic!("cannot listen again: {error}"));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&self.handle)));
        *door = Door::Open(tasks);
    }

    /// Refuses connections from now on and breaks those there are.
    pub async fn refuse(&self) {
        let door = std::mem::replace(&mut *self.door(), Door::Shut);
        if let Door::Open(mut tasks) = door {
            tasks.shutdown().await;
        }
    }

    /// Neither takes connections from now on nor refuses them, and breaks those there are.
    ///
    /// # Panics
    /// If the port cannot be listened on.
    pub async fn block(&self) {
        self.refuse().await;
        let listener = socket(self.address)
            .and_then(|socket| socket.listen(1))
            .unwrap_or_else(|error| panic!("cannot listen again: {error}"));
        // A queue that is full drops the first packet of everybody who comes later.
        let mut waiting = Vec::new();
        while let Ok(Ok(stream)) = timeout(AT_ONCE, TcpStream::connect(self.address)).await {
            waiting.push(stream);
        }
        *self.door() = Door::Blocked {
            _listener: listener,
            _waiting: waiting,
        };
    }

    fn door(&self) -> MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
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
