use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::breaker::Breaker;
use super::lease::{KnownRules, Lease};
use super::plan::Plan;
use super::remote::Remote;
use super::store::{OnError, OnFailure, Store};
use super::{RedisError, RedisFixedWindow, RedisGcra, RedisRunner, RedisSlidingWindow};
use crate::Error;
use crate::clock::FleetClock;
use crate::error::{nanos, saturated_nanos};
use crate::gcra::interval;
use crate::table::{DEFAULT_MAX_KEYS, Table};

/// Settings of a limit in Redis; `S` is the strategy that it builds.
#[must_use = "a builder does nothing until it builds"]
pub struct RedisBuilder<S> {
    runner: Box<dyn RedisRunner>,
    /// Units: `max` or `rate`.
    limit: u32,
    /// `size` or `period`.
    span: Duration,
    burst: u32,
    prefix: String,
    timeout: Duration,
    on_failure: OnFailure,
    on_error: Option<OnError>,
    breaker: Option<Breaker>,
    memo: bool,
    lease: Option<Lease>,
    max_keys: usize,
    builds: PhantomData<fn() -> S>,
}

impl<S> RedisBuilder<S> {
    pub(crate) fn new(runner: impl RedisRunner) -> Self {
        Self {
            runner: Box::new(runner),
            limit: 0,
            span: Duration::from_secs(1),
            burst: 1,
            prefix: "parapet:rl:".into(),
            timeout: Duration::from_millis(100),
            on_failure: OnFailure::Closed,
            on_error: None,
            breaker: Some(Breaker::default()),
            memo: true,
            lease: None,
            max_keys: DEFAULT_MAX_KEYS,
            builds: PhantomData,
        }
    }

    /// What the keys in Redis begin with. Default: `parapet:rl:`; at most 128 bytes.
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), ..self }
    }

    /// Bound of a call from the moment it is made, waiting for a connection included. Default: 100 ms.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// What becomes of a request that Redis did not decide. Default: [`OnFailure::Closed`].
    pub fn on_failure(self, on_failure: OnFailure) -> Self {
        Self { on_failure, ..self }
    }

    /// Hears once of each request that Redis did not decide: the alert that limits are not what they should be.
    pub fn on_error(self, f: impl Fn(&RedisError) + Send + Sync + 'static) -> Self {
        Self { on_error: Some(Arc::new(f)), ..self }
    }

    /// When calls are left out. Default: [`Breaker::default`]; `None`: never.
    pub fn breaker(self, breaker: impl Into<Option<Breaker>>) -> Self {
        Self { breaker: breaker.into(), ..self }
    }

    fn check(&self) -> Result<(), Error> {
        if self.prefix.len() > LONGEST_PREFIX {
            return Err(Error::BadPrefix(self.prefix.len()));
        }
        match &self.on_failure {
            OnFailure::Local(strategy) if strategy.needs_put() => Err(Error::LocalHoldsSlots),
            _ => Ok(()),
        }
    }

    fn remote(self, plan: Plan, known: Option<Table<KnownRules>>, leases: bool) -> Arc<Remote> {
        Arc::new(Remote {
            plan,
            store: Store::new(self.runner, self.timeout, self.breaker),
            prefix: self.prefix,
            on_failure: self.on_failure,
            on_error: self.on_error,
            known,
            leases,
            clock: FleetClock::new(),
            name: OnceLock::new(),
            allowed: AtomicU64::new(0),
            limited: AtomicU64::new(0),
        })
    }

    /// The span as a setting that Redis can tell.
    fn checked(&self, setting: &'static str) -> Result<Duration, Error> {
        nanos(setting, self.span)?;
        if self.span < SHORTEST {
            return Err(Error::DurationTooShort { setting, value: self.span });
        }
        Ok(self.span)
    }
}

impl RedisBuilder<RedisFixedWindow> {
    /// Units a window. Default: 0, which admits nothing.
    pub fn max(self, max: u32) -> Self {
        Self { limit: max, ..self }
    }

    /// Length of a window. Default: 1 s; at least 1 ms.
    pub fn size(self, size: Duration) -> Self {
        Self { span: size, ..self }
    }

