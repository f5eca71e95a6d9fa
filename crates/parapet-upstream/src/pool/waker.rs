use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::task::Wake;

use super::Pool;

/// The waker that an idle connection leaves with its socket: notes that something happened, and sends the reaper to
/// look. One allocation per connection, so that idle connections need no task.
#[derive(Debug)]
pub(crate) struct Watch {
    /// By which the reaper finds the connection.
    pub(super) id: u64,
    /// Something happened since the connection was checked in.
    woken: AtomicBool,
    /// The worker that it is idle on. Written at check-in.
    shard: AtomicUsize,
    pool: Weak<Pool>,
}

impl Watch {
    pub(super) fn new(id: u64, pool: &Arc<Pool>) -> Arc<Self> {
        Arc::new(Self {
            id,
            woken: AtomicBool::new(false),
            shard: AtomicUsize::new(0),
            pool: Arc::downgrade(pool),
        })
    }

    /// From now on what happens to the socket is news, for the reaper of this worker.
    pub(super) fn arm(&self, shard: usize) {
        self.shard.store(shard, Ordering::Relaxed);
        self.woken.store(false, Ordering::Release);
    }

    pub(crate) fn is_woken(&self) -> bool {
        self.woken.load(Ordering::Acquire)
    }
}

impl Wake for Watch {
    fn wake(self: Arc<Self>) {
        Self::wake_by_ref(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.woken.swap(true, Ordering::AcqRel)
            && let Some(pool) = self.pool.upgrade()
        {
            pool.report(self.shard.load(Ordering::Relaxed), self.id);
        }
    }
}
