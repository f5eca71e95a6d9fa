use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use parapet_core::Io;

use super::settings::{Settings, Shared, Wire};
use crate::dial::{ConnectHook, ConnectInfo, DialTarget, Dialer};
use crate::pool::PoolStats;

/// A built-in transport with its settings; `K` says what it speaks. Named [`HttpTransport`], [`UnixTransport`] and so
/// on.
///
/// Cheap to clone; clones share their connections. A clone on which a setting was changed is another transport. Two
/// transports never share connections, even to the same address.
pub struct BuiltIn<K> {
    shared: Arc<Shared>,
    kind: PhantomData<fn() -> K>,
}

/// HTTP/1.1 over TCP; default port 80.
pub type HttpTransport = BuiltIn<Http>;
/// HTTP/1.1 over a Unix stream socket; the target's host is its path, or `@name` in Linux's abstract space.
pub type UnixTransport = BuiltIn<Unix>;

/// Kind of [`HttpTransport`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Http;

/// Kind of [`UnixTransport`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Unix;

/// What a [`BuiltIn`] transport speaks. Sealed.
pub trait Kind: sealed::Sealed {}

/// A [`Kind`] that dials TCP. Sealed.
pub trait OverTcp: Kind {}

pub(crate) mod sealed {
    use crate::transport::settings::Wire;

    #[expect(unnameable_types, reason = "that is what seals the trait")]
    pub trait Sealed {
        #[doc(hidden)]
        const WIRE: Wire;
    }
}

impl sealed::Sealed for Http {
    const WIRE: Wire = Wire::Http;
}
impl Kind for Http {}
impl OverTcp for Http {}

impl sealed::Sealed for Unix {
    const WIRE: Wire = Wire::Unix;
}
impl Kind for Unix {}

impl<K: Kind> BuiltIn<K> {
    /// The transport with its defaults.
    pub fn new() -> Self {
        Self::from_settings(Settings::new(K::WIRE))
    }

    /// The transport with these settings, whatever their wire.
    pub(crate) fn of(settings: &Settings) -> Self {
        Self::from_settings(Settings { wire: K::WIRE, ..settings.clone() })
    }

    fn from_settings(settings: Settings) -> Self {
        Self { shared: Shared::new(settings), kind: PhantomData }
    }

    pub(super) fn with(&self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.shared.settings.clone();
        change(&mut settings);
        Self::from_settings(settings)
    }

    #[cfg(feature = "tls")]
    pub(super) fn try_with<E>(
        &self,
        change: impl FnOnce(&mut Settings) -> Result<(), E>,
    ) -> Result<Self, E> {
        let mut settings = self.shared.settings.clone();
        change(&mut settings)?;
        Ok(Self::from_settings(settings))
    }

    pub(crate) fn into_shared(self) -> Arc<Shared> {
        self.shared
    }

    /// Longest time for resolving the name and all connection attempts together. Default: 5 s. Without effect when
    /// [`dial`](Self::dial) is set.
    #[must_use]
    pub fn dial_timeout(self, limit: Duration) -> Self {
        self.with(|settings| settings.dial_timeout = limit)
    }

    /// One request a connection; `Connection: close` is sent. Default: false.
    #[must_use]
    pub fn disable_keep_alives(self, disable: bool) -> Self {
        self.with(|settings| settings.disable_keep_alives = disable)
    }

    /// All connections of the process to one target: dialing, in use and idle. Default: 0, no limit. At the limit
    /// requests wait, first come first served.
    #[must_use]
    pub fn max_conn(self, limit: usize) -> Self {
        self.with(|settings| settings.max_conn = limit)
    }

    /// Longest wait for a connection at [`max_conn`](Self::max_conn). Default: 5 s; then the request is answered with
    /// 503.
    #[must_use]
    pub fn max_conn_wait(self, limit: Duration) -> Self {
        self.with(|settings| settings.max_conn_wait = limit)
    }

