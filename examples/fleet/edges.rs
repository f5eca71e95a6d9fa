//! Two edges, as if on two machines: all that they share is Redis.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use fred::clients::Pool;
use fred::interfaces::ClientLike as _;
use fred::types::config::{Config, ReconnectPolicy};
use parapet::prelude::*;
use parapet::ratelimit::{
    FixedWindow, FredRunner, OnFailure, RateLimitHeaders, RateLimiter, RedisFixedWindow,
};
use tokio::net::TcpListener;

use crate::options::Options;
use crate::store::Store;

/// Serves until `stopped`.
pub(crate) async fn run(
    options: &Options,
    store: &Store,
    stopped: impl Future<Output = ()>,
) -> Result<()> {
    let [first, second] = &options.listen;
    let (first, second) = (bind(first).await?, bind(second).await?);
    let addresses = [first.local_addr()?, second.local_addr()?];
    let edges = [edge("one", options, store).await?, edge("two", options, store).await?];
    introduce(options, store, addresses);
    let [one, two] = edges;
    let handles = [one.handle(), two.handle()];
    let serve = async { tokio::try_join!(one.serve(first), two.serve(second)) };
    tokio::pin!(serve);
    tokio::select! {
        ended = &mut serve => {
            ended?;
            return Ok(());
        }
        () = stopped => println!("stopping"),
    }
    for handle in &handles {
        drop(handle.shutdown()); // the call begins it; `serve` ends with it
    }
    serve.await?;
    Ok(())
}

async fn bind(address: &str) -> Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| Failure::new(format!("cannot listen on {address}: {error}")))
}

/// An edge with connections to Redis of its own.
async fn edge(name: &'static str, options: &Options, store: &Store) -> Result<Server> {
    let limit = RedisFixedWindow::builder(FredRunner::new(pool(&store.url).await?))
        .max(options.limit)
        .size(Duration::from_secs(60))
        // Without Redis each edge admits half: strict enough, and nobody is locked out.
        .on_failure(OnFailure::local(FixedWindow::per_minute(options.limit.div_ceil(2))))
        .build()?;
    let limiter = RateLimiter::new(limit).name("fleet").headers(RateLimitHeaders::Ietf);
    let hello = handler_fn(move |_| async move { format!("hello from edge {name}\n") });
    Ok(Server::frontend().wait_before_shutdown(Duration::ZERO).with(limiter).handler(hello))
}

async fn pool(url: &str) -> Result<Pool> {
    // Tries again each 100 ms for ever: the limit is back as soon as Redis is.
    let reconnect = ReconnectPolicy::new_constant(0, 100);
    let pool = Pool::new(Config::from_url(url)?, None, None, Some(reconnect), 2)?;
    let connected = tokio::time::timeout(Duration::from_secs(5), pool.init()).await;
    let failed = |why: String| Failure::new(format!("no Redis at {url}: {why}"));
    connected
        .map_err(|_| failed("it did not answer in 5 s".into()))?
        .map_err(|error| failed(error.to_string()))?;
    Ok(pool)
}

fn introduce(options: &Options, store: &Store, [one, two]: [SocketAddr; 2]) {
    let (limit, turns) = (options.limit, options.limit / 2 + 2);
    let whose = if store.is_own() { "started here" } else { "yours" };
    println!(
        "edge one on http://{one}, edge two on http://{two}, Redis ({whose}) at {}; stop with Ctrl-C\n\n\
         {limit} requests a client and minute, over both edges. Try, {limit} times 200 and then 429:\n  \
         for i in $(seq {turns}); do for edge in {one} {two}; do \
         curl -s -o /dev/null -w \"%{{http_code}} $edge %header{{ratelimit}}\\n\" http://$edge/; done; done\n  \
         curl -i http://{one}/",
        store.url
    );
}
