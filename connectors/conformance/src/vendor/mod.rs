//! A make-believe REST vendor to build fixtures from.
//!
//! - [`records`]: its accounts, and how it misbehaves with them
//! - [`routes`]: what it answers over HTTP, unless a fixture brings routes of its own
//!
//! Its own login is `POST /login`; what a service account may ask is in [`routes`].

pub mod records;
pub mod routes;

use std::net::SocketAddr;

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
};
use tokio::{net::TcpListener, task::JoinHandle};

pub use records::{Records, User};

use crate::fault::Fault;

/// The bearer token that the vendor accepts.
pub const TOKEN: &str = "vendor-token-1b9f6c2e07d84a3f";

/// The password of every account.
pub const PASSWORD: &str = "account-password-5e1c";

/// The account that is there from the start.
pub const CANARY: &str = "canary";

/// A running vendor. It ends when it is dropped.
#[derive(Debug)]
pub struct FakeVendor {
    records: Records,
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl FakeVendor {
    /// Starts the vendor of [`routes`] with the canary in it.
    pub async fn start() -> Self {
        Self::start_with(routes::routes).await
    }

    /// Starts a vendor with other routes over the same records.
    ///
    /// # Panics
    /// If this machine has no free port.
    pub async fn start_with(routes: impl FnOnce(Records) -> Router) -> Self {
        let records = Records::default();
        records.add(CANARY);
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap_or_else(|error| panic!("no free port: {error}"));
        let address = listener
            .local_addr()
            .unwrap_or_else(|error| panic!("no address: {error}"));
        let router = routes(records.clone())
            .layer(middleware::from_fn_with_state(records.clone(), write_down));
        let server = tokio::spawn(async move {
            // It only ends with the task.
            let _ = axum::serve(listener, router).await;
        });
        Self {
            records,
            address,
            server,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address a connector is given when no [`crate::FaultyProxy`] is in between.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its accounts, to look at and change from outside.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Misbehaves with what it answers: `SaysYesDoesNothing`, `SomebodyElse` and `Blind`. Every other
    /// fault is the proxy's.
    pub fn misbehave(&self, fault: Fault) -> bool {
        self.records.misbehave(fault)
    }

    /// Behaves again.
    pub fn behave(&self) {
        self.records.behave();
    }
}

impl Drop for FakeVendor {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn write_down(State(records): State<Records>, request: Request, next: Next) -> Response {
    records.write_down(format!("{} {}", request.method(), request.uri()));
    next.run(request).await
}
