use std::fmt;

use bytes::Bytes;
use fred::clients::Pool;
use fred::interfaces::{ClientLike as _, LuaInterface as _};
use fred::types::config::Options;
use parapet_core::{BoxError, BoxFuture};

use super::{RedisRunner, Script};

/// Runs scripts over a pool of the client fred, which sees to connections, clusters, sentinels and TLS.
///
/// The program connects the pool before it serves. A call is made once: it fails at once while there is no connection.
/// The time is bounded by the limiter's own timeout.
#[derive(Clone)]
pub struct FredRunner {
    pool: Pool,
}

impl FredRunner {
    /// Runs scripts over `pool`.
    pub fn new(pool: Pool) -> Self {
        Self { pool }
    }
}

impl RedisRunner for FredRunner {
    fn eval<'a>(
        &'a self,
        script: &'a Script,
        keys: &'a [&'a [u8]],
        args: &'a [i64],
    ) -> BoxFuture<'a, Result<i64, BoxError>> {
        Box::pin(async move {
            let options = Options { max_attempts: Some(1), fail_fast: true, ..Options::default() };
            let client = self.pool.next().with_options(&options);
            let keys: Vec<Bytes> = keys.iter().map(|key| Bytes::copy_from_slice(key)).collect();
            let known = client.evalsha(script.sha1, keys.clone(), args.to_vec()).await;
            match known {
                Err(error) if error.details().starts_with("NOSCRIPT") => {
                    Ok(client.eval(script.source, keys, args.to_vec()).await?)
                }
                answer => Ok(answer?),
            }
        })
    }
}

impl fmt::Debug for FredRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FredRunner")
    }
}
