//! Time of one request through the layer: `cargo bench -p parapet-stripprefix`. Prints nanoseconds, the median of many
//! rounds.

use std::error::Error;
use std::hint::black_box;

use bytes::Bytes;
use parapet_core::{
    Body, Handler, Middleware, Request, RequestExt, Response, ResponseFuture, Serve,
};
use parapet_stripprefix::StripPrefix;
use tokio::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let next = Handler::new(Ready);
    let strip = StripPrefix::new("/api")?.wrap(next.clone());
    for path in ["/api/v1/collection-650/items/1234", "/static/page-350.html", "/%61pi/a%2Fb?x=1"] {
        through("no layer", path, &next)?;
        through("strip", path, &strip)?;
    }
    Ok(())
}

struct Ready;

impl Serve for Ready {
    /// Frees the request: a layer that allocates is to find warm memory, as in a server.
    fn serve(&self, _request: Request) -> ResponseFuture {
        ResponseFuture::ready(Response::new(Body::empty()))
    }
}

/// As the server makes it: the target is a slice of the read buffer, and the core's facts are there.
fn request(path: &str) -> Result<Request, Box<dyn Error>> {
    let target = Bytes::from_owner(path.to_owned());
    let uri = http::Uri::from_maybe_shared(target)?;
    let mut request = http::Request::builder().uri(uri).body(Body::empty())?;
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
    println!("{name:12} {path:36} {median:7.1} ns");
    Ok(())
}
