use std::net::IpAddr;

use http::header::{Entry, FORWARDED, GetAll, HeaderName};
use http::{HeaderMap, HeaderValue};
use parapet_header::{X_FORWARDED_FOR, X_FORWARDED_PROTO, X_REAL_IP, client_ip};
use smallvec::SmallVec;

use super::forwarded::Hops;
use super::{ClientAddress, TrustProxy, address};
use crate::{ConnInfo, Scheme};

/// Decides who the client is and writes it into the request, once, outside every middleware.
#[derive(Clone, Debug)]
pub(crate) struct TrustStep {
    trust: TrustProxy,
    client_address: ClientAddress,
}

/// What the step found out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Trusted {
    /// `None`: a peer without address that names none.
    pub(crate) client_addr: Option<IpAddr>,
    pub(crate) scheme: Scheme,
    /// Whether the peer's forwarding fields were believed.
    #[expect(clippy::struct_field_names, reason = "the name of the accessor that tells it")]
    pub(crate) peer_trusted: bool,
}

impl TrustStep {
    pub(crate) fn new(trust: TrustProxy, client_address: ClientAddress) -> Self {
        Self { trust, client_address }
    }

    /// Whether the peer of `conn` is a trusted proxy.
    pub(crate) fn trusts(&self, conn: &ConnInfo) -> bool {
        self.trust.trusts(Some(conn))
    }

    /// Goes by the peer of `conn`; `None`: a request made in-process.
    pub(crate) fn apply(&self, headers: &mut HeaderMap, conn: Option<&ConnInfo>) -> Trusted {
        if self.trust.trusts(conn) { self.believe(headers, conn) } else { replace(headers, conn) }
    }

    fn believe(&self, headers: &mut HeaderMap, conn: Option<&ConnInfo>) -> Trusted {
        let peer = peer(conn);
        let own_scheme = own_scheme(conn);
        let forwarded = if self.trust.read_forwarded && headers.contains_key(FORWARDED) {
            Hops::parse(headers.get_all(FORWARDED).iter().map(HeaderValue::as_bytes))
        } else {
            None
        };
        let list = headers.get_all(X_FORWARDED_FOR);
        let listed = list.iter().next().is_some();
        let told = SchemeField::read(headers);
        let (client, scheme) = if let Some(hops) = forwarded {
            self.walk_hops(&hops, peer, own_scheme)
        } else {
            let client = match self.client_address {
                ClientAddress::ForwardedFor if listed => self.walk(&list, peer),
                ClientAddress::ForwardedFor => real_ip(headers).or(peer),
                ClientAddress::RealIp => real_ip(headers).or_else(|| self.walk(&list, peer)),
            };
            (client, told.scheme.unwrap_or(own_scheme))
        };
        self.write(headers, conn, listed, client);
        if told.scheme != Some(scheme) || !told.is_plain {
            insert(headers, X_FORWARDED_PROTO, scheme_value(scheme));
        }
        Trusted { client_addr: client, scheme, peer_trusted: true }
    }

    /// From the right past every trusted proxy to the first address that is none; a word that is no address ends the
    /// walk, since nobody vouches for what is left of it.
    fn walk(&self, list: &GetAll<'_, HeaderValue>, peer: Option<IpAddr>) -> Option<IpAddr> {
        let lines = list.iter().rev();
        let elements = lines.flat_map(|line| line.as_bytes().rsplit(|&byte| byte == b','));
        let mut client = peer;
        for element in elements.take(MAX_ELEMENTS) {
            let Some(address) = client_ip(element.trim_ascii()) else { break };
            client = Some(address);
            if !self.trust.trusts_address(address) {
                break;
            }
        }
        client
    }

    fn walk_hops(
        &self,
        hops: &Hops,
        peer: Option<IpAddr>,
        own_scheme: Scheme,
    ) -> (Option<IpAddr>, Scheme) {
        let mut chosen = (peer, own_scheme);
        for hop in hops.newest_first() {
            let Some(address) = hop.address else { break };
            chosen = (Some(address), hop.scheme.unwrap_or(own_scheme));
            if !self.trust.trusts_address(address) {
                break;
            }
        }
        chosen
    }

    fn write(
        &self,
        headers: &mut HeaderMap,
        conn: Option<&ConnInfo>,
        listed: bool,
        client: Option<IpAddr>,
    ) {
        let peer = peer(conn);
        let text = client.map(|address| match conn {
            Some(conn) if client == peer => peer_text(conn, address),
            _ => address::to_value(address),
        });
        if !listed && let Some(text) = &text {
            insert(headers, X_FORWARDED_FOR, text.clone());
        }
        match text {
            Some(text) => insert(headers, X_REAL_IP, text),
            None => drop(headers.remove(X_REAL_IP)),
        }
        if self.trust.append_forwarded_for
            && (listed || client != peer)
            && let Some((conn, peer)) = conn.zip(peer)
        {
            append(headers, &peer_text(conn, peer));
        }
    }
}

