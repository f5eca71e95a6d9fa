//! Whether a counted body went over its limit, told from the body to the future of its request.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// Shared by one body and one future, which may be polled by two tasks.
#[derive(Debug, Default)]
pub(crate) struct Trip(Mutex<State>);

/// `Watching` → `Tripped`, once.
#[derive(Debug)]
enum State {
    /// The future's waker, once it was polled.
    Watching(Option<Waker>),
    Tripped,
}

impl Trip {
    /// The limit was crossed. Called before the body says so to its reader: whatever the reader makes of the error, the
    /// future knows better.
    pub(crate) fn trip(&self) {
        let before = std::mem::replace(&mut *self.state(), State::Tripped);
        if let State::Watching(Some(waker)) = before {
            waker.wake();
        }
    }

    /// Whether the limit was crossed; if not, `waker` hears of it.
    pub(crate) fn watch(&self, waker: &Waker) -> bool {
        match &mut *self.state() {
            State::Tripped => true,
            State::Watching(kept) => {
                if kept.as_ref().is_none_or(|kept| !kept.will_wake(waker)) {
                    *kept = Some(waker.clone());
                }
                false
            }
        }
    }

    /// Whether the limit was crossed.
    pub(crate) fn has_tripped(&self) -> bool {
        matches!(*self.state(), State::Tripped)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for State {
    fn default() -> Self {
        Self::Watching(None)
    }
}
