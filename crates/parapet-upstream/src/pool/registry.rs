use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use parapet_core::{Body, RequestHead, Response, ServerHandle, worker};
use tokio::time::Instant;

use super::shard::Shard;
use super::{Pool, PoolStats};
use crate::address::Address;
use crate::dial::Route;
use crate::transport::Shared;
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
        Ok(Self { shared: Arc::clone(shared), pool, retired: AtomicBool::new(false) })
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
        h1::send(&self.pool, head, body, at).await
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
