use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parapet_core::BoxFuture;

use crate::Key;

/// Decides for each key whether one more request is admitted.
///
/// Called concurrently from all workers. `take` must not block: what has to wait, for a place or for an answer from
/// elsewhere, is a future.
pub trait Strategy: Send + Sync + 'static {
    /// Takes `cost` units of `key`.
    fn take(&self, key: &Key, cost: u32) -> Decision;

    /// [`take`](Self::take), and the quota as it is right after, in one step: asked instead of it when response fields
    /// are on. The default asks [`quota`](Self::quota) in a second step.
    fn take_with_quota(&self, key: &Key, cost: u32) -> QuotaDecision {
        match self.take(key, cost) {
            Decision::Ready(verdict) => QuotaDecision::Ready(verdict, self.quota(key)),
            Decision::Wait(verdict) => {
                QuotaDecision::Wait(Box::pin(async move { (verdict.await, None) }))
            }
        }
    }

    /// Whether each admitted request must be given back by [`put`](Self::put). Read once, when the limiter is wrapped.
    fn needs_put(&self) -> bool {
        false
    }

    /// Gives `cost` units of `key` back: exactly once for each admitted request, if [`needs_put`](Self::needs_put).
    fn put(&self, _key: &Key, _cost: u32) {}

    /// Undoes an admission, because another limit of a chain denied the request.
    fn refund(&self, _key: &Key, _cost: u32) {}

    /// [`refund`](Self::refund) of units that were taken `age` ago, since the request waited for another limit of its
    /// chain: asked instead of it then. The default ignores the age. A limit over time gives back what still counts
    /// alone, else clients that wait in one window and leave in the next would pass more in that one than it allows.
    fn refund_aged(&self, key: &Key, cost: u32, _age: Duration) {
        self.refund(key, cost);
    }

    /// When the next take of `cost` units may succeed. Zero: now, or unknown.
    fn after(&self, key: &Key, cost: u32) -> Duration;

    /// What is left, for response fields. `None`: nothing is told.
    fn quota(&self, _key: &Key) -> Option<Quota> {
        None
    }

    /// What [`Decision::Wait`] of this strategy means. A chain asks strategies in the order of these variants.
    fn waits(&self) -> Waits {
        Waits::Never
    }

    /// Counts since it was built.
    fn stats(&self) -> Stats {
        Stats::default()
    }

    /// The limiter's name, told when it is wrapped: stores that several limiters share keep them apart by it. The first
    /// name stays.
    fn named(&self, _name: &str) {}
}

/// What a strategy says to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a request is admitted or it is not")]
pub enum Verdict {
    /// It may pass.
    Allowed,
    /// It may not.
    Limited {
        /// When the next request may succeed. `None`: the limiter asks [`Strategy::after`].
        after: Option<Duration>,
    },
}

/// A verdict, now or later.
#[expect(clippy::exhaustive_enums, reason = "an answer is there or it is not")]
pub enum Decision {
    /// It is known.
    Ready(Verdict),
    /// The request waits for it. Dropped: the request gives its place up.
    Wait(BoxFuture<'static, Verdict>),
}

impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(verdict) => f.debug_tuple("Ready").field(verdict).finish(),
            Self::Wait(_) => f.write_str("Wait"),
        }
    }
}

/// A verdict and the quota after it, now or later. Without a quota the limiter asks [`Strategy::quota`].
#[expect(clippy::exhaustive_enums, reason = "an answer is there or it is not")]
pub enum QuotaDecision {
    /// Both are known.
    Ready(Verdict, Option<Quota>),
    /// The request waits for both. Dropped: the request gives its place up.
    Wait(BoxFuture<'static, (Verdict, Option<Quota>)>),
}

impl fmt::Debug for QuotaDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(verdict, quota) => {
                f.debug_tuple("Ready").field(verdict).field(quota).finish()
            }
            Self::Wait(_) => f.write_str("Wait"),
        }
    }
}

/// What a strategy waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Waits {
    /// It answers at once.
    Never,
    /// It asks a store elsewhere. Its admissions are not undone.
    Asks,
    /// The request stands in a queue for its turn. A dry run never does.
    Queues,
}

/// What a key may use and has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "strategies of others make it")]
pub struct Quota {
    /// Units a window, or requests at once.
    pub limit: u32,
    /// Length of the window. `None`: the limit is of requests at once.
    pub window: Option<Duration>,
    /// Units left.
    pub remaining: u32,
    /// Until more are there.
    pub reset: Duration,
}

/// Counts of a strategy since it was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Keys in the table now.
    pub keys: usize,
    /// Keys that were dropped for space while they still counted: raise `max_keys`, or make the key wider.
    pub evicted_live: u64,
    /// Requests denied because the table was full of keys with requests in progress.
    pub table_full: u64,
    /// Requests admitted.
    pub allowed: u64,
    /// Requests denied.
    pub limited: u64,
}

impl<S: Strategy + ?Sized> Strategy for Arc<S> {
    fn take(&self, key: &Key, cost: u32) -> Decision {
        (**self).take(key, cost)
    }

    fn take_with_quota(&self, key: &Key, cost: u32) -> QuotaDecision {
        (**self).take_with_quota(key, cost)
    }

    fn needs_put(&self) -> bool {
        (**self).needs_put()
    }

    fn put(&self, key: &Key, cost: u32) {
        (**self).put(key, cost);
    }

    fn refund(&self, key: &Key, cost: u32) {
        (**self).refund(key, cost);
    }

    fn refund_aged(&self, key: &Key, cost: u32, age: Duration) {
        (**self).refund_aged(key, cost, age);
    }

    fn after(&self, key: &Key, cost: u32) -> Duration {
        (**self).after(key, cost)
    }

    fn quota(&self, key: &Key) -> Option<Quota> {
        (**self).quota(key)
    }

    fn waits(&self) -> Waits {
        (**self).waits()
    }

    fn stats(&self) -> Stats {
        (**self).stats()
    }

    fn named(&self, name: &str) {
        (**self).named(name);
    }
}
