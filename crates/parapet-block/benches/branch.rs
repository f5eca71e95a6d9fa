//! Time of one request through a block: `cargo bench -p parapet-block`. Prints nanoseconds, the median of many rounds.
//!
//! `predicate alone` is a handler that asks the predicate and calls next: what a block costs beside it is the difference.

use std::error::Error;
use std::hint::black_box;

use parapet_block::Block;
use parapet_core::{
    Body, Handler, Middleware, Request, RequestExt, Response, ResponseFuture, Serve, terminal,
};
use tokio::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let next = Handler::new(Ready);
    let block = Block::new(has_tenant).with(terminal(Ready)).wrap(next.clone());
    let alone = Handler::new(Alone(next.clone()));
    for field in ["x-tenant", "x-other"] {
        through("no layer", field, &next)?;
        through("predicate alone", field, &alone)?;
        through("block", field, &block)?;
    }
    Ok(())
}

fn has_tenant(request: &Request) -> bool {
    request.headers().contains_key("x-tenant")
}

struct Alone(Handler);

impl Serve for Alone {
    fn serve(&self, request: Request) -> ResponseFuture {
        black_box(has_tenant(&request));
        self.0.serve(request)
    }
}

struct Ready;

impl Serve for Ready {
    /// Leaks the request: freeing it is not part of the block.
    fn serve(&self, request: Request) -> ResponseFuture {
        std::mem::forget(request);
        ResponseFuture::ready(Response::new(Body::empty()))
    }
}

fn request(field: &str) -> Result<Request, Box<dyn Error>> {
    let mut request = http::Request::builder().header(field, "1").body(Body::empty())?;
    // As the server does: one insertion of the core's facts, before any layer.
    let info = request.detached_info();
    request.extensions_mut().insert(info);
    Ok(request)
}

/// Few enough to stay in the cache, as the one request of a connection does.
const BATCH: u32 = 64;

/// Measures `handler` on requests made beforehand.
#[expect(clippy::print_stdout, reason = "a bench tells its figures")]
fn through(name: &str, field: &str, handler: &Handler) -> Result<(), Box<dyn Error>> {
    let mut rounds = Vec::new();
    for _ in 0..2_001 {
        let requests: Result<Vec<_>, _> = (0..BATCH).map(|_| request(field)).collect();
        let requests = requests?;
        let start = Instant::now();
        for request in requests {
            std::mem::forget(black_box(handler.serve(request)));
        }
        rounds.push(start.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH));
    }
    rounds.sort_by(f64::total_cmp);
    let median = rounds.get(rounds.len() / 2).copied().unwrap_or_default();
    println!("{name:16} {field:10} {median:7.1} ns");
    Ok(())
}
