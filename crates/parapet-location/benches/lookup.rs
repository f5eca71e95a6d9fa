//! Time of one lookup: `cargo bench -p parapet-location`. Prints nanoseconds, the median of many rounds.

use std::error::Error;
use std::hint::black_box;

use parapet_core::{
    Body, Handler, Middleware, Request, RequestExt, Response, ResponseFuture, Serve, terminal,
};
use parapet_location::{Locations, PathMatcher, exact, prefix, regexp};
use tokio::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let asked = "/api/v1/collection-650/items/1234";
    let sample = request(asked)?;
    report("normal_path alone", asked, || {
        black_box(black_box(&sample).normal_path().is_ok());
    });
    for (name, matcher) in [
        ("exact, matcher", PathMatcher::exact(asked)?),
        ("prefix, matcher", PathMatcher::prefix("/api/v1")?),
        ("prefix misses, matcher", PathMatcher::prefix("/api/v2")?),
        ("regexp misses, matcher", PathMatcher::regexp(r"\.(js|css|png)$")?),
    ] {
        report(name, asked, || {
            black_box(matcher.is_match(black_box(&sample)));
        });
    }

    let next = || Handler::new(Ready);
    through("no layer", asked, &next())?;
    through("exact, layer", asked, &exact(asked)?.wrap(next()))?;
    through("prefix, layer", asked, &prefix("/api/v1")?.wrap(next()))?;
    through("prefix misses, layer", asked, &prefix("/api/v2")?.wrap(next()))?;
    through("regexp misses, layer", asked, &regexp(r"\.(js|css|png)$")?.wrap(next()))?;

    let mut builder = Locations::builder();
    for i in 0..500 {
        builder = builder
            .exact(&format!("/static/page-{i}.html"), terminal(Ready))
            .prefix(&format!("/api/v1/collection-{i}"), terminal(Ready));
    }
    let thousand = builder.build()?.wrap(next());
    for asked in [
        "/static/page-350.html",
        "/api/v1/collection-350/items/1234",
        "/api/v1/collection-999/items/1234",
        "/nothing/of/the/kind",
    ] {
        through("1,000 routes, layer", asked, &thousand)?;
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

/// Measures `handler` on requests made beforehand.
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
    print(name, path, rounds);
    Ok(())
}

fn report(name: &str, path: &str, mut f: impl FnMut()) {
    (0..100_000).for_each(|_| f());
    let rounds = (0..21)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..100_000 {
                f();
            }
            start.elapsed().as_secs_f64() * 1e9 / 100_000.0
        })
        .collect();
    print(name, path, rounds);
}

/// Few enough to stay in the cache, as the one request of a connection does.
const BATCH: u32 = 64;

#[expect(clippy::print_stdout, reason = "a bench tells its figures")]
fn print(name: &str, path: &str, mut rounds: Vec<f64>) {
    rounds.sort_by(f64::total_cmp);
    let median = rounds.get(rounds.len() / 2).copied().unwrap_or_default();
    println!("{name:24} {path:36} {median:7.1} ns");
}
