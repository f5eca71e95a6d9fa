use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use parapet_core::{Handler, Middleware, Request, ResponseFuture};

use crate::admission::{Admission, Member};
use crate::headers::RateLimitHeaders;
use crate::{Event, Exceeded, Key, Stats, Strategy, key};

/// Middleware that admits requests by a [`Strategy`], each key for itself.
///
/// A limited request is answered at once: 429 with `Retry-After` (RFC 9110 §10.2.3) if it is known when to come again. An
/// admitted one passes unchanged. Clones share their counts, also after they were wrapped: keep one to read
/// [`stats`](Self::stats).
#[derive(Clone)]
pub struct RateLimiter {
    key: KeyFn,
    pub(crate) member: Member,
}

pub(crate) type KeyFn = Arc<dyn Fn(&Request) -> Option<Key> + Send + Sync>;
pub(crate) type ExceededFn = Arc<dyn Fn(Request, &Exceeded<'_>) -> ResponseFuture + Send + Sync>;
pub(crate) type ObserveFn = Arc<dyn Fn(&Event<'_>) + Send + Sync>;
pub(crate) type CostFn = Arc<dyn Fn(&Request) -> u32 + Send + Sync>;
pub(crate) type SkipFn = Arc<dyn Fn(&Request) -> bool + Send + Sync>;

impl RateLimiter {
    /// Limits by `strategy`.
    pub fn new(strategy: impl Strategy) -> Self {
        Self { key: Arc::new(key::client_ip()), member: Member::new(Arc::new(strategy)) }
    }

    /// What is limited; a request for which `f` is `None` passes. Default: [`key::client_ip`].
    #[must_use]
    pub fn key<K: Into<Key>>(
        self,
        f: impl Fn(&Request) -> Option<K> + Send + Sync + 'static,
    ) -> Self {
        Self { key: Arc::new(move |request| f(request).map(Into::into)), ..self }
    }

    /// Answers limited requests in place of the default. It must answer fast: limited requests are many.
    #[must_use]
    pub fn exceeded(
        mut self,
        f: impl Fn(Request, &Exceeded<'_>) -> ResponseFuture + Send + Sync + 'static,
    ) -> Self {
        self.member.exceeded = Some(Arc::new(f));
        self
    }

    /// Label in events, metrics, response fields and Redis. At most 64 bytes of `A-Z a-z 0-9 _ . : -`: another character
    /// becomes `_`, what is longer is cut. Default: empty.
    #[must_use]
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.member.name = clean(name.into());
        self
    }

    /// Hears of each decision, before the request goes on.
    #[must_use]
    pub fn observe(mut self, f: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        self.member.observe = Some(Arc::new(f));
        self
    }

    /// Gives the slot of a request back when its final response head is there. Default: `false`, at the end of its
    /// response body. For strategies that hold slots.
    #[must_use]
    pub fn release_on_write_header(mut self, release: bool) -> Self {
        self.member.release_on_write_header = release;
        self
    }

    /// Gives the slot of a request back when its connection becomes a tunnel (101, or 2xx to CONNECT). Default: `false`,
    /// when the tunnel ends. For strategies that hold slots.
    #[must_use]
    pub fn release_on_hijacked(mut self, release: bool) -> Self {
        self.member.release_on_hijacked = release;
        self
    }

    /// How many units a request takes. Default: 1. 0 passes without being counted; above the limit never passes.
    #[must_use]
    pub fn cost(mut self, f: impl Fn(&Request) -> u32 + Send + Sync + 'static) -> Self {
        self.member.cost = Some(Arc::new(f));
        self
    }

    /// Counts and tells, but limits nobody: see what a limit would do. Default: `false`. Nothing waits, and no field is
    /// added.
    #[must_use]
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.member.dry_run = dry_run;
        self
    }

    /// Response fields that tell the client its limit. Default: [`RateLimitHeaders::Off`].
    #[must_use]
    pub fn headers(mut self, headers: RateLimitHeaders) -> Self {
        self.member.headers = headers;
        self
    }

    /// Requests for which `f` is true pass without being counted or told of. Default: none.
    #[must_use]
    pub fn skip(mut self, f: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        self.member.skip = Some(Arc::new(f));
        self
    }

    /// The default answer is `application/problem+json` (RFC 9457) with the limiter's name. Default: `false`, plain text.
    #[must_use]
    pub fn problem_json(mut self, problem_json: bool) -> Self {
        self.member.problem_json = problem_json;
        self
    }

    /// Adds up to this share to `Retry-After`, by chance, so that not all come again at once. Default: 0; at most 1.
    #[must_use]
    pub fn retry_jitter(mut self, fraction: f64) -> Self {
        self.member.retry_jitter = if fraction > 0.0 { fraction.min(1.0) } else { 0.0 };
        self
    }

    /// Counts since the strategy was built.
    pub fn stats(&self) -> Stats {
        self.member.strategy.stats()
    }
}

impl Middleware for RateLimiter {
    fn wrap(&self, next: Handler) -> Handler {
        Admission::wrap(Arc::clone(&self.key), vec![self.member.clone()], next)
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter").field("member", &self.member).finish_non_exhaustive()
    }
}

/// Several limits over one key: a request passes if all admit it, and one that is denied by the last costs the first
/// nothing.
///
/// Members are asked in order, with the limits that ask Redis after those in memory, and those with a queue at the end.
/// What Redis admitted is not given back. A member's own [`key`](RateLimiter::key) is not asked; all its other settings
/// hold.
///
/// ```
/// use parapet_ratelimit::{Limits, fixed_window_per_minute, fixed_window_per_second, key};
/// let limits = Limits::new(key::client_ip())
///     .add(fixed_window_per_second(60).name("second"))
///     .add(fixed_window_per_minute(300).name("minute"));
/// ```
#[derive(Clone)]
pub struct Limits {
    key: KeyFn,
    members: Vec<Member>,
}

impl Limits {
    /// Limits over the key that `f` tells; a request for which it is `None` passes.
    pub fn new<K: Into<Key>>(f: impl Fn(&Request) -> Option<K> + Send + Sync + 'static) -> Self {
        Self { key: Arc::new(move |request| f(request).map(Into::into)), members: Vec::new() }
    }

    /// One more limit.
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "nobody adds up limits by a plus sign")]
    pub fn add(mut self, limiter: RateLimiter) -> Self {
        self.members.push(limiter.member);
        self
    }
}

impl Middleware for Limits {
    fn wrap(&self, next: Handler) -> Handler {
        if self.members.is_empty() {
            return next;
        }
        let mut members = self.members.clone();
        members.sort_by_key(|member| member.strategy.waits());
        Admission::wrap(Arc::clone(&self.key), members, next)
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits").field("members", &self.members).finish_non_exhaustive()
    }
}

const LONGEST_NAME: usize = 64;

fn clean(name: Cow<'static, str>) -> Cow<'static, str> {
    let safe = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
    if name.len() <= LONGEST_NAME && name.chars().all(safe) {
        return name;
    }
    name.chars()
        .map(|c| if safe(c) { c } else { '_' })
        .take(LONGEST_NAME)
        .collect::<String>()
        .into()
}
