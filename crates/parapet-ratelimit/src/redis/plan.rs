//! What a limit asks of Redis: the key, the arguments, and what the answer means.

use std::time::Duration;

use super::Script;
use super::scripts::{FIXED_WINDOW, GCRA, SLIDING_WINDOW};
use crate::{Key, Quota};

/// One kind of limit and its numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Plan {
    Fixed {
        max: u32,
        size: Duration,
    },
    Sliding {
        max: u32,
        size: Duration,
    },
    /// Times in µs.
    Gcra {
        interval: u64,
        burst: u32,
    },
}

impl Plan {
    pub(crate) fn script(&self) -> &'static Script {
        match self {
            Self::Fixed { .. } => &FIXED_WINDOW,
            Self::Sliding { .. } => &SLIDING_WINDOW,
            Self::Gcra { .. } => &GCRA,
        }
    }

    /// The largest answer that makes sense.
    pub(crate) fn most(&self) -> u32 {
        match *self {
            Self::Fixed { max, .. } | Self::Sliding { max, .. } => max,
            Self::Gcra { burst, .. } => burst,
        }
    }

    /// Whether `cost` is above what a window holds. Where the wait is Redis's to tell, it is asked all the same.
    pub(crate) fn never_fits(&self, cost: u32) -> bool {
        matches!(*self, Self::Fixed { max, .. } if cost > max)
    }

    /// Number of the window of `now`; 0 for limits that take their time from Redis.
    pub(crate) fn epoch(&self, now: u64) -> u64 {
        match self {
            Self::Fixed { size, .. } => now / whole(size.as_nanos()).max(1),
            _ => 0,
        }
    }

    /// Until the window of `now` ends; `None` for limits that take their time from Redis.
    pub(crate) fn left(&self, now: u64) -> Option<Duration> {
        let Self::Fixed { size, .. } = self else { return None };
        let size = whole(size.as_nanos()).max(1);
        Some(Duration::from_nanos(size - now % size))
    }

    /// A name of its own for each kind, size and limiter, so that two limits never spend one counter.
    pub(crate) fn key(&self, prefix: &str, name: &str, key: &Key, epoch: u64) -> String {
        let (name, key) = (if name.is_empty() { "-" } else { name }, key.readable());
        match self {
            Self::Fixed { size, .. } => {
                format!("{prefix}fw:{}:{name}:{key}:{epoch}", size.as_millis())
            }
            Self::Sliding { size, .. } => format!("{prefix}sw:{}:{name}:{key}", size.as_millis()),
            // An arrival time means nothing to a limit with other numbers.
            Self::Gcra { interval, burst } => {
                format!("{prefix}gcra:{interval}:{burst}:{name}:{key}")
            }
        }
    }

    pub(crate) fn args(&self, cost: u32) -> [i64; 3] {
        let signed = |number: u128| i64::try_from(number).unwrap_or(i64::MAX);
        let (second, third) = match *self {
            // A second of slack: the clocks of the processes differ.
            Self::Fixed { max, size } => (max.into(), signed(size.as_millis() + 1_000)),
            Self::Sliding { max, size } => (max.into(), signed(size.as_millis())),
            Self::Gcra { interval, burst } => {
                let tolerance = u128::from(interval) * u128::from(burst);
                (signed(interval.into()), signed(tolerance))
            }
        };
        [cost.into(), second, third]
    }

    /// How long to wait by a negative answer, at time `now` of ours.
    pub(crate) fn after(&self, reply: i64, now: u64) -> Duration {
        match self {
            Self::Fixed { .. } => self.left(now).unwrap_or_default(),
            Self::Sliding { .. } => Duration::from_millis(reply.unsigned_abs()),
            Self::Gcra { .. } => Duration::from_micros(reply.unsigned_abs()),
        }
    }

    /// The quota by an answer: what remains, or minus a wait.
    pub(crate) fn quota(&self, reply: i64, now: u64) -> Quota {
        let remaining = u32::try_from(reply.max(0)).unwrap_or(u32::MAX).min(self.most());
        let (window, reset) = match *self {
            Self::Fixed { size, .. } => (size, self.left(now).unwrap_or_default()),
            Self::Sliding { size, .. } => (size, size),
            Self::Gcra { interval, burst } => {
                let all = Duration::from_micros(interval.saturating_mul(burst.into()));
                let used = burst.saturating_sub(remaining);
                let seconds = all.as_secs() + u64::from(all.subsec_nanos() > 0);
                let reset = Duration::from_micros(interval.saturating_mul(used.into()));
                (Duration::from_secs(seconds), reset)
            }
        };
        Quota { limit: self.most(), window: Some(window), remaining, reset }
    }
}

fn whole(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_part_what_must_not_share_a_counter() {
        let second = Duration::from_secs(1);
        let key = Key::from("a b");
        let rows = [
            (Plan::Fixed { max: 1, size: second }, "p:fw:1000:api:a%20b:7"),
            (Plan::Sliding { max: 1, size: second }, "p:sw:1000:api:a%20b"),
            (Plan::Gcra { interval: 7, burst: 3 }, "p:gcra:7:3:api:a%20b"),
        ];
        for (plan, expected) in rows {
            assert_eq!(plan.key("p:", "api", &key, 7), expected);
        }
        let plan = Plan::Fixed { max: 1, size: second };
        assert_eq!(plan.key("p:", "", &key, 7), "p:fw:1000:-:a%20b:7");
    }
}
