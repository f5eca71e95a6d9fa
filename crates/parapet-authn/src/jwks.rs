use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use parapet_core::{BoxFuture, Handler};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use self::fetch::{FetchError, Fetcher, Place};
use self::schedule::{Decision, Schedule};
use crate::client::{absolute, default_client};
use crate::{Algorithm, Error, KeyError, KeySet, KeySource};

mod document;
mod fetch;
mod schedule;

/// A remote key set (RFC 7517 §5): settings, made a [`RemoteKeys`] by [`build`](Self::build).
#[derive(Clone)]
pub struct Jwks {
    place: Where,
    refresh_interval: Duration,
    min_refresh_interval: Duration,
    max_stale: Option<Duration>,
    max_response_bytes: u64,
    client: Option<Handler>,
    timeout: Duration,
    on_refresh: Option<OnRefresh>,
}

#[derive(Clone)]
enum Where {
    Url(String),
    #[cfg(feature = "oidc")]
    Issuer(String),
}

type OnRefresh = Arc<dyn Fn(&RefreshInfo) + Send + Sync>;

impl Jwks {
    /// The set at `url`.
    pub fn new(url: impl Into<String>) -> Self {
        Self::at(Where::Url(url.into()))
    }

    /// The set that the discovery document of `issuer` names.
    #[cfg(feature = "oidc")]
    pub(crate) fn discovered(issuer: String) -> Self {
        Self::at(Where::Issuer(issuer))
    }

    fn at(place: Where) -> Self {
        Self {
            place,
            refresh_interval: Duration::from_secs(15 * 60),
            min_refresh_interval: Duration::from_secs(60),
            max_stale: None,
            max_response_bytes: 1 << 20,
            client: None,
            timeout: Duration::from_secs(10),
            on_refresh: None,
        }
    }

    /// Age at which the set is fetched again, behind the requests. Default: 15 min.
    #[must_use]
    pub fn refresh_interval(mut self, interval: Duration) -> Self {
        self.refresh_interval = interval;
        self
    }

    /// Least time between two fetches for unknown key ids, and longest wait after failures. Default: 1 min.
    #[must_use]
    pub fn min_refresh_interval(mut self, interval: Duration) -> Self {
        self.min_refresh_interval = interval;
        self
    }

    /// Age above which a set that could not be fetched again serves no more. Default: `None`, it serves for ever.
    #[must_use]
    pub fn max_stale(mut self, age: impl Into<Option<Duration>>) -> Self {
        self.max_stale = age.into();
        self
    }

    /// Longest document. Default: 1,048,576 bytes.
    #[must_use]
    pub fn max_response_bytes(mut self, bytes: u64) -> Self {
        self.max_response_bytes = bytes;
        self
    }

    /// What fetches: a handler that takes an absolute URI. Default: parapet-upstream's client.
    #[must_use]
    pub fn client(mut self, client: Handler) -> Self {
        self.client = Some(client);
        self
    }

    /// Time for one fetch, and longest wait of a request for one. Default: 10 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Called after each fetch. Default: none.
    #[must_use]
    pub fn on_refresh(mut self, f: impl Fn(&RefreshInfo) + Send + Sync + 'static) -> Self {
        self.on_refresh = Some(Arc::new(f));
        self
    }

