use std::time::Duration;

use crate::Quota;
use crate::clock::Clock;
use crate::error::{Error, nanos};
use crate::fixed_window::SECOND;
use crate::metered::{Meter, Metered, metered_strategy};
use crate::shard::Rules;

/// At most about `max` units in any span of `size`: the window before counts with the share of it that is still inside.
///
/// An approximation of an exact log in 16 bytes a key: typically off by less than 1 % of `max`; traffic that comes at the
/// end of each window may be admitted a little beyond it.
#[derive(Debug)]
pub struct SlidingWindow(Metered<Sliding>);

impl SlidingWindow {
    /// At most `max` in any span of `size`. 0 admits nothing.
    ///
    /// # Errors
    /// [`Error::ZeroDuration`], [`Error::DurationTooLong`].
    pub fn new(max: u32, size: Duration) -> Result<Self, Error> {
        Ok(Self::of_nanos(max, nanos("size", size)?))
    }

    /// At most `max` in any second.
    pub fn per_second(max: u32) -> Self {
        Self::of_nanos(max, SECOND)
    }

    /// At most `max` in any minute.
    pub fn per_minute(max: u32) -> Self {
        Self::of_nanos(max, 60 * SECOND)
    }

    /// At most `max` in any hour.
    pub fn per_hour(max: u32) -> Self {
        Self::of_nanos(max, 3_600 * SECOND)
    }

    fn of_nanos(max: u32, size: u64) -> Self {
        Self(Metered::new(Sliding { max, size }, Clock::unix()))
    }
}

metered_strategy!(SlidingWindow);

/// The rules of a sliding window: state, unix time and cost in, decision out. Products are of 128 bits: exact.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sliding {
    max: u32,
    /// Nanoseconds, not 0.
    size: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    window: u64,
    curr: u32,
    prev: u32,
}

impl Sliding {
    fn rolled(&self, state: &Counts, now: u64) -> Counts {
        let window = now / self.size.max(1);
        match window.saturating_sub(state.window) {
            0 => *state,
            1 => Counts { window, prev: state.curr, curr: 0 },
            _ => Counts { window, prev: 0, curr: 0 },
        }
    }

    /// The time that counts for `state`. A thread may have read the clock before another one opened the next window: by
    /// its own `now` nearly nothing of the window before would count.
    fn current(&self, state: &Counts, now: u64) -> u64 {
        now.max(state.window.saturating_mul(self.size))
    }

    fn elapsed(&self, now: u64) -> u64 {
        now % self.size.max(1)
    }

    /// Units in the last `size`, times `size`.
    fn weight(&self, rolled: &Counts, now: u64) -> u128 {
        let rest = self.size - self.elapsed(now);
        u128::from(rolled.prev) * u128::from(rest) + u128::from(rolled.curr) * u128::from(self.size)
    }

    fn fits(&self, rolled: &Counts, now: u64, cost: u32) -> bool {
        let size = u128::from(self.size);
        self.weight(rolled, now) + u128::from(cost) * size <= u128::from(self.max) * size
    }

    /// Nanoseconds into a window until `free` units of it may be used beside the `prev` of the window before.
    fn relief(&self, free: u32, prev: u32) -> u64 {
        let given = u128::from(free) * u128::from(self.size) / u128::from(prev.max(1));
        self.size.saturating_sub(u64::try_from(given).unwrap_or(u64::MAX))
    }
}

impl Rules for Sliding {
    type State = Counts;

    fn is_stale(&self, state: &Counts, now: u64) -> bool {
        (now / self.size.max(1)).saturating_sub(state.window) >= 2
    }

    fn consumed(&self, state: &Counts, now: u64) -> u64 {
        let weight = self.weight(&self.rolled(state, now), now) / u128::from(self.size.max(1));
        u64::try_from(weight).unwrap_or(u64::MAX)
    }

    fn sweep_period(&self) -> u64 {
        self.size.saturating_mul(2).max(60 * SECOND)
    }
}

impl Meter for Sliding {
    fn take(&self, state: &mut Counts, now: u64, cost: u32) -> Result<(), u64> {
        let current = self.current(state, now);
        *state = self.rolled(state, current);
        if self.fits(state, current, cost) {
            state.curr = state.curr.saturating_add(cost);
            return Ok(());
        }
        Err(self.after(state, now, cost))
    }

    fn after(&self, state: &Counts, now: u64, cost: u32) -> u64 {
        let current = self.current(state, now);
        let rolled = self.rolled(state, current);
        if self.fits(&rolled, current, cost) {
            return 0;
        }
        let (elapsed, ahead) = (self.elapsed(current), current - now);
        let Some(most) = self.max.checked_sub(cost) else {
            return ahead + (self.size - elapsed); // can never pass: advice that is bounded
        };
        if let Some(free) = most.checked_sub(rolled.curr) {
            return ahead + self.relief(free, rolled.prev).saturating_sub(elapsed).max(1);
        }
        // What is used now is the window before in the next one.
        (ahead + (self.size - elapsed)).saturating_add(self.relief(most, rolled.curr))
    }

    fn refund(&self, state: &mut Counts, taken: u64, _now: u64, cost: u32) {
        match state.window.checked_sub(taken / self.size.max(1)) {
            Some(0) => state.curr = state.curr.saturating_sub(cost),
            Some(1) => state.prev = state.prev.saturating_sub(cost),
            _ => {}
        }
    }

