use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bounds how many retries run at a time, so that a failing upstream is not buried under them: a retry starts only while
/// fewer run than `max(min_concurrent, percent of the active requests)`.
#[derive(Clone, Copy, Debug)]
pub struct RetryBudget {
    percent: u32,
    min_concurrent: u32,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self { percent: 20, min_concurrent: 3 }
    }
}

impl RetryBudget {
    /// 20 percent, at least 3.
    pub fn new() -> Self {
        Self::default()
    }

    /// Percentage of the active requests that may be retries. Default: 20.
    #[must_use]
    pub fn percent(self, percent: u32) -> Self {
        Self { percent, ..self }
    }

    /// Retries that may always run. Default: 3.
    #[must_use]
    pub fn min_concurrent(self, retries: u32) -> Self {
        Self { min_concurrent: retries, ..self }
    }

    fn limit(self, active: u64) -> u64 {
        (active.saturating_mul(self.percent.into()) / 100).max(self.min_concurrent.into())
    }
}

/// A budget and what is spent of it. Counts requests up to their heads.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    settings: RetryBudget,
    spent: Arc<Spent>,
}

#[derive(Debug, Default)]
struct Spent {
    active: AtomicU64,
    retries: AtomicU64,
}

impl Budget {
    pub(crate) fn new(settings: RetryBudget) -> Self {
        Self { settings, spent: Arc::default() }
    }

    /// A request is active until the guard is dropped.
    pub(crate) fn enter(&self) -> Counted<'_> {
        self.spent.active.fetch_add(1, Ordering::Relaxed);
        Counted(&self.spent.active)
    }

    /// A retry runs until the guard is dropped. `None`: too many run already.
    pub(crate) fn retry(&self) -> Option<Counted<'_>> {
        let limit = self.settings.limit(self.spent.active.load(Ordering::Relaxed));
        let retries = &self.spent.retries;
        retries
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |running| {
                (running < limit).then_some(running + 1)
            })
            .ok()
            .map(|_| Counted(retries))
    }
}

/// One in a counter, given back by drop.
#[derive(Debug)]
pub(crate) struct Counted<'a>(&'a AtomicU64);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_a_part_of_the_active_requests() {
        for (active, percent, min, limit) in
            [(0, 20, 3, 3), (10, 20, 3, 3), (100, 20, 3, 20), (100, 0, 0, 0), (7, 100, 3, 7)]
        {
            let budget = Budget::new(RetryBudget::new().percent(percent).min_concurrent(min));
            let _active: Vec<_> = (0..active).map(|_| budget.enter()).collect();
            let running: Vec<_> = std::iter::from_fn(|| budget.retry()).take(200).collect();
            assert_eq!(running.len(), limit, "{percent} % of {active}, at least {min}");
            drop(running);
            assert_eq!(budget.retry().is_some(), limit > 0, "given back");
        }
    }
}
