//! What travels with a body: drop guards and observers.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;
use sync_wrapper::SyncWrapper;

use super::BodyError;

/// Which message of an exchange a body belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "an exchange has two messages")]
pub enum Side {
    /// The request.
    Request,
    /// The response.
    Response,
}

/// How a body ended.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Outcome<'a> {
    /// Its end was reached, or it was one that must not be sent (HEAD, 204, 304).
    Complete,
    /// It failed.
    Failed(&'a BodyError),
    /// It was dropped unfinished.
    Dropped,
}

/// What a [`BodyObserver`] is told.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct BodyEnd<'a> {
    /// DATA bytes that passed the place of the observer. For a tunnel: bytes toward the client
    /// ([`Side::Response`]) or from it ([`Side::Request`]).
    pub data_bytes: u64,
    /// How it ended.
    pub outcome: Outcome<'a>,
}

/// Hears once how a body ended.
///
/// Called on the thread that polled or dropped the body; must neither block nor panic.
pub trait BodyObserver: Send + Sync + 'static {
    /// The body on `side` ended.
    fn ended(&self, side: Side, end: BodyEnd<'_>);
}

/// Guards and observers of one body, oldest first; closed newest first.
#[derive(Default)]
pub(super) struct Riders(SmallVec<[Rider; 2]>);

enum Rider {
    Guard(#[expect(dead_code, reason = "held for its drop")] SyncWrapper<Box<dyn Send>>),
    Observer { observer: Arc<dyn BodyObserver>, side: Side, data_bytes: u64 },
}

impl Riders {
    pub(super) fn push_guard(&mut self, guard: Box<dyn Send>) {
        self.0.push(Rider::Guard(SyncWrapper::new(guard)));
    }

    pub(super) fn push_observer(&mut self, observer: Arc<dyn BodyObserver>, side: Side) {
        self.0.push(Rider::Observer { observer, side, data_bytes: 0 });
    }

    pub(super) fn count(&mut self, bytes: u64) {
        for rider in &mut self.0 {
            if let Rider::Observer { data_bytes, .. } = rider {
                *data_bytes = data_bytes.saturating_add(bytes);
            }
        }
    }

    pub(super) fn close(&mut self, outcome: &Outcome<'_>) {
        while let Some(rider) = self.0.pop() {
            if let Rider::Observer { observer, side, data_bytes } = rider {
                observer.ended(side, BodyEnd { data_bytes, outcome: *outcome });
            }
        }
    }

    pub(super) fn close_tunnel(&mut self, sent: u64, received: u64, outcome: &Outcome<'_>) {
        for rider in &mut self.0 {
            if let Rider::Observer { side, data_bytes, .. } = rider {
                *data_bytes = match side {
                    Side::Request => received,
                    Side::Response => sent,
                };
            }
        }
        self.close(outcome);
    }
}

impl Drop for Riders {
    fn drop(&mut self) {
        self.close(&Outcome::Dropped);
    }
}

impl fmt::Debug for Riders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Riders").field("len", &self.0.len()).finish()
    }
}
