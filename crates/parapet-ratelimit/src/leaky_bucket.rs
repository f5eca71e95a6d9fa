use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep_until;

use crate::clock::Clock;
use crate::error::{Error, nanos};
use crate::fixed_window::SECOND;
use crate::limit_key::KeyHash;
use crate::metered::FULL;
use crate::shard::Rules;
use crate::table::{DEFAULT_MAX_KEYS, Table};
use crate::{Decision, Key, Stats, Strategy, Verdict, Waits};

/// One request an interval for each key; up to `size` more wait for their turn.
///
/// A request of cost `c` takes the place of `c`, in line too: it waits only if `size` has room for them. One that is dropped while it waits gives its place up; its turn goes to
/// the next only if it was the last in line.
#[derive(Debug)]
pub struct LeakyBucket {
    table: Arc<Table<Drip>>,
    clock: Clock,
}

impl LeakyBucket {
    /// One request each `per_request`; `size` may wait, and 0 lets none.
    ///
    /// # Errors
    /// [`Error::ZeroDuration`], [`Error::DurationTooLong`].
    pub fn new(per_request: Duration, size: u32) -> Result<Self, Error> {
        let rules = Drip { interval: nanos("per_request", per_request)?, size };
        Ok(Self { table: Arc::new(Table::new(rules, DEFAULT_MAX_KEYS)), clock: Clock::monotonic() })
    }

    /// At most this many keys are kept. Default: 500,000, about 40 bytes each, allocated as keys appear.
    #[must_use]
    pub fn max_keys(self, max_keys: usize) -> Self {
        Self { table: Arc::new(Table::new(self.table.rules, max_keys)), ..self }
    }
}

impl Strategy for LeakyBucket {
    fn take(&self, key: &Key, cost: u32) -> Decision {
        let (now, hash) = (self.clock.now(), self.table.hash(key));
        let turn = self.table.enter(hash, now, |rules, state, tally| {
            let turn = rules.take(state, now, cost);
            match turn {
                Turn::Now => tally.allowed += 1,
                Turn::Full { .. } => tally.limited += 1,
                Turn::At(_) => {}
            }
            turn
        });
        match turn {
            Some(Turn::Now) => Decision::Ready(Verdict::Allowed),
            Some(Turn::At(at)) => {
                let waiter =
                    Waiter { table: Arc::clone(&self.table), hash, at, cost, admitted: false };
                let due = self.clock.instant(at);
                Decision::Wait(Box::pin(async move {
                    let mut waiter = waiter;
                    sleep_until(due).await;
                    waiter.admitted = true;
                    Verdict::Allowed
                }))
            }
            Some(Turn::Full { after }) => limited(Duration::from_nanos(after)),
            None => limited(FULL),
        }
    }

    fn after(&self, key: &Key, cost: u32) -> Duration {
        let now = self.clock.now();
        let after =
            self.table.visit(self.table.hash(key), |rules, state, _| rules.after(state, now, cost));
        Duration::from_nanos(after.unwrap_or(0))
    }

    fn waits(&self) -> Waits {
        Waits::Queues
    }

    fn stats(&self) -> Stats {
        self.table.stats()
    }
}

fn limited(after: Duration) -> Decision {
    Decision::Ready(Verdict::Limited { after: Some(after) })
}

/// A place in line; its drop gives it up, or counts the admission.
struct Waiter {
    table: Arc<Table<Drip>>,
    hash: KeyHash,
    /// Its turn.
    at: u64,
    cost: u32,
    admitted: bool,
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.table.visit(self.hash, |rules, state, tally| {
            if self.admitted {
                tally.allowed += 1;
                state.waiting = state.waiting.saturating_sub(self.cost);
            } else {
                rules.give_up(state, self.at, self.cost);
            }
        });
    }
}

/// The rules of a leaky bucket: state, time since the start and cost in, decision out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drip {
    /// Nanoseconds.
    interval: u64,
    size: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    /// The turn of the last request that was admitted or is in line.
    last: u64,
    /// Units in line. Units and not requests bound how far `last` runs ahead: else one request of a great cost that leaves
    /// would block its key for years.
    waiting: u32,
    /// Whether there was one.
    begun: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Now,
    At(u64),
    Full { after: u64 },
}

impl Drip {
    fn next(&self, state: &Line, cost: u32) -> u64 {
        state.last.saturating_add(self.interval.saturating_mul(cost.into()))
    }

