use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::built_in::{BuiltIn, Kind, OverTcp, sealed};
use super::settings::Wire;
use crate::{ConfigError, HttpVersion, TlsReload};

/// HTTP/1.1, or HTTP/2 by [`http_version`](BuiltIn::http_version), over TLS over TCP; default port 443. Certificates
/// are verified.
pub type HttpsTransport = BuiltIn<Https>;

/// Kind of [`HttpsTransport`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Https;

/// A [`Kind`] that speaks TLS. Sealed.
pub trait OverTls: OverTcp {}

impl sealed::Sealed for Https {
    const WIRE: Wire = Wire::Https;
}
impl Kind for Https {}
impl OverTcp for Https {}
impl OverTls for Https {}

impl<K: OverTls> BuiltIn<K> {
    /// Longest time for one TLS handshake. Default: 5 s.
    #[must_use]
    pub fn tls_handshake_timeout(self, limit: Duration) -> Self {
        self.with(|settings| settings.tls.handshake_timeout = limit)
    }

    /// A rustls configuration of one's own, in place of [`roots`](Self::roots), [`client_auth`](Self::client_auth) and
    /// [`danger_accept_invalid_certs`](Self::danger_accept_invalid_certs). Its ALPN list is replaced by that of
    /// [`http_version`](Self::http_version).
    #[must_use]
    pub fn tls(self, config: ClientConfig) -> Self {
        self.with(|settings| settings.tls.set_config(config))
    }

    /// The certificates that targets' certificates must lead up to. Default: the roots of the platform.
    ///
    /// # Errors
    /// [`ConfigError::Tls`]: none is there, or one cannot be read.
    pub fn roots(
        self,
        certs: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Result<Self, ConfigError> {
        self.try_with(|settings| settings.tls.set_roots(certs))
    }

    /// Certificate chain, leaf first, and key to authenticate with. Default: none.
    ///
    /// # Errors
    /// [`ConfigError::Tls`]: they cannot be read, or are not each other's.
    pub fn client_auth(
        self,
        chain: impl IntoIterator<Item = CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, ConfigError> {
        self.try_with(|settings| settings.tls.set_identity(chain, key))
    }

    /// Lets `handle` renew [`roots`](Self::roots) and [`client_auth`](Self::client_auth) while the transport is in use:
    /// what was set there last comes before what was set here. Without effect on a configuration of one's own
    /// ([`tls`](Self::tls)). Default: none.
    #[must_use]
    pub fn tls_reload(self, handle: &TlsReload) -> Self {
        self.with(|settings| settings.tls.set_reload(handle.clone()))
    }

    /// The name to verify and to send (SNI). Default: the host of the target.
    ///
    /// # Errors
    /// [`ConfigError::Tls`]: neither a DNS name nor an IP address.
    pub fn server_name(self, name: &str) -> Result<Self, ConfigError> {
        self.try_with(|settings| settings.tls.set_server_name(name))
    }

    /// Takes any certificate: whoever stands between can read and change everything. Default: false. Logs a warning
    /// when it is set.
    #[must_use]
    pub fn danger_accept_invalid_certs(self, accept: bool) -> Self {
        self.with(|settings| settings.tls.set_accept_invalid(accept))
    }

    /// HTTP versions to offer (ALPN). Default: [`HttpVersion::Http1`].
    #[must_use]
    pub fn http_version(self, version: HttpVersion) -> Self {
        self.with(|settings| settings.tls.version = version)
    }
}
