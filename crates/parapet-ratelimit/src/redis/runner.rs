use std::fmt;
use std::sync::Arc;

use parapet_core::{BoxError, BoxFuture};

use super::Script;

/// Runs a script in Redis: the seam to whatever client a program has.
///
/// Called concurrently. The future is dropped when the limiter's timeout is over.
pub trait RedisRunner: Send + Sync + 'static {
    /// Runs `script` (`EVALSHA`, and `EVAL` if Redis does not know it) and answers its integer.
    fn eval<'a>(
        &'a self,
        script: &'a Script,
        keys: &'a [&'a [u8]],
        args: &'a [i64],
    ) -> BoxFuture<'a, Result<i64, BoxError>>;
}

impl<R: RedisRunner + ?Sized> RedisRunner for Arc<R> {
    fn eval<'a>(
        &'a self,
        script: &'a Script,
        keys: &'a [&'a [u8]],
        args: &'a [i64],
    ) -> BoxFuture<'a, Result<i64, BoxError>> {
        (**self).eval(script, keys, args)
    }
}

/// Makes a runner of a closure.
///
/// ```
/// use parapet_ratelimit::{redis_fixed_window_per_second, runner_fn};
/// let nobody_home = runner_fn(|_script, _keys, _args| Box::pin(async { Err("no Redis".into()) }));
/// let limiter = redis_fixed_window_per_second(nobody_home, 60); // admits all: it fails open
/// ```
pub fn runner_fn<F>(f: F) -> RunnerFn<F>
where
    F: for<'a> Fn(&'a Script, &'a [&'a [u8]], &'a [i64]) -> BoxFuture<'a, Result<i64, BoxError>>
        + Send
        + Sync
        + 'static,
{
    RunnerFn(f)
}

/// What [`runner_fn`] makes.
#[derive(Clone, Copy)]
pub struct RunnerFn<F>(F);

impl<F> RedisRunner for RunnerFn<F>
where
    F: for<'a> Fn(&'a Script, &'a [&'a [u8]], &'a [i64]) -> BoxFuture<'a, Result<i64, BoxError>>
        + Send
        + Sync
        + 'static,
{
    fn eval<'a>(
        &'a self,
        script: &'a Script,
        keys: &'a [&'a [u8]],
        args: &'a [i64],
    ) -> BoxFuture<'a, Result<i64, BoxError>> {
        (self.0)(script, keys, args)
    }
}

impl<F> fmt::Debug for RunnerFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RunnerFn")
    }
}
