//! One call to Redis: bounded in time and number, left out while Redis is down.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use parapet_core::BoxError;
use tokio::time::timeout;

use super::breaker::{Breaker, Called, State};
use super::{RedisRunner, Script};
use crate::Strategy;
use crate::clock::Clock;

/// Why Redis did not decide.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// It did not answer in time.
    #[error("Redis did not answer in time")]
    Timeout,
    /// The runner failed.
    #[error("the Redis call failed")]
    Runner(#[source] BoxError),
    /// It answered what no script of ours answers.
    #[error("Redis answered {0}, which is more than the limit")]
    InvalidReply(i64),
    /// It was not asked: it failed several times in a row, a moment ago.
    #[error("Redis was not asked, since it failed before")]
    Skipped,
    /// It was not asked: 1024 calls of this limiter are waiting for an answer.
    #[error("too many calls to Redis at once")]
    Saturated,
}

/// What becomes of a request that Redis did not decide.
#[derive(Clone)]
#[non_exhaustive]
pub enum OnFailure {
    /// It is admitted.
    Open,
    /// It is limited.
    Closed,
    /// This strategy decides: usually the limit divided by the number of processes.
    Local(Arc<dyn Strategy>),
}

impl OnFailure {
    /// [`Local`](Self::Local) of `strategy`.
    pub fn local(strategy: impl Strategy) -> Self {
        Self::Local(Arc::new(strategy))
    }
}

impl fmt::Debug for OnFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "Open",
            Self::Closed => "Closed",
            Self::Local(_) => "Local",
        })
    }
}

pub(crate) type OnError = Arc<dyn Fn(&RedisError) + Send + Sync>;

pub(crate) struct Store {
    pub(crate) runner: Box<dyn RedisRunner>,
    pub(crate) timeout: Duration,
    pub(crate) breaker: Option<Breaker>,
    state: Mutex<State>,
    in_flight: AtomicU32,
    clock: Clock,
}

impl Store {
    pub(crate) fn new(
        runner: Box<dyn RedisRunner>,
        timeout: Duration,
        breaker: Option<Breaker>,
    ) -> Self {
        Self {
            runner,
            timeout,
            breaker,
            state: Mutex::new(State::Closed { failures: 0 }),
            in_flight: AtomicU32::new(0),
            clock: Clock::monotonic(),
        }
    }

    /// The script's integer: at most `most`.
    pub(crate) async fn call(
        &self,
        script: &Script,
        key: &[u8],
        args: &[i64],
        most: u32,
    ) -> Result<i64, RedisError> {
        let in_flight = InFlight::enter(&self.in_flight).ok_or(RedisError::Saturated)?;
        let mut call = self.admit().ok_or(RedisError::Skipped)?;
        let keys = [key];
        let answer = timeout(self.timeout, self.eval(script, &keys, args)).await;
        drop(in_flight);
        let result = match answer {
            Err(_) => Err(RedisError::Timeout),
            Ok(Err(error)) => Err(RedisError::Runner(error)),
            Ok(Ok(reply)) if reply > most.into() => Err(RedisError::InvalidReply(reply)),
            Ok(Ok(reply)) => Ok(reply),
        };
        call.called = if result.is_ok() { Called::Answered } else { Called::Failed };
        result
    }

    /// A runner that panics has failed, like one that errs.
    async fn eval(&self, script: &Script, keys: &[&[u8]], args: &[i64]) -> Result<i64, BoxError> {
        let panicked = || Err("the runner panicked".into());
        let start = || self.runner.eval(script, keys, args);
        let Ok(mut running) = catch_unwind(AssertUnwindSafe(start)) else { return panicked() };
        std::future::poll_fn(|cx| {
            catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(cx)))
                .unwrap_or_else(|_| Poll::Ready(panicked()))
        })
        .await
    }

    fn admit(&self) -> Option<Call<'_>> {
        let admitted = self.breaker.is_none() || self.state().admits(self.clock.now());
        admitted.then_some(Call { store: self, called: Called::Abandoned })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the breaker what came of a call, also when the request was dropped.
struct Call<'a> {
    store: &'a Store,
    called: Called,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let Some(breaker) = self.store.breaker else { return };
        let now = self.store.clock.now();
        let mut state = self.store.state();
        let before = *state;
        state.called(breaker, now, self.called);
        let after = *state;
        drop(state);
        match (before, after) {
            (State::Closed { .. }, State::Open { .. }) => {
                tracing::warn!(target: "parapet_ratelimit", "Redis fails: calls pause");
            }
            (State::Probing | State::Open { .. }, State::Closed { .. }) => {
                tracing::info!(target: "parapet_ratelimit", "Redis answers again");
            }
            _ => {}
        }
    }
}

struct InFlight<'a>(&'a AtomicU32);

impl<'a> InFlight<'a> {
    fn enter(count: &'a AtomicU32) -> Option<Self> {
        let before = count.fetch_add(1, Ordering::Relaxed);
        let guard = Self(count); // its drop takes the excess back
        (before < MOST_IN_FLIGHT).then_some(guard)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

const MOST_IN_FLIGHT: u32 = 1024;
