//! Rate limits and concurrency limits per client, in one process or over a fleet.
//!
//! For every edge: a client that asks too often gets 429 and `Retry-After` at once, before anything behind the limiter
//! works for it. Requests within the limit pass unchanged.
//!
//! ```
//! use parapet_core::{Body, Middleware, Request, handler_fn};
//! use parapet_ratelimit as ratelimit;
//!
//! let limiter = ratelimit::fixed_window_per_minute(2).name("api").key(ratelimit::key::header(
//!     http::HeaderName::from_static("x-api-key"),
//! ));
//! let handler = limiter.wrap(handler_fn(|_| async { "hello" }));
//!
//! # let rt = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
//! let ask = |key: &str| -> Result<_, http::Error> {
//!     let request: Request = http::Request::builder().header("x-api-key", key).body(Body::empty())?;
//!     Ok(rt.block_on(handler.serve(request)).status().as_u16())
//! };
//! assert_eq!([ask("alice")?, ask("alice")?, ask("alice")?, ask("bob")?], [200, 200, 429, 200]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | strategy | limits | bytes a key |
//! | --- | --- | --- |
//! | [`fixed_window`] | `max` in each window; at an edge up to twice that | about 40 |
//! | [`sliding_window`] | `max` in any span, within about 1 % | about 40 |
//! | [`gcra`], [`token_bucket`] | an even rate and a burst, exact | about 30 |
//! | [`leaky_bucket`] | an even rate; a few wait for their turn | about 40 |
//! | [`concurrent`] | requests at once | about 30 |
//! | [`concurrent_queue`] | requests at once; a few wait | about 40 |
//! | [`redis_fixed_window`], [`redis_sliding_window`], [`redis_gcra`] | the same over a fleet | |
//!
//! | setting | default | effect |
//! | --- | --- | --- |
//! | [`key`](RateLimiter::key) | [`key::client_ip`] | what is limited |
//! | [`cost`](RateLimiter::cost) | 1 | units a request takes |
//! | [`skip`](RateLimiter::skip) | none | requests that are not limited |
//! | [`name`](RateLimiter::name), [`observe`](RateLimiter::observe) | empty, none | label and hook of metrics |
//! | [`exceeded`](RateLimiter::exceeded), [`problem_json`](RateLimiter::problem_json) | plain 429 | the answer to a limited request |
//! | [`headers`](RateLimiter::headers) | off | tells clients their limit |
//! | [`dry_run`](RateLimiter::dry_run) | `false` | counts without limiting |
//! | [`retry_jitter`](RateLimiter::retry_jitter) | 0 | spreads the retries |
//! | [`release_on_write_header`](RateLimiter::release_on_write_header), [`release_on_hijacked`](RateLimiter::release_on_hijacked) | `false` | when a slot is given back |
//! | `max_keys` of a strategy | 500,000 | bound of its table |
//!
//! IPv6 clients are limited by their /64, which is the least that one subscriber holds. Keys are kept as a keyed hash of
//! 128 bits, in a table that is bounded: a client that comes from ever new addresses drops its own entries, not those of
//! the clients that are limited. Nothing runs in the background.
//!
//! Limits of one process are its own: `n` processes admit `n` times as much, unless they share a limit in Redis. There
//! is no limit by load or latency here.
//!
//! Features: `redis` adds the ready runner on the client fred, `redis-tls` TLS for it. Any other client fits behind
//! [`RedisRunner`].

mod admission;
mod clock;
mod concurrent;
mod concurrent_queue;
mod constructors;
mod error;
mod event;
mod fixed_window;
mod gcra;
mod headers;
pub mod key;
mod leaky_bucket;
mod limit_key;
mod limiter;
mod metered;
mod redis;
mod refusal;
mod shard;
mod sliding_window;
mod strategy;
mod table;

pub use self::concurrent::Concurrent;
pub use self::concurrent_queue::ConcurrentQueue;
pub use self::constructors::{
    concurrent, concurrent_queue, fixed_window, fixed_window_per_hour, fixed_window_per_minute,
    fixed_window_per_second, gcra, leaky_bucket, sliding_window, sliding_window_per_hour,
    sliding_window_per_minute, sliding_window_per_second, token_bucket,
};
pub use self::error::Error;
pub use self::event::{Event, Exceeded, Outcome};
pub use self::fixed_window::FixedWindow;
pub use self::gcra::Gcra;
pub use self::headers::RateLimitHeaders;
pub use self::leaky_bucket::LeakyBucket;
pub use self::limit_key::Key;
pub use self::limiter::{Limits, RateLimiter};
#[cfg(feature = "redis")]
pub use self::redis::FredRunner;
pub use self::redis::{
    Breaker, Lease, OnFailure, RedisBuilder, RedisError, RedisFixedWindow, RedisGcra, RedisRunner,
    RedisSlidingWindow, RunnerFn, Script, redis_fixed_window, redis_fixed_window_per_hour,
    redis_fixed_window_per_minute, redis_fixed_window_per_second, redis_gcra, redis_sliding_window,
    runner_fn,
};
pub use self::sliding_window::SlidingWindow;
pub use self::strategy::{Decision, Quota, QuotaDecision, Stats, Strategy, Verdict, Waits};
