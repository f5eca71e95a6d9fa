use std::time::Duration;

use crate::Quota;
use crate::clock::Clock;
use crate::error::{Error, nanos};
use crate::metered::{Meter, Metered, metered_strategy};
use crate::shard::Rules;

/// At most `max` units in each window of a grid that begins at the Unix epoch.
///
/// Across the edge of two windows up to twice `max` may pass in a short time; where that matters take
/// [`SlidingWindow`](crate::SlidingWindow) or [`Gcra`](crate::Gcra).
#[derive(Debug)]
pub struct FixedWindow(Metered<Window>);

impl FixedWindow {
    /// At most `max` in each window of `size`. 0 admits nothing.
    ///
    /// # Errors
    /// [`Error::ZeroDuration`], [`Error::DurationTooLong`].
    pub fn new(max: u32, size: Duration) -> Result<Self, Error> {
        Ok(Self::of_nanos(max, nanos("size", size)?))
    }

    /// At most `max` a second.
    pub fn per_second(max: u32) -> Self {
        Self::of_nanos(max, SECOND)
    }

    /// At most `max` a minute.
    pub fn per_minute(max: u32) -> Self {
        Self::of_nanos(max, 60 * SECOND)
    }

    /// At most `max` an hour.
    pub fn per_hour(max: u32) -> Self {
        Self::of_nanos(max, 3_600 * SECOND)
    }

    fn of_nanos(max: u32, size: u64) -> Self {
        Self(Metered::new(Window { max, size }, Clock::unix()))
    }
}

metered_strategy!(FixedWindow);

pub(crate) const SECOND: u64 = 1_000_000_000;

/// The rules of a fixed window: state, unix time and cost in, decision out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) max: u32,
    /// Nanoseconds, not 0.
    pub(crate) size: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Used {
    window: u64,
    used: u32,
}

impl Window {
    fn index(&self, now: u64) -> u64 {
        now / self.size.max(1)
    }

    /// The time that counts for `state`. A thread may have read the clock before another one opened the next window: by
    /// its own `now` it would wipe what that window has counted.
    fn current(&self, state: &Used, now: u64) -> u64 {
        now.max(state.window.saturating_mul(self.size))
    }

    fn left(&self, state: &Used, now: u64) -> u64 {
        let current = self.current(state, now);
        current - now + (self.size - current % self.size.max(1))
    }

    fn used(&self, state: &Used, now: u64) -> u32 {
        if state.window >= self.index(now) { state.used } else { 0 }
    }
}

impl Rules for Window {
    type State = Used;

    fn is_stale(&self, state: &Used, now: u64) -> bool {
        state.window < self.index(now)
    }

    fn consumed(&self, state: &Used, now: u64) -> u64 {
        self.used(state, now).into()
    }

    fn sweep_period(&self) -> u64 {
        self.size.saturating_mul(2).max(60 * SECOND)
    }
}

impl Meter for Window {
    fn take(&self, state: &mut Used, now: u64, cost: u32) -> Result<(), u64> {
        let used = self.used(state, now);
        *state = Used { window: self.index(self.current(state, now)), used };
        match used.checked_add(cost) {
            Some(used) if used <= self.max => {
                state.used = used;
                Ok(())
            }
            _ => Err(self.left(state, now)),
        }
    }

    fn after(&self, state: &Used, now: u64, cost: u32) -> u64 {
        let sum = u64::from(self.used(state, now)) + u64::from(cost);
        if sum > self.max.into() { self.left(state, now) } else { 0 }
    }

    fn refund(&self, state: &mut Used, taken: u64, _now: u64, cost: u32) {
        if state.window == self.index(taken) {
            state.used = state.used.saturating_sub(cost);
        }
    }

