//! Which worker thread this is: for state that is kept per worker.

use std::cell::Cell;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

thread_local! {
    static INDEX: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Largest number of workers that a server of this process was configured with.
static CONFIGURED: AtomicUsize = AtomicUsize::new(0);

/// Number of the worker whose thread this is, from 0. `None` on threads that no `Server::run` made.
pub fn index() -> Option<usize> {
    INDEX.get()
}

/// Number of workers to keep state for: the largest number that was configured, at least the cores that this process may
/// use.
pub fn count() -> usize {
    CONFIGURED.load(Ordering::Relaxed).max(cores())
}

/// Cores that this process may use, as cgroups and affinity allow; at least 1.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

pub(crate) fn configure(workers: usize) {
    CONFIGURED.fetch_max(workers, Ordering::Relaxed);
}

pub(crate) fn enter(index: usize) {
    INDEX.set(Some(index));
}
