//! Cutting open sessions at the gateways that hold them.

use drawbridge_sdk::{CallError, FailureClass, Finality, Receipt};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use sqlx::AnyConnection;
use tokio::task::JoinSet;

use crate::{
    client::disconnect,
    connector::Radius,
    packet::Request,
    settings::Gateway,
    tables::{self, Session},
};

/// The share of a call that silent gateways may take; the rest is for the database.
const GATEWAYS_SHARE: u32 = 2;

type Asking = JoinSet<Result<Receipt, CallError>>;

impl Radius {
    /// Cuts every open session of these users, all at once: one silent gateway must not use up the
    /// time of the others. Says how many have ended.
    pub(crate) async fn end_sessions(
        &self,
        connection: &mut AnyConnection,
        names: &[String],
    ) -> (Result<usize, CallError>, Vec<Receipt>) {
        // Dropped with this call, it stops what is still waiting.
        let mut asking = JoinSet::new();
        let mut first_error = self.ask_all(connection, names, &mut asking).await.err();
        let mut receipts = Vec::new();
        while let Some(answer) = asking.join_next().await {
            let stopped = |_| {
                let message = "asking a gateway stopped half-way: it is tried again";
                Err(CallError::new(
                    FailureClass::Retryable,
                    Finality::Unknown,
                    message,
                ))
            };
            match answer.unwrap_or_else(stopped) {
                Ok(receipt) => receipts.push(receipt),
                Err(mut error) => {
                    receipts.append(&mut error.receipts);
                    first_error.get_or_insert(error);
                }
            }
        }
        (first_error.map_or(Ok(receipts.len()), Err), receipts)
    }

    /// Sends a request for each open session. One that cannot be sent does not keep the others back.
    async fn ask_all(
        &self,
        connection: &mut AnyConnection,
        names: &[String],
        asking: &mut Asking,
    ) -> Result<(), CallError> {
        let mut sent = Ok(());
        for name in names {
            for session in tables::open_sessions(connection, name).await? {
                match self.request(name, &session, asking.len()) {
                    Ok((gateway, request)) => {
                        let patience = self.call_timeout / GATEWAYS_SHARE;
                        asking.spawn(async move {
                            disconnect(gateway.address, &request, patience).await
                        });
                    }
                    Err(error) => sent = sent.and(Err(error)),
                }
            }
        }
        sent
    }

    fn request(
        &self,
        name: &str,
        session: &Session,
        number: usize,
    ) -> Result<(Gateway, Request), CallError> {
        let gateway = session.gateway.and_then(|noted| self.gateways.find(noted));
        let gateway = gateway.ok_or_else(|| {
            refused(
                "a session is open at a gateway that is not in the settings: add it under \
                 `gateways`, or end the session there",
            )
        })?;
        let secret = gateway.secret.read()?;
        let at = now();
        // Each request has a socket of its own; this keeps a later one on the same port apart.
        let identifier = at.subsec_nanosecond().to_le_bytes()[1].wrapping_add(number as u8);
        let secret = secret.expose_secret().as_bytes();
        let request = Request::disconnect(identifier, name, &session.id, at, secret);
        let request = request.ok_or_else(|| {
            refused("accounting noted a session without a usable id: end it on the gateway")
        })?;
        Ok((gateway, request))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a gateway drops a packet whose Event-Timestamp is not the real time, whatever a test says"
)]
fn now() -> Timestamp {
    Timestamp::now()
}

fn refused(message: &str) -> CallError {
    CallError::new(FailureClass::Refused, Finality::NotSent, message)
}
