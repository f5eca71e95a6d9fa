//! TLS to a target (rustls, TLS 1.2 and 1.3). Certificates are verified unless that is switched off by name.

mod accept_any;

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustls::client::WantsClientCert;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{AlertDescription, ClientConfig, ConfigBuilder, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_rustls::TlsConnector;

use self::accept_any::AcceptAny;
use super::reload::TlsReload;
use super::{Offer, within};
use crate::io::Io;
use crate::{ConfigError, ConnectErrorKind, Error};

/// What a transport was told about TLS.
#[derive(Clone)]
pub(crate) struct TlsSettings {
    pub(crate) handshake_timeout: Duration,
    /// Replaces the material below, and what is reloaded of it.
    config: Option<Arc<ClientConfig>>,
    material: Material,
    reload: Option<TlsReload>,
    accept_invalid: bool,
    /// `None`: the target's host.
    server_name: Option<ServerName<'static>>,
    pub(crate) version: HttpVersion,
}

/// What changes in the life of a transport.
#[derive(Clone, Default)]
pub(super) struct Material {
    /// `None`: those of the platform.
    pub(super) roots: Option<Arc<RootCertStore>>,
    pub(super) identity: Option<Arc<CertifiedKey>>,
}

/// Which HTTP versions are offered in the TLS handshake (ALPN, RFC 7301).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HttpVersion {
    /// HTTP/1.1 only: for small exchanges the faster one.
    #[default]
    Http1,
    /// HTTP/2 where the target has it, else HTTP/1.1.
    #[cfg(feature = "http2")]
    Auto,
    /// HTTP/2 only.
    #[cfg(feature = "http2")]
    Http2,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(5),
            config: None,
            material: Material::default(),
            reload: None,
            accept_invalid: false,
            server_name: None,
            version: HttpVersion::default(),
        }
    }
}

impl TlsSettings {
    pub(crate) fn set_config(&mut self, config: ClientConfig) {
        self.config = Some(Arc::new(config));
    }

    pub(crate) fn set_roots(
        &mut self,
        certs: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<(), ConfigError> {
        self.material.roots = Some(roots(certs)?);
        Ok(())
    }

    pub(crate) fn set_identity(
        &mut self,
        chain: impl IntoIterator<Item = CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<(), ConfigError> {
        self.material.identity = Some(identity(chain, key)?);
        Ok(())
    }

    pub(crate) fn set_reload(&mut self, reload: TlsReload) {
        self.reload = Some(reload);
    }

    pub(crate) fn set_server_name(&mut self, name: &str) -> Result<(), ConfigError> {
        let name = ServerName::try_from(name.to_owned())
            .map_err(|error| ConfigError::Tls { setting: "server_name", source: error.into() })?;
        self.server_name = Some(name);
        Ok(())
    }

    pub(crate) fn set_accept_invalid(&mut self, accept: bool) {
        if accept {
            tracing::warn!(
                "certificates of targets are not verified: anybody can pretend to be them"
            );
        }
        self.accept_invalid = accept;
    }

    /// The name to verify for a target at `host`.
    pub(super) fn name_of(&self, host: &str) -> Result<ServerName<'static>, ConfigError> {
        match &self.server_name {
            Some(name) => Ok(name.clone()),
            None => ServerName::try_from(host.to_owned()).map_err(|_| ConfigError::Target {
                host: host.to_owned(),
                reason: "no certificate can be issued for this name",
            }),
        }
    }

    fn build(&self) -> Result<ClientConfig, rustls::Error> {
        if let Some(config) = &self.config {
            return Ok(ClientConfig::clone(config));
        }
        let mut material = self.material.clone();
        if let Some(reload) = &self.reload {
            let newer = reload.material();
            material.roots = newer.roots.or(material.roots);
            material.identity = newer.identity.or(material.identity);
        }
        let provider = provider();
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let builder: ConfigBuilder<ClientConfig, WantsClientCert> = match material.roots {
            _ if self.accept_invalid => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(AcceptAny::new(provider))),
            Some(roots) => builder.with_root_certificates(roots),
            None => builder.with_platform_verifier()?,
        };
        Ok(match material.identity {
            Some(key) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(
                CertifiedKey::clone(&key),
            ))),
            None => builder.with_no_client_auth(),
        })
    }
}

