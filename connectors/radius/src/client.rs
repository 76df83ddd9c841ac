//! One Disconnect-Request to one gateway and its answer, over UDP.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use drawbridge_sdk::{CallError, FailureClass, Finality, Receipt};
use tokio::{net::UdpSocket, time::timeout};

use crate::packet::{Answer, PACKET_BYTES, Request};

/// How often one packet is sent before silence counts. UDP loses packets; the same packet with the
/// same identifier is still one request to the gateway.
///
/// # Source
/// RFC 5080 section 2.2.1, which RFC 5176 refers to for retransmission.
const SENDS: u32 = 3;

const STEP: &str = "end session";
const REQUEST: &str = "Disconnect-Request {user} {session}";

/// Asks a gateway to cut a session. Sends at most [`SENDS`] times and waits at most `patience` in
/// all.
///
/// # Errors
/// `retryable` on silence: it may be a dead gateway, a wrong secret or a lost packet, and never
/// means that there is no session. `refused` when the gateway will not.
pub(crate) async fn disconnect(
    gateway: SocketAddr,
    request: &Request,
    patience: Duration,
) -> Result<Receipt, CallError> {
    let answer = match ask(gateway, request, patience).await {
        Ok(answer) => answer,
        Err((error, finality)) => {
            let message = "the gateway's port for Disconnect-Request cannot be reached: check its \
                           address and that it accepts them from here";
            let told = CallError::new(FailureClass::Retryable, finality, message);
            return Err(with_receipt(told, None, &error.to_string()));
        }
    };
    match answer {
        Some(Answer::Cut) => Ok(receipt(Some("Disconnect-ACK"), "")),
        Some(Answer::NoSuchSession) => Ok(receipt(Some("Disconnect-NAK"), "Error-Cause 503")),
        Some(Answer::Refused(cause)) => {
            let cause = cause.map_or("without an Error-Cause".to_owned(), |cause| {
                format!("with Error-Cause {cause}")
            });
            Err(with_receipt(
                CallError::new(
                    FailureClass::Refused,
                    Finality::Answered,
                    format!("the gateway refused to end a session {cause}: end it on the gateway"),
                ),
                Some("Disconnect-NAK"),
                &cause,
            ))
        }
        None => Err(with_receipt(
            CallError::new(
                FailureClass::Retryable,
                Finality::Unknown,
                "the gateway did not answer the Disconnect-Request, so its sessions count as open: \
                 check that it runs and shares the same secret",
            ),
            None,
            "",
        )),
    }
}

/// `None` is silence. A datagram that proves nothing does not end the waiting: anybody can send one.
async fn ask(
    gateway: SocketAddr,
    request: &Request,
    patience: Duration,
) -> Result<Option<Answer>, (std::io::Error, Finality)> {
    let any_port: SocketAddr = match gateway {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    // While the first packet meets a closed port, nobody has taken one.
    let mut finality = Finality::NotSent;
    let socket = UdpSocket::bind(any_port)
        .await
        .map_err(|error| (error, finality))?;
    socket
        .connect(gateway)
        .await
        .map_err(|error| (error, finality))?;
    for _ in 0..SENDS {
        socket
            .send(request.bytes())
            .await
            .map_err(|error| (error, finality))?;
        match timeout(patience / SENDS, first_answer(&socket, request)).await {
            Ok(Ok(answer)) => return Ok(Some(answer)),
            Ok(Err(error)) => return Err((error, finality)),
            Err(_) => finality = Finality::Unknown,
        }
    }
    Ok(None)
}

async fn first_answer(socket: &UdpSocket, request: &Request) -> std::io::Result<Answer> {
    let mut datagram = [0; PACKET_BYTES];
    loop {
        let length = socket.recv(&mut datagram).await?;
        if let Some(answer) = request.read_answer(&datagram[..length]) {
            return Ok(answer);
        }
    }
}

fn receipt(status: Option<&str>, answer: &str) -> Receipt {
    Receipt::new(STEP, REQUEST, status.map(str::to_owned), answer)
}

fn with_receipt(mut error: CallError, status: Option<&str>, answer: &str) -> CallError {
    error.receipts.push(receipt(status, answer));
    error
}
