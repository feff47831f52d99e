//! Certificates from an ACME authority (RFC 8555), such as Let's Encrypt. The proof is given on the server's own port
//! (TLS-ALPN-01, RFC 8737): nothing else has to be open. Account and certificates lie in `secrets/acme`.

use std::path::Path;
use std::sync::Arc;

use futures_util::StreamExt as _;
use rustls_acme::AcmeConfig;
use rustls_acme::caches::DirCache;

use super::Tls;
use crate::domain::error::Result;

/// Begins to ask for a certificate of these names and to renew it; connections wait until there is one.
pub fn tls(folder: &Path, names: &[String], email: &str, directory: &str) -> Result<Tls> {
    let config = AcmeConfig::new_with_client_config(names, Arc::new(crate::outgoing::tls()?));
    let contact = (!email.is_empty()).then(|| format!("mailto:{email}"));
    let mut state = config
        .contact(contact)
        .directory(directory)
        .cache(DirCache::new(folder.join("acme")))
        .state();
    let provider = rustls::crypto::ring::default_provider().into();
    let served = state.challenge_rustls_config_with_provider(provider);
    let keep = async move {
        while let Some(event) = state.next().await {
            match event {
                Ok(done) => tracing::info!("the certificate: {done:?}"),
                Err(error) => tracing::error!("the certificate cannot be had: {error}"),
            }
        }
    };
    Ok(Tls { config: (*served).clone(), fingerprint: None, keep: Box::pin(keep) })
}
