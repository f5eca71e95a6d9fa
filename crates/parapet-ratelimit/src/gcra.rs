use std::time::Duration;

use crate::Quota;
use crate::clock::Clock;
use crate::error::{Error, nanos};
use crate::fixed_window::SECOND;
use crate::metered::{Meter, Metered, metered_strategy};
use crate::shard::Rules;

/// The generic cell rate algorithm: a bucket of `burst` units that is refilled at `rate` a `period`, in 8 bytes a key and
/// without window edges.
#[derive(Debug)]
pub struct Gcra(Metered<Cells>);

impl Gcra {
    /// `rate` units a `period`, `burst` of them at once.
    ///
    /// # Errors
    /// [`Error::ZeroRate`], [`Error::ZeroDuration`], [`Error::DurationTooLong`], [`Error::RefillTooLong`].
    pub fn new(rate: u32, period: Duration, burst: u32) -> Result<Self, Error> {
        let interval = interval(rate, nanos("period", period)?, burst, 1)?;
        Ok(Self(Metered::new(Cells { interval, burst }, Clock::monotonic())))
    }
}

metered_strategy!(Gcra);

/// Time a unit of the limit, rounded up, in the unit of `period`, which is `nanos` long.
pub(crate) fn interval(rate: u32, period: u64, burst: u32, nanos: u32) -> Result<u64, Error> {
    match (rate, burst) {
        (0, _) => return Err(Error::ZeroRate { setting: "rate" }),
        (_, 0) => return Err(Error::ZeroRate { setting: "burst" }),
        _ => {}
    }
    let interval = period.div_ceil(rate.into());
    // Beyond it sums would be cut to what a u64 holds, or to what Redis counts exactly, and the limit would admit all.
    let seconds = u128::from(interval) * u128::from(burst) * u128::from(nanos) / u128::from(SECOND);
    let refill = Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX));
    if refill > LONGEST_REFILL {
        return Err(Error::RefillTooLong { burst, refill });
    }
    Ok(interval)
}

/// Two hundred years: in nanoseconds twice that is below 2^64, in microseconds that and the Unix time below 2^53.
const LONGEST_REFILL: Duration = Duration::from_secs(200 * 366 * 86_400);

/// The rules of GCRA: state, time since the start and cost in, decision out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cells {
    /// Nanoseconds a unit.
    interval: u64,
    burst: u32,
}

/// The theoretical arrival time: when the bucket will be full again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Arrival(u64);

impl Cells {
    fn tolerance(&self) -> u64 {
        self.interval.saturating_mul(self.burst.into())
    }

    fn next(&self, state: Arrival, now: u64, cost: u32) -> u64 {
        state.0.max(now).saturating_add(self.interval.saturating_mul(cost.into()))
    }
}

impl Rules for Cells {
    type State = Arrival;

    fn is_stale(&self, state: &Arrival, now: u64) -> bool {
        state.0 <= now
    }

    fn consumed(&self, state: &Arrival, now: u64) -> u64 {
        state.0.saturating_sub(now)
    }

    fn sweep_period(&self) -> u64 {
        self.tolerance().saturating_mul(2).max(60 * SECOND)
    }
}

impl Meter for Cells {
    fn take(&self, state: &mut Arrival, now: u64, cost: u32) -> Result<(), u64> {
        let next = self.next(*state, now, cost);
        match (next - now).checked_sub(self.tolerance()) {
            None | Some(0) => {
                state.0 = next;
                Ok(())
            }
            Some(after) => Err(after),
        }
    }

    fn after(&self, state: &Arrival, now: u64, cost: u32) -> u64 {
        (self.next(*state, now, cost) - now).saturating_sub(self.tolerance())
    }

    /// What the bucket has regained since is not given a second time: it may have been full, and have lost it.
    fn refund(&self, state: &mut Arrival, taken: u64, now: u64, cost: u32) {
        let units = self.interval.saturating_mul(cost.into());
        state.0 = state.0.saturating_sub(units.saturating_sub(now.saturating_sub(taken)));
    }

