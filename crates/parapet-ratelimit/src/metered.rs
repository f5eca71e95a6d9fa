//! The shell of the strategies that count: a table, a clock, and rules without either.

use std::time::Duration;

use crate::clock::Clock;
use crate::error::saturated_nanos;
use crate::shard::Rules;
use crate::table::{DEFAULT_MAX_KEYS, Table};
use crate::{Decision, Key, Quota, QuotaDecision, Stats, Verdict};

/// A decision as a pure function of state and time.
pub(crate) trait Meter: Rules + Copy {
    /// Takes `cost`, or tells in how many nanoseconds that may succeed.
    fn take(&self, state: &mut Self::State, now: u64, cost: u32) -> Result<(), u64>;

    /// In how many nanoseconds `cost` may be taken; 0: now.
    fn after(&self, state: &Self::State, now: u64, cost: u32) -> u64;

    /// Gives back what was taken at `taken`, as far as it still counts.
    fn refund(&self, state: &mut Self::State, taken: u64, now: u64, cost: u32);

    fn quota(&self, state: &Self::State, now: u64) -> Quota;
}

#[derive(Debug)]
pub(crate) struct Metered<M: Meter> {
    table: Table<M>,
    clock: Clock,
}

impl<M: Meter> Metered<M> {
    pub(crate) fn new(rules: M, clock: Clock) -> Self {
        Self { table: Table::new(rules, DEFAULT_MAX_KEYS), clock }
    }

    pub(crate) fn max_keys(self, max_keys: usize) -> Self {
        Self { table: Table::new(self.table.rules, max_keys), ..self }
    }

    pub(crate) fn take(&self, key: &Key, cost: u32) -> Decision {
        let now = self.clock.now();
        let taken = self.table.enter(self.table.hash(key), now, |rules, state, tally| {
            let taken = rules.take(state, now, cost);
            match taken {
                Ok(()) => tally.allowed += 1,
                Err(_) => tally.limited += 1,
            }
            taken
        });
        Decision::Ready(verdict(taken))
    }

    pub(crate) fn take_with_quota(&self, key: &Key, cost: u32) -> QuotaDecision {
        let now = self.clock.now();
        let taken = self.table.enter(self.table.hash(key), now, |rules, state, tally| {
            let taken = rules.take(state, now, cost);
            match taken {
                Ok(()) => tally.allowed += 1,
                Err(_) => tally.limited += 1,
            }
            (taken, rules.quota(state, now))
        });
        let (taken, quota) = taken.unzip();
        QuotaDecision::Ready(verdict(taken), quota)
    }

    pub(crate) fn refund(&self, key: &Key, cost: u32, age: Duration) {
        let now = self.clock.now();
        let taken = now.saturating_sub(saturated_nanos(age));
        self.table
            .visit(self.table.hash(key), |rules, state, _| rules.refund(state, taken, now, cost));
    }

    pub(crate) fn after(&self, key: &Key, cost: u32) -> Duration {
        let now = self.clock.now();
        let after =
            self.table.visit(self.table.hash(key), |rules, state, _| rules.after(state, now, cost));
        Duration::from_nanos(after.unwrap_or(0))
    }

    pub(crate) fn quota(&self, key: &Key) -> Quota {
        let now = self.clock.now();
        let quota =
            self.table.visit(self.table.hash(key), |rules, state, _| rules.quota(state, now));
        quota.unwrap_or_else(|| self.table.rules.quota(&M::State::default(), now))
    }

    pub(crate) fn stats(&self) -> Stats {
        self.table.stats()
    }
}

/// `None`: the table had no room for the key.
fn verdict(taken: Option<Result<(), u64>>) -> Verdict {
    let after = match taken {
        Some(Ok(())) => return Verdict::Allowed,
        Some(Err(after)) => Duration::from_nanos(after),
        None => FULL,
    };
    Verdict::Limited { after: Some(after) }
}

/// Advice to a client whose key found no room in the table.
pub(crate) const FULL: Duration = Duration::from_secs(1);

/// Implements [`Strategy`](crate::Strategy) for a public type around a [`Metered`].
macro_rules! metered_strategy {
    ($name:ident) => {
        impl $name {
            /// At most this many keys are kept; the least used are dropped for new ones. Default: 500,000, about 40 bytes
            /// each, allocated as keys appear.
            #[must_use]
            pub fn max_keys(self, max_keys: usize) -> Self {
                Self(self.0.max_keys(max_keys))
            }
        }

        impl crate::Strategy for $name {
            fn take(&self, key: &crate::Key, cost: u32) -> crate::Decision {
                self.0.take(key, cost)
            }

            fn take_with_quota(&self, key: &crate::Key, cost: u32) -> crate::QuotaDecision {
                self.0.take_with_quota(key, cost)
            }

            fn refund(&self, key: &crate::Key, cost: u32) {
                self.0.refund(key, cost, std::time::Duration::ZERO);
            }

            fn refund_aged(&self, key: &crate::Key, cost: u32, age: std::time::Duration) {
                self.0.refund(key, cost, age);
            }

            fn after(&self, key: &crate::Key, cost: u32) -> std::time::Duration {
                self.0.after(key, cost)
            }

            fn quota(&self, key: &crate::Key) -> Option<crate::Quota> {
                Some(self.0.quota(key))
            }

            fn stats(&self) -> crate::Stats {
                self.0.stats()
            }
        }
    };
}

pub(crate) use metered_strategy;
