//! `drawbridge health`

use std::time::Duration;

use clap::Args;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{CliError, Exit, setup::ConfigArg};

/// How long a healthy server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ask a running server whether it is well; for container health checks.
#[derive(Debug, Args)]
pub struct Health {
    #[command(flatten)]
    config: ConfigArg,
}

impl Health {
    pub(super) async fn run(self) -> Result<Exit, CliError> {
        let settings = self.config.load()?;
        let mut address = settings.listen;
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        let unwell = |why: String| {
            CliError::Unreachable(format!("the server at {address} is not well: {why}"))
        };
        let asked = timeout(PATIENCE, async {
            let mut stream = TcpStream::connect(address).await?;
            // Over TLS the port answering is all a check inside the container can say without a name.
            if settings.tls.is_some() {
                return Ok(String::from("HTTP/1.1 200 OK"));
            }
            stream
                .write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                .await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            Ok::<_, std::io::Error>(answer)
        });
        match asked.await {
            Ok(Ok(answer)) if answer.starts_with("HTTP/1.1 200") => Ok(Exit::Ok),
            Ok(Ok(_)) => Err(unwell("it answers with an error".to_owned())),
            Ok(Err(error)) => Err(unwell(error.to_string())),
            Err(_) => Err(unwell("no answer within 5 seconds".to_owned())),
        }
    }
}
