use std::time::Duration;

use crate::{
    Concurrent, ConcurrentQueue, Error, FixedWindow, Gcra, LeakyBucket, RateLimiter, SlidingWindow,
};

/// At most `max` requests a client in each window of `size`.
///
/// # Errors
/// [`Error::ZeroDuration`], [`Error::DurationTooLong`].
pub fn fixed_window(max: u32, size: Duration) -> Result<RateLimiter, Error> {
    Ok(RateLimiter::new(FixedWindow::new(max, size)?))
}

/// At most `max` requests a client each second.
pub fn fixed_window_per_second(max: u32) -> RateLimiter {
    RateLimiter::new(FixedWindow::per_second(max))
}

/// At most `max` requests a client each minute.
pub fn fixed_window_per_minute(max: u32) -> RateLimiter {
    RateLimiter::new(FixedWindow::per_minute(max))
}

/// At most `max` requests a client each hour.
pub fn fixed_window_per_hour(max: u32) -> RateLimiter {
    RateLimiter::new(FixedWindow::per_hour(max))
}

/// At most `max` requests a client in any span of `size`.
///
/// # Errors
/// [`Error::ZeroDuration`], [`Error::DurationTooLong`].
pub fn sliding_window(max: u32, size: Duration) -> Result<RateLimiter, Error> {
    Ok(RateLimiter::new(SlidingWindow::new(max, size)?))
}

/// At most `max` requests a client in any second.
pub fn sliding_window_per_second(max: u32) -> RateLimiter {
    RateLimiter::new(SlidingWindow::per_second(max))
}

/// At most `max` requests a client in any minute.
pub fn sliding_window_per_minute(max: u32) -> RateLimiter {
    RateLimiter::new(SlidingWindow::per_minute(max))
}

/// At most `max` requests a client in any hour.
pub fn sliding_window_per_hour(max: u32) -> RateLimiter {
    RateLimiter::new(SlidingWindow::per_hour(max))
}

/// One request a client each `per_request`; `size` more wait for their turn.
///
/// # Errors
/// [`Error::ZeroDuration`], [`Error::DurationTooLong`].
pub fn leaky_bucket(per_request: Duration, size: u32) -> Result<RateLimiter, Error> {
    Ok(RateLimiter::new(LeakyBucket::new(per_request, size)?))
}

/// At most `capacity` requests of a client at once.
pub fn concurrent(capacity: u32) -> RateLimiter {
    RateLimiter::new(Concurrent::new(capacity))
}

/// At most `capacity` requests of a client at once; `size` more wait, first come, first served.
///
/// # Errors
/// [`Error::ZeroCapacity`].
pub fn concurrent_queue(capacity: u32, size: u32) -> Result<RateLimiter, Error> {
    Ok(RateLimiter::new(ConcurrentQueue::new(capacity, size)?))
}

/// `rate` requests a client each `period`, evenly; `burst` at once.
///
/// # Errors
/// [`Error::ZeroRate`], [`Error::ZeroDuration`], [`Error::DurationTooLong`], [`Error::RefillTooLong`].
pub fn gcra(rate: u32, period: Duration, burst: u32) -> Result<RateLimiter, Error> {
    Ok(RateLimiter::new(Gcra::new(rate, period, burst)?))
}

/// [`gcra`] by its other name: a bucket of `burst` tokens, refilled by `rate` each `period`.
///
/// # Errors
/// Those of [`gcra`].
pub fn token_bucket(rate: u32, period: Duration, burst: u32) -> Result<RateLimiter, Error> {
    gcra(rate, period, burst)
}
