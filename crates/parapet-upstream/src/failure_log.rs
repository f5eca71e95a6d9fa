use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::failure::is_clients;
use crate::{Attempt, Error};

/// Writes the final failures: those of clients at `debug`, others at `warn`, at most one a second for each target, so that
/// a dead target cannot fill the disk.
#[derive(Default)]
pub(crate) struct FailureLog {
    /// By target id; `None`: no target was picked.
    targets: Mutex<HashMap<Option<u64>, Limit>>,
}

impl FailureLog {
    pub(crate) fn write(&self, error: &Error, at: &Attempt) {
        let target = at.last_target();
        let host = target.map(|target| target.host());
        let attempts = at.index().saturating_add(1);
        let cause = std::error::Error::source(error);
        if is_clients(error) {
            tracing::debug!(host, attempts, error = %error, cause, "the client's request failed");
            return;
        }
        let now = tokio::time::Instant::now().into_std();
        if let Some(left_out) = self.admit(target.map(|target| target.id()), now) {
            tracing::warn!(host, attempts, left_out, error = %error, cause, "no response");
        }
    }

    fn admit(&self, target: Option<u64>, now: Instant) -> Option<u64> {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        if targets.len() >= MAX_TARGETS && !targets.contains_key(&target) {
            targets.clear();
        }
        targets.entry(target).or_default().admit(now)
    }
}

impl fmt::Debug for FailureLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FailureLog")
    }
}

/// Swapped sets leave entries behind; forgetting them costs an extra line.
const MAX_TARGETS: usize = 1024;

/// One line a second.
#[derive(Debug, Default)]
struct Limit {
    last: Option<Instant>,
    left_out: u64,
}

impl Limit {
    /// Whether a line may be written now: the number of those left out since the last one.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        if let Some(last) = self.last
            && now.saturating_duration_since(last) < Duration::from_secs(1)
        {
            self.left_out = self.left_out.saturating_add(1);
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_counts_those_left_out() {
        let start = tokio::time::Instant::now().into_std();
        let mut limit = Limit::default();
        let lines: Vec<_> = [0, 1, 999, 1_000, 1_500, 5_000]
            .into_iter()
            .map(|ms| limit.admit(start + Duration::from_millis(ms)))
            .collect();
        assert_eq!(lines, [Some(0), None, None, Some(2), None, Some(1)]);
        assert_eq!(limit.admit(start), None, "a clock that steps back admits nothing");
    }
}
