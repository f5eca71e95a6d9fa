//! Time of one lookup: `cargo bench -p parapet-router`. Prints nanoseconds, the median of many rounds.

use std::error::Error;
use std::hint::black_box;

use parapet_core::{
    Body, Handler, Middleware, Request, RequestExt, Response, ResponseFuture, Serve, terminal,
};
use parapet_router::Router;
use tokio::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let next = Handler::new(Ready);
    let mut builder = Router::builder();
    for i in 0..500 {
        builder = builder
            .handle(&format!("/static/page-{i}.html"), terminal(Ready))
            .handle(&format!("GET /api/v1/collection-{i}/"), terminal(Ready));
    }
    let router = builder.build()?.wrap(next.clone());
    for path in [
        "/static/page-350.html",
        "/api/v1/collection-350/items/1234",
        "/api/v1/collection-999/items/1234",
        "/nothing/of/the/kind",
    ] {
        through("no layer", path, &next)?;
        through("1,000 patterns", path, &router)?;
    }
    Ok(())
}

struct Ready;

impl Serve for Ready {
    /// Leaks the request: freeing it is not part of the lookup.
    fn serve(&self, request: Request) -> ResponseFuture {
        std::mem::forget(request);
        ResponseFuture::ready(Response::new(Body::empty()))
    }
}

fn request(path: &str) -> Result<Request, Box<dyn Error>> {
    let mut request = http::Request::builder().uri(path).body(Body::empty())?;
    // As the server does: one insertion of the core's facts, before any layer.
    let info = request.detached_info();
    request.extensions_mut().insert(info);
    Ok(request)
}

/// Few enough to stay in the cache, as the one request of a connection does.
const BATCH: u32 = 64;

/// Measures `handler` on requests made beforehand.
#[expect(clippy::print_stdout, reason = "a bench tells its figures")]
fn through(name: &str, path: &str, handler: &Handler) -> Result<(), Box<dyn Error>> {
    let mut rounds = Vec::new();
    for _ in 0..2_001 {
        let requests: Result<Vec<_>, _> = (0..BATCH).map(|_| request(path)).collect();
        let requests = requests?;
        let start = Instant::now();
        for request in requests {
            std::mem::forget(black_box(handler.serve(request)));
        }
        rounds.push(start.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH));
    }
    rounds.sort_by(f64::total_cmp);
    let median = rounds.get(rounds.len() / 2).copied().unwrap_or_default();
    println!("{name:16} {path:36} {median:7.1} ns");
    Ok(())
}