    fn quota(&self, state: &Used, now: u64) -> Quota {
        Quota {
            limit: self.max,
            window: Some(Duration::from_nanos(self.size)),
            remaining: self.max.saturating_sub(self.used(state, now)),
            reset: Duration::from_nanos(self.left(state, now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn windows_lie_on_the_grid_of_the_epoch() {
        let (rules, size) = (Window { max: 1, size: 7 * SECOND }, 7 * SECOND);
        let mut state = Used::default();
        let now = 100 * size + 3;
        assert_eq!(rules.after(&state, now, 1), 0);
        assert_eq!(rules.take(&mut state, now, 1), Ok(()));
        assert_eq!(rules.take(&mut state, now, 1), Err(size - 3));
        assert_eq!(rules.after(&state, now, 1), size - 3);
        assert_eq!(rules.take(&mut state, 101 * size - 1, 1), Err(1));
        assert_eq!(rules.take(&mut state, 101 * size, 1), Ok(()));
    }

    #[test]
    fn zero_admits_nothing_and_two_pass_on_each_side_of_an_edge() {
        let mut state = Used::default();
        assert_eq!(Window { max: 0, size: 10 }.take(&mut state, 5, 1), Err(5));
        let rules = Window { max: 2, size: 10 };
        let taken: Vec<_> = [9, 9, 9, 10, 10, 10].map(|now| rules.take(&mut state, now, 1)).into();
        assert_eq!(taken, [Ok(()), Ok(()), Err(1), Ok(()), Ok(()), Err(10)]);
    }

    #[test]
    fn a_cost_is_taken_whole_or_not_at_all() {
        let (rules, mut state) = (Window { max: 10, size: 10 }, Used::default());
        let costs = [3, 3, 3, 3, 1, 1, u32::MAX];
        let taken = costs.map(|cost| rules.take(&mut state, 0, cost).is_ok());
        assert_eq!(taken, [true, true, true, false, true, false, false]);
    }

    #[test]
    fn a_clock_that_was_read_before_the_edge_wipes_nothing_after_it() {
        let (rules, mut state) = (Window { max: 2, size: 10 }, Used::default());
        let taken = [20, 19, 20, 18, 29].map(|now| rules.take(&mut state, now, 1));
        assert_eq!(taken, [Ok(()), Ok(()), Err(10), Err(12), Err(1)]);
        assert!(!rules.is_stale(&state, 19));
        assert_eq!((rules.quota(&state, 19).remaining, rules.after(&state, 19, 1)), (0, 11));
    }

    #[test]
    fn what_was_taken_in_a_window_that_is_over_is_not_given_back_to_the_next() {
        let (rules, mut state) = (Window { max: 2, size: 10 }, Used::default());
        for now in [9, 9, 10, 10] {
            assert_eq!(rules.take(&mut state, now, 1), Ok(()));
        }
        rules.refund(&mut state, 9, 11, 2);
        assert_eq!(rules.take(&mut state, 11, 1), Err(9));
        rules.refund(&mut state, 10, 11, 1);
        assert_eq!(rules.take(&mut state, 11, 1), Ok(()));
    }

    proptest! {
        #[test]
        fn counts_like_a_counter_for_each_window(
            max in 0_u32..20, size in 1_u64..50,
            steps in prop::collection::vec((0_u64..20, 1_u32..5), 1..200),
        ) {
            let rules = Window { max, size };
            let (mut state, mut now, mut model) = (Used::default(), 0, HashMap::<u64, u32>::new());
            for (step, cost) in steps {
                now += step;
                let used = model.entry(now / size).or_default();
                let fits = *used + cost <= max;
                let left = (now / size + 1) * size - now;
                prop_assert_eq!(rules.after(&state, now, cost), if fits { 0 } else { left });
                prop_assert_eq!(rules.take(&mut state, now, cost), if fits { Ok(()) } else { Err(left) });
                if fits {
                    *used += cost;
                }
                prop_assert_eq!(rules.quota(&state, now).remaining, max - *used);
            }
        }

        #[test]
        fn a_refund_undoes_a_take(used in 0_u32..10, cost in 1_u32..5, now in 0_u64..100) {
            let rules = Window { max: 15, size: 10 };
            let before = Used { window: now / 10, used };
            let mut state = before;
            rules.take(&mut state, now, cost).unwrap();
            rules.refund(&mut state, now, now, cost);
            prop_assert_eq!(state, before);
        }
    }
}