    /// Makes the key source. Nothing is fetched yet.
    ///
    /// # Errors
    /// [`BadUrl`](Error::BadUrl), [`ZeroDuration`](Error::ZeroDuration), [`ZeroLimit`](Error::ZeroLimit).
    pub fn build(self) -> Result<RemoteKeys, Error> {
        for (setting, value) in [
            ("refresh_interval", self.refresh_interval),
            ("min_refresh_interval", self.min_refresh_interval),
            ("timeout", self.timeout),
        ] {
            if value.is_zero() {
                return Err(Error::ZeroDuration(setting));
            }
        }
        if self.max_response_bytes == 0 {
            return Err(Error::ZeroLimit("max_response_bytes"));
        }
        let (place, issuer) = match self.place {
            Where::Url(url) => (Place::Url(absolute("the URL of the key set", &url)?), None),
            #[cfg(feature = "oidc")]
            Where::Issuer(issuer) => (Place::discovery(&issuer)?, Some(issuer)),
        };
        if place.is_plain() {
            tracing::warn!(url = %place, "the key set comes over plain HTTP: whoever is on that wire can write keys");
        }
        Ok(RemoteKeys(Arc::new(Inner {
            set: ArcSwapOption::empty(),
            state: Mutex::new(State {
                schedule: Schedule::new(
                    self.refresh_interval,
                    self.min_refresh_interval,
                    self.max_stale,
                ),
                in_flight: None,
            }),
            started: Instant::now(),
            fresh_until: AtomicU64::new(0),
            fetcher: Fetcher {
                place,
                client: self.client.unwrap_or_else(default_client),
                max_bytes: usize::try_from(self.max_response_bytes).unwrap_or(usize::MAX),
                #[cfg(feature = "oidc")]
                discovered: Mutex::new(None),
                #[cfg(feature = "oidc")]
                timeout: self.timeout,
            },
            issuer,
            timeout: self.timeout,
            on_refresh: self.on_refresh,
            counts: Counts::default(),
        })))
    }
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the URL: what should not be there, and nobody has checked yet, may be in it.
        f.debug_struct("Jwks")
            .field("refresh_interval", &self.refresh_interval)
            .field("min_refresh_interval", &self.min_refresh_interval)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The keys of a remote set: a [`KeySource`]. Cheap to clone; clones share the set.
///
/// It is fetched when the first request needs it, by a task of its own: a client that leaves cancels nothing. One fetch at
/// most is under way. When a fetch fails, the last good set goes on serving.
#[derive(Clone)]
pub struct RemoteKeys(Arc<Inner>);

struct Inner {
    /// Swapped whole by the fetch, read by every request without a lock.
    set: ArcSwapOption<KeySet>,
    /// Held for a few instructions, never over an await; a fresh set with the key that is wanted needs no look at it.
    state: Mutex<State>,
    started: Instant,
    /// Milliseconds since `started` until which the set is fresh. Written behind each new set, under the lock.
    fresh_until: AtomicU64,
    fetcher: Fetcher,
    issuer: Option<String>,
    timeout: Duration,
    on_refresh: Option<OnRefresh>,
    counts: Counts,
}

struct State {
    schedule: Schedule,
    /// Closed when the fetch has ended, however it ended.
    in_flight: Option<watch::Receiver<()>>,
}

#[derive(Default)]
struct Counts {
    fetches: AtomicU64,
    failures: AtomicU64,
    unknown_kid: AtomicU64,
    rate_limited: AtomicU64,
}

/// One fetch that has ended.
#[derive(Clone, Copy, Debug)]
pub struct RefreshInfo {
    outcome: &'static str,
    keys: usize,
    duration: Duration,
}

impl RefreshInfo {
    /// `ok`, or why it failed: `timeout`, `unreachable`, `status`, `too_large`, `document`, `issuer` or `stopped`.
    pub fn outcome(&self) -> &'static str {
        self.outcome
    }

    /// Usable keys of the new set; 0 after a failure.
    pub fn keys(&self) -> usize {
        self.keys
    }

    /// Time that it took.
    pub fn duration(&self) -> Duration {
        self.duration
    }
}

/// Figures of a remote key set, since it was made.
#[derive(Clone, Copy, Debug)]
pub struct JwksStats {
    keys: usize,
    age: Option<Duration>,
    fetches: u64,
    failures: u64,
    unknown_kid: u64,
    rate_limited: u64,
}

impl JwksStats {
    /// Keys in use.
    pub fn keys(&self) -> usize {
        self.keys
    }

    /// Age of the set; `None` before the first success.
    pub fn age(&self) -> Option<Duration> {
        self.age
    }

    /// Fetches begun.
    pub fn fetches(&self) -> u64 {
        self.fetches
    }

    /// Fetches failed.
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// Look-ups of a key id that the set does not have.
    pub fn unknown_kid(&self) -> u64 {
        self.unknown_kid
    }

    /// Of those, the ones that no fetch was made for, because one had been made a moment ago.
    pub fn rate_limited(&self) -> u64 {
        self.rate_limited
    }
}

impl RemoteKeys {
    /// Fetches the set now, or waits for the fetch under way: for the start of a program.
    ///
    /// # Errors
    /// [`Unavailable`](KeyError::Unavailable): there is no set after it.
    pub async fn prefetch(&self) -> Result<(), KeyError> {
        let waiter = {
            let mut state = self.0.state();
            match state.waiter() {
                Some(waiter) => waiter,
                None => self.0.start(&mut state),
            }
        };
        self.0.wait(waiter).await;
        self.0.current().map(|_| ()).ok_or(KeyError::Unavailable)
    }

    /// Figures since it was made.
    pub fn stats(&self) -> JwksStats {
        let counts = &self.0.counts;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        JwksStats {
            keys: self.0.set.load().as_ref().map_or(0, |set| set.len()),
            age: self.0.state().schedule.age(Instant::now().into_std()),
            fetches: read(&counts.fetches),
            failures: read(&counts.failures),
            unknown_kid: read(&counts.unknown_kid),
            rate_limited: read(&counts.rate_limited),
        }
    }
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeys").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl KeySource for RemoteKeys {
    fn keys<'a>(
        &'a self,
        kid: Option<&'a str>,
        _algorithm: Algorithm,
    ) -> BoxFuture<'a, Result<Arc<KeySet>, KeyError>> {
        Box::pin(self.0.look_up(kid))
    }

    fn may_hold_secrets(&self) -> bool {
        false
    }

    fn issuer(&self) -> Option<&str> {
        self.0.issuer.as_deref()
    }
}

