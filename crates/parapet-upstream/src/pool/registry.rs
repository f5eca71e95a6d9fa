use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

#[cfg(all(feature = "tls", feature = "http2"))]
use parapet_core::RequestExt;
use parapet_core::{Body, RequestHead, Response, ServerHandle, worker};
use tokio::time::Instant;

use super::shard::Shard;
use super::{Pool, PoolStats};
use crate::address::Address;
use crate::dial::Route;
use crate::transport::Shared;
#[cfg(feature = "http2")]
use crate::transport::Wire;
use crate::{Attempt, ConfigError, Error, h1};

/// The pools of one transport, and what its workers keep.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    pools: Mutex<Vec<Used>>,
    shards: OnceLock<Box<[Arc<Shard>]>>,
    /// Second of the last release for want of descriptors, counted from `epoch`.
    released: AtomicU64,
    epoch: OnceLock<Instant>,
}

/// A pool and the number of targets that use it.
#[derive(Debug)]
struct Used {
    pool: Arc<Pool>,
    targets: usize,
}

/// What a target holds of its transport.
#[derive(Debug)]
pub(crate) struct Endpoint {
    shared: Arc<Shared>,
    pool: Arc<Pool>,
    retired: AtomicBool,
    /// So long it is known that the target speaks HTTP/1.1 only.
    #[cfg(all(feature = "tls", feature = "http2"))]
    http1_until: Mutex<Option<Instant>>,
}

impl Endpoint {
    /// Targets of one transport at one address share their connections.
    pub(crate) fn new(shared: &Arc<Shared>, address: &Address) -> Result<Self, ConfigError> {
        let mut pools = shared.pools.lock();
        let pool = match pools.iter_mut().find(|used| used.pool.address == *address) {
            Some(used) => {
                used.targets += 1;
                Arc::clone(&used.pool)
            }
            None => {
                let route = Route::new(shared, shared.settings.wire, address)?;
                let pool = Arc::new(Pool::new(shared, route, address.clone()));
                pools.push(Used { pool: Arc::clone(&pool), targets: 1 });
                pool
            }
        };
        drop(pools);
        Ok(Self {
            shared: Arc::clone(shared),
            pool,
            retired: AtomicBool::new(false),
            #[cfg(all(feature = "tls", feature = "http2"))]
            http1_until: Mutex::new(None),
        })
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) async fn send(
        &self,
        head: &RequestHead,
        body: Body,
        at: &Attempt,
    ) -> Result<Response, Error> {
        #[cfg(feature = "http2")]
        if self.wants_h2(head) && Box::pin(self.has_h2(head, at)).await? {
            return Box::pin(crate::h2::send(&self.pool, head, body, at)).await;
        }
        h1::send(&self.pool, head, body, at).await
    }

    /// Upgrades and tunnels always go over HTTP/1.1, on connections of their own.
    #[cfg(feature = "http2")]
    fn wants_h2(&self, head: &RequestHead) -> bool {
        let settings = &self.shared.settings;
        let speaks = match settings.wire {
            Wire::H2c => true,
            #[cfg(feature = "tls")]
            Wire::Https => settings.tls.version != crate::HttpVersion::Http1,
            _ => false,
        };
        speaks
            && head.method != http::Method::CONNECT
            && !head.headers.contains_key(http::header::UPGRADE)
    }

    /// Whether the target speaks HTTP/2. Where both are welcome the first connection tells, and the answer is kept for a
    /// while, so that the right kind is dialed.
    #[cfg(feature = "http2")]
    async fn has_h2(&self, head: &RequestHead, at: &Attempt) -> Result<bool, Error> {
        #[cfg(feature = "tls")]
        if self.shared.settings.wire == Wire::Https
            && self.shared.settings.tls.version == crate::HttpVersion::Auto
        {
            let now = Instant::now();
            if lock(&self.http1_until).is_some_and(|until| now < until) {
                return Ok(false);
            }
            if self.pool.take_h2().is_some() {
                return Ok(true);
            }
            let spoken = h1::in_time(at, self.pool.dial_h2(head.server())).await?.is_some();
            *lock(&self.http1_until) = (!spoken).then(|| now + KNOWN);
            return Ok(spoken);
        }
        #[cfg(not(feature = "tls"))]
        let _ = (head, at);
        Ok(true)
    }

    /// The target is gone. With the last of its address the idle connections go.
    pub(crate) fn retire(&self) {
        if self.retired.swap(true, Ordering::AcqRel) {
            return;
        }
        let mut pools = self.shared.pools.lock();
        let Some(place) = pools.iter().position(|used| Arc::ptr_eq(&used.pool, &self.pool)) else {
            return;
        };
        let unused = pools.get_mut(place).is_some_and(|used| {
            used.targets -= 1;
            used.targets == 0
        });
        if unused {
            pools.swap_remove(place);
            drop(pools);
            self.pool.retire();
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.retire();
    }
}

impl Registry {
    pub(crate) fn stats(&self) -> Vec<PoolStats> {
        self.lock().iter().map(|used| used.pool.stats()).collect()
    }

    /// Number of stacks in each pool.
    pub(super) fn workers(&self) -> usize {
        self.shards().len()
    }

    pub(super) fn report(&self, index: usize, pool: Weak<Pool>, id: u64) {
        if let Some(shard) = self.shards().get(index) {
            shard.report(pool, id);
        }
    }

    pub(super) fn ring(&self, index: usize) {
        if let Some(shard) = self.shards().get(index) {
            shard.bell.notify_one();
        }
    }

    pub(super) fn watch(
        &self,
        index: usize,
        pool: &Arc<Pool>,
        server: Option<&ServerHandle>,
    ) -> bool {
        self.shards().get(index).is_some_and(|shard| shard.watch(index, pool, server))
    }

    /// The process is out of file descriptors: idle connections are what can be spared. At most once a second.
    pub(super) fn release_for_descriptors(&self, now: Instant) {
        let epoch = *self.epoch.get_or_init(|| now);
        let second = now.saturating_duration_since(epoch).as_secs() + 1;
        if self.released.swap(second, Ordering::Relaxed) != second {
            let pools: Vec<_> = self.lock().iter().map(|used| Arc::clone(&used.pool)).collect();
            for pool in pools {
                pool.release_all();
            }
        }
    }

    fn shards(&self) -> &[Arc<Shard>] {
        self.shards.get_or_init(|| (0..worker::count().max(1)).map(|_| Shard::new()).collect())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Used>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // The reapers find their shard gone and end.
        for shard in self.shards.get().into_iter().flatten() {
            shard.bell.notify_one();
        }
    }
}

#[cfg(all(feature = "tls", feature = "http2"))]
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long the answer of a target to ALPN is believed.
#[cfg(all(feature = "tls", feature = "http2"))]
const KNOWN: std::time::Duration = std::time::Duration::from_secs(300);