    /// Whether a key that Redis denied is denied here until the window ends, without a call. Default: `true`; exact, since
    /// a counter never falls within its window.
    pub fn memo(self, memo: bool) -> Self {
        Self { memo, ..self }
    }

    /// Fetches units of hot keys in batches. Default: `None`, a call a request.
    pub fn lease(self, lease: impl Into<Option<Lease>>) -> Self {
        Self { lease: lease.into(), ..self }
    }

    /// At most this many keys are remembered as exhausted or leased. Default: 500,000.
    pub fn max_keys(self, max_keys: usize) -> Self {
        Self { max_keys, ..self }
    }

    /// # Errors
    /// [`Error::ZeroDuration`], [`Error::DurationTooShort`], [`Error::DurationTooLong`], [`Error::BadPrefix`],
    /// [`Error::LocalHoldsSlots`].
    pub fn build(self) -> Result<RedisFixedWindow, Error> {
        let size = self.checked("size")?;
        self.check()?;
        Ok(self.build_window(size))
    }

    /// The limit of settings that were checked.
    pub(crate) fn build_window(self, size: Duration) -> RedisFixedWindow {
        let (max, lease) = (self.limit, self.lease);
        let max_batch = lease.map_or(1, |lease| lease.max_batch.unwrap_or(max / 20).max(1));
        let target = lease.map_or(0, |lease| saturated_nanos(lease.target));
        let rules = KnownRules { max_batch, target, size: saturated_nanos(size) };
        // Batches of one would only make the requests of a key ask one after the other.
        let leases = max_batch > 1;
        let known = (self.memo || leases).then(|| Table::new(rules, self.max_keys));
        RedisFixedWindow(self.remote(Plan::Fixed { max, size }, known, leases))
    }
}

impl RedisBuilder<RedisSlidingWindow> {
    /// Units in any span of `size`. Default: 0, which admits nothing.
    pub fn max(self, max: u32) -> Self {
        Self { limit: max, ..self }
    }

    /// Length of a window. Default: 1 s; at least 1 ms.
    pub fn size(self, size: Duration) -> Self {
        Self { span: size, ..self }
    }

    /// # Errors
    /// [`Error::ZeroDuration`], [`Error::DurationTooShort`], [`Error::DurationTooLong`], [`Error::TooLargeForRedis`],
    /// [`Error::BadPrefix`], [`Error::LocalHoldsSlots`].
    pub fn build(self) -> Result<RedisSlidingWindow, Error> {
        let (max, size) = (self.limit, self.checked("size")?);
        if u128::from(max) * size.as_millis() >= 1 << 53 {
            return Err(Error::TooLargeForRedis { max, size });
        }
        self.check()?;
        Ok(RedisSlidingWindow(self.remote(Plan::Sliding { max, size }, None, false)))
    }
}

impl RedisBuilder<RedisGcra> {
    /// Units a period. Default: 0, which is refused.
    pub fn rate(self, rate: u32) -> Self {
        Self { limit: rate, ..self }
    }

    /// Default: 1 s; at least 1 ms.
    pub fn period(self, period: Duration) -> Self {
        Self { span: period, ..self }
    }

    /// Units at once. Default: 1.
    pub fn burst(self, burst: u32) -> Self {
        Self { burst, ..self }
    }

    /// # Errors
    /// [`Error::ZeroRate`], [`Error::ZeroDuration`], [`Error::DurationTooShort`], [`Error::DurationTooLong`],
    /// [`Error::RefillTooLong`], [`Error::BadPrefix`], [`Error::LocalHoldsSlots`].
    pub fn build(self) -> Result<RedisGcra, Error> {
        let period = self.checked("period")?;
        let micros = u64::try_from(period.as_micros()).unwrap_or(u64::MAX);
        let interval = interval(self.limit, micros, self.burst, 1_000)?;
        let plan = Plan::Gcra { interval, burst: self.burst };
        self.check()?;
        Ok(RedisGcra(self.remote(plan, None, false)))
    }
}

impl<S> fmt::Debug for RedisBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBuilder")
            .field("limit", &self.limit)
            .field("span", &self.span)
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .field("on_failure", &self.on_failure)
            .finish_non_exhaustive()
    }
}

const LONGEST_PREFIX: usize = 128;
const SHORTEST: Duration = Duration::from_millis(1);
