//! Connection layers: what stands between the socket and TLS.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::time::Instant;

use crate::conn_info::Values;
use crate::{BoxFuture, BoxIo};

/// Wraps the bytes of a connection, reads a prefix of them (PROXY protocol), or refuses the connection.
///
/// Runs in the connection's own task, before TLS; a layer that waits delays nobody else, and the server's
/// `first_request_timeout` bounds it.
pub trait ConnectionLayer: Send + Sync + 'static {
    /// Takes the connection over; an error closes it without a byte.
    fn call<'a>(
        &'a self,
        io: BoxIo,
        meta: &'a mut ConnMeta,
    ) -> BoxFuture<'a, Result<BoxIo, LayerError>>;
}

/// Why a layer refused a connection.
#[derive(Clone, Debug)]
pub struct LayerError(Arc<dyn Error + Send + Sync>);

impl LayerError {
    /// Refuses because of `cause`, which the server's `on_connection_error` hooks see.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(cause.into()))
    }

    pub(crate) fn into_cause(self) -> Arc<dyn Error + Send + Sync> {
        self.0
    }
}

impl fmt::Display for LayerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection was refused")
    }
}

impl Error for LayerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// Facts of a connection that its layers can see and change, before they become its
/// [`ConnInfo`](crate::ConnInfo).
#[derive(Clone, Debug)]
pub struct ConnMeta {
    pub(crate) socket_peer: Option<SocketAddr>,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) local: Option<SocketAddr>,
    pub(crate) unix: bool,
    pub(crate) secure: bool,
    pub(crate) accepted_at: Instant,
    pub(crate) values: Values,
}

impl ConnMeta {
    /// Facts of a connection from `peer`, accepted now.
    pub fn new(peer: Option<SocketAddr>) -> Self {
        let peer = peer.map(canonical);
        Self {
            socket_peer: peer,
            peer,
            local: None,
            unix: false,
            secure: false,
            accepted_at: Instant::now(),
            values: Values::default(),
        }
    }

    /// The other end of the socket.
    pub fn socket_peer(&self) -> Option<SocketAddr> {
        self.socket_peer
    }

    /// The other end as the layers so far know it.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Our end.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.local
    }

    /// Who the other end really is.
    pub fn set_peer(&mut self, peer: SocketAddr) {
        self.peer = Some(canonical(peer));
    }

    /// Which of our addresses the client connected to.
    pub fn set_local_addr(&mut self, local: SocketAddr) {
        self.local = Some(canonical(local));
    }

    /// Whether the client's side is encrypted by a balancer that ended TLS in front of us.
    pub fn set_secure(&mut self, secure: bool) {
        self.secure = secure;
    }

    /// A value for all requests of the connection: [`ConnInfo::get`](crate::ConnInfo::get).
    pub fn insert<T: Any + Send + Sync>(&mut self, value: T) {
        self.values.insert(value);
    }
}

/// IPv4-mapped IPv6 addresses are what a dual-stack listener shows for IPv4 clients.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
