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
/// stay together for months, so each follows NTP. Never runs backwards.
#[derive(Debug)]
pub(crate) struct FleetClock(Mutex<Reading>);

#[derive(Debug)]
struct Reading {
    clock: Clock,
    last: u64,
}

impl FleetClock {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Reading { clock: Clock::unix(), last: 0 }))
    }

    pub(crate) fn now(&self) -> u64 {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let instant = Instant::now();
        if instant.saturating_duration_since(reading.clock.anchor) >= REREAD {
            reading.clock = Clock { base: unix_nanos(), anchor: instant };
        }
        // A calendar that was set back makes time stand still, so that no window that is over is used again.
        reading.last = reading.last.max(reading.clock.at(instant));
        reading.last
    }
}

const REREAD: Duration = Duration::from_secs(60);

fn unix_nanos() -> u64 {
    let since = parapet_core::time::date().duration_since(SystemTime::UNIX_EPOCH);
    saturated_nanos(since.unwrap_or_default())
}
