//! HTTPS in process: a certificate that is read again when its files change.

use std::{io, path::Path, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{config, telemetry::Metrics};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the certificate {cert} with the key {key}: {cause}")]
pub struct TlsError {
    cert: String,
    key: String,
    cause: String,
}

/// Makes HTTPS of connections, always with the newest certificate.
#[derive(Clone)]
pub struct Acceptor {
    tls: TlsAcceptor,
    current: Arc<Current>,
}

/// The certificate that new handshakes take.
#[derive(Debug)]
struct Current {
    files: config::Tls,
    key: ArcSwap<CertifiedKey>,
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.key.load_full())
    }
}

/// The bytes of both files.
type Files = (Vec<u8>, Vec<u8>);

impl Acceptor {
    /// Reads the certificate and its key.
    ///
    /// # Errors
    /// A file cannot be read, holds no certificate or no key, or they do not fit.
    pub fn new(files: &config::Tls) -> Result<Self, TlsError> {
        let key = read(files).and_then(|bytes| certified(&bytes)).map_err(|cause| TlsError {
            cert: files.cert.display().to_string(),
            key: files.key.display().to_string(),
            cause,
        })?;
        let current = Arc::new(Current { files: files.clone(), key: ArcSwap::from_pointee(key) });
        let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(&current) as _;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("the provider has the default versions")
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { tls: TlsAcceptor::from(Arc::new(config)), current })
    }

    /// The handshake.
    ///
    /// # Errors
    /// The client does not speak TLS, or none that we do.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.tls.accept(stream).await
    }

    /// Takes over changed files until `stop`. A pair that does not fit changes nothing.
    pub async fn watch(self, metrics: Arc<Metrics>, stop: CancellationToken) {
        let mut known = read(&self.current.files).ok();
        loop {
            if stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_none() {
                return;
            }
            let Ok(bytes) = read(&self.current.files) else { continue };
            if known.as_ref() == Some(&bytes) {
                continue;
            }
            match certified(&bytes) {
                Ok(key) => {
                    self.current.key.store(Arc::new(key));
                    metrics.tls_reloads.with(["ok"]).increment(1);
                    info!("the certificate was read again");
                }
                Err(cause) => {
                    metrics.tls_reloads.with(["failed"]).increment(1);
                    warn!(%cause, "the changed certificate cannot be used; the old one stays");
                }
            }
            known = Some(bytes);
        }
    }
}

/// The one provider of the program.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn read(files: &config::Tls) -> Result<Files, String> {
    let read =
        |path: &Path| std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    Ok((read(&files.cert)?, read(&files.key)?))
}

fn certified((cert, key): &Files) -> Result<CertifiedKey, String> {
    let chain = CertificateDer::pem_slice_iter(cert)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("the certificate is not PEM: {error}"))?;
    if chain.is_empty() {
        return Err("the certificate file holds no certificate".to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|error| format!("the key file holds no private key: {error}"))?;
    CertifiedKey::from_der(chain, key, &provider()).map_err(|error| error.to_string())
}
