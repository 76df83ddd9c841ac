//! A TLS front before any system, with certificates and TLS that nobody may trust.

use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::TlsAcceptor;

use super::gate::Gate;
use crate::{fixture::Place, secret_file::SecretFile};

/// The name under which the front is called.
const NAME: &str = "localhost";

/// More than one message of a protocol that connectors speak, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// Kinds of TLS records.
///
/// # Source
/// RFC 8446 section 5.1.
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

/// How the front says who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsManner {
    /// As it should: with a certificate of the authority that is trusted there.
    Trusted,
    /// The same, with one that ends at the beginning of this year, month and day.
    Ending(i32, u8, u8),
    /// With one that has expired.
    Expired,
    /// With one that nobody but itself has signed.
    SelfSigned,
    /// With one of an authority of the same name that is not trusted.
    OfAnotherAuthority,
    /// With one for another host.
    OfAnotherHost,
    /// With nothing newer than this minor version: 1 is TLS 1.0, 2 is TLS 1.1.
    Old(u8),
    /// It hangs up in the middle of the handshake.
    HangsUp,
}

/// The front. It ends when it is dropped.
pub struct TlsFront {
    gate: Gate,
    authority: SecretFile,
    greetings: Arc<AtomicUsize>,
    heard: Arc<AtomicUsize>,
}

impl TlsFront {
    /// A front with these manners that hands on what it is told to this system.
    pub fn start(upstream: SocketAddr, manner: TlsManner) -> Self {
        let trusted = authority();
        let acceptor = acceptor(manner, &trusted);
        let (greetings, heard) = (Arc::default(), Arc::default());
        let gate = Gate::open({
            let (greetings, heard) = (Arc::clone(&greetings), Arc::clone(&heard));
            move |client| {
                let visit = Visit {
                    client,
                    upstream,
                    heard: Arc::clone(&heard),
                };
                let (greetings, acceptor) = (Arc::clone(&greetings), acceptor.clone());
                async move {
                    // A connection that breaks is what is wanted here.
                    let _ = visit.serve(manner, acceptor, &greetings).await;
                }
            }
        });
        Self {
            gate,
            authority: SecretFile::holding(&trusted.pem()),
            greetings,
            heard,
        }
    }

    /// Where it is, and whose certificates are trusted there.
    pub fn place(&self) -> Place {
        Place {
            host: format!("{NAME}:{}", self.gate.address().port()),
            ca_file: self.authority.path().to_owned(),
        }
    }

    /// How often somebody asked it for TLS.
    pub fn greetings(&self) -> usize {
        self.greetings.load(Ordering::Relaxed)
    }

    /// Bytes it was told, in the clear or not, beyond the handshake.
    pub fn heard(&self) -> usize {
        self.heard.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for TlsFront {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsFront")
            .field("address", &self.gate.address())
            .finish_non_exhaustive()
    }
}

/// One connection.
struct Visit {
    client: TcpStream,
    upstream: SocketAddr,
    heard: Arc<AtomicUsize>,
}

impl Visit {
    async fn serve(
        mut self,
        manner: TlsManner,
        acceptor: Option<TlsAcceptor>,
        greetings: &AtomicUsize,
    ) -> io::Result<()> {
        let mut first = [0];
        if self.client.peek(&mut first).await? == 0 {
            return Ok(());
        }
        if first != [HANDSHAKE] {
            // In the clear: the worst of all.
            return self.hear_everything().await;
        }
        greetings.fetch_add(1, Ordering::Relaxed);
        match (manner, acceptor) {
            (_, Some(acceptor)) => self.pass(acceptor).await,
            (TlsManner::Old(minor), None) => {
                self.read_record().await?;
                self.client.write_all(&old_hello(minor)).await?;
                self.hear_everything().await
            }
            (_, None) => {
                self.read_record().await?;
                // The beginning of a record, and no more of it.
                self.client.write_all(&old_hello(3)[..7]).await
            }
        }
    }

    async fn pass(self, acceptor: TlsAcceptor) -> io::Result<()> {
        let mut client = acceptor.accept(self.client).await?;
        let mut system = TcpStream::connect(self.upstream).await?;
        let (mut asked, mut said) = (vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]);
        loop {
            tokio::select! {
                read = client.read(&mut asked) => {
                    let chunk = &asked[..read?];
                    if chunk.is_empty() {
                        return Ok(());
                    }
                    self.heard.fetch_add(chunk.len(), Ordering::Relaxed);
                    system.write_all(chunk).await?;
                }
                read = system.read(&mut said) => {
                    let chunk = &said[..read?];
                    if chunk.is_empty() {
                        return client.shutdown().await;
                    }
                    client.write_all(chunk).await?;
                    client.flush().await?;
                }
            }
        }
    }

    /// Counts whatever is said, but for alerts.
    async fn hear_everything(mut self) -> io::Result<()> {
        loop {
            let (kind, length) = self.read_record().await?;
            if kind != ALERT {
                self.heard.fetch_add(length + 1, Ordering::Relaxed);
            }
        }
    }

    /// The kind and the length of the next record.
    async fn read_record(&mut self) -> io::Result<(u8, usize)> {
        let mut head = [0; 5];
        // What is no TLS at all may be shorter than this.
        let kind = self.client.read_u8().await?;
        head[0] = kind;
        if self.client.read_exact(&mut head[1..]).await.is_err() {
            return Ok((kind, 0));
        }
        let length = usize::from(u16::from_be_bytes([head[3], head[4]]));
        let mut rest = (&mut self.client).take(length as u64);
        io::copy(&mut rest, &mut io::sink()).await?;
        Ok((kind, length))
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    let own_name = "Practice Authority";
    params.distinguished_name.push(DnType::CommonName, own_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(params, key).expect("a certificate")
}

/// What greets with a certificate; none where it does not come to that.
fn acceptor(manner: TlsManner, trusted: &CertifiedIssuer<'static, KeyPair>) -> Option<TlsAcceptor> {
    let name = match manner {
        TlsManner::Old(_) | TlsManner::HangsUp => return None,
        TlsManner::OfAnotherHost => "other.example.org",
        _ => NAME,
    };
    let (year, month, day) = match manner {
        TlsManner::Ending(year, month, day) => (year, month, day),
        TlsManner::Expired => (2021, 1, 1),
        _ => (2099, 1, 1),
    };
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(year, month, day);
    let certificate = match manner {
        TlsManner::SelfSigned => params.self_signed(&key),
        TlsManner::OfAnotherAuthority => params.signed_by(&key, &authority()),
        _ => params.signed_by(&key, trusted),
    };
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.expect("a certificate").der().clone()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .expect("a usable certificate");
    Some(TlsAcceptor::from(Arc::new(config)))
}

/// What a server says that has agreed to an old version: a ServerHello with the cipher that every one
/// of them had.
///
/// # Source
/// RFC 2246 section 7.4.1.3, and RFC 5246 for the cipher `TLS_RSA_WITH_AES_128_CBC_SHA`.
fn old_hello(minor: u8) -> Vec<u8> {
    let random = [7; 32];
    let no_session_id = [0];
    let cipher_and_no_compression = [0, 0x2f, 0];
    let hello = [
        &[3, minor][..],
        &random,
        &no_session_id,
        &cipher_and_no_compression,
    ]
    .concat();
    let length = u8::try_from(hello.len()).expect("a short one");
    let record = [HANDSHAKE, 3, minor, 0, length + 4, 2, 0, 0, length];
    [&record[..], &hello].concat()
}