/// What an untrusted peer said of others is removed, and replaced by what the connection says.
fn replace(headers: &mut HeaderMap, conn: Option<&ConnInfo>) -> Trusted {
    let (client, scheme) = (peer(conn), own_scheme(conn));
    // Empty for all but proxies and attackers; those three that are set below need no removal of their own.
    let removed: SmallVec<[HeaderName; 4]> = headers
        .keys()
        .filter(|name| is_forwarding(name.as_str()))
        .filter(|name| client.is_none() || **name != X_FORWARDED_FOR && **name != X_REAL_IP)
        .cloned()
        .collect();
    for name in removed {
        headers.remove(name);
    }
    if let Some((conn, address)) = conn.zip(client) {
        let text = peer_text(conn, address);
        insert(headers, X_FORWARDED_FOR, text.clone());
        insert(headers, X_REAL_IP, text);
    }
    insert(headers, X_FORWARDED_PROTO, scheme_value(scheme));
    Trusted { client_addr: client, scheme, peer_trusted: false }
}

/// Whether `name`, lower-cased, is a forwarding field or becomes one when `_` is read as `-`, which CGI-style backends
/// cannot tell apart.
fn is_forwarding(name: &str) -> bool {
    let name = name.as_bytes();
    match name {
        [b'f', ..] => name == b"forwarded",
        [b'x', b'-' | b'_', behind @ ..] => {
            let is = |text: &[u8], word: &[u8]| {
                text.len() == word.len()
                    && text.iter().zip(word).all(|(a, b)| a == b || (*a == b'_' && *b == b'-'))
            };
            is(behind, b"real-ip") || behind.get(..10).is_some_and(|start| is(start, b"forwarded-"))
        }
        _ => false,
    }
}

fn peer(conn: Option<&ConnInfo>) -> Option<IpAddr> {
    conn?.peer_addr().map(|peer| peer.ip().to_canonical())
}

fn own_scheme(conn: Option<&ConnInfo>) -> Scheme {
    if conn.is_some_and(ConnInfo::is_secure) { Scheme::Https } else { Scheme::Http }
}

/// The address of the peer, formatted once per connection.
fn peer_text(conn: &ConnInfo, peer: IpAddr) -> HeaderValue {
    conn.peer_text.get_or_init(|| address::to_value(peer)).clone()
}

/// Two lines are one too many: nobody knows which one to believe.
fn real_ip(headers: &HeaderMap) -> Option<IpAddr> {
    let mut lines = headers.get_all(X_REAL_IP).iter();
    let first = lines.next()?;
    if lines.next().is_some() { None } else { client_ip(first.as_bytes().trim_ascii()) }
}

/// What `X-Forwarded-Proto` says.
struct SchemeField {
    /// The first word of the first line, if it is a scheme.
    scheme: Option<Scheme>,
    /// Whether there is nothing but that word.
    is_plain: bool,
}

impl SchemeField {
    fn read(headers: &HeaderMap) -> Self {
        let mut lines = headers.get_all(X_FORWARDED_PROTO).iter();
        let line = lines.next().map_or(&b""[..], HeaderValue::as_bytes);
        let word = line.split(|&byte| byte == b',').next().unwrap_or_default();
        let scheme = scheme(word.trim_ascii());
        let is_plain = scheme.is_some_and(|scheme| line == scheme.as_str().as_bytes());
        Self { scheme, is_plain: is_plain && lines.next().is_none() }
    }
}

/// `http` or `https`; WebSocket's names count as these.
pub(super) fn scheme(word: &[u8]) -> Option<Scheme> {
    let is = |scheme: &[u8]| word.eq_ignore_ascii_case(scheme);
    if is(b"https") || is(b"wss") {
        Some(Scheme::Https)
    } else if is(b"http") || is(b"ws") {
        Some(Scheme::Http)
    } else {
        None
    }
}

fn scheme_value(scheme: Scheme) -> HeaderValue {
    HeaderValue::from_static(scheme.as_str())
}

/// Adds `peer` to the end of the list, in its last line.
fn append(headers: &mut HeaderMap, peer: &HeaderValue) {
    if let Ok(Entry::Occupied(mut lines)) = headers.try_entry(X_FORWARDED_FOR)
        && let Some(last) = lines.iter_mut().next_back()
    {
        let text = if last.is_empty() {
            peer.as_bytes().to_vec()
        } else {
            [last.as_bytes(), b", ", peer.as_bytes()].concat()
        };
        if let Ok(value) = HeaderValue::from_maybe_shared(bytes::Bytes::from(text)) {
            *last = value;
        }
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    // Fails in a map of 32,768 fields only, which no head that was read can hold; `insert` would panic there.
    let _ = headers.try_insert(name, value);
}

/// Elements of a list that are looked at: proxies do not stand in longer rows, and the list is the client's to fill.
pub(super) const MAX_ELEMENTS: usize = 32;
