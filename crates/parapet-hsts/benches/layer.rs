//! Time of the layer: `cargo bench -p parapet-hsts`. Prints nanoseconds, the median of many rounds.

use std::hint::black_box;

use parapet_core::{Body, Handler, Middleware, Request, Response, ResponseFuture, Serve};
use parapet_hsts as hsts;
use tokio::time::Instant;

fn main() {
    let next = || Handler::new(Ready);
    measure("no layer", &next());
    measure("not sent", &hsts::preload().wrap(next()));
    measure("sent", &hsts::preload().over_http(true).wrap(next()));
}

struct Ready;

impl Serve for Ready {
    /// The answer has room for a field, as one of an origin has.
    fn serve(&self, _: Request) -> ResponseFuture {
        let mut response = Response::new(Body::empty());
        response.headers_mut().reserve(4);
        ResponseFuture::ready(response)
    }
}

/// Measures `handler` on requests made beforehand.
fn measure(name: &str, handler: &Handler) {
    let mut rounds = Vec::new();
    for _ in 0..2_001 {
        let requests: Vec<_> = (0..BATCH).map(|_| Request::new(Body::empty())).collect();
        let mut answers = Vec::with_capacity(requests.len());
        let start = Instant::now();
        for request in requests {
            answers.push(black_box(handler.serve(request)));
        }
        rounds.push(start.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH));
    }
    print(name, rounds);
}

/// Few enough to stay in the cache, as the one request of a connection does.
const BATCH: u32 = 64;

#[expect(clippy::print_stdout, reason = "a bench tells its figures")]
fn print(name: &str, mut rounds: Vec<f64>) {
    rounds.sort_by(f64::total_cmp);
    let median = rounds.get(rounds.len() / 2).copied().unwrap_or_default();
    println!("{name:24} {median:7.1} ns");
}
