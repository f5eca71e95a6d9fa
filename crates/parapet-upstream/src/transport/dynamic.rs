use super::built_in::{BuiltIn, Kind, OverTcp, sealed};
use super::settings::Wire;

/// Any of the others, by the [`UpstreamScheme`] in the extensions of each request. A target of it is a host, or the path
/// of a socket for [`UpstreamScheme::Unix`].
pub type DynamicTransport = BuiltIn<Dynamic>;

/// Kind of [`DynamicTransport`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Dynamic;

/// How [`DynamicTransport`] reaches the target of one request: set it in the extensions of the request, in a layer in
/// front of the proxy. Default: `Http`. Never taken from what the client sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UpstreamScheme {
    /// HTTP/1.1 over TCP, default port 80.
    #[default]
    Http,
    /// As [`HttpsTransport`](crate::HttpsTransport) does.
    #[cfg(feature = "tls")]
    Https,
    /// As [`H2cTransport`](crate::H2cTransport) does.
    #[cfg(feature = "http2")]
    H2c,
    /// HTTP/1.1 over a Unix stream socket.
    Unix,
}

impl UpstreamScheme {
    pub(crate) const ALL: &[Self] = &[
        Self::Http,
        #[cfg(feature = "tls")]
        Self::Https,
        #[cfg(feature = "http2")]
        Self::H2c,
        Self::Unix,
    ];

    pub(crate) fn wire(self) -> Wire {
        match self {
            Self::Http => Wire::Http,
            #[cfg(feature = "tls")]
            Self::Https => Wire::Https,
            #[cfg(feature = "http2")]
            Self::H2c => Wire::H2c,
            Self::Unix => Wire::Unix,
        }
    }
}

impl sealed::Sealed for Dynamic {
    const WIRE: Wire = Wire::Dynamic;
}
impl Kind for Dynamic {}
impl OverTcp for Dynamic {}
#[cfg(feature = "tls")]
impl super::tls::OverTls for Dynamic {}
#[cfg(feature = "http2")]
impl super::h2c::OverHttp2 for Dynamic {}
