//! Ending TLS in this program, for practices without a proxy.

use std::{path::Path, sync::Arc};

use drawbridge_sdk::tls::not_after;
use jiff::Timestamp;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio_rustls::TlsAcceptor;

use crate::config::Tls;

/// What ends TLS on every connection.
///
/// # Errors
/// With the sentence to show: a file that cannot be read, or that is not what it must be.
pub fn acceptor(tls: &Tls) -> Result<TlsAcceptor, String> {
    Ok(TlsAcceptor::from(Arc::new(server_config(tls)?)))
}

/// TLS 1.2 or newer with this certificate and key.
fn server_config(tls: &Tls) -> Result<ServerConfig, String> {
    let chain = chain(&tls.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&tls.key)
        .map_err(|error| unusable(&tls.key, error.to_string()))?;
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map(|mut config| {
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            config
        })
        .map_err(|error| unusable(&tls.certificate, error.to_string()))
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| unusable(file, error.to_string()))
}

fn unusable(file: &Path, problem: String) -> String {
    format!(
        "[tls] file `{}` cannot be used ({problem}): write the path of a PEM file",
        file.display()
    )
}

/// When the first certificate of a chain ends: the first of them to end is almost always this one.
///
/// # Errors
/// With the sentence to show: a file that cannot be read, or that holds no certificate.
pub fn expires(certificate: &Path) -> Result<Timestamp, String> {
    let chain = chain(certificate)?;
    let own = chain.first().and_then(|own| not_after(own));
    own.ok_or_else(|| unusable(certificate, "it holds no certificate".to_owned()))
}
