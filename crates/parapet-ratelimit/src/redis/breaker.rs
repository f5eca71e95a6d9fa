use std::time::Duration;

/// When calls to Redis are left out: after this many failures in a row, for this long. Then one call decides.
///
/// Without it a hung Redis would add the whole timeout to every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Breaker {
    /// Failures in a row. Default: 5; 0 is as 1.
    pub failures: u32,
    /// How long no call is made. Default: 1 s.
    pub pause: Duration,
}

impl Breaker {
    /// Opens after `failures` in a row, for `pause`.
    pub fn new(failures: u32, pause: Duration) -> Self {
        Self { failures, pause }
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self::new(5, Duration::from_secs(1))
    }
}

/// `Closed` –failures→ `Open` –pause→ `Probing` –success→ `Closed`, –failure→ `Open`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Closed { failures: u32 },
    Open { until: u64 },
    Probing,
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Called {
    Answered,
    Failed,
    /// The request was dropped while it waited.
    Abandoned,
}

impl State {
    /// Whether a call may be made now.
    pub(crate) fn admits(&mut self, now: u64) -> bool {
        match *self {
            Self::Closed { .. } => true,
            Self::Open { until } if now >= until => {
                *self = Self::Probing;
                true
            }
            Self::Open { .. } | Self::Probing => false,
        }
    }

    /// A call that was admitted has ended.
    pub(crate) fn called(&mut self, breaker: Breaker, now: u64, called: Called) {
        let pause = u64::try_from(breaker.pause.as_nanos()).unwrap_or(u64::MAX);
        let open = Self::Open { until: now.saturating_add(pause) };
        *self = match (*self, called) {
            (_, Called::Answered) => Self::Closed { failures: 0 },
            (Self::Closed { failures }, Called::Failed) if failures + 1 < breaker.failures => {
                Self::Closed { failures: failures + 1 }
            }
            (Self::Closed { .. } | Self::Probing, Called::Failed) => open,
            // Nothing was learnt: the next request probes.
            (Self::Probing, Called::Abandoned) => Self::Open { until: now },
            (state, _) => state,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_after_failures_in_a_row_and_closes_by_one_probe() {
        let breaker = Breaker::new(3, Duration::from_nanos(100));
        let mut state = State::Closed { failures: 0 };
        for called in
            [Called::Failed, Called::Failed, Called::Answered, Called::Failed, Called::Failed]
        {
            assert!(state.admits(0));
            state.called(breaker, 0, called);
        }
        assert!(state.admits(0));
        state.called(breaker, 0, Called::Failed);
        assert_eq!(state, State::Open { until: 100 });
        assert!(!state.admits(99));
        assert!(state.admits(100));
        assert!(!state.admits(100), "one probe at a time");
        state.called(breaker, 110, Called::Failed);
        assert!(!state.admits(209));
        assert!(state.admits(210));
        state.called(breaker, 215, Called::Abandoned);
        assert!(state.admits(215));
        state.called(breaker, 220, Called::Answered);
        assert_eq!(state, State::Closed { failures: 0 });
    }

    #[test]
    fn late_answers_of_calls_made_before_it_opened_close_it() {
        let breaker = Breaker::new(1, Duration::from_nanos(100));
        let mut state = State::Closed { failures: 0 };
        assert!(state.admits(0) && state.admits(0));
        state.called(breaker, 0, Called::Failed);
        state.called(breaker, 50, Called::Failed);
        assert_eq!(state, State::Open { until: 100 });
        state.called(breaker, 60, Called::Answered);
        assert!(state.admits(60));
    }
}
