//! TLS by certificate files, which are read again when they change.
//!
//! Invariant: a certificate that is in use stays in use until a whole new pair was read: a renewal that is
//! half written, or wrong, is told to the operator and changes nothing.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::{Mutex, RwLock};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};

/// Time between two looks at the files. Renewals come days before they are needed.
const LOOK_INTERVAL: Duration = Duration::from_mins(1);
/// What is offered, the best first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The certificate in use.
pub struct Certificate {
    chain_file: PathBuf,
    key_file: PathBuf,
    current: RwLock<Arc<CertifiedKey>>,
    /// When the files were changed that are in use, or that were refused.
    seen: Mutex<[Option<SystemTime>; 2]>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("chain_file", &self.chain_file)
            .finish_non_exhaustive()
    }
}

impl Certificate {
    /// The one in these files.
    ///
    /// # Errors
    /// `Invalid` that names the file.
    pub fn read((chain_file, key_file): &(PathBuf, PathBuf)) -> Result<Arc<Self>> {
        // Looked at before they are read: what is written in between is read again.
        let seen = [changed(chain_file), changed(key_file)];
        Ok(Arc::new(Self {
            current: RwLock::new(Arc::new(pair(chain_file, key_file)?)),
            seen: Mutex::new(seen),
            chain_file: chain_file.clone(),
            key_file: key_file.clone(),
        }))
    }

    /// What takes connections with it.
    ///
    /// # Errors
    /// `Internal` if the library has no protocol version in common with itself.
    pub(super) fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor> {
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| Error::internal("setting up TLS", e))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Self>::clone(self));
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Look at the files again and again, until `end`.
    pub(super) async fn watch(self: Arc<Self>, end: CancellationToken) {
        while end
            .run_until_cancelled(tokio::time::sleep(LOOK_INTERVAL))
            .await
            .is_some()
        {
            let this = Arc::clone(&self);
            if tokio::task::spawn_blocking(move || this.look())
                .await
                .is_err()
            {
                tracing::error!("looking at the certificate failed");
            }
        }
    }

    /// Take what is in the files if they changed. Says whether it did.
    pub(super) fn look(&self) -> bool {
        let now = [changed(&self.chain_file), changed(&self.key_file)];
        let mut seen = self.seen.lock();
        if *seen == now {
            return false;
        }
        *seen = now;
        match pair(&self.chain_file, &self.key_file) {
            Ok(pair) => {
                *self.current.write() = Arc::new(pair);
                tracing::info!(file = %self.chain_file.display(), "a new certificate is in use");
                true
            }
            Err(error) => {
                tracing::error!(%error, "the certificate before it stays in use");
                false
            }
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read()))
    }
}

fn changed(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file)
        .and_then(|data| data.modified())
        .ok()
}

fn pair(chain_file: &Path, key_file: &Path) -> Result<CertifiedKey> {
    let wrong = |setting: &'static str, file: &Path, why: &dyn fmt::Display| {
        Error::invalid(setting, format!("{}: {why}", file.display()))
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(chain_file)
        .and_then(Iterator::collect)
        .map_err(|e| wrong("http.tls_certificate", chain_file, &e))?;
    if chain.is_empty() {
        let why = "holds no certificate in PEM";
        return Err(wrong("http.tls_certificate", chain_file, &why));
    }
    let key =
        PrivateKeyDer::from_pem_file(key_file).map_err(|e| wrong("http.tls_key", key_file, &e))?;
    // It also compares them, where the kind of key allows it.
    CertifiedKey::from_der(chain, key, &ring::default_provider())
        .map_err(|e| wrong("http.tls_key", key_file, &e))
}

#[cfg(test)]
mod tests;
