//! Which peers are believed when they tell who the client is, and the step that acts on it.

mod address;
mod forwarded;
mod networks;
mod step;

use std::borrow::Borrow;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use self::networks::Networks;
pub(crate) use self::step::TrustStep;
use crate::{ConnInfo, Error};

/// Which peers are trusted proxies: their `X-Forwarded-For`, `X-Forwarded-Proto`, `X-Real-IP` and, on wish, `Forwarded`
/// tell who the client is. Those fields of anybody else are removed before the first layer sees them.
///
/// ```
/// use parapet_core::{TrustProxy, trust_cidrs};
/// let edge = trust_cidrs(["10.0.0.0/8", "2001:db8::/32"])?.append_forwarded_for(true);
/// let sidecar = TrustProxy::none().with_unix().or(edge);
/// # Ok::<(), parapet_core::Error>(())
/// ```
#[derive(Clone)]
pub struct TrustProxy {
    all: bool,
    /// Loopback and private networks, asked by arithmetic alone.
    private: bool,
    unix: bool,
    networks: Networks,
    predicates: Vec<Predicate>,
    append_forwarded_for: bool,
    read_forwarded: bool,
}

type Predicate = Arc<dyn Fn(&ConnInfo) -> bool + Send + Sync>;

impl TrustProxy {
    /// Nobody is trusted: for the edge of the internet.
    pub fn none() -> Self {
        Self {
            all: false,
            private: false,
            unix: false,
            networks: Networks::default(),
            predicates: Vec::new(),
            append_forwarded_for: false,
            read_forwarded: false,
        }
    }

    /// Loopback and private networks: 127.0.0.0/8, ::1/128, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7, and
    /// peers on Unix sockets.
    pub fn private() -> Self {
        Self { private: true, unix: true, ..Self::none() }
    }

    /// The same as [`private`](Self::private).
    pub fn trusted() -> Self {
        Self::private()
    }

    /// Peers in one of these networks; an empty list trusts nobody. Costs a binary search, however long the list.
    pub fn cidrs(networks: impl IntoIterator<Item: Borrow<IpNet>>) -> Self {
        let networks = networks.into_iter().map(|network| *network.borrow());
        Self { networks: networks.collect(), ..Self::none() }
    }

    /// Every peer, and a request without a connection: any client can then choose its own address. Right only where
    /// nobody but a proxy can connect at all.
    pub fn dangerous_all() -> Self {
        Self { all: true, ..Self::none() }
    }

    /// Peers for which `predicate` is true. Asked once per request, and once more for each address in a forwarding field
    /// that it might trust: that one by a [`ConnInfo`] which has nothing but a peer address.
    pub fn from_fn(predicate: impl Fn(&ConnInfo) -> bool + Send + Sync + 'static) -> Self {
        Self { predicates: vec![Arc::new(predicate)], ..Self::none() }
    }

    /// Peers that this or `other` trusts. A setting that is on in one of them is on in the result.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.predicates.extend(other.predicates);
        Self {
            all: self.all || other.all,
            private: self.private || other.private,
            unix: self.unix || other.unix,
            networks: self.networks.union(&other.networks),
            predicates: self.predicates,
            append_forwarded_for: self.append_forwarded_for || other.append_forwarded_for,
            read_forwarded: self.read_forwarded || other.read_forwarded,
        }
    }

    /// Peers on Unix sockets as well.
    #[must_use]
    pub fn with_unix(self) -> Self {
        Self { unix: true, ..self }
    }

    /// Whether the address of a trusted peer is added to the `X-Forwarded-For` it sent. Default: false. The search for
    /// the client does not look at it.
    #[must_use]
    pub fn append_forwarded_for(self, append: bool) -> Self {
        Self { append_forwarded_for: append, ..self }
    }

    /// Whether `Forwarded` (RFC 7239) of a trusted peer is read. Default: false. If every line of it parses, it wins over
    /// `X-Forwarded-For`, `X-Real-IP` and `X-Forwarded-Proto`; else it is ignored.
    #[must_use]
    pub fn read_forwarded(self, read: bool) -> Self {
        Self { read_forwarded: read, ..self }
    }

    /// Whether the peer of `conn` is trusted; `None`: a request without a connection.
    pub(crate) fn trusts(&self, conn: Option<&ConnInfo>) -> bool {
        self.all || conn.is_some_and(|conn| self.trusts_peer(conn))
    }

    /// Whether `address`, met in a forwarding field, is a trusted proxy.
    fn trusts_address(&self, address: IpAddr) -> bool {
        self.all
            || self.knows(address)
            || !self.predicates.is_empty() && self.asks(&ConnInfo::of_peer(address))
    }

    fn trusts_peer(&self, conn: &ConnInfo) -> bool {
        self.unix && conn.is_unix()
            || conn.peer_addr().is_some_and(|peer| self.knows(peer.ip().to_canonical()))
            || self.asks(conn)
    }

    fn knows(&self, address: IpAddr) -> bool {
        self.private && is_private(address) || self.networks.contains(address)
    }

    fn asks(&self, conn: &ConnInfo) -> bool {
        self.predicates.iter().any(|predicate| predicate(conn))
    }
}

impl fmt::Debug for TrustProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustProxy")
            .field("all", &self.all)
            .field("private", &self.private)
            .field("unix", &self.unix)
            .field("networks", &self.networks)
            .field("predicates", &self.predicates.len())
            .field("append_forwarded_for", &self.append_forwarded_for)
            .field("read_forwarded", &self.read_forwarded)
            .finish()
    }
}

/// [`TrustProxy::cidrs`] of texts: `10.0.0.0/8`, `fd00::/8`, or an address for it alone. Host bits are masked.
///
/// # Errors
/// [`Error::InvalidCidr`] with the first text that is neither.
pub fn trust_cidrs(networks: impl IntoIterator<Item: AsRef<str>>) -> Result<TrustProxy, Error> {
    let parse = |text: &str| {
        let network = text.parse().or_else(|_| text.parse().map(|address: IpAddr| address.into()));
        network.map_err(|_| Error::InvalidCidr(text.to_owned()))
    };
    let networks: Vec<IpNet> =
        networks.into_iter().map(|text| parse(text.as_ref())).collect::<Result<_, _>>()?;
    Ok(TrustProxy::cidrs(networks))
}

/// Which field of a trusted peer is asked first for the client's address.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ClientAddress {
    /// `X-Forwarded-For`, from the right past every trusted proxy; without it `X-Real-IP`, else the peer. Most balancers
    /// pass a client's `X-Real-IP` through, so this one comes first.
    #[default]
    ForwardedFor,
    /// `X-Real-IP`; without it `X-Forwarded-For`, else the peer. For services behind a proxy that always sets it, as a
    /// parapet edge does.
    RealIp,
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}

#[cfg(test)]
mod tests;
