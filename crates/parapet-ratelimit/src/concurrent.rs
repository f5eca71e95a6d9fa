use std::time::Duration;

use crate::Quota;
use crate::fixed_window::SECOND;
use crate::metered::FULL;
use crate::shard::Rules;
use crate::table::{DEFAULT_MAX_KEYS, Table};
use crate::{Decision, Key, QuotaDecision, Stats, Strategy, Verdict};

/// At most `capacity` requests of a key at once; more are limited.
#[derive(Debug)]
pub struct Concurrent {
    table: Table<Slots>,
}

impl Concurrent {
    /// At most `capacity` at once. 0 admits nothing.
    pub fn new(capacity: u32) -> Self {
        Self { table: Table::new(Slots { capacity }, DEFAULT_MAX_KEYS) }
    }

    /// At most this many keys have requests in progress; a request of one more is limited. Default: 500,000.
    #[must_use]
    pub fn max_keys(self, max_keys: usize) -> Self {
        Self { table: Table::new(self.table.rules, max_keys) }
    }

    /// Whether it was admitted, and how many units are in use then. `None`: no room for the key.
    fn admit(&self, key: &Key, cost: u32) -> Option<(bool, u32)> {
        self.table.enter(self.table.hash(key), 0, |rules, in_flight, tally| {
            let admitted = match in_flight.checked_add(cost) {
                Some(sum) if sum <= rules.capacity => {
                    *in_flight = sum;
                    tally.allowed += 1;
                    true
                }
                _ => {
                    tally.limited += 1;
                    false
                }
            };
            (admitted, *in_flight)
        })
    }
}

impl Strategy for Concurrent {
    fn take(&self, key: &Key, cost: u32) -> Decision {
        Decision::Ready(verdict(self.admit(key, cost)))
    }

    fn take_with_quota(&self, key: &Key, cost: u32) -> QuotaDecision {
        let admitted = self.admit(key, cost);
        let in_flight = admitted.map_or(0, |(_, in_flight)| in_flight);
        let quota = slots_quota(self.table.rules.capacity, in_flight);
        QuotaDecision::Ready(verdict(admitted), Some(quota))
    }

    fn needs_put(&self) -> bool {
        true
    }

    fn put(&self, key: &Key, cost: u32) {
        self.table.visit(self.table.hash(key), |_, in_flight, _| {
            *in_flight = in_flight.saturating_sub(cost);
        });
    }

    fn refund(&self, key: &Key, cost: u32) {
        self.put(key, cost);
    }

    /// Zero: nobody knows when a request will end.
    fn after(&self, _key: &Key, _cost: u32) -> Duration {
        Duration::ZERO
    }

    fn quota(&self, key: &Key) -> Option<Quota> {
        let in_flight = self.table.visit(self.table.hash(key), |_, in_flight, _| *in_flight);
        Some(slots_quota(self.table.rules.capacity, in_flight.unwrap_or(0)))
    }

    fn stats(&self) -> Stats {
        self.table.stats()
    }
}

fn verdict(admitted: Option<(bool, u32)>) -> Verdict {
    match admitted {
        Some((true, _)) => Verdict::Allowed,
        Some((false, _)) => Verdict::Limited { after: Some(Duration::ZERO) },
        None => Verdict::Limited { after: Some(FULL) },
    }
}

/// The quota of a limit of requests at once.
pub(crate) fn slots_quota(capacity: u32, in_flight: u32) -> Quota {
    Quota {
        limit: capacity,
        window: None,
        remaining: capacity.saturating_sub(in_flight),
        reset: Duration::ZERO,
    }
}

#[derive(Clone, Copy, Debug)]
struct Slots {
    capacity: u32,
}

/// The state is the number of units in use.
impl Rules for Slots {
    type State = u32;

    fn is_stale(&self, in_flight: &u32, _now: u64) -> bool {
        *in_flight == 0
    }

    fn is_pinned(&self, in_flight: &u32) -> bool {
        *in_flight > 0
    }

    fn is_idle(&self, in_flight: &u32) -> bool {
        *in_flight == 0
    }

    fn consumed(&self, in_flight: &u32, _now: u64) -> u64 {
        (*in_flight).into()
    }

    fn sweep_period(&self) -> u64 {
        60 * SECOND
    }
}