    fn take(&self, state: &mut Line, now: u64, cost: u32) -> Turn {
        let next = self.next(state, cost);
        if !state.begun || next <= now {
            *state = Line { last: now, begun: true, ..*state };
            return Turn::Now;
        }
        match state.waiting.checked_add(cost) {
            Some(waiting) if waiting <= self.size => {
                *state = Line { last: next, waiting, begun: true };
                Turn::At(next)
            }
            _ => Turn::Full { after: next - now },
        }
    }

    fn after(&self, state: &Line, now: u64, cost: u32) -> u64 {
        if state.begun { self.next(state, cost).saturating_sub(now) } else { 0 }
    }

    /// A waiter left. Only the last in line can give its turn back: the turns before it are somebody's promise.
    fn give_up(&self, state: &mut Line, at: u64, cost: u32) {
        state.waiting = state.waiting.saturating_sub(cost);
        if state.last == at {
            state.last = at.saturating_sub(self.interval.saturating_mul(cost.into()));
        }
    }
}

impl Rules for Drip {
    type State = Line;

    fn is_stale(&self, state: &Line, now: u64) -> bool {
        state.waiting == 0 && self.next(state, 1) <= now
    }

    fn is_pinned(&self, state: &Line) -> bool {
        state.waiting > 0
    }

    fn consumed(&self, state: &Line, now: u64) -> u64 {
        self.next(state, 1).saturating_sub(now)
    }

    fn sweep_period(&self) -> u64 {
        self.interval.saturating_add(SECOND).max(60 * SECOND)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn without_a_queue_requests_are_only_spaced() {
        let (rules, mut state) = (Drip { interval: 100, size: 0 }, Line::default());
        assert_eq!(rules.take(&mut state, 7, 1), Turn::Now);
        assert_eq!(rules.take(&mut state, 7, 1), Turn::Full { after: 100 });
        assert_eq!(rules.take(&mut state, 106, 1), Turn::Full { after: 1 });
        assert_eq!(rules.take(&mut state, 107, 1), Turn::Now);
    }

    #[test]
    fn only_the_last_in_line_gives_its_turn_back() {
        let (rules, mut state) = (Drip { interval: 100, size: 2 }, Line::default());
        let turns = [(); 4].map(|()| rules.take(&mut state, 0, 1));
        assert_eq!(turns, [Turn::Now, Turn::At(100), Turn::At(200), Turn::Full { after: 300 }]);
        let mut middle = state;
        rules.give_up(&mut middle, 100, 1);
        assert_eq!(rules.take(&mut middle, 0, 1), Turn::At(300));
        rules.give_up(&mut state, 200, 1);
        assert_eq!(rules.take(&mut state, 0, 1), Turn::At(200));
    }

    #[test]
    fn a_great_cost_waits_only_where_the_line_has_room_and_blocks_nobody_for_long() {
        let (rules, mut state) = (Drip { interval: 100, size: 3 }, Line::default());
        assert_eq!(rules.take(&mut state, 0, 1), Turn::Now);
        assert_eq!(rules.take(&mut state, 0, u32::MAX), Turn::Full { after: 429_496_729_500 });
        assert_eq!(rules.take(&mut state, 0, 2), Turn::At(200));
        assert_eq!(rules.take(&mut state, 0, 2), Turn::Full { after: 400 });
        assert_eq!(rules.take(&mut state, 0, 1), Turn::At(300));
        rules.give_up(&mut state, 200, 2);
        rules.give_up(&mut state, 300, 1);
        assert_eq!((state.waiting, state.last), (0, 200));
    }

    proptest! {
        #[test]
        fn admissions_are_never_closer_than_the_interval(
            interval in 1_u64..50, size in 0_u32..5,
            steps in prop::collection::vec((0_u64..60, any::<bool>()), 1..200),
        ) {
            let (rules, mut state, mut now) = (Drip { interval, size }, Line::default(), 0);
            let (mut line, mut admitted) = (Vec::new(), Vec::new());
            for (step, leaves) in steps {
                now += step;
                while line.first().is_some_and(|turn| *turn <= now) {
                    admitted.push(line.remove(0));
                    state.waiting -= 1;
                }
                if leaves && let Some(turn) = line.pop() {
                    rules.give_up(&mut state, turn, 1);
                    continue;
                }
                match rules.take(&mut state, now, 1) {
                    Turn::Now => admitted.push(now),
                    Turn::At(turn) => line.push(turn),
                    Turn::Full { after } => {
                        prop_assert_eq!(line.len(), size as usize);
                        prop_assert!(after > 0);
                    }
                }
                prop_assert_eq!(state.waiting as usize, line.len());
                prop_assert!(line.len() <= size as usize);
            }
            prop_assert!(admitted.windows(2).all(|pair| pair[1] - pair[0] >= interval), "{admitted:?}");
        }
    }
}
