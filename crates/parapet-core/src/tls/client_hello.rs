use std::net::SocketAddr;
use std::sync::Arc;

use super::certificate::Certificate;
use crate::BoxFuture;

/// What a client said before it was answered.
#[derive(Clone, Debug, Default)]
pub struct ClientHello {
    pub(crate) server_name: Option<Arc<str>>,
    pub(crate) alpn: Vec<Vec<u8>>,
    pub(crate) signature_schemes: Vec<u16>,
    pub(crate) peer: Option<SocketAddr>,
}

impl ClientHello {
    /// The server name (SNI, RFC 6066 §3), lower-cased.
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// Protocols that the client offers, its favourite first (RFC 7301); empty if it named none.
    pub fn alpn(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.alpn.iter().map(Vec::as_slice)
    }

    /// Signature schemes that it can verify, by their numbers (RFC 8446 §4.2.3).
    pub fn signature_schemes(&self) -> &[u16] {
        &self.signature_schemes
    }

    /// The other end of the connection; `None` on Unix sockets.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Whether it is a certificate authority's check of who holds the name (RFC 8737 §3): the one protocol that it offers
    /// is `acme-tls/1`.
    pub fn is_acme_challenge(&self) -> bool {
        matches!(self.alpn.as_slice(), [only] if only == ACME_TLS)
    }
}

/// ALPN name of the TLS-ALPN-01 challenge (RFC 8737 §6.2).
pub(crate) const ACME_TLS: &[u8] = b"acme-tls/1";

/// Finds certificates that no store holds: by ACME, or in a store elsewhere.
///
/// It is asked when the store has nothing for the server name, and for every ACME challenge
/// ([`is_acme_challenge`](ClientHello::is_acme_challenge)), before the store: the answer to one proves the name and never
/// carries requests. The handshake waits, within the server's `tls_handshake_timeout`; a client can ask for any name, so
/// an implementation bounds what it remembers of them. Dropping the future must be safe: the client may go away.
pub trait ResolveCertificate: Send + Sync + 'static {
    /// The certificate for `hello`. `None`: the next rule, which is the default certificate.
    fn resolve<'a>(&'a self, hello: &'a ClientHello) -> BoxFuture<'a, Option<Certificate>>;
}

impl<T: ResolveCertificate + ?Sized> ResolveCertificate for Arc<T> {
    fn resolve<'a>(&'a self, hello: &'a ClientHello) -> BoxFuture<'a, Option<Certificate>> {
        T::resolve(self, hello)
    }
}
