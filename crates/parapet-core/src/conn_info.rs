use std::any::Any;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

use http::HeaderValue;
use rustls_pki_types::CertificateDer;
use tokio::time::Instant;

/// HTTP version that a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// HTTP/1.0 and HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// Facts of one connection, shared by all its requests.
pub struct ConnInfo {
    pub(crate) id: u64,
    pub(crate) listener: Arc<str>,
    pub(crate) local_addr: Option<SocketAddr>,
    pub(crate) peer_addr: Option<SocketAddr>,
    pub(crate) socket_peer: Option<SocketAddr>,
    pub(crate) unix_peer: bool,
    pub(crate) accepted_at: Instant,
    pub(crate) secure: bool,
    pub(crate) tls: Option<TlsInfo>,
    pub(crate) values: Values,
    /// The peer's address as a field value; made by the first request that needs it.
    pub(crate) peer_text: OnceLock<HeaderValue>,
    /// 0 until the protocol is known. Written once by the connection's task.
    pub(crate) protocol: AtomicU8,
    /// Written by the connection's task only.
    pub(crate) requests_served: AtomicU64,
}

impl ConnInfo {
    /// Facts of no connection: what requests made in-process have.
    pub fn none() -> &'static Self {
        static NONE: LazyLock<ConnInfo> = LazyLock::new(|| ConnInfo {
            id: 0,
            listener: Arc::from(""),
            local_addr: None,
            peer_addr: None,
            socket_peer: None,
            unix_peer: false,
            accepted_at: Instant::now(),
            secure: false,
            tls: None,
            values: Values::default(),
            peer_text: OnceLock::new(),
            protocol: AtomicU8::new(0),
            requests_served: AtomicU64::new(0),
        });
        &NONE
    }

    /// Facts of a connection of which only the peer is known: what a predicate sees of an address in a forwarding field.
    pub(crate) fn of_peer(peer: IpAddr) -> Self {
        let none = Self::none();
        Self {
            id: 0,
            listener: Arc::clone(&none.listener),
            local_addr: None,
            peer_addr: Some(SocketAddr::new(peer, 0)),
            socket_peer: None,
            unix_peer: false,
            accepted_at: none.accepted_at,
            secure: false,
            tls: None,
            values: Values::default(),
            peer_text: OnceLock::new(),
            protocol: AtomicU8::new(0),
            requests_served: AtomicU64::new(0),
        }
    }

    /// Number of the connection, unique in the process; 0: no connection.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Name of the listener that accepted it. Default: its address.
    pub fn listener(&self) -> &str {
        &self.listener
    }

    /// Our address. `None` on Unix sockets.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.local_addr
    }

    /// The other end, after connection layers (PROXY protocol) had their say; IPv4-mapped addresses are IPv4. `None` on
    /// Unix sockets.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer_addr
    }

    /// The other end of the socket itself.
    pub fn socket_peer(&self) -> Option<SocketAddr> {
        self.socket_peer
    }

    /// Whether the peer came over a Unix socket.
    pub fn is_unix(&self) -> bool {
        self.unix_peer
    }

    /// When it was accepted.
    pub fn accepted_at(&self) -> Instant {
        self.accepted_at
    }

    /// HTTP version; `None` until it is known.
    pub fn protocol(&self) -> Option<Protocol> {
        match self.protocol.load(Ordering::Relaxed) {
            1 => Some(Protocol::Http1),
            2 => Some(Protocol::Http2),
            _ => None,
        }
    }

    /// Whether the client's side is encrypted: TLS here, or at a balancer in front that a connection layer believes.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Facts of the TLS session that ended here.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }

    /// Requests whose head was complete so far.
    pub fn requests_served(&self) -> u64 {
        self.requests_served.load(Ordering::Relaxed)
    }

    /// The value of type `T` that a connection layer or the listener left.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.values.get()
    }

    pub(crate) fn set_protocol(&self, protocol: Protocol) {
        let number = match protocol {
            Protocol::Http1 => 1,
            Protocol::Http2 => 2,
        };
        self.protocol.store(number, Ordering::Relaxed);
    }
}

impl fmt::Debug for ConnInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnInfo")
            .field("id", &self.id)
            .field("listener", &self.listener)
            .field("local_addr", &self.local_addr)
            .field("peer_addr", &self.peer_addr)
            .field("protocol", &self.protocol())
            .field("secure", &self.secure)
            .finish_non_exhaustive()
    }
}

/// Facts of a TLS session.
#[derive(Clone, Debug, Default)]
pub struct TlsInfo {
    pub(crate) version: &'static str,
    pub(crate) cipher_suite: &'static str,
    pub(crate) server_name: Option<Arc<str>>,
    pub(crate) alpn: Option<Vec<u8>>,
    pub(crate) resumed: bool,
    pub(crate) client_certs: Vec<CertificateDer<'static>>,
}

impl TlsInfo {
    /// `TLSv1.2` or `TLSv1.3`.
    pub fn version(&self) -> &'static str {
        self.version
    }

    /// Name of the cipher suite, for instance `TLS13_AES_128_GCM_SHA256`.
    pub fn cipher_suite(&self) -> &'static str {
        self.cipher_suite
    }

    /// Server name that the client sent (SNI), lower-cased.
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// The negotiated ALPN protocol.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.alpn.as_deref()
    }

    /// Whether the session resumed an earlier one.
    pub fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// Verified certificate chain of the client, leaf first; empty when none was sent.
    pub fn client_certs(&self) -> &[CertificateDer<'static>] {
        &self.client_certs
    }
}

/// Values by type: a handful at most, so a list.
#[derive(Clone, Default)]
pub(crate) struct Values(Vec<Arc<dyn Any + Send + Sync>>);

impl Values {
    pub(crate) fn insert<T: Any + Send + Sync>(&mut self, value: T) {
        self.0.retain(|kept| !kept.is::<T>());
        self.0.push(Arc::new(value));
    }

    pub(crate) fn get<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.0.iter().find_map(|value| value.downcast_ref())
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Values").field("len", &self.0.len()).finish()
    }
}