impl Inner {
    async fn look_up(self: &Arc<Self>, kid: Option<&str>) -> Result<Arc<KeySet>, KeyError> {
        let set = self.set.load_full();
        let known = set.as_ref().is_some_and(|set| kid.is_none_or(|kid| set.has(kid)));
        if known && self.is_fresh() {
            return set.ok_or(KeyError::Unavailable);
        }
        if set.is_some() && !known {
            self.counts.unknown_kid.fetch_add(1, Ordering::Relaxed);
        }
        let waiter = {
            let mut state = self.state();
            let running = state.waiter();
            let now = Instant::now().into_std();
            match state.schedule.decide(now, known, running.is_some()) {
                Decision::Answer => return set.ok_or(KeyError::Unavailable),
                Decision::AnswerAndFetch => {
                    self.start(&mut state);
                    return set.ok_or(KeyError::Unavailable);
                }
                Decision::AnswerLimited => {
                    self.counts.rate_limited.fetch_add(1, Ordering::Relaxed);
                    return set.ok_or(KeyError::Unavailable);
                }
                Decision::Unavailable => return Err(KeyError::Unavailable),
                Decision::Join | Decision::Fetch => match running {
                    Some(running) => running,
                    None => self.start(&mut state),
                },
            }
        };
        self.wait(waiter).await;
        self.current().ok_or(KeyError::Unavailable)
    }

    fn is_fresh(&self) -> bool {
        let now = Instant::now().saturating_duration_since(self.started);
        millis(now) < self.fresh_until.load(Ordering::Acquire)
    }

    /// The set, unless it is too old to serve.
    fn current(&self) -> Option<Arc<KeySet>> {
        if self.state().schedule.is_dropped(Instant::now().into_std()) {
            return None;
        }
        self.set.load_full()
    }

    /// Begins a fetch on a task of its own.
    fn start(self: &Arc<Self>, state: &mut State) -> watch::Receiver<()> {
        let (ended, waiter) = watch::channel(());
        state.schedule.started(Instant::now().into_std());
        state.in_flight = Some(waiter.clone());
        self.counts.fetches.fetch_add(1, Ordering::Relaxed);
        let running = Running { inner: Arc::clone(self), began: Instant::now(), done: false };
        tokio::spawn(async move {
            // Dropped last: who waits sees what the fetch left.
            let _ended = ended;
            running.run().await;
        });
        waiter
    }

    async fn wait(&self, mut waiter: watch::Receiver<()>) {
        // Nothing is ever sent: it ends when the fetch does, by an error.
        let _ended = timeout(self.timeout, waiter.changed()).await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn waiter(&self) -> Option<watch::Receiver<()>> {
        self.in_flight.as_ref().filter(|running| running.has_changed().is_ok()).cloned()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A fetch under way. Dropped before its end (the runtime stops, a client panics), it counts as failed.
struct Running {
    inner: Arc<Inner>,
    began: Instant,
    done: bool,
}

impl Running {
    async fn run(mut self) {
        let inner = Arc::clone(&self.inner);
        let found = timeout(inner.timeout, inner.fetcher.fetch()).await;
        self.end(found.unwrap_or(Err(FetchError::Timeout)));
    }

    fn end(&mut self, found: Result<KeySet, FetchError>) {
        self.done = true;
        let inner = &self.inner;
        let now = Instant::now();
        let (outcome, keys) = match &found {
            Ok(set) => ("ok", set.len()),
            Err(error) => (error.word(), 0),
        };
        match found {
            Ok(set) => {
                let mut state = inner.state();
                let was_failing = state.schedule.is_failing();
                inner.set.store(Some(Arc::new(set)));
                state.schedule.succeeded(now.into_std());
                let until = now.saturating_duration_since(inner.started);
                let until = until.saturating_add(state.schedule.fresh_for());
                inner.fresh_until.store(millis(until), Ordering::Release);
                state.in_flight = None;
                drop(state);
                if was_failing {
                    tracing::info!(place = %inner.fetcher.place, "a key set is fetched again");
                }
            }
            Err(error) => {
                inner.counts.failures.fetch_add(1, Ordering::Relaxed);
                let mut state = inner.state();
                let was_failing = state.schedule.is_failing();
                state.schedule.failed(now.into_std());
                state.in_flight = None;
                drop(state);
                let place = &inner.fetcher.place;
                // The change is news, what follows from it is not.
                if was_failing {
                    tracing::debug!(%place, %error, "a key set could not be fetched");
                } else {
                    tracing::warn!(%place, %error, "a key set could not be fetched");
                }
            }
        }
        if let Some(hook) = &inner.on_refresh {
            let duration = now.saturating_duration_since(self.began);
            let info = RefreshInfo { outcome, keys, duration };
            // This runs in a drop too, where a second panic would end the process.
            if catch_unwind(AssertUnwindSafe(|| hook(&info))).is_err() {
                tracing::error!("the on_refresh hook panicked");
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.done {
            self.end(Err(FetchError::Stopped));
        }
    }
}
