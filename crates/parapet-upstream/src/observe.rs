//! What hooks and the access log are told of each attempt.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parapet_core::{LogRecord, LogValue, Protocol, RequestHead, Response};
use tokio::time::Instant;

use crate::{Attempt, Error};

/// One attempt, as a hook is told of it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RoundTripInfo<'a> {
    /// The picked target as configured; `None`: the balancer refused, or there is no balancer.
    pub host: Option<&'a str>,
    /// To the head, or to the failure.
    pub duration: Duration,
    /// Status of the head.
    pub status: Option<u16>,
    /// Why there is no head.
    pub error: Option<&'a Error>,
    /// Number of the attempt, from 0.
    pub attempt: u32,
    /// The connection had served a request before.
    pub reused: bool,
    /// The request was sent a second time on a fresh connection, because the reused one had been closed.
    pub replayed: bool,
    /// Round trips that ran in parallel, at least 1.
    pub legs: u8,
    /// What the connection spoke; `None`: none was used, or a custom transport did not tell.
    pub protocol: Option<Protocol>,
}

/// A user's function that hears of every attempt.
#[derive(Clone)]
pub(crate) struct Hook {
    f: Arc<HookFn>,
    /// Its panic was logged: once is enough.
    panicked: Arc<AtomicBool>,
}

type HookFn = dyn Fn(&RequestHead, &RoundTripInfo<'_>) + Send + Sync;

impl Hook {
    pub(crate) fn new(
        f: impl Fn(&RequestHead, &RoundTripInfo<'_>) + Send + Sync + 'static,
    ) -> Self {
        Self { f: Arc::new(f), panicked: Arc::default() }
    }

    fn call(&self, head: &RequestHead, info: &RoundTripInfo<'_>) {
        let called = catch_unwind(AssertUnwindSafe(|| (self.f)(head, info)));
        if called.is_err() && !self.panicked.swap(true, Ordering::Relaxed) {
            tracing::error!("on_round_trip panicked; its panics are ignored from now on");
        }
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

/// An attempt that is being watched. Dropped before it is finished, it tells that the request was given up.
pub(crate) struct Observed<'a>(Option<Watch<'a>>);

struct Watch<'a> {
    head: &'a RequestHead,
    at: &'a Attempt,
    hook: Option<&'a Hook>,
    log: Option<&'a LogRecord>,
    started: Instant,
}

impl<'a> Observed<'a> {
    /// Costs no look at the clock when nobody listens.
    pub(crate) fn start(
        head: &'a RequestHead,
        at: &'a Attempt,
        hook: Option<&'a Hook>,
        log: Option<&'a LogRecord>,
    ) -> Self {
        let listened = hook.is_some() || log.is_some();
        Self(listened.then(|| Watch { head, at, hook, log, started: Instant::now() }))
    }

    pub(crate) fn finish(mut self, result: &Result<Response, Error>) {
        if let Some(watch) = self.0.take() {
            watch.tell(result.as_ref().map(|response| response.status().as_u16()));
        }
    }
}

impl Drop for Observed<'_> {
    fn drop(&mut self) {
        if let Some(watch) = self.0.take() {
            watch.tell(Err(&Error::Canceled));
        }
    }
}

impl Watch<'_> {
    fn tell(&self, result: Result<u16, &Error>) {
        let duration = self.started.elapsed();
        if let Some(log) = self.log {
            self.log(log, duration, result.ok());
        }
        if let Some(hook) = self.hook {
            let at = self.at;
            let info = RoundTripInfo {
                host: at.picked().map(|target| target.host()),
                duration,
                status: result.ok(),
                error: result.err(),
                attempt: at.index(),
                reused: at.reused(),
                replayed: at.replayed(),
                legs: at.legs(),
                protocol: at.protocol(),
            };
            hook.call(self.head, &info);
        }
    }

    fn log(&self, log: &LogRecord, duration: Duration, status: Option<u16>) {
        if let Some(target) = self.at.last_target() {
            log.set("upstream", Arc::clone(target.shared_host()));
        }
        log.set("upstreamDuration", u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
        match status {
            Some(status) => log.set("upstreamStatus", status),
            // An earlier attempt may have had one.
            None if self.at.retrying() => log.set("upstreamStatus", LogValue::Null),
            None => {}
        }
        log.set("upstreamTries", self.at.index().saturating_add(1));
    }
}
