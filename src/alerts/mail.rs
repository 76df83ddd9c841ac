//! By e-mail, through the practice's own mail server.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use drawbridge_sdk::secret::Secret;
use jiff::Timestamp;
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message as Letter, Tokio1Executor,
    message::{
        Mailbox,
        header::{ContentType, Header, HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls, TlsParameters},
        extension::ClientId,
    },
};
use secrecy::ExposeSecret as _;

use super::text::Message;
use crate::config::alerts::{Mail, Security};

/// How long the server may take for each step.
const PATIENCE: Duration = Duration::from_secs(15);

/// A mail server and how to speak to it.
#[derive(Debug)]
pub struct Mailer {
    server: String,
    port: u16,
    security: Security,
    login: Option<(String, Secret)>,
    from: Mailbox,
    ca_file: Option<PathBuf>,
    /// The host of the console: message ids end with it, and the bridge greets the server with it.
    host: String,
}

/// Says that no person wrote this, so that nobody's absence note answers it.
///
/// # Source
/// RFC 3834 section 5.
#[derive(Debug, Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

impl Mailer {
    /// Reads the password and the certificate once, so that a wrong reference is found at the start.
    ///
    /// # Errors
    /// With the sentence to show.
    pub fn new(mail: &Mail, base_dir: &Path, public_url: &str) -> Result<Self, String> {
        let login = match &mail.login {
            Some((login, password)) => {
                let password = password.bind(base_dir).map_err(|error| error.to_string())?;
                Some((login.clone(), password))
            }
            None => None,
        };
        let host = url::Url::parse(public_url)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned));
        let mailer = Self {
            server: mail.server.clone(),
            port: mail.port.unwrap_or(match mail.security {
                Security::StartTls => 587,
                Security::Tls => 465,
                Security::None => 25,
            }),
            security: mail.security,
            login,
            from: mail
                .from
                .parse()
                .map_err(|_| format!("`from` is no e-mail address: `{}`", mail.from))?,
            ca_file: mail.ca_file.as_ref().map(|file| base_dir.join(file)),
            host: host.unwrap_or_else(|| "drawbridge.invalid".to_owned()),
        };
        mailer.tls()?;
        Ok(mailer)
    }

    /// Sends one letter to all of these at once.
    ///
    /// # Errors
    /// With what the server said, or why it could not be asked.
    pub async fn send(
        &self,
        message: &Message,
        to: &[String],
        now: Timestamp,
    ) -> Result<(), String> {
        let letter = self.letter(message, to, now)?;
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&*self.server)
            .port(self.port)
            .tls(self.tls()?)
            .hello_name(ClientId::Domain(self.host.clone()))
            .timeout(Some(PATIENCE));
        if let Some((login, password)) = &self.login {
            // Read anew for each: a rotated password needs no restart.
            let password = password.read().map_err(|error| error.to_string())?;
            let password = password.expose_secret().to_owned();
            transport = transport.credentials(Credentials::new(login.clone(), password));
        }
        let sent = transport.build().send(letter).await;
        sent.map(drop).map_err(|error| why(&error))
    }

    fn letter(&self, message: &Message, to: &[String], now: Timestamp) -> Result<Letter, String> {
        if to.is_empty() {
            return Err(
                "nobody's e-mail address is named for it: add `email` to the contact".to_owned(),
            );
        }
        let mut letter = Letter::builder()
            .from(self.from.clone())
            .subject(&message.title)
            .date(SystemTime::from(now))
            .message_id(Some(format!("<{}@{}>", message.id, self.host)))
            .header(AutoSubmitted)
            .header(ContentType::TEXT_PLAIN);
        for address in to {
            let to = address
                .parse()
                .map_err(|_| format!("`{address}` is no e-mail address"))?;
            letter = letter.to(to);
        }
        letter
            .body(message.plain())
            .map_err(|error| format!("the letter could not be written: {error}"))
    }

    fn tls(&self) -> Result<Tls, String> {
        if self.security == Security::None {
            return Ok(Tls::None);
        }
        drawbridge_sdk::http::install_tls_provider();
        let mut parameters = TlsParameters::builder(self.server.clone());
        if let Some(file) = &self.ca_file {
            let wrong =
                |problem: String| format!("`ca_file` names `{}`: {problem}", file.display());
            let pem = fs::read(file).map_err(|error| wrong(error.to_string()))?;
            let authority = Certificate::from_pem(&pem)
                .map_err(|_| wrong("it holds no PEM certificate".to_owned()))?;
            parameters = parameters
                .certificate_store(CertificateStore::None)
                .add_root_certificate(authority);
        }
        let parameters = parameters
            .build_rustls()
            .map_err(|error| format!("no TLS can be spoken to the mail server: {error}"))?;
        Ok(match self.security {
            Security::Tls => Tls::Wrapper(parameters),
            _ => Tls::Required(parameters),
        })
    }
}

/// What went wrong, as far as it can be told from outside.
fn why(error: &lettre::transport::smtp::Error) -> String {
    if let Some(problem) = drawbridge_sdk::tls::refusal(error) {
        return format!("the mail server: {problem}");
    }
    let mut text = match error.status() {
        Some(code) => format!("the mail server refused it ({code})"),
        None if error.is_timeout() => "the mail server does not answer".to_owned(),
        None if error.is_client() => "the mail server does not offer what is needed".to_owned(),
        None => "the mail server cannot be reached".to_owned(),
    };
    if let Some(cause) = std::error::Error::source(error) {
        // Servers repeat the address they refuse.
        let cause = drawbridge_sdk::redact::excerpt(&cause.to_string(), 160);
        text.push_str(&format!(": {cause}"));
    }
    text
}
