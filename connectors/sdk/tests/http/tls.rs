//! Certificates.

use std::sync::Arc;

use drawbridge_sdk::{
    CallError, FailureClass, Finality,
    http::{EndpointOptions, Method},
};
use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tokio::{io::AsyncWriteExt, net::TcpListener};
use tokio_rustls::TlsAcceptor;

use crate::support::{SecretFile, Server, answer, endpoint, json, read_request};

/// The practice's own authority, and what it signs.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("params");
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"))
            .expect("signed");
        Self { issuer }
    }

    /// A TLS server on this machine with a certificate for this name, valid until this year.
    async fn serve(&self, name: &str, valid_until: i32) -> String {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("params");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(valid_until, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .expect("usable");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    read_request(&mut stream).await;
                    let _ = stream.write_all(&json("{}")).await;
                    let _ = stream.shutdown().await;
                }
            }
        });
        format!("https://localhost:{port}")
    }
}

/// Asks with this authority trusted, or none but the machine's own.
async fn ask(url: &str, trusted: Option<&Authority>) -> Result<u16, CallError> {
    let file = trusted.map(|authority| SecretFile::holding(&authority.issuer.pem()));
    let options = EndpointOptions {
        allow_networks: vec!["127.0.0.0/8".to_owned(), "::1".to_owned()],
        ca_file: file.as_ref().map(SecretFile::path),
        ..EndpointOptions::default()
    };
    let endpoint = endpoint(url, options).expect("usable settings");
    endpoint
        .change("disable", Method::POST, "/")
        .send_ok()
        .await
        .map(|answer| answer.status)
}

fn is_told(result: Result<u16, CallError>, word: &str) {
    let error = result.expect_err("no connection");
    assert!(error.message.contains(word), "{word}: {error}");
    assert_eq!(
        (error.class, error.finality),
        (FailureClass::Retryable, Finality::NotSent),
        "{error}"
    );
}

#[tokio::test]
async fn a_certificate_of_the_practices_own_authority_is_accepted() {
    let authority = Authority::new();
    let url = authority.serve("localhost", 2099).await;

    assert_eq!(ask(&url, Some(&authority)).await.expect("an answer"), 200);
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let url = Authority::new().serve("localhost", 2099).await;

    is_told(ask(&url, None).await, "ca_file");
    is_told(ask(&url, Some(&Authority::new())).await, "ca_file");
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let authority = Authority::new();
    let url = authority.serve("localhost", 2021).await;

    is_told(ask(&url, Some(&authority)).await, "expired");
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused() {
    let authority = Authority::new();
    let url = authority.serve("other.example.org", 2099).await;

    is_told(ask(&url, Some(&authority)).await, "another host");
}

#[tokio::test]
async fn a_port_without_tls_is_told_as_that() {
    let server = Server::saying(answer(400, "", "this is plain http")).await;

    is_told(
        ask(&format!("https://{}", server.address), None).await,
        "does not speak TLS",
    );
}

#[tokio::test]
async fn old_tls_is_not_agreed_to() {
    // What a server of 2005 says to a client that offers nothing older: alert `protocol_version`.
    let server = Server::saying(vec![21, 3, 1, 0, 2, 2, 70]).await;

    is_told(
        ask(&format!("https://{}", server.address), None).await,
        "TLS 1.2",
    );
}

#[tokio::test]
async fn a_handshake_that_breaks_off_sent_nothing() {
    let server = Server::saying(Vec::new()).await;

    is_told(
        ask(&format!("https://{}", server.address), None).await,
        "broke off while TLS",
    );
}
