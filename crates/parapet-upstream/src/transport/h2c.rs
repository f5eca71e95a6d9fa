use super::built_in::{BuiltIn, Kind, OverTcp, sealed};
use super::settings::Wire;
use crate::Http2Settings;

/// HTTP/2 with prior knowledge over TCP (RFC 9113 §3.3); default port 80. An upgrade goes over HTTP/1.1 connections to
/// the same address.
pub type H2cTransport = BuiltIn<H2c>;

/// Kind of [`H2cTransport`].
#[derive(Debug)]
#[non_exhaustive]
pub struct H2c;

/// A [`Kind`] that can speak HTTP/2. Sealed.
pub trait OverHttp2: OverTcp {}

impl sealed::Sealed for H2c {
    const WIRE: Wire = Wire::H2c;
}
impl Kind for H2c {}
impl OverTcp for H2c {}
impl OverHttp2 for H2c {}
#[cfg(feature = "tls")]
impl OverHttp2 for super::tls::Https {}

impl<K: OverHttp2> BuiltIn<K> {
    /// Settings of HTTP/2 connections.
    #[must_use]
    pub fn http2(self, http2: Http2Settings) -> Self {
        self.with(|settings| settings.http2 = http2)
    }
}
