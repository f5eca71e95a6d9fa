use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use parapet_core::{ServerHandle, worker};
use tokio::time::Instant;

use super::shard::Shard;
use super::{Pool, PoolStats};
use crate::ConfigError;
use crate::address::Address;
use crate::dial::Route;
use crate::transport::{Shared, Wire};

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

impl Registry {
    /// The pool of `address`, made if need be, for one more target.
    pub(super) fn take_up(
        &self,
        shared: &Arc<Shared>,
        wire: Wire,
        address: &Address,
    ) -> Result<Arc<Pool>, ConfigError> {
        let mut pools = self.lock();
        if let Some(used) = pools.iter_mut().find(|used| used.pool.is_at(wire, address)) {
            used.targets += 1;
            return Ok(Arc::clone(&used.pool));
        }
        let route = Route::new(shared, wire, address)?;
        let pool = Arc::new(Pool::new(shared, route, wire, address.clone()));
        pools.push(Used { pool: Arc::clone(&pool), targets: 1 });
        Ok(pool)
    }

    /// One target less uses `pool`. With the last its idle connections go.
    pub(super) fn give_up(&self, pool: &Arc<Pool>) {
        let mut pools = self.lock();
        let Some(place) = pools.iter().position(|used| Arc::ptr_eq(&used.pool, pool)) else {
            return;
        };
        let unused = pools.get_mut(place).is_some_and(|used| {
            used.targets -= 1;
            used.targets == 0
        });
        if unused {
            pools.swap_remove(place);
            drop(pools);
            pool.retire();
        }
    }

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