    /// A connection of this age is not kept after its exchange. Default: `None`, no limit. Each connection's own age is
    /// up to 10 % more or less.
    #[must_use]
    pub fn max_conn_lifetime(self, age: impl Into<Option<Duration>>) -> Self {
        let age = age.into();
        self.with(|settings| settings.max_conn_lifetime = age)
    }

    /// Idle HTTP/1.1 connections that are kept per target and worker thread. Default: 32.
    #[must_use]
    pub fn max_idle_conns(self, limit: usize) -> Self {
        self.with(|settings| settings.max_idle_conns = limit)
    }

    /// How long an idle connection is kept. Default: 10 min. An origin that announces less
    /// (`Keep-Alive: timeout=5`) is believed, with a second to spare.
    #[must_use]
    pub fn idle_conn_timeout(self, limit: Duration) -> Self {
        self.with(|settings| settings.idle_conn_timeout = limit)
    }

    /// With `Expect: 100-continue` (RFC 9110 §10.1.1): so long the body waits for a 100. Default: zero, the body is sent
    /// at once.
    #[must_use]
    pub fn expect_continue_timeout(self, limit: Duration) -> Self {
        self.with(|settings| settings.expect_continue_timeout = limit)
    }

    /// Longest time from the end of the request to the head of the response. Default: 60 s.
    #[must_use]
    pub fn response_header_timeout(self, limit: Duration) -> Self {
        self.with(|settings| settings.response_header_timeout = limit)
    }

    /// Bytes of one HTTP/1.1 response head. Default: 65,536. Range: 1 KiB to 1 MiB.
    #[must_use]
    pub fn max_response_head(self, bytes: usize) -> Self {
        self.with(|settings| settings.max_response_head = bytes)
    }

    /// Field lines of one HTTP/1.1 head or trailer section. Default: 100. Range: 1 to 256.
    #[must_use]
    pub fn max_response_fields(self, lines: usize) -> Self {
        self.with(|settings| settings.max_response_fields = lines)
    }

    /// Takes a bare LF for the end of a line in heads and trailers. Default: false (RFC 9112 §2.2 allows both).
    #[must_use]
    pub fn allow_bare_lf(self, allow: bool) -> Self {
        self.with(|settings| settings.allow_bare_lf = allow)
    }

    /// Writes `Content-Type` instead of `content-type`, for origins that wrongly compare case. Default: false.
    #[must_use]
    pub fn title_case_headers(self, title_case: bool) -> Self {
        self.with(|settings| settings.title_case_headers = title_case)
    }

    /// Hears of each dial: once when it is over, however it ended.
    #[must_use]
    pub fn on_connect(self, hook: impl Fn(&ConnectInfo<'_>) + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.on_connect = Some(ConnectHook::new(hook)))
    }

    /// The connections to each target as they are now.
    pub fn stats(&self) -> Vec<PoolStats> {
        self.shared.pools.stats()
    }
}

impl<K: OverTcp> BuiltIn<K> {
    /// TCP keep-alive: so long idle before the first of 9 probes, and between two. Default: 15 s. `None`: off.
    #[must_use]
    pub fn tcp_keep_alive(self, interval: impl Into<Option<Duration>>) -> Self {
        let interval = interval.into();
        self.with(|settings| settings.tcp_keep_alive = interval)
    }

    /// Opens the connections instead of the built-in way. It gets the address unresolved and owns resolution and time
    /// limits; TLS is done on top. Its error is found by downcasting the source of
    /// [`Error::Connect`](crate::Error::Connect).
    #[must_use]
    pub fn dial<F, Fut, I>(self, dial: F) -> Self
    where
        F: Fn(DialTarget) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<I>> + Send + 'static,
        I: Io,
    {
        let dialer = Dialer::new(dial);
        self.with(|settings| settings.dial = Some(dialer))
    }
}

impl<K: Kind> Default for BuiltIn<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> Clone for BuiltIn<K> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), kind: PhantomData }
    }
}

impl<K> fmt::Debug for BuiltIn<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.settings.fmt(f)
    }
}