/// Tells which settings there are, never what is in them.
impl fmt::Debug for TlsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSettings")
            .field("handshake_timeout", &self.handshake_timeout)
            .field("config", &self.config.is_some())
            .field("roots", &self.material.roots.as_ref().map(|roots| roots.len()))
            .field("client_auth", &self.material.identity.is_some())
            .field("reload", &self.reload)
            .field("accept_invalid", &self.accept_invalid)
            .field("server_name", &self.server_name)
            .field("version", &self.version)
            .finish()
    }
}

/// # Errors
/// [`ConfigError::Tls`].
pub(super) fn roots(
    certs: impl IntoIterator<Item = CertificateDer<'static>>,
) -> Result<Arc<RootCertStore>, ConfigError> {
    let refuse = |source| ConfigError::Tls { setting: "roots", source };
    let mut roots = RootCertStore::empty();
    for cert in certs {
        roots.add(cert).map_err(|error| refuse(error.into()))?;
    }
    if roots.is_empty() {
        return Err(refuse("there is no certificate among the roots".into()));
    }
    Ok(Arc::new(roots))
}

/// # Errors
/// [`ConfigError::Tls`].
pub(super) fn identity(
    chain: impl IntoIterator<Item = CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<CertifiedKey>, ConfigError> {
    CertifiedKey::from_der(chain.into_iter().collect(), key, &provider())
        .map(Arc::new)
        .map_err(|error| ConfigError::Tls { setting: "client_auth", source: error.into() })
}

/// Does the handshakes of one transport. The configuration is made by the first of them, since looking for the
/// platform's roots takes a while.
#[derive(Debug)]
pub(crate) struct Connector {
    settings: TlsSettings,
    http1: Kept,
    #[cfg(feature = "http2")]
    http2: Kept,
}

/// A configuration, and the generation of what can be reloaded in it.
type Kept = Mutex<Option<(u64, Arc<ClientConfig>)>>;

impl Connector {
    pub(crate) fn new(settings: &TlsSettings) -> Self {
        Self {
            settings: settings.clone(),
            http1: Kept::default(),
            #[cfg(feature = "http2")]
            http2: Kept::default(),
        }
    }

    /// # Errors
    /// [`Error::Connect`] with [`ConnectErrorKind::Tls`], or with [`ConnectErrorKind::Timeout`].
    pub(super) async fn connect(
        &self,
        name: ServerName<'static>,
        io: Io,
        offer: Offer,
    ) -> Result<Io, Error> {
        let failed = |error: rustls::Error| Error::connect(ConnectErrorKind::Tls, error);
        let connector = TlsConnector::from(self.config(offer).map_err(failed)?);
        within(self.settings.handshake_timeout, ConnectErrorKind::Timeout, async {
            match connector.connect(name, io).await {
                Ok(stream) => Ok(Io::Tls(Box::new(stream))),
                Err(error) => Err(Error::connect(ConnectErrorKind::Tls, error)),
            }
        })
        .await
    }

    fn config(&self, offer: Offer) -> Result<Arc<ClientConfig>, rustls::Error> {
        let (kept, protocols): (_, &[&[u8]]) = match offer {
            Offer::Http1 => (&self.http1, &[b"http/1.1"]),
            #[cfg(feature = "http2")]
            Offer::Http2 if self.settings.version == HttpVersion::Http2 => (&self.http2, &[b"h2"]),
            #[cfg(feature = "http2")]
            Offer::Http2 => (&self.http2, &[b"h2", b"http/1.1"]),
        };
        // Read before the material: what changes meanwhile is built anew by the next handshake.
        let generation = self.settings.reload.as_ref().map_or(0, TlsReload::generation);
        let lock = || kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((built, config)) = &*lock()
            && *built == generation
        {
            return Ok(Arc::clone(config));
        }
        let mut config = self.settings.build()?;
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        let config = Arc::new(config);
        *lock() = Some((generation, Arc::clone(&config)));
        Ok(config)
    }
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(aws_lc_rs::default_provider())))
}

/// The negotiated protocol is HTTP/2.
#[cfg(feature = "http2")]
pub(crate) fn is_h2(session: &rustls::ClientConnection) -> bool {
    session.alpn_protocol() == Some(b"h2")
}

/// Whether the peer has refused our certificate, or wants one.
pub(crate) fn is_certificate_alert(error: &io::Error) -> bool {
    use AlertDescription as Alert;
    let error = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    matches!(
        error,
        Some(rustls::Error::AlertReceived(
            Alert::BadCertificate
                | Alert::UnsupportedCertificate
                | Alert::CertificateRevoked
                | Alert::CertificateExpired
                | Alert::CertificateUnknown
                | Alert::CertificateRequired
                | Alert::UnknownCA
                | Alert::AccessDenied
        ))
    )
}
