use std::time::Duration;

use tokio::time::Instant;

use super::settings::Settings;

/// How fast a request body has to come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProgressRules {
    timeout: Option<Duration>,
    total: Option<Duration>,
    min_progress: u64,
}

impl From<&Settings> for ProgressRules {
    fn from(settings: &Settings) -> Self {
        Self {
            timeout: settings.read_timeout,
            total: settings.read_total_timeout,
            min_progress: u64::from(settings.min_progress),
        }
    }
}

/// Tells when a body that waits for bytes has waited too long: restarted each time enough of them have come.
#[derive(Debug)]
pub(crate) struct ProgressClock {
    rules: ProgressRules,
    /// Set while the body waits for bytes.
    deadline: Option<Instant>,
    counted: u64,
    /// End of the whole body, set when it is first waited for.
    end: Option<Instant>,
}

impl ProgressClock {
    pub(crate) fn new(rules: ProgressRules) -> Self {
        Self { rules, deadline: None, counted: 0, end: None }
    }

    pub(crate) fn progress(&mut self, bytes: usize) {
        self.counted = self.counted.saturating_add(bytes as u64);
        if self.counted >= self.rules.min_progress {
            self.counted = 0;
            self.deadline = None;
        }
    }

    /// The instant at which a body that waits now has failed. `now` is asked only when a wait begins.
    pub(crate) fn wanted(&mut self, now: impl Fn() -> Instant) -> Option<Instant> {
        if self.deadline.is_none()
            && let Some(timeout) = self.rules.timeout
        {
            self.deadline = now().checked_add(timeout);
        }
        if self.end.is_none()
            && let Some(total) = self.rules.total
        {
            self.end = now().checked_add(total);
        }
        match (self.deadline, self.end) {
            (Some(deadline), Some(end)) => Some(deadline.min(end)),
            (deadline, end) => deadline.or(end),
        }
    }
}
