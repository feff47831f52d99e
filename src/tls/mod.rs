//! TLS: the certificate from its files, read again when they change, from an ACME authority, or one that the server
//! signs itself for a first try.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use crate::blobs::write_durably;
use crate::domain::error::{Error, Result};
use crate::domain::time::{DAY_MS, Timestamp};

#[cfg(feature = "acme")]
mod acme;

/// What a listener needs, and what looks after its certificate while it serves.
pub struct Tls {
    pub config: ServerConfig,
    /// SHA-256 of a certificate that the server signed itself, for people to compare.
    pub fingerprint: Option<String>,
    pub keep: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// How often the files of the certificate are looked at.
const RELOAD: Duration = Duration::from_secs(5);

/// TLS with a certificate from an ACME authority.
///
/// # Errors
/// When the program was built without the feature `acme`.
#[cfg_attr(not(feature = "acme"), allow(unused_variables))]
pub fn acme(folder: &Path, names: &[String], email: &str, directory: &str) -> Result<Tls> {
    #[cfg(feature = "acme")]
    return acme::tls(folder, names, email, directory);
    #[cfg(not(feature = "acme"))]
    Err(Error::invalid(
        "tls.acme_domains",
        "tls.acme_domains: this program was built without ACME. Build it with `--features acme`.",
    ))
}

/// Browsers refuse certificates that live longer than this.
const SELF_SIGNED_DAYS: i64 = 397;
/// A new one is made at a start when the old one ends so soon.
const RENEW_DAYS: i64 = 30;

/// A certificate chain and its key, from files that are looked at again and again.
#[derive(Debug)]
pub struct Certificate {
    chain_file: PathBuf,
    key_file: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
    seen: Mutex<Stamps>,
}

/// What tells that a file is another one now.
type Stamps = [Option<(SystemTime, u64)>; 2];

fn stamps(files: [&Path; 2]) -> Stamps {
    files.map(|file| {
        let facts = std::fs::metadata(file).ok()?;
        Some((facts.modified().ok()?, facts.len()))
    })
}

impl Certificate {
    /// Reads a certificate chain (PEM, the server's own first) and its private key (PEM).
    ///
    /// # Errors
    /// A sentence that names the setting and the file.
    pub fn from_files(chain_file: &Path, key_file: &Path) -> Result<Arc<Self>> {
        let seen = stamps([chain_file, key_file]);
        Ok(Arc::new(Self {
            chain_file: chain_file.to_owned(),
            key_file: key_file.to_owned(),
            current: RwLock::new(Arc::new(read(chain_file, key_file)?)),
            seen: Mutex::new(seen),
        }))
    }

    /// The certificate that this server signed itself, made anew where its names changed or its end is near.
    pub fn self_signed(folder: &Path, names: &[String], now: Timestamp) -> Result<Arc<Self>> {
        let file = folder.join("tls-self-signed.pem");
        let known = std::fs::read_to_string(&file).unwrap_or_default();
        let first = known.lines().next().unwrap_or_default();
        let fits = first
            .strip_prefix(&note(names))
            .and_then(|end| end.parse::<i64>().ok())
            .is_some_and(|end| end - now.0 > RENEW_DAYS * DAY_MS);
        if !fits {
            write_durably(&file, make(names, now)?.as_bytes())?;
        }
        Self::from_files(&file, &file)
    }

    /// Reads the files again when they changed; what cannot be read leaves the old certificate in its place.
    pub fn reload(&self) {
        let now = stamps([&self.chain_file, &self.key_file]);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == now {
            return;
        }
        *seen = now;
        match read(&self.chain_file, &self.key_file) {
            Ok(key) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                tracing::info!(file = %self.chain_file.display(), "the certificate was read again");
            }
            Err(error) => {
                tracing::error!("the new certificate cannot be used, the old one stays: {error}");
            }
        }
    }

    /// SHA-256 of the server's own certificate, as browsers show it.
    pub fn fingerprint(&self) -> String {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let digest = Sha256::digest(current.cert.first().map_or(&[][..], |own| own.as_ref()));
        let pairs: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        pairs.join(":")
    }

