//! Units of a hot key that were fetched from Redis ahead of the requests that will use them.

use std::time::Duration;

use tokio::sync::watch;

use crate::fixed_window::SECOND;
use crate::shard::Rules;

/// Fetches units of a hot key in batches: many requests, one call.
///
/// A key begins with one unit; the batch doubles while one is used up within `target`. Units that are left when the
/// window ends are lost: with `P` processes at most `P × max_batch` requests of a window are limited that could have
/// passed, and never one too many passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lease {
    /// Most units in one call. `None`: a twentieth of the limit.
    pub max_batch: Option<u32>,
    /// A batch that lasts longer does not grow. Default: 100 ms.
    pub target: Duration,
}

impl Lease {
    /// At most `max_batch` units a call.
    #[must_use]
    pub fn max_batch(self, max_batch: u32) -> Self {
        Self { max_batch: Some(max_batch), ..self }
    }

    /// A batch that lasts longer does not grow.
    #[must_use]
    pub fn target(self, target: Duration) -> Self {
        Self { target, ..self }
    }
}

impl Default for Lease {
    fn default() -> Self {
        Self { max_batch: None, target: Duration::from_millis(100) }
    }
}

/// How the one refill call of a key went, for those who wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refill {
    Running,
    /// There are units, or it is known that there are none.
    Done,
    Failed,
}

/// What is known of a key in the current window: that nothing is left, and units in hand.
#[derive(Debug, Default)]
pub(crate) struct Known {
    epoch: u64,
    /// Redis denied a single unit: it will until the window ends.
    exhausted: bool,
    units: u32,
    /// What Redis had left after the last fetch.
    remaining: u32,
    /// Units of the last fetch of this window; 0: none yet.
    batch: u32,
    /// When it was fetched.
    fetched: u64,
    refill: Option<watch::Receiver<Refill>>,
}

/// What a request does by what is known.
#[derive(Debug)]
pub(crate) enum Step {
    Admitted {
        remaining: u32,
    },
    Exhausted,
    /// Somebody else is fetching.
    Join(watch::Receiver<Refill>),
    /// This request fetches so many.
    Fetch {
        units: u32,
        done: watch::Sender<Refill>,
    },
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownRules {
    /// Most units in one call; 1: no lease.
    pub(crate) max_batch: u32,
    /// Nanoseconds.
    pub(crate) target: u64,
    /// Nanoseconds of a window.
    pub(crate) size: u64,
}

impl Known {
    pub(crate) fn is_exhausted(&self, epoch: u64) -> bool {
        self.exhausted && self.epoch == epoch
    }

    pub(crate) fn exhaust(&mut self, epoch: u64) {
        self.roll(epoch);
        if self.epoch == epoch {
            self.exhausted = true;
        }
    }

    /// Takes a unit in hand: how many remain.
    pub(crate) fn take_in_hand(&mut self, epoch: u64) -> Option<u32> {
        self.roll(epoch);
        self.units = self.units.checked_sub(1)?;
        Some(self.remaining.saturating_add(self.units))
    }

    /// Takes a unit in hand, or says where to get one.
    pub(crate) fn take(&mut self, rules: &KnownRules, now: u64, epoch: u64) -> Step {
        if let Some(remaining) = self.take_in_hand(epoch) {
            return Step::Admitted { remaining };
        }
        if self.exhausted {
            return Step::Exhausted;
        }
        if let Some(refill) = &self.refill {
            return Step::Join(refill.clone());
        }
        let units = match self.batch {
            0 => 1,
            batch if now.saturating_sub(self.fetched) <= rules.target => {
                batch.saturating_mul(2).min(rules.max_batch)
            }
            batch => batch,
        };
        let (done, refill) = watch::channel(Refill::Running);
        self.refill = Some(refill);
        Step::Fetch { units, done }
    }

    /// `units` came of which one is used at once; `remaining` are left in Redis.
    pub(crate) fn fetched(&mut self, now: u64, epoch: u64, units: u32, remaining: u32) {
        // Of a window that is over they are worth nothing.
        if self.epoch == epoch {
            self.units = units.saturating_sub(1);
            (self.batch, self.fetched, self.remaining) = (units, now, remaining);
        }
    }

    /// The fetch has ended, or its request went away.
    pub(crate) fn ended(&mut self) {
        self.refill = None;
    }

    fn roll(&mut self, epoch: u64) {
        if self.epoch < epoch {
            let refill = self.refill.take();
            *self = Self { epoch, refill, ..Self::default() };
        }
    }
}

impl Rules for KnownRules {
    type State = Known;

    fn is_stale(&self, known: &Known, now: u64) -> bool {
        known.refill.is_none() && known.epoch < now / self.size.max(1)
    }

    fn is_pinned(&self, known: &Known) -> bool {
        known.refill.is_some()
    }

    /// A key that is exhausted saves a call for each request: it is kept longest.
    fn consumed(&self, known: &Known, _now: u64) -> u64 {
        if known.exhausted { u64::MAX } else { known.batch.into() }
    }

    fn sweep_period(&self) -> u64 {
        self.size.saturating_mul(2).max(60 * SECOND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: KnownRules = KnownRules { max_batch: 4, target: 100, size: 1_000 };

    fn fetch(known: &mut Known, now: u64) -> u32 {
        match known.take(&RULES, now, 0) {
            Step::Fetch { units, .. } => {
                known.fetched(now, 0, units, 9);
                known.ended();
                units
            }
            step => panic!("{step:?}"),
        }
    }

    #[test]
    fn batches_double_while_they_are_used_up_in_time() {
        let mut known = Known::default();
        assert_eq!(fetch(&mut known, 0), 1);
        assert_eq!(fetch(&mut known, 50), 2);
        assert!(matches!(known.take(&RULES, 60, 0), Step::Admitted { remaining: 9 }));
        assert_eq!(fetch(&mut known, 70), 4);
        known.units = 0;
        assert_eq!(fetch(&mut known, 80), 4);
        known.units = 0;
        assert_eq!(fetch(&mut known, 900), 4);
    }

    #[test]
    fn a_new_window_forgets_units_and_exhaustion() {
        let mut known = Known::default();
        fetch(&mut known, 0);
        known.exhaust(0);
        assert!(matches!(known.take(&RULES, 1, 0), Step::Exhausted));
        assert!(matches!(known.take(&RULES, 1_000, 1), Step::Fetch { units: 1, .. }));
        assert!(matches!(known.take(&RULES, 1_000, 1), Step::Join(_)));
        known.fetched(1_000, 0, 4, 9); // an answer of the window before
        known.ended();
        assert!(matches!(known.take(&RULES, 1_000, 1), Step::Fetch { units: 1, .. }));
    }
}
