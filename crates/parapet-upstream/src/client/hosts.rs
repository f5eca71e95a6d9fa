use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderValue;
use http::uri::{Scheme, Uri};

use crate::{PoolStats, Target, Transport};

/// The hosts that a client keeps connections to; of more than `max` the one used longest ago goes.
pub(super) struct Hosts {
    pub(super) http: Reached,
    /// `None`: TLS was not built in.
    pub(super) https: Option<Reached>,
    max: usize,
    known: Mutex<Known>,
}

/// How the hosts of one scheme are reached.
pub(super) struct Reached {
    transport: Transport,
    stats: Box<dyn Fn() -> Vec<PoolStats> + Send + Sync>,
}

#[derive(Default)]
struct Known {
    hosts: HashMap<Origin, Host>,
    /// Moves on with every request: tells which host was used longest ago.
    turn: u64,
}

struct Host {
    target: Arc<Target>,
    /// Turn of the last request.
    used: u64,
}

/// Scheme, name and port (RFC 9110 §4.3.1): what shares connections.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Origin {
    secure: bool,
    /// Lower case, with its port.
    address: Box<str>,
}

/// A request that a client sends nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadRequest {
    #[error("the URI of the request is not absolute, or neither http nor https")]
    Uri,
    #[error("the URI of the request has user info: send it in a field")]
    UserInfo,
    #[error("the host of the URI is neither a name nor an address")]
    Host,
    #[error("a client makes no tunnels")]
    Connect,
}

impl Hosts {
    pub(super) fn new(http: Reached, https: Option<Reached>, max: usize) -> Self {
        Self { http, https, max, known: Mutex::default() }
    }

    /// The connections that a request for `uri` goes over.
    pub(super) fn target(&self, uri: &Uri) -> Result<Arc<Target>, BadRequest> {
        let origin = Origin::of(uri)?;
        let reached = if origin.secure { self.https.as_ref() } else { Some(&self.http) };
        let reached = reached.ok_or(BadRequest::Uri)?;
        let mut known = self.lock();
        known.turn += 1;
        let used = known.turn;
        if let Some(host) = known.hosts.get_mut(&origin) {
            host.used = used;
            return Ok(Arc::clone(&host.target));
        }
        let target = Target::new(&origin.address, reached.transport.clone());
        let target = Arc::new(target.map_err(|_| BadRequest::Host)?);
        let gone = if known.hosts.len() < self.max { None } else { known.take_oldest() };
        known.hosts.insert(origin, Host { target: Arc::clone(&target), used });
        drop(known);
        if let Some(host) = gone {
            // Requests on their way hold the target too: they end well, and give no connection back.
            host.target.transport().retire();
        }
        Ok(target)
    }

    pub(super) fn stats(&self) -> Vec<PoolStats> {
        let reached = std::iter::once(&self.http).chain(&self.https);
        reached.flat_map(|reached| (reached.stats)()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Looks at all of them: only a new host comes here, and only when there are too many.
    fn take_oldest(&mut self) -> Option<Host> {
        let oldest = self.hosts.iter().min_by_key(|(_, host)| host.used)?.0.clone();
        self.hosts.remove(&oldest)
    }
}

impl Reached {
    pub(super) fn new(
        transport: impl Into<Transport>,
        stats: impl Fn() -> Vec<PoolStats> + Send + Sync + 'static,
    ) -> Self {
        Self { transport: transport.into(), stats: Box::new(stats) }
    }
}

impl Origin {
    fn of(uri: &Uri) -> Result<Self, BadRequest> {
        let secure = if uri.scheme() == Some(&Scheme::HTTPS) {
            true
        } else if uri.scheme() == Some(&Scheme::HTTP) {
            false
        } else {
            return Err(BadRequest::Uri);
        };
        let name = uri.host().filter(|host| !host.is_empty()).ok_or(BadRequest::Host)?;
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let mut address = format!("{name}:{port}");
        address.make_ascii_lowercase();
        Ok(Self { secure, address: address.into() })
    }
}

/// The `Host` of a request for `uri` (RFC 9110 §7.2).
pub(super) fn authority(uri: &Uri) -> Result<HeaderValue, BadRequest> {
    let authority = uri.authority().filter(|_| uri.scheme().is_some()).ok_or(BadRequest::Uri)?;
    if authority.as_str().contains('@') {
        return Err(BadRequest::UserInfo);
    }
    HeaderValue::from_str(authority.as_str()).map_err(|_| BadRequest::Host)
}

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosts")
            .field("http", &self.http.transport)
            .field("https", &self.https.as_ref().map(|reached| &reached.transport))
            .field("max", &self.max)
            .field("known", &self.lock().hosts.len())
            .finish()
    }
}
