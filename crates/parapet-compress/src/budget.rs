//! What the encoders of a layer may hold together: a client that reads slowly keeps one for as long as it likes, and one
//! connection of HTTP/2 can have a hundred.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Memory that is not taken. Shared by all responses of a layer.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Bytes.
    left: AtomicUsize,
    /// The last response that was asked for found too little.
    is_exhausted: AtomicBool,
}

impl Budget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self(Arc::new(Shared {
            left: AtomicUsize::new(bytes),
            is_exhausted: AtomicBool::new(false),
        }))
    }

    /// Takes so many bytes, until the share is dropped. `None`: there are not so many.
    pub(crate) fn take(&self, bytes: usize) -> Option<Share> {
        let Shared { left, is_exhausted } = &*self.0;
        let take = |left: usize| left.checked_sub(bytes);
        if left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
            if is_exhausted.load(Ordering::Relaxed) {
                is_exhausted.store(false, Ordering::Relaxed);
            }
            return Some(Share { budget: self.clone(), bytes });
        }
        // When it begins: a client must not be able to fill the log.
        if !is_exhausted.swap(true, Ordering::Relaxed) {
            tracing::warn!("encoders hold max_memory: responses go out as they are");
        }
        None
    }
}

/// Memory that one encoder may hold.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Budget,
    bytes: usize,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.0.left.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_comes_back_and_no_more_is_given() {
        let budget = Budget::new(100);
        let (most, rest) = (budget.take(60).unwrap(), budget.take(40).unwrap());
        assert!(budget.take(1).is_none());
        assert!(budget.take(0).is_some());
        drop(rest);
        assert!(budget.take(41).is_none());
        drop(budget.take(40).unwrap());
        drop(most);
        assert!(budget.take(100).is_some());
        assert!(budget.take(101).is_none());
    }
}
