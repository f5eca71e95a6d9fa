//! The one reading of time of a strategy.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::error::saturated_nanos;

/// Nanoseconds on a scale that never runs backwards: fixed when built, then driven by the monotonic clock alone, so that
/// steps of the calendar clock change nothing and paused tokio time is followed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    base: u64,
    anchor: Instant,
}

impl Clock {
    /// Nanoseconds since the Unix epoch.
    pub(crate) fn unix() -> Self {
        Self { base: unix_nanos(), anchor: Instant::now() }
    }

    /// Nanoseconds since now.
    pub(crate) fn monotonic() -> Self {
        Self { base: 0, anchor: Instant::now() }
    }

    pub(crate) fn now(&self) -> u64 {
        self.at(Instant::now())
    }

    /// The instant at which [`now`](Self::now) will be `nanos`.
    pub(crate) fn instant(&self, nanos: u64) -> Instant {
        let after = Duration::from_nanos(nanos.saturating_sub(self.base));
        self.anchor.checked_add(after).unwrap_or(self.anchor)
    }

    fn at(&self, now: Instant) -> u64 {
        self.base.saturating_add(saturated_nanos(now.saturating_duration_since(self.anchor)))
    }
}

/// Unix time that is read anew from the calendar clock once a minute: processes that share windows through Redis must
/// stay together for months, so each follows NTP. Never runs backwards, nor stands still: while the calendar is behind what
/// was told, it goes at half speed. Standing still would keep a window open, and its exhausted keys out, for as long as the
/// calendar was set back.
#[derive(Debug)]
pub(crate) struct FleetClock(Mutex<Reading>);

#[derive(Debug)]
struct Reading {
    clock: Clock,
    /// What was told last.
    last: u64,
    /// When.
    told: Instant,
}

impl Reading {
    fn now(&mut self, instant: Instant, calendar: impl FnOnce() -> u64) -> u64 {
        if instant.saturating_duration_since(self.clock.anchor) >= REREAD {
            self.clock = Clock { base: calendar(), anchor: instant };
        }
        let passed = saturated_nanos(instant.saturating_duration_since(self.told));
        self.last = self.clock.at(instant).max(self.last.saturating_add(passed / 2));
        self.told = self.told.max(instant);
        self.last
    }
}

impl FleetClock {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Reading { clock: Clock::unix(), last: 0, told: Instant::now() }))
    }

    pub(crate) fn now(&self) -> u64 {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reading.now(Instant::now(), unix_nanos)
    }
}

const REREAD: Duration = Duration::from_secs(60);

fn unix_nanos() -> u64 {
    let since = parapet_core::time::date().duration_since(SystemTime::UNIX_EPOCH);
    saturated_nanos(since.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calendar_set_back_slows_time_down_until_it_is_caught_up() {
        const SECOND: u64 = 1_000_000_000;
        let start = Instant::now();
        let clock = Clock { base: 1_000 * SECOND, anchor: start };
        let mut reading = Reading { clock, last: 0, told: start };
        let mut at = |seconds: u64, calendar: u64| {
            let instant = start + Duration::from_secs(seconds);
            reading.now(instant, || calendar * SECOND) / SECOND
        };
        assert_eq!(at(59, 0), 1_059);
        assert_eq!(at(60, 1_060), 1_060);
        // Forty seconds back.
        assert_eq!(at(120, 1_080), 1_090);
        assert_eq!(at(130, 0), 1_095);
        assert_eq!(at(125, 0), 1_095, "a reading from before");
        assert_eq!(at(140, 0), 1_100, "both are there");
        assert_eq!(at(150, 0), 1_110);
        // An hour ahead at once.
        assert_eq!(at(180, 5_000), 5_000);
    }
}
