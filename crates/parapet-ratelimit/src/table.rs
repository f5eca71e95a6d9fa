//! The bounded table of keys that every in-memory strategy stands on.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;

use crossbeam_utils::CachePadded;

use crate::limit_key::{KeyHash, KeyHasher};
use crate::shard::{Rules, Shard, Tally};
use crate::{Key, Stats};

/// Shards on one cache line would be one lock to the processor.
type Padded<S> = CachePadded<Mutex<Shard<S>>>;

/// A mutex a shard, held for a look-up and arithmetic alone.
pub(crate) struct Table<R: Rules> {
    pub(crate) rules: R,
    hasher: KeyHasher,
    shards: Box<[Padded<R::State>]>,
    /// When the next maintenance pass begins. Changed by whoever swept the last shard of a pass.
    due: AtomicU64,
    /// How many shards were swept since the table was built.
    swept: AtomicUsize,
}

impl<R: Rules> Table<R> {
    pub(crate) fn new(rules: R, max_keys: usize) -> Self {
        let wanted = available_parallelism().map_or(4, usize::from).saturating_mul(4);
        let max_keys = max_keys.max(1);
        // A small table has few shards: a shard of one or two keys would evict by chance.
        let most = 1 << (max_keys / 16).max(1).ilog2();
        let count = wanted.next_power_of_two().clamp(16, 256).min(most);
        let shard = || CachePadded::new(Mutex::new(Shard::new((max_keys / count).max(1))));
        Self {
            rules,
            hasher: KeyHasher::new(),
            shards: (0..count).map(|_| shard()).collect(),
            due: AtomicU64::new(0),
            swept: AtomicUsize::new(0),
        }
    }

    pub(crate) fn hash(&self, key: &Key) -> KeyHash {
        self.hasher.hash(key)
    }

    /// Passes the state of a key to `f`, making it if it is not there. `None`: the table is full of keys that are in use.
    pub(crate) fn enter<T>(
        &self,
        hash: KeyHash,
        now: u64,
        f: impl FnOnce(&R, &mut R::State, &mut Tally) -> T,
    ) -> Option<T> {
        self.maintain(now);
        let rules = &self.rules;
        self.shard(hash)?.enter(rules, hash, now, |state, tally| f(rules, state, tally))
    }

    /// Passes the state of a key to `f` if it is there.
    pub(crate) fn visit<T>(
        &self,
        hash: KeyHash,
        f: impl FnOnce(&R, &mut R::State, &mut Tally) -> T,
    ) -> Option<T> {
        let rules = &self.rules;
        self.shard(hash)?.visit(rules, hash, |state, tally| f(rules, state, tally))
    }

    pub(crate) fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        for shard in &self.shards {
            let shard = lock(shard);
            stats.keys += shard.len();
            stats.evicted_live += shard.tally.evicted_live;
            stats.table_full += shard.tally.table_full;
            stats.allowed += shard.tally.allowed;
            stats.limited += shard.tally.limited;
        }
        stats
    }

    /// Sweeps one shard if a pass is due: no task, no thread, and no request pays for more than its share.
    fn maintain(&self, now: u64) {
        let due = self.due.load(Ordering::Relaxed);
        if now < due {
            return;
        }
        if due == 0 {
            self.due.store(now.saturating_add(self.rules.sweep_period()), Ordering::Relaxed);
            return;
        }
        let turn = self.swept.fetch_add(1, Ordering::Relaxed) % self.shards.len().max(1);
        if turn + 1 == self.shards.len() {
            self.due.store(now.saturating_add(self.rules.sweep_period()), Ordering::Relaxed);
        }
        if let Some(shard) = self.shards.get(turn) {
            lock(shard).sweep(&self.rules, now);
        }
    }

    fn shard(&self, hash: KeyHash) -> Option<MutexGuard<'_, Shard<R::State>>> {
        let index = (u128::from(hash.high) * self.shards.len() as u128) >> 64;
        self.shards.get(usize::try_from(index).unwrap_or(0)).map(|shard| lock(shard))
    }
}

impl<R: Rules + fmt::Debug> fmt::Debug for Table<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// Keys of a limiter unless told otherwise.
pub(crate) const DEFAULT_MAX_KEYS: usize = 500_000;

/// A panic under the lock is impossible but by a fault of ours; the state of other keys is right all the same.
fn lock<S>(shard: &Mutex<Shard<S>>) -> MutexGuard<'_, Shard<S>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
