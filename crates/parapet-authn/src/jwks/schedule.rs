use std::time::{Duration, Instant};

/// When a remote key set is fetched: times in, decisions out.
///
/// ```text
/// no set ──fetch ok──▶ fresh ──refresh_interval──▶ stale ──fetch ok──▶ fresh
///   │                                                │
///   └─ failed: waits 1 s, 2 s, 4 s … (at most min_refresh_interval) ─┘  the old set serves meanwhile
/// ```
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    refresh: Duration,
    min_refresh: Duration,
    max_stale: Option<Duration>,
    fetched_at: Option<Instant>,
    last_attempt: Option<Instant>,
    failures: u32,
}

/// What a look-up does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Answers with the set.
    Answer,
    /// Answers with the set, and has it fetched behind.
    AnswerAndFetch,
    /// Answers with the set, although a fetch might find the key: one was made a moment ago.
    AnswerLimited,
    /// Waits for the fetch under way.
    Join,
    /// Fetches and waits.
    Fetch,
    /// There is nothing to answer with, and nobody to ask yet.
    Unavailable,
}

impl Schedule {
    pub(super) fn new(
        refresh: Duration,
        min_refresh: Duration,
        max_stale: Option<Duration>,
    ) -> Self {
        Self { refresh, min_refresh, max_stale, fetched_at: None, last_attempt: None, failures: 0 }
    }

    /// `known`: the set has the token's key, or the token names none.
    pub(super) fn decide(&self, now: Instant, known: bool, in_flight: bool) -> Decision {
        let since = |at: Option<Instant>| at.map(|at| now.saturating_duration_since(at));
        let backing_off = self.failures > 0
            && since(self.last_attempt).is_some_and(|since| since < self.back_off());
        let age =
            since(self.fetched_at).filter(|age| self.max_stale.is_none_or(|most| *age <= most));
        match age {
            None if in_flight => Decision::Join,
            None if backing_off => Decision::Unavailable,
            Some(age) if known => {
                if age < self.refresh || in_flight || backing_off {
                    Decision::Answer
                } else {
                    Decision::AnswerAndFetch
                }
            }
            Some(_) if in_flight => Decision::Join,
            Some(_) if since(self.last_attempt).is_some_and(|since| since < self.min_refresh) => {
                Decision::AnswerLimited
            }
            None | Some(_) => Decision::Fetch,
        }
    }

    /// Whether the set is too old to serve.
    pub(super) fn is_dropped(&self, now: Instant) -> bool {
        match (self.fetched_at, self.max_stale) {
            (Some(at), Some(most)) => now.saturating_duration_since(at) > most,
            (at, _) => at.is_none(),
        }
    }

    pub(super) fn started(&mut self, now: Instant) {
        self.last_attempt = Some(now);
    }

    pub(super) fn succeeded(&mut self, now: Instant) {
        self.fetched_at = Some(now);
        self.last_attempt = Some(now);
        self.failures = 0;
    }

    pub(super) fn failed(&mut self, now: Instant) {
        self.last_attempt = Some(now);
        self.failures = self.failures.saturating_add(1);
    }

    /// Whether the last fetch failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// How long a new set answers without a look at the schedule.
    pub(super) fn fresh_for(&self) -> Duration {
        self.max_stale.map_or(self.refresh, |most| most.min(self.refresh))
    }

    pub(super) fn age(&self, now: Instant) -> Option<Duration> {
        self.fetched_at.map(|at| now.saturating_duration_since(at))
    }

    fn back_off(&self) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(31);
        Duration::from_secs(1 << doublings).min(self.min_refresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn schedule() -> Schedule {
        Schedule::new(15 * MINUTE, MINUTE, None)
    }

    #[test]
    fn failures_wait_twice_as_long_each_time_up_to_the_least_interval() {
        let start = tokio::time::Instant::now().into_std();
        let mut schedule = schedule();
        let mut now = start;
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(schedule.decide(now, false, false), Decision::Fetch);
            schedule.started(now);
            schedule.failed(now);
            let wait = Duration::from_secs(seconds);
            let almost = now + Duration::from_millis(seconds * 1000 - 1);
            assert_eq!(schedule.decide(almost, false, false), Decision::Unavailable, "{seconds}");
            now += wait;
        }
    }

    #[test]
    fn a_set_answers_whatever_its_age_and_a_fetch_is_due_by_the_intervals() {
        let start = tokio::time::Instant::now().into_std();
        let mut schedule = schedule();
        schedule.succeeded(start);
        for (seconds, known, in_flight, expected) in [
            (0, true, false, Decision::Answer),
            (0, false, false, Decision::AnswerLimited),
            (59, false, false, Decision::AnswerLimited),
            (60, false, false, Decision::Fetch),
            (60, false, true, Decision::Join),
            (899, true, false, Decision::Answer),
            (900, true, false, Decision::AnswerAndFetch),
            (900, true, true, Decision::Answer),
            (900_000, true, false, Decision::AnswerAndFetch),
        ] {
            let now = start + Duration::from_secs(seconds);
            assert_eq!(schedule.decide(now, known, in_flight), expected, "{seconds} {known}");
        }
        schedule.failed(start + 20 * MINUTE);
        assert_eq!(schedule.decide(start + 20 * MINUTE, true, false), Decision::Answer);
    }

    #[test]
    fn a_set_older_than_max_stale_is_no_set() {
        let start = tokio::time::Instant::now().into_std();
        let mut schedule = Schedule::new(15 * MINUTE, MINUTE, Some(60 * MINUTE));
        schedule.succeeded(start);
        assert_eq!(schedule.decide(start + 60 * MINUTE, true, false), Decision::AnswerAndFetch);
        assert_eq!(schedule.decide(start + 61 * MINUTE, true, false), Decision::Fetch);
        assert!(schedule.is_dropped(start + 61 * MINUTE));
    }
}