    fn quota(&self, state: &Counts, now: u64) -> Quota {
        let now = self.current(state, now);
        let rolled = self.rolled(state, now);
        let size = u128::from(self.size.max(1));
        let all = u128::from(self.max) * size;
        let left = all.saturating_sub(self.weight(&rolled, now)) / size;
        Quota {
            limit: self.max,
            window: Some(Duration::from_nanos(self.size)),
            remaining: u32::try_from(left).unwrap_or(self.max),
            reset: Duration::from_nanos(self.size - self.elapsed(now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: u64 = 1_000_000;

    fn counts(window: u64, prev: u32, curr: u32) -> Counts {
        Counts { window, curr, prev }
    }

    #[test]
    fn exactly_max_of_many_pass_in_a_fresh_window() {
        let rules = Sliding { max: 10, size: 3_600 * SECOND };
        let mut state = Counts::default();
        let now = 500_000 * 3_600 * SECOND + 1_234;
        let passed = (0..100).filter(|_| rules.take(&mut state, now, 1).is_ok()).count();
        assert_eq!(passed, 10);
        assert!(rules.after(&state, now, 1) > 0);
        assert_eq!(rules.after(&Counts::default(), now, 1), 0);
    }

    #[test]
    fn the_window_before_counts_with_its_share() {
        let rules = Sliding { max: 10, size: 10 * SECOND };
        for (elapsed, expected) in [(0, 0), (5 * SECOND, 5), (MS, 0), (9 * SECOND, 9)] {
            let (mut state, now) = (counts(99, 0, 10), 1_000 * SECOND + elapsed);
            let passed = (0..100).filter(|_| rules.take(&mut state, now, 1).is_ok()).count();
            assert_eq!(passed, expected, "{elapsed}");
        }
    }

    #[test]
    fn rolling_keeps_shifts_and_clears() {
        let (rules, state) = (Sliding { max: 10, size: 10 }, counts(5, 3, 7));
        for (now, expected) in [
            (59, counts(5, 3, 7)),
            (60, counts(6, 7, 0)),
            (70, counts(7, 0, 0)),
            (40, counts(5, 3, 7)),
        ] {
            assert_eq!(rules.rolled(&state, now), expected, "{now}");
        }
    }

    #[test]
    fn after_is_the_time_until_the_share_has_shrunk() {
        let rules = Sliding { max: 10, size: SECOND };
        let window = 77;
        for (prev, curr, elapsed, expected) in [
            (10, 0, 0, 100 * MS),
            (10, 0, 50 * MS, 50 * MS),
            (0, 10, 300 * MS, 800 * MS),
            (10, 0, 99_900_000, 100_000),
        ] {
            let now = window * SECOND + elapsed;
            assert_eq!(rules.after(&counts(window, prev, curr), now, 1), expected, "{prev} {curr}");
        }
    }

    #[test]
    fn a_take_is_admitted_at_after_and_not_a_nanosecond_before() {
        let rules = Sliding { max: 10, size: SECOND };
        let mut rows = 0;
        for prev in [0, 3, 7, 10] {
            for curr in [0, 2, 9, 10] {
                for step in 0..8 {
                    let (state, now) = (counts(50, prev, curr), 50 * SECOND + step * 130 * MS);
                    let after = rules.after(&state, now, 1);
                    let row = format!("{prev} {curr} {step}: {after}");
                    assert_eq!(rules.take(&mut { state }, now + after, 1), Ok(()), "{row}");
                    let (before, rolls) = (now + after - u64::from(after > 0), 51 * SECOND);
                    if after > 0 && !(now < rolls && before < rolls && now + after >= rolls) {
                        rows += 1;
                        assert!(rules.take(&mut { state }, before, 1).is_err(), "{row}");
                    }
                }
            }
        }
        assert!(rows > 30, "{rows}");
    }

    #[test]
    fn a_clock_that_was_read_before_the_edge_forgets_no_window() {
        let rules = Sliding { max: 10, size: 100 };
        let state = counts(5, 10, 0);
        for now in [499, 450, 500] {
            assert_eq!(rules.take(&mut { state }, now, 1), Err(500 - now + 10), "{now}");
            assert_eq!(rules.after(&state, now, 11), 600 - now, "{now}");
            assert_eq!(rules.quota(&state, now).remaining, 0, "{now}");
        }
    }

    #[test]
    fn a_refund_goes_to_the_window_it_was_taken_in() {
        let rules = Sliding { max: 10, size: 100 };
        for (taken, expected) in
            [(500, counts(5, 6, 2)), (499, counts(5, 3, 5)), (399, counts(5, 6, 5))]
        {
            let mut state = counts(5, 6, 5);
            rules.refund(&mut state, taken, 520, 3);
            assert_eq!(state, expected, "{taken}");
        }
    }

    proptest! {
        #[test]
        fn decides_like_the_weighted_sum_of_two_windows(
            max in 0_u32..20, size in 1_u64..40,
            steps in prop::collection::vec((0_u64..30, 1_u32..4), 1..200),
        ) {
            let rules = Sliding { max, size };
            let (mut state, mut now) = (Counts::default(), 0);
            let mut log: Vec<(u64, u32)> = Vec::new();
            for (step, cost) in steps {
                now += step;
                let window = now / size;
                let sum = |wanted: Option<u64>| {
                    log.iter().filter(|(at, _)| Some(at / size) == wanted).map(|(_, cost)| u64::from(*cost)).sum::<u64>()
                };
                let (curr, prev) = (sum(Some(window)), sum(window.checked_sub(1)));
                let fits = prev * (size - now % size) + (curr + u64::from(cost)) * size <= u64::from(max) * size;
                let after = rules.after(&state, now, cost);
                prop_assert_eq!(after == 0, fits);
                if cost <= max {
                    prop_assert_eq!(rules.take(&mut { state }, now + after, cost), Ok(()));
                }
                prop_assert_eq!(rules.take(&mut state, now, cost).is_ok(), fits);
                if fits {
                    log.push((now, cost));
                }
            }
        }
    }
}
