use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use fred::clients::Pool;
use fred::interfaces::{ClientLike as _, LuaInterface as _};
use fred::types::config::Options;
use parapet_core::{BoxError, BoxFuture};

use super::{RedisRunner, Script};

/// Runs scripts over a pool of the client fred, which sees to connections, clusters, sentinels and TLS.
///
/// The program connects the pool before it serves. A call is made once, and fails at once while there is no connection.
#[derive(Clone)]
pub struct FredRunner {
    pool: Pool,
    timeout: Duration,
}

impl FredRunner {
    /// Runs scripts over `pool`.
    pub fn new(pool: Pool) -> Self {
        Self { pool, timeout: Duration::from_millis(100) }
    }

    /// A call that was not sent by then never is: set it as the limiter's own timeout. Default: 100 ms, as there.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
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
            let client = self.pool.next_connected();
            // fred keeps what it gets while it connects, `fail_fast` or not, and sends it later: long after the request
            // was answered, and at the cost of the same client's next ones.
            if !client.is_connected() {
                return Err("no connection to Redis".into());
            }
            let client = client.with_options(&Options {
                timeout: Some(self.timeout),
                max_attempts: Some(1),
                fail_fast: true,
                ..Options::default()
            });
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
