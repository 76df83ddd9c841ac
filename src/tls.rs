//! Ending TLS in this program, for practices without a proxy.

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use axum_server::{Handle, tls_rustls::RustlsConfig};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::sync::watch;

use crate::config::Tls;

/// How long running requests may go on once the bridge is asked to stop.
const DRAIN: std::time::Duration = std::time::Duration::from_secs(25);

/// Serves HTTPS until told to stop.
///
/// # Errors
/// With the sentence to show: a file that cannot be read, or an address that cannot be taken.
pub async fn serve(
    address: SocketAddr,
    tls: &Tls,
    router: Router,
    mut stop: watch::Receiver<bool>,
) -> Result<(), String> {
    let config = RustlsConfig::from_config(Arc::new(server_config(tls)?));
    let handle = Handle::new();
    let stopping = handle.clone();
    tokio::spawn(async move {
        let _ = stop.changed().await;
        stopping.graceful_shutdown(Some(DRAIN));
    });
    tracing::info!(%address, "SCIM at https://{address}/scim/v2");
    axum_server::bind_rustls(address, config)
        .handle(handle)
        .serve(router.into_make_service())
        .await
        .map_err(|error| format!("cannot listen on {address}: {error}: choose another `listen`"))
}

/// TLS 1.2 or newer with this certificate and key.
fn server_config(tls: &Tls) -> Result<ServerConfig, String> {
    let unusable = |file: &std::path::Path, problem: String| {
        format!(
            "[tls] file `{}` cannot be used ({problem}): write the path of a PEM file",
            file.display()
        )
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&tls.certificate)
        .and_then(Iterator::collect)
        .map_err(|error| unusable(&tls.certificate, error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(&tls.key)
        .map_err(|error| unusable(&tls.key, error.to_string()))?;
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map(|mut config| {
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            config
        })
        .map_err(|error| unusable(&tls.certificate, error.to_string()))
}
