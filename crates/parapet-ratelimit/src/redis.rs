//! Limits that a fleet shares through Redis.

mod breaker;
mod builder;
#[cfg(feature = "redis")]
mod fred_runner;
mod lease;
mod plan;
mod remote;
mod runner;
mod scripts;
mod store;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use self::breaker::Breaker;
pub use self::builder::RedisBuilder;
#[cfg(feature = "redis")]
pub use self::fred_runner::FredRunner;
pub use self::lease::Lease;
use self::remote::Remote;
pub use self::runner::{RedisRunner, RunnerFn, runner_fn};
pub use self::scripts::Script;
pub use self::store::{OnFailure, RedisError};
use crate::{Decision, Error, Key, QuotaDecision, RateLimiter, Stats, Strategy, Waits};

/// [`FixedWindow`](crate::FixedWindow) for a fleet: at most `max` units in each window, however many processes there are.
///
/// Windows are those of the processes' clocks: when these differ by `s`, the edge of a window is blurred by `s`, within
/// `max` for each.
#[derive(Clone)]
pub struct RedisFixedWindow(Arc<Remote>);

/// [`SlidingWindow`](crate::SlidingWindow) for a fleet. The time is Redis's: clocks of the processes do not matter.
#[derive(Clone)]
pub struct RedisSlidingWindow(Arc<Remote>);

/// [`Gcra`](crate::Gcra) for a fleet, to the microsecond. The time is Redis's: clocks of the processes do not matter.
#[derive(Clone)]
pub struct RedisGcra(Arc<Remote>);

macro_rules! remote_strategy {
    ($name:ident) => {
        impl $name {
            /// Settings for a limit that asks `runner`.
            pub fn builder(runner: impl RedisRunner) -> RedisBuilder<Self> {
                RedisBuilder::new(runner)
            }
        }

        impl Strategy for $name {
            fn take(&self, key: &Key, cost: u32) -> Decision {
                self.0.take(key, cost)
            }

            fn take_with_quota(&self, key: &Key, cost: u32) -> QuotaDecision {
                self.0.take_with_quota(key, cost)
            }

            fn after(&self, key: &Key, _cost: u32) -> Duration {
                self.0.after(key)
            }

            fn waits(&self) -> Waits {
                Waits::Asks
            }

            fn stats(&self) -> Stats {
                self.0.stats()
            }

            fn named(&self, name: &str) {
                self.0.name.get_or_init(|| name.into());
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.0.plan).finish()
            }
        }
    };
}

remote_strategy!(RedisFixedWindow);
remote_strategy!(RedisSlidingWindow);
remote_strategy!(RedisGcra);

/// At most `max` requests a client in each window of `size`, over all processes. Admits all while Redis is down.
///
/// # Errors
/// [`Error::ZeroDuration`], [`Error::DurationTooShort`], [`Error::DurationTooLong`].
pub fn redis_fixed_window(
    runner: impl RedisRunner,
    max: u32,
    size: Duration,
) -> Result<RateLimiter, Error> {
    let builder = RedisFixedWindow::builder(runner).max(max).size(size);
    Ok(RateLimiter::new(builder.on_failure(OnFailure::Open).build()?))
}

/// At most `max` requests a client each second, over all processes. Admits all while Redis is down.
pub fn redis_fixed_window_per_second(runner: impl RedisRunner, max: u32) -> RateLimiter {
    open_window(runner, max, Duration::from_secs(1))
}

/// At most `max` requests a client each minute, over all processes. Admits all while Redis is down.
pub fn redis_fixed_window_per_minute(runner: impl RedisRunner, max: u32) -> RateLimiter {
    open_window(runner, max, Duration::from_secs(60))
}

/// At most `max` requests a client each hour, over all processes. Admits all while Redis is down.
pub fn redis_fixed_window_per_hour(runner: impl RedisRunner, max: u32) -> RateLimiter {
    open_window(runner, max, Duration::from_secs(3_600))
}

/// At most `max` requests a client in any span of `size`, over all processes. Admits all while Redis is down.
///
/// # Errors
/// [`Error::ZeroDuration`], [`Error::DurationTooShort`], [`Error::DurationTooLong`], [`Error::TooLargeForRedis`].
pub fn redis_sliding_window(
    runner: impl RedisRunner,
    max: u32,
    size: Duration,
) -> Result<RateLimiter, Error> {
    let builder = RedisSlidingWindow::builder(runner).max(max).size(size);
    Ok(RateLimiter::new(builder.on_failure(OnFailure::Open).build()?))
}

/// `rate` requests a client each `period`, evenly, `burst` at once, over all processes. Admits all while Redis is down.
///
/// # Errors
/// [`Error::ZeroRate`], [`Error::ZeroDuration`], [`Error::DurationTooShort`], [`Error::DurationTooLong`],
/// [`Error::RefillTooLong`].
pub fn redis_gcra(
    runner: impl RedisRunner,
    rate: u32,
    period: Duration,
    burst: u32,
) -> Result<RateLimiter, Error> {
    let builder = RedisGcra::builder(runner).rate(rate).period(period).burst(burst);
    Ok(RateLimiter::new(builder.on_failure(OnFailure::Open).build()?))
}

fn open_window(runner: impl RedisRunner, max: u32, size: Duration) -> RateLimiter {
    let builder = RedisFixedWindow::builder(runner).max(max).on_failure(OnFailure::Open);
    RateLimiter::new(builder.build_window(size))
}
