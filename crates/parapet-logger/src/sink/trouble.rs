use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Tells the operator when records begin to be lost and when that is over: a change of state, never each record.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    losing: AtomicBool,
}

impl Trouble {
    /// A record was lost.
    pub(super) fn begin(&self) {
        if !self.losing.load(Ordering::Relaxed) && !self.losing.swap(true, Ordering::AcqRel) {
            tracing::warn!("access log records are being lost: the sink is slow or broken");
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.losing.load(Ordering::Acquire)
    }

    fn end(&self, lost: u64) {
        self.losing.store(false, Ordering::Release);
        tracing::warn!(lost, "access log records are written again");
    }
}

/// Decides when the loss is over: nothing was lost for [`QUIET`]. Pure; owned by the writer.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    /// Lost records when the last trouble ended.
    settled: u64,
    seen: u64,
    /// When `seen` last grew.
    since: Option<Instant>,
}

impl Recovery {
    /// `lost` is the number of records lost so far. Returns how many were lost in a trouble that is over.
    fn observe(&mut self, lost: u64, now: Instant) -> Option<u64> {
        let since = match self.since {
            Some(since) if lost == self.seen => since,
            _ => {
                (self.seen, self.since) = (lost, Some(now));
                return None;
            }
        };
        if now.saturating_duration_since(since) < QUIET {
            return None;
        }
        let total = lost.saturating_sub(self.settled);
        (self.settled, self.since) = (lost, None);
        Some(total)
    }

    /// Looks at the state after a round of the writer.
    pub(super) fn check(&mut self, trouble: &Trouble, lost: u64, now: Instant) {
        if trouble.is_on()
            && let Some(lost) = self.observe(lost, now)
        {
            trouble.end(lost);
        }
    }
}

/// So long nothing must be lost for the trouble to be over; else a sink on the edge would fill the operator's log.
pub(super) const QUIET: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_loss_is_over_when_nothing_was_lost_for_a_second() {
        let mut recovery = Recovery::default();
        let start = Instant::now();
        for (millis, lost, over) in [
            (0, 5, None),
            (900, 5, None),
            (950, 6, None),
            (1900, 6, None),
            (1950, 6, Some(6)),
            (5000, 9, None),
            (5500, 9, None),
            (6000, 9, Some(3)),
        ] {
            let now = start + Duration::from_millis(millis);
            assert_eq!(recovery.observe(lost, now), over, "at {millis} ms");
        }
    }
}
