use std::sync::Arc;
#[cfg(all(feature = "tls", feature = "http2"))]
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

#[cfg(all(feature = "tls", feature = "http2"))]
use parapet_core::RequestExt;
use parapet_core::{Body, RequestHead, Response};
use smallvec::SmallVec;
#[cfg(all(feature = "tls", feature = "http2"))]
use tokio::time::Instant;

use super::Pool;
use crate::address::Address;
use crate::transport::{Shared, UpstreamScheme, Wire};
use crate::{Attempt, ConfigError, ConnectErrorKind, Error, h1};

/// What a target holds of its transport.
#[derive(Debug)]
pub(crate) struct Endpoint {
    shared: Arc<Shared>,
    /// One, or with a dynamic transport one per scheme that the address can have.
    ways: SmallVec<[Way; 1]>,
    retired: AtomicBool,
}

#[derive(Debug)]
struct Way {
    wire: Wire,
    pool: Arc<Pool>,
    /// So long it is known that the target speaks HTTP/1.1 only.
    #[cfg(all(feature = "tls", feature = "http2"))]
    http1_until: Mutex<Option<Instant>>,
}

impl Endpoint {
    /// Targets of one transport at one address share their connections.
    pub(crate) fn new(shared: &Arc<Shared>, address: &Address) -> Result<Self, ConfigError> {
        let is_path = matches!(address, Address::Path(_));
        let mut this = Self {
            shared: Arc::clone(shared),
            ways: SmallVec::new(),
            retired: AtomicBool::new(false),
        };
        // What was taken into use before an error is given up by the drop.
        match shared.settings.wire {
            Wire::Dynamic => {
                let wires = UpstreamScheme::ALL.iter().map(|scheme| scheme.wire());
                for wire in wires.filter(|wire| (*wire == Wire::Unix) == is_path) {
                    this.ways.push(Way::new(shared, wire, address)?);
                }
            }
            wire => this.ways.push(Way::new(shared, wire, address)?),
        }
        Ok(this)
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// One round trip. Takes the body out.
    pub(crate) async fn send(
        &self,
        head: &RequestHead,
        body: &mut Body,
        at: &Attempt,
    ) -> Result<Response, Error> {
        let way = self.way(head)?;
        #[cfg(feature = "http2")]
        if self.wants_h2(way, head) && Box::pin(self.has_h2(way, head, at)).await? {
            return Box::pin(crate::h2::send(&way.pool, head, std::mem::take(body), at)).await;
        }
        h1::send(&way.pool, head, body, at).await
    }

    /// An extended CONNECT as such. `None`: the target speaks HTTP/1.1, which has another form for it.
    #[cfg(feature = "http2")]
    pub(crate) async fn connect(
        &self,
        head: &RequestHead,
        at: &Attempt,
    ) -> Result<Option<Response>, Error> {
        let way = self.way(head)?;
        if !way.speaks_h2(&self.shared) || !self.has_h2(way, head, at).await? {
            return Ok(None);
        }
        crate::h2::send(&way.pool, head, Body::empty(), at).await.map(Some)
    }

    fn way(&self, head: &RequestHead) -> Result<&Way, Error> {
        let wire = match self.shared.settings.wire {
            Wire::Dynamic => {
                head.extensions.get::<UpstreamScheme>().copied().unwrap_or_default().wire()
            }
            wire => wire,
        };
        self.ways.iter().find(|way| way.wire == wire).ok_or_else(|| {
            Error::connect(ConnectErrorKind::Other, "the scheme does not fit the target's host")
        })
    }

    /// Upgrades and plain tunnels always go over HTTP/1.1, on connections of their own.
    #[cfg(feature = "http2")]
    fn wants_h2(&self, way: &Way, head: &RequestHead) -> bool {
        way.speaks_h2(&self.shared)
            && head.method != http::Method::CONNECT
            && !head.headers.contains_key(http::header::UPGRADE)
    }

    /// Whether the target speaks HTTP/2. Where both are welcome the first connection tells, and the answer is kept for a
    /// while, so that the right kind is dialed.
    #[cfg(all(feature = "tls", feature = "http2"))]
    async fn has_h2(&self, way: &Way, head: &RequestHead, at: &Attempt) -> Result<bool, Error> {
        let version = self.shared.settings.tls.version;
        if way.wire != Wire::Https || version != crate::HttpVersion::Auto {
            return Ok(true);
        }
        let now = Instant::now();
        if lock(&way.http1_until).is_some_and(|until| now < until) {
            return Ok(false);
        }
        if way.pool.take_h2().is_some() {
            return Ok(true);
        }
        let spoken = h1::in_time(at, way.pool.dial_h2(head.server())).await?.is_some();
        *lock(&way.http1_until) = (!spoken).then(|| now + KNOWN);
        Ok(spoken)
    }

    #[cfg(all(not(feature = "tls"), feature = "http2"))]
    async fn has_h2(&self, _: &Way, _: &RequestHead, _: &Attempt) -> Result<bool, Error> {
        std::future::ready(Ok(true)).await
    }

    /// The target is gone. With the last of its address the idle connections go.
    pub(crate) fn retire(&self) {
        if !self.retired.swap(true, Ordering::AcqRel) {
            for way in &self.ways {
                self.shared.pools.give_up(&way.pool);
            }
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.retire();
    }
}

impl Way {
    #[cfg(feature = "http2")]
    fn speaks_h2(&self, shared: &Shared) -> bool {
        match self.wire {
            Wire::H2c => true,
            #[cfg(feature = "tls")]
            Wire::Https => shared.settings.tls.version != crate::HttpVersion::Http1,
            _ => shared.settings.wire == Wire::H2c,
        }
    }

    fn new(shared: &Arc<Shared>, wire: Wire, address: &Address) -> Result<Self, ConfigError> {
        Ok(Self {
            wire,
            pool: shared.pools.take_up(shared, wire, address)?,
            #[cfg(all(feature = "tls", feature = "http2"))]
            http1_until: Mutex::new(None),
        })
    }
}

#[cfg(all(feature = "tls", feature = "http2"))]
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// How long the answer of a target to ALPN is believed.
#[cfg(all(feature = "tls", feature = "http2"))]
const KNOWN: std::time::Duration = std::time::Duration::from_secs(300);