    fn quota(&self, state: &Arrival, now: u64) -> Quota {
        let reset = state.0.saturating_sub(now);
        let left = self.tolerance().saturating_sub(reset) / self.interval.max(1);
        let window = self.tolerance().div_ceil(SECOND);
        Quota {
            limit: self.burst,
            window: Some(Duration::from_secs(window)),
            remaining: u32::try_from(left).unwrap_or(self.burst),
            reset: Duration::from_nanos(reset),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cells(rate: u32, burst: u32) -> Cells {
        Cells { interval: interval(rate, SECOND, burst, 1).unwrap(), burst }
    }

    #[test]
    fn a_burst_passes_and_the_next_waits_one_interval() {
        let (rules, mut state) = (cells(10, 10), Arrival::default());
        for left in (0..10).rev() {
            assert_eq!(rules.take(&mut state, 5, 1), Ok(()));
            assert_eq!(rules.quota(&state, 5).remaining, left);
        }
        assert_eq!(rules.take(&mut state, 5, 1), Err(100_000_000));
        assert_eq!(rules.after(&state, 5, 1), 100_000_000);
        assert_eq!(rules.take(&mut { state }, 100_000_004, 1), Err(1));
        assert_eq!(rules.take(&mut state, 100_000_005, 1), Ok(()));
    }

    #[test]
    fn ten_seconds_admit_burst_and_rate() {
        let (rules, mut state) = (cells(10, 10), Arrival::default());
        let steps = (0..=10_000).map(|ms| ms * 1_000_000);
        let passed = steps.filter(|now| rules.take(&mut state, *now, 1).is_ok()).count();
        assert_eq!(passed, 110);
    }

    #[test]
    fn what_the_bucket_has_regained_is_not_given_back_again() {
        let (rules, mut state) = (Cells { interval: 10, burst: 5 }, Arrival::default());
        assert_eq!(rules.take(&mut state, 0, 5), Ok(()));
        assert_eq!(rules.take(&mut state, 50, 5), Ok(()));
        rules.refund(&mut state, 0, 50, 5);
        assert_eq!(rules.take(&mut state, 50, 1), Err(10));
        rules.refund(&mut state, 30, 50, 5);
        assert_eq!(rules.quota(&state, 50).remaining, 3);
    }

    #[test]
    fn no_cost_overflows_into_an_admission() {
        let year = 366 * 86_400 * SECOND;
        let rules = Cells { interval: interval(1, year, 200, 1).unwrap(), burst: 200 };
        for now in [0, year, 20 * year] {
            let mut state = Arrival::default();
            assert!(rules.take(&mut state, now, u32::MAX).is_err(), "{now}");
            assert_eq!(rules.take(&mut state, now, 200), Ok(()), "{now}");
            assert!(rules.take(&mut state, now, 1).is_err(), "{now}");
        }
    }

    proptest! {
        #[test]
        fn decides_like_a_bucket_that_drips(
            interval in 1_u64..20, burst in 1_u32..10,
            steps in prop::collection::vec((0_u64..40, 1_u32..4), 1..200),
        ) {
            let rules = Cells { interval, burst };
            // The bucket in units of time: full at `size`, a unit costs `interval`, one comes back each tick.
            let size = interval * u64::from(burst);
            let (mut state, mut now, mut level) = (Arrival::default(), 0, size);
            for (step, cost) in steps {
                now += step;
                level = size.min(level + step);
                let price = interval * u64::from(cost);
                let expected = if price <= level { Ok(()) } else { Err(price - level) };
                prop_assert_eq!(rules.after(&state, now, cost), price.saturating_sub(level));
                prop_assert_eq!(rules.take(&mut state, now, cost), expected);
                if expected.is_ok() {
                    level -= price;
                }
                prop_assert_eq!(u64::from(rules.quota(&state, now).remaining), level / interval);
            }
        }

        #[test]
        fn a_refund_gives_the_units_back(spent in 0_u32..5, cost in 1_u32..5, now in 0_u64..100) {
            let (rules, mut state) = (Cells { interval: 7, burst: 10 }, Arrival::default());
            rules.take(&mut state, now, spent).unwrap();
            let before = rules.quota(&state, now);
            rules.take(&mut state, now, cost).unwrap();
            rules.refund(&mut state, now, now, cost);
            prop_assert_eq!(rules.quota(&state, now), before);
        }
    }
}
