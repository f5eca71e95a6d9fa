//! The limit on all connections to one target, over all workers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::h1::Unit;

/// Counts the connections to one target and lets requests wait for one, first come first served.
#[derive(Debug)]
pub(crate) struct Permits {
    max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Permits that are out: connections being dialed, in use and idle.
    out: usize,
    waiting: VecDeque<oneshot::Sender<Grant>>,
}

/// What a waiting request gets.
#[derive(Debug)]
pub(crate) enum Grant {
    /// The right to open a connection.
    Permit(Permit),
    /// A connection that another request has finished with.
    Unit(Box<Unit>),
}

/// The right to have one connection; lives as long as the connection, dialing and idle included.
#[derive(Debug)]
pub(crate) struct Permit(Option<Arc<Permits>>);

impl Permits {
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, state: Mutex::default() })
    }

    /// A permit, or the place in the queue for one.
    pub(crate) fn acquire(self: &Arc<Self>) -> Result<Permit, oneshot::Receiver<Grant>> {
        let mut state = self.lock();
        if state.out < self.max {
            state.out += 1;
            return Ok(Permit(Some(Arc::clone(self))));
        }
        let (sender, receiver) = oneshot::channel();
        state.waiting.retain(|waiting| !waiting.is_closed());
        state.waiting.push_back(sender);
        Err(receiver)
    }

    /// Whether a request waits.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.lock().waiting.iter().any(|waiting| !waiting.is_closed())
    }

    /// Gives `unit` to the first request that waits; back if none does.
    pub(crate) fn hand_over(&self, unit: Box<Unit>) -> Result<(), Box<Unit>> {
        let mut grant = Grant::Unit(unit);
        loop {
            let Some(first) = self.lock().waiting.pop_front() else {
                return match grant {
                    Grant::Unit(unit) => Err(unit),
                    Grant::Permit(_) => Ok(()),
                };
            };
            match first.send(grant) {
                Ok(()) => return Ok(()),
                Err(refused) => grant = refused,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Some(permits) = self.0.take() else { return };
        // The next in the queue gets the right in the same step, so that nobody can come between.
        loop {
            let first = {
                let mut state = permits.lock();
                let Some(first) = state.waiting.pop_front() else {
                    state.out -= 1;
                    return;
                };
                first
            };
            match first.send(Grant::Permit(Self(Some(Arc::clone(&permits))))) {
                // It gave up waiting: what comes back must not give itself back a second time.
                Err(Grant::Permit(mut refused)) => refused.0 = None,
                Ok(()) | Err(Grant::Unit(_)) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_freed_permit_goes_to_the_first_that_still_waits() {
        let permits = Permits::new(1);
        let held = permits.acquire().unwrap();
        let gone = permits.acquire().unwrap_err();
        let mut first = permits.acquire().unwrap_err();
        let mut second = permits.acquire().unwrap_err();
        drop(gone);
        drop(held);
        let Ok(Grant::Permit(next)) = first.try_recv() else { panic!("the first got nothing") };
        assert!(second.try_recv().is_err());
        assert!(permits.acquire().is_err(), "the limit holds while a permit is passed on");
        drop(next);
        let Ok(Grant::Permit(last)) = second.try_recv() else { panic!("the second got nothing") };
        assert_eq!(permits.lock().out, 1);
        drop(last);
        assert_eq!(permits.lock().out, 0);
    }
}