    /// TLS 1.2 and 1.3 with this certificate. The HTTP server adds the names of its protocols.
    pub fn tls(self: Arc<Self>) -> Result<Tls> {
        let provider = rustls::crypto::ring::default_provider();
        let config = ServerConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .map_err(Error::internal)?
            .with_no_client_auth()
            .with_cert_resolver(self.clone());
        let keep = async move {
            let mut tick = tokio::time::interval(RELOAD);
            loop {
                tick.tick().await;
                self.reload();
            }
        };
        Ok(Tls { config, fingerprint: None, keep: Box::pin(keep) })
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

fn read(chain_file: &Path, key_file: &Path) -> Result<CertifiedKey> {
    let wrong = |key: &'static str, file: &Path, why: String| {
        Error::invalid(key, format!("{key}: {}: {why}", file.display()))
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(chain_file)
        .and_then(|found| found.collect::<Result<Vec<_>, _>>())
        .map_err(|error| wrong("tls.certificate", chain_file, error.to_string()))?;
    if chain.is_empty() {
        let why = "there is no certificate in it (PEM is expected).".to_owned();
        return Err(wrong("tls.certificate", chain_file, why));
    }
    let key = PrivateKeyDer::from_pem_file(key_file)
        .map_err(|error| wrong("tls.key", key_file, error.to_string()))?;
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(chain, key, &provider)
        .map_err(|error| wrong("tls.key", key_file, error.to_string()))
}

/// The first line of the file; the moment of its end follows.
fn note(names: &[String]) -> String {
    format!("For {}, until ", names.join(" "))
}

fn make(names: &[String], now: Timestamp) -> Result<String> {
    let end = now.plus_ms(SELF_SIGNED_DAYS * DAY_MS);
    let moment =
        |at: Timestamp| OffsetDateTime::from_unix_timestamp(at.0 / 1000).map_err(Error::internal);
    let mut params = CertificateParams::new(names).map_err(Error::internal)?;
    params.not_before = moment(now.plus_ms(-DAY_MS))?;
    params.not_after = moment(end)?;
    let key = KeyPair::generate().map_err(Error::internal)?;
    let certificate = params.self_signed(&key).map_err(Error::internal)?;
    let mut text = note(names);
    let _ = writeln!(text, "{}", end.0);
    text.push_str(&certificate.pem());
    text.push_str(&key.serialize_pem());
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_kept_until_its_names_change_or_its_end_is_near() {
        let folder = tempfile::tempdir().unwrap();
        let made = |names: &[&str], now| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            Certificate::self_signed(folder.path(), &names, Timestamp(now)).unwrap().fingerprint()
        };
        let start = 1_800_000_000_000;
        let first = made(&["localhost", "127.0.0.1"], start);
        assert_eq!(first.len(), 95);
        assert_eq!(made(&["localhost", "127.0.0.1"], start + 366 * DAY_MS), first);
        assert_ne!(made(&["localhost", "127.0.0.1"], start + 368 * DAY_MS), first);
        assert_ne!(made(&["localhost", "nas"], start), first);
    }

    #[test]
    fn what_cannot_be_used_is_told_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["localhost".to_owned()];
        let own =
            Certificate::self_signed(folder.path(), &names, Timestamp(1_800_000_000_000)).unwrap();
        let before = own.fingerprint();
        std::fs::write(folder.path().join("tls-self-signed.pem"), "no certificate").unwrap();
        own.reload();
        assert_eq!(own.fingerprint(), before);
        let empty = folder.path().join("tls-self-signed.pem");
        let refused = Certificate::from_files(&empty, &empty).unwrap_err();
        assert!(refused.message().contains("tls.certificate"), "{refused}");
        let missing = Certificate::from_files(Path::new("/nowhere"), &empty).unwrap_err();
        assert!(missing.message().contains("/nowhere"), "{missing}");
    }
}
