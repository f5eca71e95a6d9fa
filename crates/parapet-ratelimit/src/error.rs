use std::time::Duration;

/// Why a limiter could not be built.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A window, period or interval of zero length.
    #[error("{setting} must be longer than zero")]
    ZeroDuration {
        /// The setting: `size`, `period`, `per_request`.
        setting: &'static str,
    },
    /// A duration above 366 days.
    #[error("{setting} of {value:?} is too long: at most 366 days")]
    DurationTooLong {
        /// The setting.
        setting: &'static str,
        /// What it was set to.
        value: Duration,
    },
    /// A duration below what Redis can tell: a millisecond.
    #[error("{setting} of {value:?} is too short: at least 1 ms in Redis")]
    DurationTooShort {
        /// The setting.
        setting: &'static str,
        /// What it was set to.
        value: Duration,
    },
    /// A rate or a burst of zero, which would admit nothing for ever.
    #[error("{setting} must be at least 1")]
    ZeroRate {
        /// The setting: `rate` or `burst`.
        setting: &'static str,
    },
    /// A bucket that would need more than two hundred years to fill again.
    #[error("a burst of {burst} needs {refill:?} to come back: at most 200 years")]
    RefillTooLong {
        /// Units at once.
        burst: u32,
        /// What it would take to regain them, in whole seconds.
        refill: Duration,
    },
    /// A queue in front of nothing: whoever waits would wait for ever.
    #[error("capacity of a concurrent queue must be at least 1")]
    ZeroCapacity,
    /// An IPv6 prefix length that does not exist or makes all clients one.
    #[error("prefix length {0} is outside 1 to 128")]
    BadPrefixLength(u8),
    /// A key prefix in Redis above 128 bytes.
    #[error("a Redis prefix of {0} bytes is too long: at most 128")]
    BadPrefix(usize),
    /// A sliding window whose products Redis could not compute exactly.
    #[error(
        "max {max} times a size of {size:?} is too large for Redis: below 2^53 request-milliseconds"
    )]
    TooLargeForRedis {
        /// Requests a window.
        max: u32,
        /// Length of the window.
        size: Duration,
    },
    /// A strategy with slots as the stand-in for Redis: nobody would give its slots back.
    #[error("a concurrency strategy cannot stand in for Redis: use one that counts requests")]
    LocalHoldsSlots,
}

/// Nanoseconds of a duration that is neither zero nor above 366 days.
pub(crate) fn nanos(setting: &'static str, value: Duration) -> Result<u64, Error> {
    if value.is_zero() {
        return Err(Error::ZeroDuration { setting });
    }
    if value > LONGEST {
        return Err(Error::DurationTooLong { setting, value });
    }
    Ok(saturated_nanos(value))
}

/// Nanoseconds of a duration, at most `u64::MAX`.
pub(crate) fn saturated_nanos(value: Duration) -> u64 {
    u64::try_from(value.as_nanos()).unwrap_or(u64::MAX)
}

/// Longest span that is used or told to a client.
pub(crate) const LONGEST: Duration = Duration::from_secs(366 * 86_400);
